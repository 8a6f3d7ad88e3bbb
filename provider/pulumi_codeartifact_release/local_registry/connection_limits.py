"""Limits for unauthenticated connections: the size of the headers, the time to send them, the number of connections.

httptools and uvicorn have no limit for the size of a header or the time of an idle connection.
"""

from __future__ import annotations

import asyncio
import resource
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .app import SEVER

HEAD_BYTES = 64 * 1024
"""Maximum size of the request line and headers; also of trailers and chunk extensions between two parts of a body."""

HEAD_SECONDS = 30.0
"""Maximum time from the connection, or from the first byte of a request, to the end of its headers."""

PIPELINED = 16
"""Maximum number of requests that wait for the response to an earlier one."""

_REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


_DESCRIPTORS, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
MAX_CONNECTIONS = 512 if _DESCRIPTORS == resource.RLIM_INFINITY else max(16, min(512, _DESCRIPTORS // 2))
"""Maximum number of open connections. The other half of the file descriptors is for the files of requests."""


class _TooMuchError(Exception):
    """Raised in a callback of the parser to stop it."""


class BoundedProtocol(HttpToolsProtocol):
    """HTTP with limits, and with the extension SEVER, because ASGI has no way to close a connection.

    Attributes:
        last_received_at: when data last arrived, in the time of the event loop.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.last_received_at = 0.0
        self._head_bytes = 0
        self._idle_bytes = 0
        self._progress = False
        self._head_timer: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """True until this side closes the connection."""
        return not self.transport.is_closing()

    @property
    def is_idle(self) -> bool:
        """True if no request on this connection is in progress."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection. Above the maximum, close an idle one."""
        super().connection_made(transport)
        self.last_received_at = self.loop.time()
        self._start_head_timer()
        if len(self.connections) > MAX_CONNECTIONS:
            others = [other for other in self.connections if isinstance(other, BoundedProtocol) and other.is_open]
            if len(others) > MAX_CONNECTIONS:
                # Prefer one without any request so far: the client of the others probably reuses them.
                idle = (other for other in others if other.is_idle)
                min(idle, key=lambda other: (other.cycle is not None, other.last_received_at)).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timer."""
        self._stop_head_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse the data, and refuse too much of it without progress."""
        self.last_received_at = self.loop.time()
        if self.is_idle:
            self._start_head_timer()
        self._progress = False
        super().data_received(data)
        self._idle_bytes = 0 if self._progress else self._idle_bytes + len(data)
        if self._idle_bytes > HEAD_BYTES:
            self._refuse()

    def on_message_begin(self) -> None:
        """Start a request."""
        super().on_message_begin()
        self._progress = True
        self._head_bytes = 0
        self.scope["extensions"] = {SEVER: self.transport.abort}  # type: ignore[dict-item]

    def on_url(self, url: bytes) -> None:
        """Count a part of the request line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header or a trailer."""
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the application for the request, unless too many wait."""
        self._progress = True
        self._stop_head_timer()
        if len(self.pipeline) >= PIPELINED:
            self._refuse()
            raise _TooMuchError
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass a part of the body to the application."""
        self._progress = True
        super().on_body(body)

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > HEAD_BYTES:
            self._refuse()
            raise _TooMuchError

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, unless it was refused for its size before."""
        if self.is_open:
            super().send_400_response(msg)

    def _refuse(self) -> None:
        if self.is_idle:
            self.transport.write(_REFUSAL)
            self.transport.close()
        else:
            self.transport.abort()  # a second response would end up in the middle of the one that is being sent

    def _start_head_timer(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
