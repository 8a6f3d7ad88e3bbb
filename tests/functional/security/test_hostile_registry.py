"""A hostile registry: every response leads to one clear error, in bounded time and memory."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from pulumi_codeartifact_release.errors import (
    InconsistentReadError,
    InterruptedReleaseError,
    RefusedError,
    RegistryError,
    ReleaseError,
    ServerFaultError,
    UnreachableError,
)
from pulumi_codeartifact_release.publishing import apply, read_version
from pulumi_codeartifact_release.registry import Registry, Status
from pulumi_codeartifact_release.registry.boto import BotoRegistry
from pulumi_codeartifact_release.registry.client import ClientSettings, make_client
from pulumi_codeartifact_release.registry.rate_limiter import RateLimiter
from support.fakes import AT, InlineScheduler, asset, asset_contents, release

Answer = Callable[[str], tuple[int, bytes | Iterator[bytes]]]
GOOD = asset("a", b"abc")


class Hostile:
    """Responds as a test says; counts requests."""

    def __init__(self) -> None:
        self.answer: Answer = lambda _path: (200, b"{}")
        self.requests: list[str] = []
        hostile = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def serve(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                hostile.requests.append(self.path)
                status, body = hostile.answer(urlsplit(self.path).path)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                if status >= 400:
                    self.send_header("x-amzn-ErrorType", "ValidationException")
                if isinstance(body, bytes):
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                    return
                self.send_header("Connection", "close")
                self.end_headers()
                self.close_connection = True
                try:
                    for chunk in body:
                        self.wfile.write(chunk)
                except OSError:
                    pass

            do_GET = do_POST = do_PUT = do_DELETE = serve  # noqa: N815

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    made = Hostile()
    yield made
    made.server.shutdown()
    made.server.server_close()
    made.thread.join()


@pytest.fixture
def registry(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    url = f"http://127.0.0.1:{hostile.server.server_address[1]}"
    client = make_client(ClientSettings("us-east-1", None, url, "x", "y"))
    return BotoRegistry(client, RateLimiter({}), sleep=lambda _seconds: None)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def listing(assets: Any, **more: Any) -> Answer:
    return lambda _path: (200, as_json({"versionRevision": "r", "assets": assets, **more}))


@pytest.mark.slow
def test_endless_pages_are_an_error(registry: Registry, hostile: Hostile) -> None:
    tokens = iter(range(10**9))
    hostile.answer = lambda _path: (
        200,
        as_json({"versionRevision": "r", "assets": [], "nextToken": f"t{next(tokens)}"}),
    )
    with pytest.raises(ServerFaultError, match="pagination does not end"):
        registry.list_assets(AT)
    assert len(hostile.requests) <= 101


def test_a_repeated_page_token_is_an_error(registry: Registry, hostile: Hostile) -> None:
    hostile.answer = listing([], nextToken="again")
    with pytest.raises(ServerFaultError, match="pagination does not end"):
        registry.list_assets(AT)
    assert len(hostile.requests) == 2


def test_an_endless_body_does_not_fill_the_memory(registry: Registry, hostile: Hostile) -> None:
    taken: list[int] = []

    def endless() -> Iterator[bytes]:
        yield b'{"packageVersion": {"status": "'
        for number in range(4096):
            taken.append(number)
            yield b"x" * (1 << 20)

    hostile.answer = lambda _path: (200, endless())
    with pytest.raises(UnreachableError, match="larger than 64 MiB"):
        registry.describe(AT)
    # Only the limit and the buffers of sockets were read, not 4 GiB.
    assert len(taken) < 100


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not JSON",
        b"[]",
        b'"text"',
        b"null",
        b"\xff\xfe\x00",
        b"{" * 100_000,
        b"[" * 100_000,
        as_json({"packageVersion": []}),
        as_json({"packageVersion": {"status": 7, "revision": {}}}),
        as_json({"packageVersion": {"status": "Published"}}),
        as_json({"packageVersion": {"status": "Published", "revision": "r", "publishedTime": 10**400}}),
        as_json({"packageVersion": {"status": "Published", "revision": "r", "publishedTime": "yesterday"}}),
        as_json({"packageVersion": {"status": "Upside-down", "revision": "r"}}),
    ],
)
def test_malformed_responses_are_one_clear_error(registry: Registry, hostile: Hostile, body: bytes) -> None:
    hostile.answer = lambda _path: (200, body)
    with pytest.raises(RegistryError):
        registry.describe(AT)


@pytest.mark.parametrize(
    "summary",
    [
        {},
        {"name": "a"},
        {"name": "a", "size": 3, "hashes": {}},
        {"name": "a", "size": 3, "hashes": {"SHA-256": "short"}},
        {"name": "a", "size": 3, "hashes": {"SHA-256": "g" * 64}},
        {"name": "a", "size": -1, "hashes": {"SHA-256": GOOD.sha256}},
        {"name": "a", "size": "many", "hashes": {"SHA-256": GOOD.sha256}},
        {"name": "", "size": 3, "hashes": {"SHA-256": GOOD.sha256}},
        {"name": "a", "size": 3, "hashes": "none"},
        "a",
        None,
    ],
)
def test_assets_without_a_usable_name_size_or_hash_are_refused(
    registry: Registry, hostile: Hostile, summary: Any
) -> None:
    hostile.answer = listing([summary])
    with pytest.raises(RegistryError):
        registry.list_assets(AT)


def test_a_size_with_many_digits_is_accepted(registry: Registry, hostile: Hostile) -> None:
    hostile.answer = listing([{"name": "a", "size": 10**30, "hashes": {"SHA-256": GOOD.sha256}}])
    assert registry.list_assets(AT).assets["a"].size == 10**30


def test_names_that_look_like_paths_are_only_names(registry: Registry, hostile: Hostile) -> None:
    evil = [
        {"name": name, "size": 3, "hashes": {"SHA-256": GOOD.sha256}}
        for name in ("../../etc/passwd", "/etc/passwd", "\x1b[2J\x07", "::error::pwned", "a\n::set-env::b", "##vso[x]")
    ]
    description = {"packageVersion": {"status": "Published", "revision": "r"}}
    hostile.answer = lambda path: (200, as_json(description)) if path.endswith("/version") else listing(evil)(path)
    with pytest.raises(RefusedError) as caught:
        list(apply(release({"a": b"abc"}), asset_contents({"a": b"abc"}), registry, InlineScheduler()))
    told = str(caught.value)
    assert "\x1b" not in told
    assert "\x07" not in told
    assert not any(line.lstrip().startswith(("::", "##")) for line in told.splitlines())
    assert "../../etc/passwd" in told


@pytest.mark.parametrize(
    "message", ["\x1b[31mred\x1b[0m", "line\n::error::injected\r\n::add-mask::x", "x" * 100_000, "a\u202eb\u0000c"]
)
def test_a_servers_message_is_one_harmless_line(registry: Registry, hostile: Hostile, message: str) -> None:
    hostile.answer = lambda _path: (400, as_json({"message": message}))
    with pytest.raises(ReleaseError) as caught:
        registry.describe(AT)
    told = str(caught.value)
    assert all(character == "\n" or character.isprintable() for character in told)
    assert not any(line.lstrip().startswith("::") for line in told.splitlines())
    assert len(told) < 1000


def test_a_registry_that_lists_different_bytes_is_reported(registry: Registry, hostile: Hostile) -> None:
    # It acknowledges every upload, but lists different bytes.
    lie = [{"name": "a", "size": 3, "hashes": {"SHA-256": "0" * 64}}]
    described = iter([(404, {"message": "?", "resourceType": "package-version"})])

    def answer(path: str) -> tuple[int, bytes]:
        if path.endswith("/publish"):
            return 200, as_json({"status": "Unfinished", "versionRevision": "r"})
        if path.endswith("/assets"):
            return 200, as_json({"versionRevision": "r", "assets": lie})
        if path.endswith("/update_status"):
            raise AssertionError("never published")
        status, body = next(described, (200, {"packageVersion": {"status": "Unfinished", "revision": "r"}}))
        return status, as_json(body)

    hostile.answer = answer
    with pytest.raises(ReleaseError):
        list(apply(release({"a": b"abc"}), asset_contents({"a": b"abc"}), registry, InlineScheduler()))
    assert not any("update_status" in path for path in hostile.requests)


def test_a_registry_that_never_settles_is_reported(registry: Registry, hostile: Hostile) -> None:
    revisions = iter(range(10**9))

    def answer(path: str) -> tuple[int, bytes]:
        revision = f"r{next(revisions)}"
        if path.endswith("/assets"):
            return 200, as_json({"versionRevision": revision, "assets": []})
        return 200, as_json({"packageVersion": {"status": "Published", "revision": revision}})

    hostile.answer = answer
    with pytest.raises(InconsistentReadError):
        read_version(registry, AT, InlineScheduler())
    assert len(hostile.requests) < 50


def test_credentials_are_in_no_message(registry: Registry, hostile: Hostile) -> None:
    client = make_client(
        ClientSettings(
            "us-east-1", None, f"http://127.0.0.1:{hostile.server.server_address[1]}", "AKIAKEY", "SECRETKEY"
        )
    )
    secretive = BotoRegistry(client, RateLimiter({}), sleep=lambda _seconds: None)
    for status in (400, 403, 404, 409, 500):
        hostile.answer = lambda _path, status=status: (status, as_json({"message": "no"}))  # type: ignore[misc]
        with pytest.raises(ReleaseError) as caught:
            secretive.publish_asset(AT, GOOD, io.BytesIO(b"abc"), unfinished=True)
        assert "SECRETKEY" not in str(caught.value)
        assert "AKIAKEY" not in str(caught.value)


@pytest.mark.parametrize(("attempts", "status"), [("5", 500), ("1", 429)])
def test_no_retry_writes_after_a_cancel(
    hostile: Hostile, monkeypatch: pytest.MonkeyPatch, attempts: str, status: int
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", attempts)
    cancelled: list[bool] = []

    def checkpoint() -> None:
        if cancelled:
            raise InterruptedReleaseError("cancelled")

    def fail(_path: str) -> tuple[int, bytes]:
        cancelled.append(True)
        return status, b"{}"

    hostile.answer = fail
    url = f"http://127.0.0.1:{hostile.server.server_address[1]}"
    client = make_client(ClientSettings("us-east-1", None, url, "x", "y"))
    registry = BotoRegistry(client, RateLimiter({}), sleep=lambda _seconds: None, checkpoint=checkpoint)
    with pytest.raises(InterruptedReleaseError):
        registry.set_status(AT, revision="r", expected=Status.UNFINISHED, target=Status.PUBLISHED)
    assert len(hostile.requests) == 1


def test_a_slow_response_times_out(registry: Registry, hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulumi_codeartifact_release.registry.response_limits.MAX_RESPONSE_S", 0.5)

    def drip() -> Iterator[bytes]:
        for _ in range(200):
            yield b" "
            time.sleep(0.05)

    hostile.answer = lambda _path: (200, drip())
    started = time.monotonic()
    with pytest.raises(UnreachableError):
        registry.describe(AT)
    assert time.monotonic() - started < 5
