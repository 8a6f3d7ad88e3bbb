"""A server with CodeArtifact's API that stores only names and declared hashes, to measure the client.

    python benchmarks/server.py [--port N] [--rate R --burst B] [--quotas]      prints its port

Bodies of assets are dropped by the kernel where it can do that, hashes are believed, signatures ignored. One thread and
one event loop: a report needs no lock, and what it says is of one moment.

`GET /_report` answers what was counted since the start or the last `POST /_reset`; see `Report`.
"""

from __future__ import annotations

import argparse
import gc
import json
import selectors
import signal
import socket
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import parse_qsl

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.server_rules import AWS_QUOTAS, BUNDLE, PUBLISH, Registry, Response, failure

_HEAD_CHUNK = 16 << 10
_BODY_CHUNK = 4 << 20
_LONGEST_HEAD = 64 << 10
# Maximum number of reads of one connection before the others get a turn.
_TURNS = 8
# Linux can discard received data without copying it; elsewhere it is read into a buffer.
_DROP = socket.MSG_TRUNC if sys.platform == "linux" else 0
_PUBLISHES = ("UpdatePackageVersionsStatus", "CopyPackageVersions")
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 409: "Conflict", 411: "Length Required"}


@dataclass
class Report:
    """The counters. Times are of the monotonic clock, in seconds; 0.0 means never.

    Attributes:
        requests: how many, by operation; those on assets and copies also as `operation@repository`.
        throttled: requests that were answered with 429.
        connections: that were opened.
        body_bytes: of the assets.
        first_request: when the first request had arrived.
        last_answer: when the last answer was sent.
        published: when a change of status or a copy made a version Published, in order.
    """

    requests: dict[str, int] = field(default_factory=dict)
    throttled: int = 0
    connections: int = 0
    body_bytes: int = 0
    first_request: float = 0.0
    last_answer: float = 0.0
    published: list[float] = field(default_factory=list)


class Bucket:
    """A token bucket: `rate` tokens per second, at most `burst`; without a rate there is always one."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate, self._burst, self._tokens, self._at = rate, burst, burst, now

    def take(self, now: float) -> bool:
        """Take one, if there is one."""
        if not self._rate:
            return True
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class _Connection:
    """One connection: reads headers and body, then responds."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.head = bytearray()
        self.body = bytearray()
        self.left = 0
        self.request: tuple[str, dict[str, str], dict[str, str]] | None = None
        self.out = b""
        self.last = False


class Server:
    """Listens on loopback; `run` serves until `stop`."""

    def __init__(self, port: int = 0, rate: float = 0.0, burst: float = 0.0, *, quotas: bool = False) -> None:
        self.report = Report()
        self._registry = Registry()
        now = time.monotonic()
        self._buckets = {name: Bucket(each, each, now) for name, each in (AWS_QUOTAS if quotas else {}).items()}
        if rate or not quotas:
            self._buckets["PublishPackageVersion"] = Bucket(rate, burst or rate, now)
        self._selector = selectors.DefaultSelector()
        self._scratch = bytearray(_BODY_CHUNK)
        self._stopped = False
        self._listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self.port: int = self._listener.getsockname()[1]

    def stop(self) -> None:
        """Make `run` return within half a second. Can be called from any thread."""
        self._stopped = True

    def run(self) -> None:
        """Serve."""
        try:
            while not self._stopped:
                for key, events in self._selector.select(0.5):
                    if key.data is None:
                        self._accept()
                    else:
                        self._serve(key.data, events)
        finally:
            for key in list(self._selector.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]
            self._selector.close()

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.report.connections += 1
        self._selector.register(sock, selectors.EVENT_READ, _Connection(sock))

    def _serve(self, connection: _Connection, events: int) -> None:
        try:
            if events & selectors.EVENT_WRITE:
                self._flush(connection)
            elif not self._read(connection):
                self._close(connection)
        except BlockingIOError:
            pass
        except OSError:
            self._close(connection)

    def _close(self, connection: _Connection) -> None:
        self._selector.unregister(connection.sock)
        connection.sock.close()

    def _read(self, connection: _Connection) -> bool:
        """Read available data, within limits. Returns whether the connection stays open."""
        for _ in range(_TURNS):
            if connection.request is None:
                chunk = connection.sock.recv(_HEAD_CHUNK)
                if not chunk:
                    return False
                connection.head += chunk
                alive = self._advance(connection)
            else:
                alive = self._read_body(connection, *connection.request)
            if not alive or connection.out:
                return alive
        return True

    def _advance(self, connection: _Connection) -> bool:
        """Handle complete requests, and start the next."""
        while connection.request is None and not connection.out:
            end = connection.head.find(b"\r\n\r\n")
            if end < 0:
                return len(connection.head) < _LONGEST_HEAD
            lines = connection.head[:end].decode("latin-1").split("\r\n")
            del connection.head[: end + 4]
            method, target, _version = lines[0].split(" ", 2)
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            path, _, query = target.partition("?")
            words = dict(parse_qsl(query, keep_blank_values=True))
            connection.last = headers.get("connection", "").lower() == "close"
            if "transfer-encoding" in headers:
                connection.last = True
                self._answer(connection, failure(411, "ValidationException", "a Content-Length is needed"))
                return True
            if headers.get("expect", "").lower() == "100-continue":
                connection.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.report.first_request = self.report.first_request or time.monotonic()
            connection.request = (f"{method} {path}", words, headers)
            connection.left = int(headers.get("content-length") or 0)
            begun = bytes(connection.head[: connection.left])
            del connection.head[: len(begun)]
            if not self._take(connection, connection.request[0], len(begun), begun):
                return True
        return True

    def _read_body(self, connection: _Connection, route: str, words: dict[str, str], _headers: dict[str, str]) -> bool:
        if route == PUBLISH and words["asset"] != BUNDLE:
            count = connection.sock.recv_into(self._scratch, min(connection.left, _BODY_CHUNK), _DROP)
            chunk = b""
        else:
            chunk = connection.sock.recv(min(connection.left, _BODY_CHUNK))
            count = len(chunk)
        if not count:
            return False
        if self._take(connection, route, count, chunk):
            return self._advance(connection)
        return True

    def _take(self, connection: _Connection, route: str, count: int, chunk: bytes) -> bool:
        """Count a part of the body. Returns whether the request is complete and was handled."""
        connection.left -= count
        if route == PUBLISH:
            self.report.body_bytes += count
        connection.body += chunk
        if connection.left:
            return False
        assert connection.request is not None
        self._answer(connection, self._handle(*connection.request, bytes(connection.body)))
        connection.request = None
        connection.body.clear()
        return True

    def _handle(self, route: str, words: dict[str, str], headers: dict[str, str], body: bytes) -> Response:
        if route == "GET /_report":
            return Response(200, asdict(self.report))
        if route == "POST /_reset":
            self.report = Report()
            return Response(200, {})
        operation = self._registry.operation(route)
        repository = words.get("repository") or words.get("destination-repository")
        for name in (operation, f"{operation}@{repository}"):
            self.report.requests[name] = self.report.requests.get(name, 0) + 1
        bucket = self._buckets.get(operation)
        if bucket and not bucket.take(time.monotonic()):
            self.report.throttled += 1
            return Response(429, {"message": "Rate exceeded"}, "ThrottlingException", {"Retry-After": "1"})
        try:
            answer = self._registry.answer(route, words, headers, body)
        except (KeyError, ValueError, TypeError) as error:
            return failure(400, "ValidationException", f"not understood: {error!r}")
        if operation in _PUBLISHES and answer.content.get("successfulVersions"):
            self.report.published.append(time.monotonic())
        return answer

    def _answer(self, connection: _Connection, answer: Response) -> None:
        body = answer.content if isinstance(answer.content, bytes) else json.dumps(answer.content).encode()
        extra = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        if answer.error:
            extra += f"x-amzn-ErrorType: {answer.error}\r\n"
        if connection.last:
            extra += "Connection: close\r\n"
        head = (
            f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Error')}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n{extra}\r\n"
        )
        connection.out += head.encode() + body
        self._flush(connection)

    def _flush(self, connection: _Connection) -> None:
        try:
            sent = connection.sock.send(connection.out)
        except BlockingIOError:
            sent = 0
        connection.out = connection.out[sent:]
        if connection.out:
            self._selector.modify(connection.sock, selectors.EVENT_WRITE, connection)
            return
        self.report.last_answer = time.monotonic()
        if connection.last:
            raise ConnectionAbortedError
        if self._selector.get_key(connection.sock).events != selectors.EVENT_READ:
            self._selector.modify(connection.sock, selectors.EVENT_READ, connection)
            # Data after the last request was read already, so there will be no event for it.
            self._advance(connection)


def main(words: list[str] | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="port to listen on; default: any free one")
    parser.add_argument("--rate", type=float, default=0.0, help="uploads a second; more are answered with 429")
    parser.add_argument("--burst", type=float, default=0.0, help="uploads at once; default: the rate")
    parser.add_argument("--quotas", action="store_true", help="the default quotas of AWS, for all requests")
    given: Any = parser.parse_args(words)
    server = Server(given.port, given.rate, given.burst, quotas=given.quotas)

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    # The stored objects have no cycles.
    gc.disable()
    print(server.port, flush=True)
    try:
        server.run()
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
