"""Clients without a key: their limits of memory and time, and their effect on others."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path

import pytest
from mypy_boto3_codeartifact import CodeArtifactClient

from pulumi_codeartifact_release.local_registry import connection_limits
from pulumi_codeartifact_release.local_registry.server import LocalRegistry
from support.local_registry import PACKAGE, publish

from .test_store import _Elsewhere, _process

MEBIBYTE = 1024 * 1024
POST = b"POST /v1/domain?domain=acme HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def send(host: str, port: int, begin: bytes, part: bytes, most: int) -> tuple[int, bytes]:
    """Send until the server accepts no more; return the accepted bytes and the beginning of the response."""
    sent = 0
    with socket.create_connection((host, port), timeout=20) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(begin)
            while sent < most:
                sent += connection.send(part)
        answer = b""
        with contextlib.suppress(OSError):
            answer = connection.recv(100)
        return sent, answer


ENDLESS = {
    "one header": (POST + b"X-Endless: ", b"x" * MEBIBYTE),
    "the name of a header": (POST, b"x" * MEBIBYTE),
    "headers": (POST, b"X-A: b\r\n" * 100_000),
    "headers of one letter": (POST, b"a:\r\n" * 200_000),
    "the line": (b"GET /", b"x" * MEBIBYTE),
    "the query": (b"GET /?", b"x=1&" * 200_000),
    "the method": (b"", b"G" * MEBIBYTE),
    "empty lines": (b"", b"\r\n" * 500_000),
    "trailers": (CHUNKED + b"1\r\nx\r\n0\r\n", b"X-A: b\r\n" * 100_000),
    "one trailer": (CHUNKED + b"1\r\nx\r\n0\r\nX-A: ", b"x" * MEBIBYTE),
    "the extension of a chunk": (CHUNKED + b"1;", b"x" * MEBIBYTE),
    "the size of a chunk": (CHUNKED, b"0" * MEBIBYTE),
    "folded lines": (POST + b"X-A: b\r\n", b" \r\n" * 300_000),
    "requests that nobody waits for": (b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 40_000),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_an_endless_request_is_cut_off(kind: str, server: LocalRegistry) -> None:
    begin, part = ENDLESS[kind]
    # The buffers of both sockets are not counted as accepted.
    sent, answer = send(server.host, server.port, begin, part, 300 * MEBIBYTE)
    assert sent < 20 * MEBIBYTE
    assert answer == b"" or answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400", b"HTTP/1.1 404")), answer


def test_endless_requests_take_little_memory_and_do_not_delay_others(folder: Path, client: CodeArtifactClient) -> None:
    publish(client)
    with _process("serve", folder) as process:
        server = _Elsewhere(process)
        remote = server.client()
        remote.list_domains()
        before = int(_status(process.pid, "VmRSS"))
        threads = [
            threading.Thread(target=send, args=(server.host, server.port, *ENDLESS[kind], 300 * MEBIBYTE))
            for kind in ENDLESS
        ]
        for thread in threads:
            thread.start()
        longest = 0.0
        while any(thread.is_alive() for thread in threads):
            began = time.perf_counter()
            assert remote.list_packages(domain="acme", repository="dev")["packages"]
            longest = max(longest, time.perf_counter() - began)
        remote.close()
        peak = int(_status(process.pid, "VmHWM"))
    assert peak - before < 60 * 1024, (before, peak)
    assert longest < 5


@pytest.mark.slow
def test_bodies_of_clients_without_a_key_are_not_stored(folder: Path, client: CodeArtifactClient) -> None:
    key = b"Authorization: AWS4-HMAC-SHA256 Credential=AKIDNOBODY/20260101/eu-west-1/codeartifact/aws4_request\r\n"
    with _process("serve", folder) as process, contextlib.ExitStack() as stack:
        server = _Elsewhere(process)
        remote = stack.enter_context(contextlib.closing(server.client()))
        remote.list_domains()
        before = int(_status(process.pid, "VmRSS"))
        for number in range(200):
            connection = stack.enter_context(socket.create_connection((server.host, server.port), timeout=20))
            head = POST + (key if number % 2 else b"") + b"Content-Length: 1000000\r\n\r\n"
            connection.sendall(head + b"x" * 900_000)
            remote.list_domains()  # it has been read, or is about to be
        peak = int(_status(process.pid, "VmHWM"))
    assert peak - before < 60 * 1024, (before, peak)


def _status(pid: int, key: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(key))


@pytest.mark.parametrize("size", [100, 60 * 1024])
@pytest.mark.parametrize("step", [1000, 10_000_000])
def test_headers_within_the_limits_are_accepted_in_any_pieces(size: int, step: int, server: LocalRegistry) -> None:
    request = b"GET /nowhere HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * size + b"\r\n\r\n"
    with socket.create_connection((server.host, server.port), timeout=20) as connection:
        for _ in range(3):
            for at in range(0, len(request), step):
                connection.sendall(request[at : at + step])
            answer = b""
            while not answer.endswith(b"}"):
                answer += connection.recv(10_000)
            assert answer.startswith(b"HTTP/1.1 404")


def test_headers_over_the_limit_are_refused_with_431(server: LocalRegistry) -> None:
    request = b"GET /nowhere HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 70_000 + b"\r\n\r\n"
    with socket.create_connection((server.host, server.port), timeout=20) as connection:
        connection.sendall(request)
        assert connection.recv(1000).startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")


def test_a_body_in_one_byte_chunks_is_accepted(client: CodeArtifactClient, server: LocalRegistry) -> None:
    body = b"".join(b"1;a=b\r\nx\r\n" for _ in range(100_000)) + b"0\r\n\r\n"
    with socket.create_connection((server.host, server.port), timeout=20) as connection:
        connection.sendall(CHUNKED + body)
        assert connection.recv(100).startswith(b"HTTP/1.1 403")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_limits, "HEAD_SECONDS", 0.5)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("before", "begin"),
    [
        (b"", b""),  # between two requests it may be silent for longer
        *[
            (before, begin)
            for before in (b"", b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n")
            for begin in (b"\r\n", b"G", b"GET / HTTP/1.1\r\nHost: x\r\n", POST + b"X-A: ")
        ],
    ],
)
def test_headers_that_do_not_end_time_out(before: bytes, begin: bytes, server: LocalRegistry) -> None:
    with socket.create_connection((server.host, server.port), timeout=20) as connection:
        if before:
            connection.sendall(before)
            while not connection.recv(10_000).endswith(b"}"):
                pass
        connection.sendall(begin)
        began = time.monotonic()
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
        assert time.monotonic() - began < 10


@pytest.mark.usefixtures("impatient")
def test_slow_headers_time_out(server: LocalRegistry) -> None:
    with socket.create_connection((server.host, server.port), timeout=20) as connection:
        connection.sendall(POST)
        began = time.monotonic()
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            while time.monotonic() - began < 10:
                connection.sendall(b"X")
                time.sleep(0.05)
        assert time.monotonic() - began < 10


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_an_idle_connection_stays_usable(client: CodeArtifactClient, server: LocalRegistry) -> None:
    publish(client)
    time.sleep(1)
    with socket.create_connection((server.host, server.port), timeout=20) as connection:
        for _ in range(2):
            connection.sendall(b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n")
            while not connection.recv(10_000).endswith(b"}"):
                pass
            time.sleep(1)
    assert client.list_package_versions(**PACKAGE)["versions"]


def test_idle_connections_are_closed_for_new_ones(
    client: CodeArtifactClient, server: LocalRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_limits, "MAX_CONNECTIONS", 50)
    with contextlib.ExitStack() as stack:
        waiting = [
            stack.enter_context(socket.create_connection((server.host, server.port), timeout=20)) for _ in range(200)
        ]
        assert publish(client)["status"] == "Published"
        for each in waiting:
            each.setblocking(False)
        closed = 0
        for each in waiting:
            with contextlib.suppress(BlockingIOError):
                with contextlib.suppress(ConnectionResetError):
                    assert each.recv(1) == b""
                closed += 1
        assert closed >= 150
