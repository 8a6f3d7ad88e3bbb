"""A registry whose domain and repository are made when they are needed, as a plan sees it.

planning = missing_as_empty(registry)     # describe() of what is not there: no such version, not an error
"""

from __future__ import annotations

from ..errors import MissingDomainError, MissingRepositoryError, VersionNotFoundError
from .delegating import DelegatingRegistry
from .interface import Coordinates, Registry, VersionState


def missing_as_empty(registry: Registry) -> Registry:
    """Return the registry, but that a missing domain or repository reads as one without versions."""
    return _MissingAsEmpty(registry)


class _MissingAsEmpty(DelegatingRegistry):
    def describe(self, at: Coordinates) -> VersionState:
        try:
            return super().describe(at)
        except (MissingDomainError, MissingRepositoryError) as error:
            raise VersionNotFoundError(error.what) from error

    def newest_version(self, at: Coordinates) -> str | None:
        try:
            return super().newest_version(at)
        except (MissingDomainError, MissingRepositoryError):
            return None
