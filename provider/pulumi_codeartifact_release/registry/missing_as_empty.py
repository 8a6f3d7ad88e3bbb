"""A registry in which a missing domain or repository is an empty one: that of a `file:` endpoint creates them later.

registry = missing_as_empty(registry)     # describe() then raises VersionNotFoundError
"""

from __future__ import annotations

from ..errors import MissingDomainError, MissingRepositoryError, VersionNotFoundError
from .delegating import DelegatingRegistry
from .interface import Coordinates, Registry, VersionState


def missing_as_empty(registry: Registry) -> Registry:
    """Return the registry, with missing domains and repositories as empty ones."""
    return _MissingAsEmpty(registry)


class _MissingAsEmpty(DelegatingRegistry):
    def describe(self, at: Coordinates) -> VersionState:
        try:
            return self._registry.describe(at)
        except (MissingDomainError, MissingRepositoryError) as error:
            raise VersionNotFoundError(error.message) from error

    def newest_version(self, at: Coordinates) -> str | None:
        try:
            return self._registry.newest_version(at)
        except (MissingDomainError, MissingRepositoryError):
            return None
