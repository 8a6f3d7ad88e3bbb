"""Where the bytes of declared assets come from: files, memory, or another repository."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from .plan import Release, Route
    from .scheduler import Scheduler


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

    def assure(self) -> None:
        """Raise FileChangedError if it is known, without reading it, that it is not that content any more."""


class CopySource(Protocol):
    """The version that a promotion takes over, as far as the executor has to know it."""

    @property
    def route(self) -> Route:
        """How the bytes get to the destination."""

    @property
    def repository(self) -> str:
        """The repository that it is in."""

    def revision(self, release: Release, scheduler: Scheduler) -> str:
        """Return the revision at which it holds `release` and may be promoted. Raises PinError or GateError."""

    def doubt(self) -> None:
        """Take note that it may have moved: it is judged again before anything else is taken from it."""
