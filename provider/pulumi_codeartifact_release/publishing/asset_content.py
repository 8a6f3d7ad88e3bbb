"""The content of an asset: from a file, from memory, or from another repository."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, BinaryIO, Protocol

from ..registry.interface import Asset

if TYPE_CHECKING:
    from .plan import Plan


class AssetContent(Protocol):
    """The content of one asset, with the SHA-256 and the size that it must have."""

    @property
    def sha256(self) -> str:
        """Lower-case hex."""

    @property
    def size(self) -> int:
        """Bytes."""

    def open(self) -> AbstractContextManager[BinaryIO]:
        """Yield a seekable stream. Raises FileChangedError, at the end at the latest, if the content changed."""

    @property
    def cached(self) -> bool:
        """Whether the hash is from the cache, so that the content was not read."""

    def verify_unchanged(self) -> None:
        """Raise FileChangedError if the content changed, as far as that shows without reading it."""

    def rehash(self) -> None:
        """Read and hash the content again. Raises FileChangedError, and drops the cached hash, if they differ."""


def assets_of_contents(contents: Mapping[str, AssetContent]) -> tuple[Asset, ...]:
    """Return the asset of each content, by name."""
    return tuple(Asset(name, content.size, content.sha256) for name, content in contents.items())


def sizes(contents: Mapping[str, AssetContent]) -> dict[str, int]:
    """Return the size of each content in bytes, by name."""
    return {name: content.size for name, content in contents.items()}


def verify_cached_hashes(plan: Plan, contents: Mapping[str, AssetContent]) -> None:
    """Read the files whose cached hashes differ from the registry. Raises FileChangedError if a hash is wrong."""
    for difference in plan.differences:
        content = contents.get(difference.name)
        if content and content.cached:
            content.rehash()
