"""A proxy between client and registry that can do something at the k-th request: kill, above all.

It passes bodies on block by block as they come, so what it holds back or cuts off is on the server what it would be
had the network done it.
"""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

BEFORE, BODY, AFTER, ANSWER = "before", "body", "after", "answer"
"""Before a request is passed on; with half of its body passed on; with the answer there and not passed on; with half of
the answer's body passed on."""

_BLOCK = 65536


class Proxy:
    """Listens on loopback and passes everything on to `host:port`.

    Attributes:
        requests: method and path of every request since `reset`, in the order in which they came.
        observe: called with the answer of each request there, before it is passed on.
        failures: what `observe` raised.
    """

    def __init__(self, host: str, port: int) -> None:
        self.requests: list[str] = []
        self.failures: list[BaseException] = []
        self.observe: Callable[[], None] = lambda: None
        self._target = (host, port)
        self._lock = threading.Lock()
        self._under_way = 0
        self._at: tuple[int, str] | None = None
        self._act: Callable[[], None] = lambda: None
        self._breaks = True
        self._kind = ""
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def reset(self) -> None:
        """Begin to count anew, once nothing is under way any more; nothing will happen."""
        self.drain()
        with self._lock:
            self.requests = []
            self._at = None

    def arm(self, number: int, moment: str, act: Callable[[], None], *, breaks: bool = True, kind: str = "") -> None:
        """Call `act` once, at this moment of the request of this number (from 1), and break its connections.

        With a `kind`, only requests that hold this text are counted.
        """
        self.reset()
        with self._lock:
            self._at, self._act, self._breaks, self._kind = (number, moment), act, breaks, kind

    @property
    def armed(self) -> bool:
        """Whether what was armed has not happened yet."""
        return self._at is not None

    def drain(self) -> None:
        """Wait until no request is under way."""
        until = time.monotonic() + 20
        while self._under_way and time.monotonic() < until:
            time.sleep(0.002)
        assert not self._under_way, "requests are still under way"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    # --- for the handlers

    def begin(self, request: str) -> int:
        with self._lock:
            self._under_way += 1
            self.requests.append(request)
            return sum(self._kind in each for each in self.requests) if self._kind in request else 0

    def end(self) -> None:
        with self._lock:
            self._under_way -= 1

    def reached(self, number: int, moment: str) -> bool:
        """Act if this is the armed moment; True if the connections are to be broken."""
        with self._lock:
            if self._at != (number, moment):
                return False
            self._at = None
        self._act()
        return self._breaks

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(*self._target, timeout=60)

    def watch(self) -> None:
        try:
            self.observe()
        except BaseException as error:  # noqa: BLE001 - told where the test looks
            self.failures.append(error)


class _Broken(Exception):  # noqa: N818
    """The connections of this request are to be closed."""


class _Handler(BaseHTTPRequestHandler):
    owner: Proxy
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self._behind = self.owner.connect()

    def finish(self) -> None:
        self._behind.close()
        with contextlib.suppress(OSError):
            super().finish()

    def pass_on(self) -> None:
        number = self.owner.begin(f"{self.command} {self.path}")
        try:
            self._pass_on(number)
        except (_Broken, OSError, http.client.HTTPException):
            self.close_connection = True
            self._behind.close()
        finally:
            self.owner.end()

    do_GET = do_POST = do_PUT = do_DELETE = pass_on  # noqa: N815

    def _pass_on(self, number: int) -> None:
        if self.owner.reached(number, BEFORE):
            raise _Broken
        length = int(self.headers.get("content-length") or 0)
        self._behind.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("expect", "connection"):
                self._behind.putheader(name, value)
        self._behind.endheaders()
        self._pass_body(number, length)
        answer = self._behind.getresponse()
        content = answer.read()
        self.owner.watch()
        if self.owner.reached(number, AFTER):
            raise _Broken
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        half = len(content) // 2
        self.wfile.write(content[:half])
        if self.owner.reached(number, ANSWER):
            raise _Broken
        self.wfile.write(content[half:])
        if answer.will_close:
            self.close_connection = True

    def _pass_body(self, number: int, length: int) -> None:
        half, passed = length // 2, 0
        while True:
            if passed == half and self.owner.reached(number, BODY):
                raise _Broken
            if passed == length:
                return
            block = self.rfile.read(min(_BLOCK, (half if passed < half else length) - passed))
            if not block:
                raise _Broken  # the client is gone; so is what it would have sent
            self._behind.send(block)
            passed += len(block)

    def log_message(self, *args: Any) -> None:
        """Nothing is printed."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, *_args: Any) -> None:
        """A client that was killed in the middle is what this is about."""
