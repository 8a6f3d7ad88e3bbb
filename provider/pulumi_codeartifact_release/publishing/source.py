"""Where the bytes of declared assets come from: the interface that hashed files and bytes in memory both have."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol


class Source(Protocol):
    """Content whose SHA-256 and size are known, and that refuses to be anything else."""

    @property
    def sha256(self) -> str:
        """Lower-case hex."""

    @property
    def size(self) -> int:
        """Bytes."""

    def open(self) -> AbstractContextManager[BinaryIO]:
        """Yield a seekable stream. Raises FileChangedError, at the latest at the end, if it is not that content."""
