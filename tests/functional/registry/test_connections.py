"""The costs of a release: connections, requests, and bytes read from the disk."""

from __future__ import annotations

import io
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO
from urllib.parse import parse_qs, urlsplit

import pytest

from pulumi_codeartifact_release.publishing import Finished, Release, ThreadScheduler, apply
from pulumi_codeartifact_release.registry import Asset
from pulumi_codeartifact_release.registry.boto import BotoRegistry
from pulumi_codeartifact_release.registry.client import ClientSettings, make_client
from pulumi_codeartifact_release.registry.rate_limiter import RateLimiter
from pulumi_codeartifact_release.registry.retries_and_concurrency import PARALLEL_UPLOADS
from support.fakes import AT

LARGE = 300_000
"""More than one block, so that it is read while it is sent."""


class Server(ThreadingHTTPServer):
    """A registry with one version and counters; `answers` has the first response by asset name."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.connections = 0
        self.requests: Counter[str] = Counter()
        self.answers: dict[str, tuple[int, str]] = {}
        self.assets: dict[str, dict[str, Any]] = {}
        self.status = "Unfinished"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def log_message(self, *_words: object) -> None:
        pass

    def answer(self, code: int, body: object, kind: str = "") -> None:
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Type", "application/json")
        if kind:
            self.send_header("x-amzn-ErrorType", kind)
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def do_any(self) -> None:
        url = urlsplit(self.path)
        asked = {key: values[0] for key, values in parse_qs(url.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            self.server.requests[url.path] += 1
            self.route(url.path, asked, body)

    def route(self, path: str, asked: dict[str, str], body: bytes) -> None:
        held = {"versionRevision": str(len(self.server.assets)), "status": self.server.status}
        if path.endswith("/publish"):
            name, digest = asked["asset"], sha256(body).hexdigest()
            assert digest == self.headers["x-amz-content-sha256"]
            if fault := self.server.answers.pop(name, None):
                self.answer(fault[0], {"message": "not now"}, fault[1])
                return
            self.server.assets[name] = {"name": name, "size": len(body), "hashes": {"SHA-256": digest}}
            self.answer(200, {"status": "Unfinished", "versionRevision": str(len(self.server.assets))})
        elif path.endswith("/update_status"):
            self.server.status = "Published"
            self.answer(200, {"successfulVersions": {asked.get("version", AT.version): {"revision": "r"}}})
        elif not self.server.assets:
            missing = {"message": "no", "resourceType": "package-version", "resourceId": "x"}
            self.answer(404, missing, "ResourceNotFoundException")
        elif path.endswith("/assets"):
            self.answer(200, held | {"assets": list(self.server.assets.values())})
        else:
            self.answer(200, {"packageVersion": {"revision": held["versionRevision"], "status": self.server.status}})

    do_GET = do_POST = do_PUT = do_DELETE = do_any  # noqa: N815


class Counted:
    """An asset source that counts the bytes read."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.sha256 = sha256(content).hexdigest()
        self.size = len(content)
        self.read = 0

    cached = False

    def rehash(self) -> None:
        """It stays."""

    def verify_unchanged(self) -> None:
        """It stays."""

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        outer = self

        class Body(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                data = super().read(size)
                outer.read += len(data)
                return data

            def readinto(self, buffer: Any) -> int:
                count = super().readinto(buffer)
                outer.read += count
                return count

        yield Body(self.content)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


class Leaping:
    """The real clock, but sleeping takes no time."""

    def __init__(self) -> None:
        self._skipped = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        with self._lock:
            return time.monotonic() + self._skipped

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._skipped += seconds


class Impatient(ThreadScheduler):
    def sleep(self, seconds: float) -> None:
        self.checkpoint()


def publish(server: Server, sources: dict[str, Counted], monkeypatch: pytest.MonkeyPatch) -> Finished:
    # botocore's retries wait a random time; only ours are counted here.
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    client = make_client(ClientSettings("us-east-1", None, server.url, "x", "y"))
    clock = Leaping()
    registry = BotoRegistry(client, RateLimiter({}, clock=clock, sleep=clock.sleep), sleep=clock.sleep)
    release = Release(AT, tuple(Asset(name, each.size, each.sha256) for name, each in sources.items()))
    *_, last = apply(release, sources, registry, Impatient())
    client.close()
    assert isinstance(last, Finished)
    return last


def files(count: int, size: int) -> dict[str, Counted]:
    return {f"a{number:03}.bin": Counted(number.to_bytes(2, "big") * (size // 2)) for number in range(count)}


@pytest.mark.slow
def test_150_uploads_use_as_many_connections_as_parallel_uploads(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = files(150, 1024)
    assert len(publish(server, sources, monkeypatch).sent) == 150
    assert server.requests["/v1/package/version/publish"] == 150
    # The connection of the read and the first asset is reused for the others.
    assert server.connections <= PARALLEL_UPLOADS
    assert server.status == "Published"


@pytest.mark.parametrize("size", [0, 1024, 65_536, LARGE])
def test_a_body_is_read_once_for_sending_and_not_for_signing(
    server: Server, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = files(12 if size else 1, size)
    publish(server, sources, monkeypatch)
    assert [each.read for each in sources.values()] == [each.size for each in sources.values()]


@pytest.mark.parametrize(
    ("code", "kind"),
    [(429, "ThrottlingException"), (409, "ConflictException"), (500, "InternalServerException")],
)
def test_after_an_error_the_connection_is_used_again(
    server: Server, code: int, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = files(40, 2048)
    server.answers = dict.fromkeys(list(sources)[::10], (code, kind))
    faults = len(server.answers)
    publish(server, sources, monkeypatch)
    assert server.answers == {}
    assert server.requests["/v1/package/version/publish"] == 40 + faults
    assert server.connections <= PARALLEL_UPLOADS


def test_a_retry_reads_only_large_bodies_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = {"a.small": Counted(b"x" * 1024), "b.large": Counted(b"y" * LARGE), "c.large": Counted(b"z" * LARGE)}
    server.answers = dict.fromkeys(("a.small", "b.large"), (429, "ThrottlingException"))
    publish(server, sources, monkeypatch)
    assert {name: each.read for name, each in sources.items()} == {
        "a.small": 1024,
        "b.large": 2 * LARGE,
        "c.large": LARGE,
    }
