"""Connections: whose region, owner and quota they use, and that a preview of a `file:` registry leaves no trace."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from botocore.httpsession import URLLib3Session

from pulumi_codeartifact_release import connections
from pulumi_codeartifact_release.connections import connect, known_caller, resolved_owner, resolved_region
from pulumi_codeartifact_release.errors import MissingDomainError, UsageError, VersionNotFoundError
from pulumi_codeartifact_release.location import EMBEDDED_ACCOUNT, Location, resolve
from pulumi_codeartifact_release.registry import Status
from pulumi_codeartifact_release.registry.client import Caller
from support.fakes import asset

HERE = Location("acme", "dev")
FOLDER = replace(HERE, endpoint="file:.registry")
LOCAL = replace(HERE, endpoint="http://127.0.0.1:1")
AT = HERE.coordinates("tools", "app", "1.0")


@pytest.fixture(autouse=True)
def _closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    connections.close()


def test_the_shells_region_does_not_move_a_folder(tmp_path: Path) -> None:
    folder = resolve(FOLDER, base=tmp_path)
    assert resolved_region(folder, {"AWS_REGION": "eu-west-1"}) == "us-east-1"
    assert resolved_region(replace(folder, region="eu-west-3"), {}) == "eu-west-3"
    assert resolved_region(HERE, {"AWS_REGION": "eu-west-1"}) == "eu-west-1"


def test_the_owner_is_what_is_named_or_known(tmp_path: Path) -> None:
    folder = resolve(FOLDER, base=tmp_path)
    assert resolved_owner(folder) == EMBEDDED_ACCOUNT
    assert resolved_owner(replace(folder, domain_owner="111122223333")) == "111122223333"
    # Nobody is asked who the caller is at an endpoint that is not AWS.
    assert resolved_owner(LOCAL) is None


def test_a_registry_that_does_not_exist_reads_as_empty_and_is_not_made(tmp_path: Path) -> None:
    connection = connect(resolve(FOLDER, base=tmp_path))
    with pytest.raises(VersionNotFoundError):
        connection.planning.describe(AT)
    with pytest.raises(MissingDomainError):
        connection.registry.describe(AT)
    assert list(connection.planning.list_versions(AT)) == []
    with pytest.raises(MissingDomainError):
        list(connection.registry.list_versions(AT))
    assert list(tmp_path.iterdir()) == []


def test_preparing_makes_what_the_manifest_names_and_can_be_repeated(tmp_path: Path) -> None:
    connection = connect(resolve(FOLDER, base=tmp_path))
    connection.prepare()
    connection.prepare()
    connect(resolve(replace(FOLDER, repository="staging"), base=tmp_path)).prepare()
    content = asset("a", b"abc")
    state = connection.registry.publish_asset(AT, content, BytesIO(b"abc"), unfinished=True)
    assert state.status is Status.UNFINISHED
    assert connection.registry.list_assets(AT).assets == {"a": content}


def test_another_accounts_domain_is_another_domain(tmp_path: Path) -> None:
    ours = resolve(FOLDER, base=tmp_path)
    theirs = replace(ours, domain_owner="111122223333")
    connect(theirs).prepare()
    with pytest.raises(VersionNotFoundError):
        connect(theirs).registry.describe(theirs.coordinates("tools", "app", "1"))
    with pytest.raises(MissingDomainError):
        connect(ours).registry.describe(AT)


def test_a_file_in_the_place_of_the_folder_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / ".registry").write_text("in the way")
    with pytest.raises(UsageError, match=r"the embedded registry file:\.registry cannot be opened"):
        connect(resolve(FOLDER, base=tmp_path))


def test_one_server_serves_a_folder_for_the_whole_process(tmp_path: Path) -> None:
    first = connect(resolve(FOLDER, base=tmp_path))
    second = connect(resolve(Location("acme", "other", endpoint="file:./.registry"), base=tmp_path))
    assert first.url == second.url


def test_the_operator_may_tell_the_rate_and_it_is_one_for_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEARTIFACT_RELEASE_RATE", "0.01")
    location = resolve(FOLDER, base=tmp_path)
    first, second = connect(location), connect(replace(location, repository="other"))
    assert first.rate == second.rate == 0.01
    assert second.waiting_s() == 0
    first._limiter.permit("PublishPackageVersion", "a release").acquire()
    assert second.waiting_s() > 50


def test_two_profiles_of_one_account_share_its_quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"one": "111122223333", "also-one": "111122223333", "two": "444455556666", "unknown": "x", "strange": "y"}
    lines = [f"[{name}]\naws_access_key_id = {key}\naws_secret_access_key = s\n" for name, key in keys.items()]
    (tmp_path / "credentials").write_text("".join(lines))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    here = replace(HERE, region="eu-west-1")
    limiters = {name: connect(replace(here, profile=name))._limiter for name in keys}
    assert limiters["one"] is limiters["also-one"]
    assert len(set(map(id, limiters.values()))) == 4


@pytest.mark.parametrize("text", ["fast", "0", "-1", "inf", "nan"])
def test_a_rate_that_is_no_number_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CODEARTIFACT_RELEASE_RATE", text)
    with pytest.raises(UsageError, match="CODEARTIFACT_RELEASE_RATE is"):
        connect(resolve(FOLDER, base=tmp_path))


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


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"])
@pytest.mark.parametrize("location", [LOCAL, HERE])
def test_the_caller_is_whom_the_configured_sts_names_and_it_is_asked_once(
    sts: Sts, monkeypatch: pytest.MonkeyPatch, variable: str, location: Location
) -> None:
    monkeypatch.setenv(variable, sts.url)
    # This machine's own is never asked of a proxy.
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert known_caller(location) == CALLER
    assert known_caller(replace(location, domain="other", repository="another")) == CALLER
    assert len(sts.asked) == 1
    assert "Action=GetCallerIdentity" in sts.asked[0]


@pytest.mark.usefixtures("keys")
def test_the_owner_of_a_domain_at_aws_is_the_caller(sts: Sts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
    assert resolved_owner(HERE) == "111122223333"
    # Elsewhere accounts may mean something else.
    assert resolved_owner(LOCAL) is None


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
    assert known_caller(LOCAL) is None
    assert sent == []
    # It would have been there to ask.
    assert known_caller(HERE) is None
    assert len(sent) == 1
    assert "sts" in sent[0]


def test_an_sts_in_the_clear_is_not_asked(sent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://sts.example.test")
    for location in (LOCAL, HERE):
        assert known_caller(location) is None
    assert sent == []


def test_nobody_is_asked_who_calls_a_folder(sent: list[str], sts: Sts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
    assert known_caller(FOLDER) is None
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
    assert known_caller(LOCAL) is None
    assert len(sts.asked) == 1


@pytest.mark.usefixtures("keys")
def test_an_sts_that_is_not_there_leaves_the_caller_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
    assert known_caller(LOCAL) is None


def test_without_credentials_or_region_the_caller_is_unknown(sts: Sts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
    assert known_caller(LOCAL) is None
    assert sts.asked == []
