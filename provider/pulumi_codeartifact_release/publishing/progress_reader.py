"""A request body that tells how far it has been read."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO

from ..errors import FileChangedError

# Progress is for people: finer steps than this cost more than they show.
_STEP = 1 << 20


class ProgressReader(io.RawIOBase):
    """Exactly `size` bytes of `body`, seekable, telling `on_position` where the reader is about every MiB.

    Raises FileChangedError if `body` ends early: without this, a client that has promised `size` bytes would leave
    the server waiting for the rest.
    """

    def __init__(self, body: BinaryIO, size: int, on_position: Callable[[int], None]) -> None:
        super().__init__()
        self._body = body
        self._size = size
        self._on_position = on_position
        self._position = 0
        self._reported = 0
        # Where the next byte of `body` comes from; None where that is not known.
        self._body_position: int | None = None

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True: a request that is sent again starts over."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; SEEK_END is relative to the declared size."""
        # `body` itself moves when it is read: clients find the length by seeking to the end and back.
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        # For the same reason only a real step back is news.
        if self._position < self._reported and whence == io.SEEK_SET:
            self._report()
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """Return at most `size` bytes, or all that is left; b"" at the declared size."""
        left = self._size - self._position
        wanted = left if size is None or size < 0 else min(size, left)
        parts: list[bytes] = []
        while wanted > 0:
            parts.append(self._next(wanted))
            wanted -= len(parts[-1])
            if size is not None and size >= 0:
                break
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readall(self) -> bytes:
        """Return all that is left."""
        return self.read()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read into `buffer`; returns the count, 0 at the declared size."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _next(self, wanted: int) -> bytes:
        if self._body_position != self._position:
            self._body.seek(self._position)
        self._body_position = None
        data = self._body.read(wanted)
        if not data:
            raise FileChangedError(
                f"the content ended after {self._position:,} of {self._size:,} bytes",
                hint="Nothing was published. Finish building before releasing, then run again.",
            )
        self._body_position = self._position = self._position + len(data)
        if self._position - self._reported >= _STEP:
            self._report()
        return data

    def _report(self) -> None:
        self._reported = self._position
        self._on_position(self._position)
