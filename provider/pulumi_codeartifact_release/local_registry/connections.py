"""What one connection may take before it has shown a key: bytes of headers, and time; and how many there may be.

httptools joins the parts of a header for as long as it grows, and uvicorn gives a silent connection all the time it
wants: both are bounded here.
"""

from __future__ import annotations

import asyncio
import resource
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .app import SEVER

HEAD_BYTES = 64 * 1024
"""Of a request line with its headers. As much may pass without any of a body: trailers, or extensions of chunks."""

HEAD_SECONDS = 30.0
"""From the first byte of a request, or the connection itself, to the end of its headers."""

PIPELINED = 16
"""Requests that may come before the first of them is answered."""

_REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


_DESCRIPTORS, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
MOST_CONNECTIONS = 512 if _DESCRIPTORS == resource.RLIM_INFINITY else max(16, min(512, _DESCRIPTORS // 2))
"""At a time. The other half of the descriptors is for the files that they are opened for."""


class _TooMuchError(Exception):
    """Raised in a callback of the parser, which stops at it."""


class BoundedProtocol(HttpToolsProtocol):
    """HTTP with bounds, that tells the application how to close the connection, which ASGI has no word for.

    Attributes:
        heard_at: when something came last, in the loop's time.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.heard_at = 0.0
        self._head_bytes = 0
        self._idle_bytes = 0
        self._progress = False
        self._head_timer: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Whether this connection has not been closed by us."""
        return not self.transport.is_closing()

    @property
    def waits(self) -> bool:
        """Whether no request of this connection is being answered, so that nobody would miss it."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection; of too many, one that only waits has to go."""
        super().connection_made(transport)
        self.heard_at = self.loop.time()
        self._expect_head()
        if len(self.connections) > MOST_CONNECTIONS:
            others = [each for each in self.connections if isinstance(each, BoundedProtocol) and each.is_open]
            if len(others) > MOST_CONNECTIONS:
                # First those that never asked for anything: a client means to use the others again.
                waiting = (each for each in others if each.waits)
                min(waiting, key=lambda each: (each.cycle is not None, each.heard_at)).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._have_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        self.heard_at = self.loop.time()
        if self.waits:
            self._expect_head()
        self._progress = False
        super().data_received(data)
        self._idle_bytes = 0 if self._progress else self._idle_bytes + len(data)
        if self._idle_bytes > HEAD_BYTES:
            self._refuse()

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._progress = True
        self._head_bytes = 0
        self.scope["extensions"] = {SEVER: self.transport.abort}  # type: ignore[dict-item]

    def on_url(self, url: bytes) -> None:
        """Take a part of the request line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer."""
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand the request over."""
        self._progress = True
        self._have_head()
        if len(self.pipeline) >= PIPELINED:
            self._refuse()
            raise _TooMuchError
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Hand a part of the body over."""
        self._progress = True
        super().on_body(body)

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > HEAD_BYTES:
            self._refuse()
            raise _TooMuchError

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, unless it was refused for its size."""
        if self.is_open:
            super().send_400_response(msg)

    def _refuse(self) -> None:
        if self.waits:
            self.transport.write(_REFUSAL)
            self.transport.close()
        else:
            self.transport.abort()  # an answer is under way, and another in the middle of it would be part of it

    def _expect_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _have_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
