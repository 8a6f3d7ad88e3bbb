"""A request body that reports how far it has been read."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO

from ..errors import FileChangedError

# Finer steps would cost time and show people nothing more.
_STEP = 1 << 20


class ProgressReader(io.RawIOBase):
    """Exactly `size` bytes of `body`, seekable. Calls `on_position` with the position about every MiB.

    Raises FileChangedError if `body` ends early. Otherwise the server would wait for bytes that never come.
    """

    def __init__(self, body: BinaryIO, size: int, on_position: Callable[[int], None]) -> None:
        super().__init__()
        self._body = body
        self._size = size
        self._on_position = on_position
        self._position = 0
        self._reported = 0
        # The position of `body` itself; None if it is not known.
        self._body_position: int | None = None

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True: a request that is repeated starts at 0."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position. SEEK_END is relative to the declared size."""
        # Only reads move `body`: clients seek to the end and back to find the length.
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        # For the same reason only a restart is reported.
        if self._position < self._reported and whence == io.SEEK_SET:
            self._report()
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """Return at most `size` bytes, or all that remain; b"" at the end."""
        remaining = self._size - self._position
        missing = remaining if size is None or size < 0 else min(size, remaining)
        parts: list[bytes] = []
        while missing > 0:
            parts.append(self._next(missing))
            missing -= len(parts[-1])
            if size is not None and size >= 0:
                break
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readall(self) -> bytes:
        """Return all bytes that remain."""
        return self.read()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read into `buffer`. Returns the number of bytes; 0 at the end."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _next(self, missing: int) -> bytes:
        if self._body_position != self._position:
            self._body.seek(self._position)
        self._body_position = None
        data = self._body.read(missing)
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
