"""Where requests go, who decides that, and that a preview of a `file:` registry leaves no trace."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from fakes import asset
from pulumi_codeartifact_release import endpoints
from pulumi_codeartifact_release.endpoints import (
    EMBEDDED_ACCOUNT,
    Destination,
    connect,
    resolve,
    resolved_owner,
    resolved_region,
    stored,
)
from pulumi_codeartifact_release.errors import MissingDomainError, UsageError, VersionNotFoundError
from pulumi_codeartifact_release.registry import Status

HERE = Destination("acme", "dev")
AT = HERE.coordinates("tools", "app", "1.0")


@pytest.fixture(autouse=True)
def _closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    endpoints.close_embedded()


def test_nothing_named_is_aws(tmp_path: Path) -> None:
    endpoint = resolve(None, base=tmp_path, environ={"AWS_CONFIG_FILE": str(tmp_path / "none")})
    assert (endpoint.text, endpoint.origin, endpoint.folder, endpoint.is_aws) == ("", "", None, True)


def test_what_the_manifest_names_goes_before_the_shell(tmp_path: Path) -> None:
    shell = {"AWS_ENDPOINT_URL_CODEARTIFACT": "https://shell.example.test"}
    named = resolve("https://codeartifact.eu-west-1.amazonaws.com", base=tmp_path, environ=shell)
    assert named.text == "https://codeartifact.eu-west-1.amazonaws.com"
    assert named.is_aws
    assert resolve(None, base=tmp_path, environ=shell).origin == "AWS_ENDPOINT_URL_CODEARTIFACT"


def test_the_services_own_variable_goes_before_the_general_one(tmp_path: Path) -> None:
    shell = {
        "AWS_ENDPOINT_URL": "https://all.example.test",
        "AWS_ENDPOINT_URL_CODEARTIFACT": "https://one.example.test",
    }
    assert resolve(None, base=tmp_path, environ=shell).text == "https://one.example.test"
    del shell["AWS_ENDPOINT_URL_CODEARTIFACT"]
    assert resolve(None, base=tmp_path, environ=shell).text == "https://all.example.test"
    ignored = {**shell, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true", "AWS_CONFIG_FILE": str(tmp_path / "none")}
    assert resolve(None, base=tmp_path, environ=ignored).text == ""


@pytest.mark.parametrize("url", ["http://registry.example.test", "ftp://x", "registry.example.test"])
def test_credentials_never_go_out_in_the_clear(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError):
        resolve(url, base=tmp_path, allow=frozenset({"endpoint"}), environ={})
    with pytest.raises(UsageError):
        resolve(None, base=tmp_path, environ={"AWS_ENDPOINT_URL_CODEARTIFACT": url})


def test_plain_http_is_for_this_machine(tmp_path: Path) -> None:
    assert resolve(None, base=tmp_path, environ={"AWS_ENDPOINT_URL": "http://localhost:1"}).text == "http://localhost:1"
    with pytest.raises(UsageError, match="may not choose"):
        resolve("http://127.0.0.1:1", base=tmp_path, environ={})


def test_a_folder_is_named_relative_to_where_the_program_runs(tmp_path: Path) -> None:
    base = tmp_path / "releases"
    base.mkdir()
    endpoint = resolve("file:.registry", base=base)
    assert endpoint.text == "file:releases/.registry"
    assert endpoint.folder == base / ".registry"
    assert stored(endpoint.text).folder == base / ".registry"


def test_a_link_out_of_the_folder_is_outside(tmp_path: Path) -> None:
    base = tmp_path / "releases"
    base.mkdir()
    (base / "link").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="outside the manifest's folder"):
        resolve("file:link/registry", base=base)
    assert resolve("file:link/registry", base=base, allow=frozenset({"endpoint"})).folder


def test_the_shells_region_does_not_move_a_folder(tmp_path: Path) -> None:
    endpoint = resolve("file:.registry", base=tmp_path)
    assert resolved_region(HERE, endpoint, {"AWS_REGION": "eu-west-1"}) == "us-east-1"
    assert resolved_region(Destination("a", "b", region="eu-west-3"), endpoint, {}) == "eu-west-3"
    assert resolved_region(HERE, stored(""), {"AWS_REGION": "eu-west-1"}) == "eu-west-1"


def test_the_owner_is_what_is_named_or_known(tmp_path: Path) -> None:
    folder = resolve("file:.registry", base=tmp_path)
    assert resolved_owner(HERE, folder) == EMBEDDED_ACCOUNT
    assert resolved_owner(Destination("a", "b", domain_owner="111122223333"), folder) == "111122223333"
    # Nobody is asked who the caller is at an endpoint that is not AWS.
    assert resolved_owner(HERE, stored("http://127.0.0.1:1")) is None


def test_a_registry_that_does_not_exist_reads_as_empty_and_is_not_made(tmp_path: Path) -> None:
    connection = connect(HERE, resolve("file:.registry", base=tmp_path))
    with pytest.raises(VersionNotFoundError):
        connection.planning.describe(AT)
    with pytest.raises(MissingDomainError):
        connection.registry.describe(AT)
    assert list(tmp_path.iterdir()) == []


def test_preparing_makes_what_the_manifest_names_and_can_be_repeated(tmp_path: Path) -> None:
    connection = connect(HERE, resolve("file:.registry", base=tmp_path))
    connection.prepare()
    connection.prepare()
    connect(Destination("acme", "staging"), resolve("file:.registry", base=tmp_path)).prepare()
    content = asset("a", b"abc")
    state = connection.registry.publish_asset(AT, content, BytesIO(b"abc"), unfinished=True)
    assert state.status is Status.UNFINISHED
    assert connection.registry.list_assets(AT).assets == {"a": content}


def test_another_accounts_domain_is_another_domain(tmp_path: Path) -> None:
    endpoint = resolve("file:.registry", base=tmp_path)
    theirs = Destination("acme", "dev", domain_owner="111122223333")
    connect(theirs, endpoint).prepare()
    with pytest.raises(VersionNotFoundError):
        connect(theirs, endpoint).registry.describe(theirs.coordinates("tools", "app", "1"))
    with pytest.raises(MissingDomainError):
        connect(HERE, endpoint).registry.describe(AT)


def test_a_file_in_the_place_of_the_folder_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / ".registry").write_text("in the way")
    with pytest.raises(UsageError, match=r"the embedded registry file:\.registry cannot be opened"):
        connect(HERE, resolve("file:.registry", base=tmp_path))


def test_one_server_serves_a_folder_for_the_whole_process(tmp_path: Path) -> None:
    first = connect(HERE, resolve("file:.registry", base=tmp_path))
    second = connect(Destination("acme", "other"), resolve("file:./.registry", base=tmp_path))
    assert first.url == second.url


def test_the_operator_may_tell_the_rate_and_it_is_one_for_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEARTIFACT_RELEASE_RATE", "20")
    endpoint = resolve("file:.registry", base=tmp_path)
    first, second = connect(HERE, endpoint).registry, connect(Destination("acme", "other"), endpoint).registry
    assert first._pacer is second._pacer  # type: ignore[attr-defined]
    assert first._pacer._rates["PublishPackageVersion"] == 20  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["fast", "0", "-1", "inf", "nan"])
def test_a_rate_that_is_no_number_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CODEARTIFACT_RELEASE_RATE", text)
    with pytest.raises(UsageError, match="CODEARTIFACT_RELEASE_RATE is"):
        connect(HERE, resolve("file:.registry", base=tmp_path))
