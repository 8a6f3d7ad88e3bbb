"""Where the bytes of declared assets come from: files, memory, or another repository."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from .plan import Plan, Release, Route
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

    @property
    def cached(self) -> bool:
        """Whether the hash was taken from a cache, and the content not read."""

    def assure(self) -> None:
        """Raise FileChangedError if it is known, without reading it, that it is not that content any more."""

    def recheck(self) -> None:
        """Read the content anew. Raises FileChangedError, and forgets the hash, if it is not that of the content."""


def recheck_cached(plan: Plan, sources: Mapping[str, Source]) -> None:
    """Raise FileChangedError if what stands in the way of a plan is a hash that a cache has wrong."""
    for difference in plan.differences:
        source = sources.get(difference.name)
        if source and source.cached:
            source.recheck()


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
