"""A registry whose domain and repository are made when they are needed, as a plan sees it.

planning = empty_until_prepared(registry)     # describe() of what is not there: no such version, not an error
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from ..errors import MissingDomainError, MissingRepositoryError, VersionNotFoundError
from .interface import Asset, AssetListing, Coordinates, Registry, Status, VersionState


def empty_until_prepared(registry: Registry) -> Registry:
    """Return the registry, but that a missing domain or repository reads as one without versions."""
    return _EmptyUntilPrepared(registry)


class _EmptyUntilPrepared:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def describe(self, at: Coordinates) -> VersionState:
        try:
            return self._registry.describe(at)
        except (MissingDomainError, MissingRepositoryError) as error:
            raise VersionNotFoundError(error.what) from error

    def list_assets(self, at: Coordinates) -> AssetListing:
        return self._registry.list_assets(at)

    def publish_asset(self, at: Coordinates, asset: Asset, body: BinaryIO, *, unfinished: bool) -> VersionState:
        return self._registry.publish_asset(at, asset, body, unfinished=unfinished)

    def set_status(self, at: Coordinates, *, revision: str, expected: Status, target: Status) -> VersionState:
        return self._registry.set_status(at, revision=revision, expected=expected, target=target)

    def fetch_asset(self, at: Coordinates, asset: Asset, write: Callable[[bytes], object]) -> None:
        self._registry.fetch_asset(at, asset, write)

    def copy(
        self, at: Coordinates, *, source_repository: str, revision: str, allow_overwrite: bool
    ) -> VersionState | None:
        return self._registry.copy(
            at, source_repository=source_repository, revision=revision, allow_overwrite=allow_overwrite
        )

    def newest_version(self, at: Coordinates) -> str | None:
        try:
            return self._registry.newest_version(at)
        except (MissingDomainError, MissingRepositoryError):
            return None

    def delete(self, at: Coordinates, *, expected: Status) -> None:
        self._registry.delete(at, expected=expected)

    def dispose(self, at: Coordinates, *, revision: str, expected: Status) -> VersionState:
        return self._registry.dispose(at, revision=revision, expected=expected)
