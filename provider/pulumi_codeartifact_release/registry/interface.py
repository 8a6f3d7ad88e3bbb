"""The registry operations that publishing needs.

    registry: Registry = ...
    state = registry.describe(coordinates)          # status and revision, or VersionNotFoundError
    listing = registry.list_assets(coordinates)     # revision and every asset with its SHA-256

Implementations map every failure to one of `errors`. The terms are CodeArtifact's own: a *version* of a
*package* in a *namespace* consists of *assets*; every change gives the version a new *revision*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import BinaryIO, Protocol

MAX_PAGE_SIZE = 1000
"""Versions or assets in one response: the maximum of the service."""


class Status(StrEnum):
    """The status of a package version. A deleted version does not exist."""

    UNFINISHED = "Unfinished"
    PUBLISHED = "Published"
    UNLISTED = "Unlisted"
    ARCHIVED = "Archived"
    DISPOSED = "Disposed"


@dataclass(frozen=True)
class Coordinates:
    """The location of a package version.

    Attributes:
        domain_owner: the 12-digit account that owns the domain; None for the caller's.
    """

    domain: str
    repository: str
    namespace: str
    package: str
    version: str
    domain_owner: str | None = None

    @property
    def name(self) -> str:
        """`namespace/package@version`, as permissions and plans write it."""
        return f"{self.namespace}/{self.package}@{self.version}"

    def __str__(self) -> str:
        place = f"{self.domain}/{self.repository}"
        return f"{self.name} in {place}" if self.package else place


@dataclass(frozen=True)
class Asset:
    """One file of a version: its name in the registry, its size in bytes, its SHA-256 in lower-case hex."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class VersionState:
    """Status and revision of a version at one moment.

    Attributes:
        revision: opaque; another one after every change.
        published_time: when it was first Published in this repository; None if the registry does not say.
        answered_at: the registry's time of the response; None if the registry does not say.
    """

    status: Status
    revision: str
    published_time: datetime | None = field(default=None, compare=False)
    answered_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True)
class AssetListing:
    """All assets of a version, by name, at one revision."""

    revision: str
    assets: Mapping[str, Asset]


@dataclass(frozen=True)
class VersionSummary:
    """A version as the list of a package's versions shows it: without its time and its assets."""

    version: str
    status: Status
    revision: str


class Registry(Protocol):
    """One registry with one caller's credentials. Thread-safe.

    Every method may raise any `errors.RegistryError`; publishing handles those named below.
    """

    def describe(self, at: Coordinates) -> VersionState:
        """Return status and revision. Raises VersionNotFoundError."""

    def list_assets(self, at: Coordinates) -> AssetListing:
        """Return every asset, from all pages. Raises VersionNotFoundError."""

    def publish_asset(self, at: Coordinates, asset: Asset, body: BinaryIO, *, unfinished: bool) -> VersionState:
        """Send one asset; without `unfinished` this publishes the version.

        `body` is seekable and yields exactly `asset.size` bytes. Sending the same asset again changes nothing.
        Raises RegistryConflictError if the version has other content under that name or is final.
        """

    def set_status(self, at: Coordinates, *, revision: str, expected: Status, target: Status) -> VersionState:
        """Set the version's status to `target` if it is still `expected` at `revision`: a compare-and-swap.

        Raises StatusRefusedError if it is not.
        """

    def fetch_asset(self, at: Coordinates, asset: Asset, write: Callable[[bytes], object]) -> None:
        """Download one asset: `write` gets its unverified bytes in order.

        Raises VersionNotFoundError if there is no such version or asset.
        """

    def copy(
        self, at: Coordinates, *, source_repository: str, revision: str, allow_overwrite: bool
    ) -> VersionState | None:
        """Copy the version from another repository of its domain to `at`, if it is still at `revision` there.

        Returns the copy's state, None if the response does not contain it. An existing version stays, unless
        `allow_overwrite`. Raises StatusRefusedError if nothing was copied: `reason` is ALREADY_EXISTS,
        MISMATCHED_REVISION, NOT_FOUND or NOT_ALLOWED.
        """

    def list_versions(
        self, at: Coordinates, *, status: Status | None = None, page_size: int = MAX_PAGE_SIZE
    ) -> Iterator[VersionSummary]:
        """Yield the versions of the package at `at`, the one that was Published last first; none without a package.

        Each page of `page_size` versions is requested when it is needed. `status` is that of all versions; None for
        any. A version whose status changes meanwhile may come twice, or not at all.
        """

    def delete(self, at: Coordinates, *, expected: Status) -> None:
        """Delete the version, if it is still `expected`; the service takes no revision here.

        Raises StatusRefusedError if it is not.
        """

    def dispose(self, at: Coordinates, *, revision: str, expected: Status) -> VersionState:
        """Delete the version's content permanently, if it is still `expected` at `revision`.

        Raises StatusRefusedError if it is not.
        """
