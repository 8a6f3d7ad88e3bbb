"""Where requests go, who decides that, and that a location has many names: what they do not tell is not guessed at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pulumi_codeartifact_release import connections
from pulumi_codeartifact_release.connections import resolved_owner, resolved_region
from pulumi_codeartifact_release.errors import UsageError
from pulumi_codeartifact_release.location import (
    EMBEDDED_ACCOUNT,
    Location,
    refuse_local_source,
    refuse_same_repository,
    resolve,
    same_domain,
    same_repository,
)
from pulumi_codeartifact_release.registry.client import Caller

HERE = Location("acme", "dev")
ONE, TWO = "111122223333", "444455556666"
AWS = ""
VPC = "https://vpce-0123456789abcdef0-abcdefgh.codeartifact.eu-west-1.vpce.amazonaws.com"
LOCAL = "http://127.0.0.1:8000"
FOLDER, OTHER_FOLDER = "file:.registry", "file:other"
ACCOUNTS = {"one": ONE, "also-one": ONE, "two": TWO}
"""Who the caller of a profile is; of any other, nobody knows."""


@pytest.fixture(autouse=True)
def _folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def caller(location: Location) -> Caller | None:
        account = ACCOUNTS.get(location.profile or "") if location.is_aws else None
        return Caller(account, "arn") if account else None

    monkeypatch.setattr(connections, "known_caller", caller)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".registry").mkdir()
    (tmp_path / "link").symlink_to(".registry")
    (tmp_path / "other").mkdir()


def at(endpoint: str, **more: str) -> Location:
    return Location(**{"domain": "acme", "repository": "dev", "region": "eu-west-1", "endpoint": endpoint, **more})


def resolved(endpoint: str, **more: str) -> Location:
    """As both fronts have it: with region and owner, as far as they can be known."""
    location = at(endpoint, **more)
    return replace(location, region=resolved_region(location), domain_owner=resolved_owner(location))


# --- which endpoint may be used? --------------------------------------------------------------------------------------


def test_nothing_named_is_aws(tmp_path: Path) -> None:
    location = resolve(HERE, base=tmp_path, environ={"AWS_CONFIG_FILE": str(tmp_path / "none")})
    assert (location.endpoint, location.endpoint_source, location.folder, location.is_aws) == ("", "", None, True)


def test_the_manifest_takes_precedence_over_the_shell(tmp_path: Path) -> None:
    shell = {"AWS_ENDPOINT_URL_CODEARTIFACT": "https://shell.example.test"}
    declared = at("https://codeartifact.eu-west-1.amazonaws.com")
    assert resolve(declared, base=tmp_path, environ=shell) == declared
    assert declared.is_aws
    assert resolve(HERE, base=tmp_path, environ=shell).endpoint_source == "AWS_ENDPOINT_URL_CODEARTIFACT"


def test_the_services_own_variable_goes_before_the_general_one(tmp_path: Path) -> None:
    shell = {
        "AWS_ENDPOINT_URL": "https://all.example.test",
        "AWS_ENDPOINT_URL_CODEARTIFACT": "https://one.example.test",
    }
    assert resolve(HERE, base=tmp_path, environ=shell).endpoint == "https://one.example.test"
    del shell["AWS_ENDPOINT_URL_CODEARTIFACT"]
    assert resolve(HERE, base=tmp_path, environ=shell).endpoint == "https://all.example.test"
    ignored = {**shell, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true", "AWS_CONFIG_FILE": str(tmp_path / "none")}
    assert resolve(HERE, base=tmp_path, environ=ignored).endpoint == ""


@pytest.mark.parametrize("url", ["http://registry.example.test", "ftp://x", "registry.example.test"])
def test_credentials_never_go_out_in_the_clear(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError):
        resolve(at(url), base=tmp_path, allow=frozenset({"endpoint"}), environ={})
    with pytest.raises(UsageError):
        resolve(HERE, base=tmp_path, environ={"AWS_ENDPOINT_URL_CODEARTIFACT": url})


def test_plain_http_is_for_this_machine(tmp_path: Path) -> None:
    assert (
        resolve(HERE, base=tmp_path, environ={"AWS_ENDPOINT_URL": "http://localhost:1"}).endpoint
        == "http://localhost:1"
    )
    with pytest.raises(UsageError, match="may not choose"):
        resolve(at("http://127.0.0.1:1"), base=tmp_path, environ={})


def test_a_folder_is_named_relative_to_where_the_program_runs(tmp_path: Path) -> None:
    base = tmp_path / "releases"
    base.mkdir()
    location = resolve(at("file:.registry"), base=base)
    assert location.endpoint == "file:releases/.registry"
    assert location.folder == base / ".registry"
    assert Location.from_properties(location.properties()) == location


def test_a_link_out_of_the_folder_is_outside(tmp_path: Path) -> None:
    base = tmp_path / "releases"
    base.mkdir()
    (base / "link").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="outside the manifest's folder"):
        resolve(at("file:link/registry"), base=base)
    assert resolve(at("file:link/registry"), base=base, allow=frozenset({"endpoint"})).folder


# --- are two locations the same? --------------------------------------------------------------------------------------


def compared(one: Location, other: Location) -> bool | None:
    answer = same_repository(one, other)
    assert same_repository(other, one) is answer
    return answer


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (AWS, AWS, True),
        (AWS, "https://codeartifact.eu-west-1.amazonaws.com", True),
        (AWS, "https://codeartifact.eu-west-1.amazonaws.com/", True),
        (AWS, VPC, True),
        (AWS, "https://proxy.acme.example", None),
        (AWS, LOCAL, None),
        (AWS, "file:.registry", False),
        (VPC, "file:.registry", False),
        (LOCAL, "http://127.0.0.1:8000/", True),
        (LOCAL, "http://localhost:8000", True),
        (LOCAL, "http://LOCALHOST:8000/", True),
        (LOCAL, "http://localhost.:8000", True),
        (LOCAL, "http://[::1]:8000", True),
        ("http://[::1]:8000", "http://[0:0:0:0:0:0:0:1]:8000", True),
        (LOCAL, "http://127.0.0.1:8001", None),
        (LOCAL, "http://127.0.0.2:8000", None),
        (LOCAL, "file:.registry", None),
        ("http://localhost", "http://127.0.0.1:80/", True),
        ("https://Registry.acme.example", "https://registry.ACME.example:443/", True),
        ("https://registry.acme.example", "https://alias.acme.example", None),
        ("https://registry.acme.example/a", "https://registry.acme.example/b", None),
        ("file:.registry", "file:.registry", True),
        ("file:.registry", "file:./other/../.registry/", True),
        ("file:.registry", "file:link", True),
        ("file:.registry", "file:other", False),
        ("file:missing", "file:./missing", True),
        ("file:missing", "file:other", False),
    ],
)
def test_endpoints_are_compared_by_their_addresses(one: str, other: str, same: bool | None) -> None:
    locations = at(one, domain_owner=ONE), at(other, domain_owner=ONE)
    assert compared(*locations) is same
    assert same_domain(*locations) is (same is True)


@pytest.mark.parametrize(
    ("one", "other", "endpoint", "same"),
    [
        ({}, {}, AWS, True),
        ({}, {"domain_owner": ONE}, AWS, None),
        ({"profile": "one"}, {"domain_owner": ONE}, AWS, True),
        ({"profile": "one"}, {"domain_owner": TWO}, AWS, False),
        ({"domain_owner": ONE}, {"domain_owner": TWO}, AWS, False),
        ({"profile": "x"}, {"profile": "y"}, AWS, None),
        ({}, {"domain_owner": ONE}, LOCAL, None),
        ({}, {"domain_owner": "000000000000"}, "file:.registry", True),
        ({}, {"domain_owner": ONE}, "file:.registry", False),
        ({}, {"region": "us-east-1"}, AWS, False),
        ({"domain_owner": ONE}, {"domain_owner": ONE, "region": "us-east-1"}, LOCAL, None),
        ({}, {"region": "us-east-1"}, "file:.registry", True),
        ({}, {"repository": "prod"}, AWS, False),
        ({}, {"domain": "other"}, LOCAL, False),
    ],
)
def test_owners_and_regions_are_compared_after_they_are_resolved(
    one: dict[str, str], other: dict[str, str], endpoint: str, same: bool | None
) -> None:
    assert compared(resolved(endpoint, **one), resolved(endpoint, **other)) is same


@pytest.mark.parametrize(("one", "other"), [("file:.registry", "file:link"), (LOCAL, "http://localhost:8000/")])
def test_a_promotion_to_the_same_place_by_another_name_is_refused(one: str, other: str) -> None:
    with pytest.raises(UsageError, match="acme/dev is promoted to itself"):
        refuse_same_repository(at(one), at(other))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param((AWS, {}), (AWS, {"repository": "prod"}), True, id="the same caller, unknown"),
        pytest.param((AWS, {"profile": "x"}), (AWS, {"profile": "x"}), True, id="the same profile, unknown"),
        pytest.param((AWS, {"profile": "x"}), (AWS, {"profile": "y"}), False, id="two callers, unknown"),
        pytest.param((AWS, {}), (AWS, {"profile": "x"}), False, id="the chain and a profile, unknown"),
        pytest.param((AWS, {"profile": "one"}), (AWS, {"profile": "also-one"}), True, id="two of one account"),
        pytest.param((AWS, {"profile": "one"}), (AWS, {"profile": "two"}), False, id="two of two accounts"),
        pytest.param((AWS, {"profile": "one"}), (AWS, {"profile": "x"}), False, id="one known, one unknown"),
        pytest.param((AWS, {"domain_owner": ONE}), (AWS, {"domain_owner": ONE}), True, id="one owner, named"),
        pytest.param((AWS, {"domain_owner": ONE}), (AWS, {"domain_owner": TWO}), False, id="two owners, named"),
        pytest.param((AWS, {"domain_owner": ONE}), (AWS, {}), False, id="one named, one unknown"),
        pytest.param((AWS, {"domain_owner": ONE}), (AWS, {"profile": "one"}), True, id="one named, one known"),
        pytest.param((AWS, {"domain_owner": ONE}), (AWS, {"profile": "two"}), False, id="one named, another known"),
        pytest.param(
            (AWS, {"domain_owner": ONE, "profile": "two"}), (AWS, {"domain_owner": ONE, "profile": "x"}), True,
            id="what is named counts, not who calls",
        ),
        pytest.param((AWS, {}), (AWS, {"domain": "other"}), False, id="two domains"),
        pytest.param((AWS, {}), (AWS, {"region": "us-east-1"}), False, id="two regions"),
        pytest.param((AWS, {}), (LOCAL, {}), False, id="two endpoints"),
        pytest.param((LOCAL, {}), (LOCAL, {}), True, id="elsewhere, the same caller"),
        pytest.param((LOCAL, {"profile": "one"}), (LOCAL, {"profile": "also-one"}), False, id="elsewhere, two callers"),
        pytest.param((FOLDER, {}), (FOLDER, {"repository": "prod"}), True, id="one folder"),
        pytest.param((FOLDER, {}), (OTHER_FOLDER, {}), False, id="two folders"),
        pytest.param((FOLDER, {}), (FOLDER, {"domain": "other"}), False, id="two domains of a folder"),
        pytest.param((FOLDER, {}), (FOLDER, {"domain_owner": ONE}), False, id="two owners in a folder"),
        pytest.param((FOLDER, {}), (FOLDER, {"domain_owner": EMBEDDED_ACCOUNT}), True, id="a folder's own owner"),
        pytest.param((FOLDER, {}), (AWS, {}), False, id="a folder and AWS"),
    ],
)  # fmt: skip
def test_only_repositories_that_are_certainly_in_one_domain_are_copied(
    one: tuple[str, dict[str, str]], other: tuple[str, dict[str, str]], same: bool
) -> None:
    locations = [resolved(endpoint, **more) for endpoint, more in (one, other)]
    assert same_domain(*locations) is same
    assert same_domain(*reversed(locations)) is same


def test_a_region_that_the_shell_names_is_as_good_as_one_that_the_manifest_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shell = replace(HERE, region="")
    for region, same in (("eu-west-1", True), ("eu-west-2", False)):
        monkeypatch.setenv("AWS_REGION", region)
        assert same_domain(at(AWS), replace(shell, region=resolved_region(shell))) is same
    # Where nobody has asked, one profile has one region, and two may have two.
    assert same_domain(HERE, HERE)
    assert same_repository(HERE, at(AWS)) is None
    assert same_repository(HERE, replace(HERE, profile="x")) is None


@pytest.mark.parametrize("to", [AWS, LOCAL, "https://codeartifact.eu-west-1.amazonaws.com"])
@pytest.mark.parametrize("allow", [frozenset[str](), frozenset({"endpoint", "outside", "delete"})])
def test_a_folder_is_promoted_to_a_real_registry_only_with_permission(to: str, allow: frozenset[str]) -> None:
    with pytest.raises(UsageError, match=r"the source file:\.registry is a folder on this machine") as caught:
        refuse_local_source(at(FOLDER), at(to), allow)
    assert "permit it with --allow local-source." in caught.value.hint
    refuse_local_source(at(FOLDER), at(to), frozenset({"local-source"}))


def test_any_other_promotion_needs_no_permission() -> None:
    for source, to in ((FOLDER, FOLDER), (FOLDER, OTHER_FOLDER), (AWS, FOLDER), (LOCAL, AWS), (AWS, AWS)):
        refuse_local_source(at(source), at(to), frozenset())
