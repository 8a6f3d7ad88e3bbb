"""A registry that delegates every call to another one; subclasses override some of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

from .interface import (
    MAX_PAGE_SIZE,
    Asset,
    AssetListing,
    Coordinates,
    Registry,
    Status,
    VersionState,
    VersionSummary,
)


class DelegatingRegistry:
    """`Registry`: delegates to another."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def describe(self, at: Coordinates) -> VersionState:
        """See `Registry.describe`."""
        return self._registry.describe(at)

    def list_assets(self, at: Coordinates) -> AssetListing:
        """See `Registry.list_assets`."""
        return self._registry.list_assets(at)

    def publish_asset(self, at: Coordinates, asset: Asset, body: BinaryIO, *, unfinished: bool) -> VersionState:
        """See `Registry.publish_asset`."""
        return self._registry.publish_asset(at, asset, body, unfinished=unfinished)

    def set_status(self, at: Coordinates, *, revision: str, expected: Status, target: Status) -> VersionState:
        """See `Registry.set_status`."""
        return self._registry.set_status(at, revision=revision, expected=expected, target=target)

    def fetch_asset(self, at: Coordinates, asset: Asset, write: Callable[[bytes], object]) -> None:
        """See `Registry.fetch_asset`."""
        self._registry.fetch_asset(at, asset, write)

    def copy(
        self, at: Coordinates, *, source_repository: str, revision: str, allow_overwrite: bool
    ) -> VersionState | None:
        """See `Registry.copy`."""
        return self._registry.copy(
            at, source_repository=source_repository, revision=revision, allow_overwrite=allow_overwrite
        )

    def list_versions(
        self, at: Coordinates, *, status: Status | None = None, page_size: int = MAX_PAGE_SIZE
    ) -> Iterator[VersionSummary]:
        """See `Registry.list_versions`."""
        return self._registry.list_versions(at, status=status, page_size=page_size)

    def delete(self, at: Coordinates, *, expected: Status) -> None:
        """See `Registry.delete`."""
        self._registry.delete(at, expected=expected)

    def dispose(self, at: Coordinates, *, revision: str, expected: Status) -> VersionState:
        """See `Registry.dispose`."""
        return self._registry.dispose(at, revision=revision, expected=expected)
