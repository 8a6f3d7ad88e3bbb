"""A registry in which a missing domain or repository is an empty one: that of a `file:` endpoint creates them later.

registry = missing_as_empty(registry)     # describe() then raises VersionNotFoundError
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from ..errors import MissingDomainError, MissingRepositoryError, VersionNotFoundError
from .delegating import DelegatingRegistry
from .interface import MAX_PAGE_SIZE, Coordinates, Registry, Status, VersionState, VersionSummary


def missing_as_empty(registry: Registry) -> Registry:
    """Return the registry, with missing domains and repositories as empty ones."""
    return _MissingAsEmpty(registry)


class _MissingAsEmpty(DelegatingRegistry):
    def describe(self, at: Coordinates) -> VersionState:
        try:
            return self._registry.describe(at)
        except (MissingDomainError, MissingRepositoryError) as error:
            raise VersionNotFoundError(error.message) from error

    def list_versions(
        self, at: Coordinates, *, status: Status | None = None, page_size: int = MAX_PAGE_SIZE
    ) -> Iterator[VersionSummary]:
        with suppress(MissingDomainError, MissingRepositoryError):
            yield from self._registry.list_versions(at, status=status, page_size=page_size)
