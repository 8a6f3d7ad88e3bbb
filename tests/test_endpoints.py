"""Where requests go, who decides that, and that a preview of a `file:` registry leaves no trace."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from botocore.httpsession import URLLib3Session

from fakes import asset
from pulumi_codeartifact_release import endpoints
from pulumi_codeartifact_release.endpoints import (
    EMBEDDED_ACCOUNT,
    Destination,
    Endpoint,
    connect,
    known_caller,
    refuse_local_source,
    resolve,
    resolved_owner,
    resolved_region,
    stored,
)
from pulumi_codeartifact_release.errors import MissingDomainError, UsageError, VersionNotFoundError
from pulumi_codeartifact_release.places import same_domain
from pulumi_codeartifact_release.registry import Status
from pulumi_codeartifact_release.registry.client import Caller

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
    assert connection.planning.newest_version(AT) is None
    with pytest.raises(MissingDomainError):
        connection.registry.newest_version(AT)
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
    monkeypatch.setenv("CODEARTIFACT_RELEASE_RATE", "0.01")
    endpoint = resolve("file:.registry", base=tmp_path)
    first, second = connect(HERE, endpoint), connect(Destination("acme", "other"), endpoint)
    assert first.rate == second.rate == 0.01
    assert second.waiting_s() == 0
    first._limiter.permit("PublishPackageVersion", "a release").acquire()
    assert second.waiting_s() > 50


@pytest.mark.parametrize("text", ["fast", "0", "-1", "inf", "nan"])
def test_a_rate_that_is_no_number_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CODEARTIFACT_RELEASE_RATE", text)
    with pytest.raises(UsageError, match="CODEARTIFACT_RELEASE_RATE is"):
        connect(HERE, resolve("file:.registry", base=tmp_path))


# --- who calls --------------------------------------------------------------------------------------------------------

IDENTITY = """\
<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:sts::111122223333:assumed-role/release/ci</Arn><UserId>X</UserId><Account>111122223333</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""
CALLER = Caller("111122223333", "arn:aws:sts::111122223333:assumed-role/release/ci")


class Sts:
    """Answers GetCallerIdentity; notes what it was asked."""

    def __init__(self) -> None:
        self.status, self.answer = 200, IDENTITY
        self.asked: list[str] = []
        sts = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sts.asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.send_response(sts.status)
                self.send_header("Content-Length", str(len(sts.answer)))
                self.end_headers()
                self.wfile.write(sts.answer.encode())

            def log_message(self, *_words: object) -> None:
                """Nothing is printed."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()


@pytest.fixture
def sts() -> Iterator[Sts]:
    made = Sts()
    yield made
    made.server.shutdown()
    made.server.server_close()
    made.thread.join()


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")


@pytest.fixture
def sent(keys: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where requests would have gone: nothing is sent."""
    urls: list[str] = []

    def send(_session: object, request: Any) -> None:
        urls.append(request.url)
        raise OSError("nothing is sent in this test")

    monkeypatch.setattr(URLLib3Session, "send", send)
    return urls


LOCAL = Endpoint("http://127.0.0.1:1")


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"])
@pytest.mark.parametrize("endpoint", [LOCAL, Endpoint()])
def test_the_caller_is_whom_the_configured_sts_names_and_it_is_asked_once(
    sts: Sts, monkeypatch: pytest.MonkeyPatch, variable: str, endpoint: Endpoint
) -> None:
    monkeypatch.setenv(variable, sts.url)
    # This machine's own is never asked of a proxy.
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert known_caller(HERE, endpoint) == CALLER
    assert known_caller(Destination("other", "repository"), endpoint) == CALLER
    assert len(sts.asked) == 1
    assert "Action=GetCallerIdentity" in sts.asked[0]


@pytest.mark.usefixtures("keys")
def test_the_owner_of_a_domain_at_aws_is_the_caller(sts: Sts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
    assert resolved_owner(HERE, Endpoint()) == "111122223333"
    # Elsewhere accounts may mean something else.
    assert resolved_owner(HERE, LOCAL) is None


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"AWS_REGION": "cn-north-1"},
        {"AWS_REGION": "us-gov-west-1"},
        {"AWS_REGION": "us-iso-east-1"},
        {"AWS_USE_FIPS_ENDPOINT": "true"},
        {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
        {"AWS_STS_REGIONAL_ENDPOINTS": "legacy", "AWS_REGION": "us-east-1"},
        {"AWS_ENDPOINT_URL_CODEARTIFACT": "http://127.0.0.1:1"},
        {"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
    ],
)
def test_the_sts_of_aws_is_not_asked_who_calls_elsewhere(
    sent: list[str], monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert known_caller(HERE, LOCAL) is None
    assert sent == []
    # It would have been there to ask.
    assert known_caller(HERE, Endpoint()) is None
    assert len(sent) == 1
    assert "sts" in sent[0]


def test_an_sts_in_the_clear_is_not_asked(sent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://sts.example.test")
    for endpoint in (LOCAL, Endpoint()):
        assert known_caller(HERE, endpoint) is None
    assert sent == []


def test_nobody_is_asked_who_calls_a_folder(sent: list[str], sts: Sts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
    assert known_caller(HERE, stored("file:.registry")) is None
    assert sent == []


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    ("status", "answer"), [(403, "<Error/>"), (500, ""), (200, "no XML"), (200, "<a/>"), (404, "{}")]
)
def test_an_sts_that_does_not_answer_leaves_the_caller_unknown(
    sts: Sts, monkeypatch: pytest.MonkeyPatch, status: int, answer: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
    sts.status, sts.answer = status, answer
    assert known_caller(HERE, LOCAL) is None
    assert len(sts.asked) == 1


@pytest.mark.usefixtures("keys")
def test_an_sts_that_is_not_there_leaves_the_caller_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
    assert known_caller(HERE, LOCAL) is None


def test_without_credentials_or_region_the_caller_is_unknown(sts: Sts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
    assert known_caller(HERE, LOCAL) is None
    assert sts.asked == []


# --- within a domain, or across ---------------------------------------------------------------------------------------

AWS = Endpoint()
FOLDER, OTHER_FOLDER = stored("file:.registry"), stored("file:.other")
ONE, TWO = "111122223333", "444455556666"
ACCOUNTS = {"one": ONE, "also-one": ONE, "two": TWO}
"""Who the caller of a profile is; of any other, nobody knows."""


def place(**more: str) -> Destination:
    return Destination(**{"domain": "acme", "repository": "dev", "region": "eu-west-1", **more})


@pytest.mark.parametrize(
    ("one", "at", "other", "other_at", "same"),
    [
        pytest.param(place(), AWS, place(repository="prod"), AWS, True, id="the same caller, unknown"),
        pytest.param(place(profile="x"), AWS, place(profile="x"), AWS, True, id="the same profile, unknown"),
        pytest.param(place(profile="x"), AWS, place(profile="y"), AWS, False, id="two callers, unknown"),
        pytest.param(place(), AWS, place(profile="x"), AWS, False, id="the chain and a profile, unknown"),
        pytest.param(place(profile="one"), AWS, place(profile="also-one"), AWS, True, id="two of one account"),
        pytest.param(place(profile="one"), AWS, place(profile="two"), AWS, False, id="two of two accounts"),
        pytest.param(place(profile="one"), AWS, place(profile="x"), AWS, False, id="one known, one unknown"),
        pytest.param(place(domain_owner=ONE), AWS, place(domain_owner=ONE), AWS, True, id="one owner, named"),
        pytest.param(place(domain_owner=ONE), AWS, place(domain_owner=TWO), AWS, False, id="two owners, named"),
        pytest.param(place(domain_owner=ONE), AWS, place(), AWS, False, id="one named, one unknown"),
        pytest.param(place(domain_owner=ONE), AWS, place(profile="one"), AWS, True, id="one named, one known"),
        pytest.param(place(domain_owner=ONE), AWS, place(profile="two"), AWS, False, id="one named, another known"),
        pytest.param(
            place(domain_owner=ONE, profile="two"), AWS, place(domain_owner=ONE, profile="x"), AWS, True,
            id="what is named counts, not who calls",
        ),
        pytest.param(place(), AWS, place(domain="other"), AWS, False, id="two domains"),
        pytest.param(place(), AWS, place(region="us-east-1"), AWS, False, id="two regions"),
        pytest.param(place(), AWS, place(), LOCAL, False, id="two endpoints"),
        pytest.param(place(), LOCAL, place(), LOCAL, True, id="elsewhere, the same caller"),
        pytest.param(place(profile="one"), LOCAL, place(profile="also-one"), LOCAL, False, id="elsewhere, two callers"),
        pytest.param(place(), FOLDER, place(repository="prod"), FOLDER, True, id="one folder"),
        pytest.param(place(), FOLDER, place(), OTHER_FOLDER, False, id="two folders"),
        pytest.param(place(), FOLDER, place(domain="other"), FOLDER, False, id="two domains of a folder"),
        pytest.param(place(), FOLDER, place(domain_owner=ONE), FOLDER, False, id="two owners in a folder"),
        pytest.param(place(), FOLDER, place(domain_owner=EMBEDDED_ACCOUNT), FOLDER, True, id="a folder's own owner"),
        pytest.param(place(), FOLDER, place(), AWS, False, id="a folder and AWS"),
    ],
)  # fmt: skip
def test_copies_are_made_only_where_both_are_surely_in_one_domain(
    monkeypatch: pytest.MonkeyPatch, one: Destination, at: Endpoint, other: Destination, other_at: Endpoint, same: bool
) -> None:
    def caller(destination: Destination, endpoint: Endpoint) -> Caller | None:
        account = ACCOUNTS.get(destination.profile or "") if endpoint.is_aws else None
        return Caller(account, "arn") if account else None

    monkeypatch.setattr(endpoints, "known_caller", caller)
    assert same_domain(one, at, other, other_at) is same
    assert same_domain(other, other_at, one, at) is same


def test_a_region_that_the_shell_names_is_as_good_as_one_that_the_manifest_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(endpoints, "known_caller", lambda *_place: None)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert same_domain(place(), AWS, HERE, AWS)
    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    assert not same_domain(place(), AWS, HERE, AWS)
    # A folder has a region of its own.
    assert same_domain(HERE, FOLDER, HERE, FOLDER)


@pytest.mark.parametrize("to", [AWS, LOCAL, Endpoint("https://codeartifact.eu-west-1.amazonaws.com")])
@pytest.mark.parametrize("allow", [frozenset[str](), frozenset({"endpoint", "outside", "delete"})])
def test_a_folder_is_promoted_to_a_registry_elsewhere_only_with_permission(to: Endpoint, allow: frozenset[str]) -> None:
    with pytest.raises(UsageError, match=r"the source file:\.registry is a folder on this machine") as caught:
        refuse_local_source(FOLDER, to, allow)
    assert "permit it with --allow local-source." in caught.value.hint
    refuse_local_source(FOLDER, to, frozenset({"local-source"}))


def test_any_other_promotion_needs_no_permission() -> None:
    for source, to in ((FOLDER, FOLDER), (FOLDER, OTHER_FOLDER), (AWS, FOLDER), (LOCAL, AWS), (AWS, AWS)):
        refuse_local_source(source, to, frozenset())
