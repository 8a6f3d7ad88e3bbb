"""Where the bytes of declared assets come from: files, memory, or another repository."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from .plan import Plan


class AssetSource(Protocol):
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

    def verify_unchanged(self) -> None:
        """Raise FileChangedError if it is known, without reading it, that it is not that content any more."""

    def rehash(self) -> None:
        """Read the content anew. Raises FileChangedError, and forgets the hash, if it is not that of the content."""


def verify_cached_hashes(plan: Plan, sources: Mapping[str, AssetSource]) -> None:
    """Raise FileChangedError if what stands in the way of a plan is a hash that a cache has wrong."""
    for difference in plan.differences:
        source = sources.get(difference.name)
        if source and source.cached:
            source.rehash()
