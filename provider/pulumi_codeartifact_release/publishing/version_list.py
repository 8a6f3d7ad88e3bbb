"""The versions of one package in a repository, with their digests and sizes. Only reads.

chosen = choose_versions(registry.list_versions(package), limit=20, always={"1.4.2"})
versions = [describe_version(registry, replace(package, version=name), scheduler) for name in chosen.versions]
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import datetime

from ..registry.interface import Coordinates, Registry, Status, VersionSummary
from .drift import COMPLETE
from .read_version import read_version
from .scheduler import Scheduler


@dataclass(frozen=True)
class ChosenVersions:
    """Some versions of a package.

    Attributes:
        versions: in the order of the registry, the one that was Published last first.
        total: how many versions the package has.
    """

    versions: tuple[str, ...]
    total: int


@dataclass(frozen=True)
class VersionDescription:
    """A version without the names of its assets, so that many of them fit in memory.

    Attributes:
        published_time: when it was first Published in this repository; None if the registry does not say.
        digest: None for a version without all of its bytes: Unfinished or Disposed.
        assets: their number.
        size: of all assets, in bytes.
    """

    version: str
    status: Status
    revision: str
    published_time: datetime | None
    digest: str | None
    assets: int
    size: int


def choose_versions(summaries: Iterable[VersionSummary], limit: int | None, always: Set[str]) -> ChosenVersions:
    """Choose the first `limit` versions (None: all), and those in `always`."""
    chosen: dict[str, None] = {}
    total = 0
    for summary in summaries:
        total += 1
        if limit is None or total <= limit or summary.version in always:
            chosen[summary.version] = None
    return ChosenVersions(tuple(chosen), total)


def describe_version(registry: Registry, at: Coordinates, scheduler: Scheduler) -> VersionDescription | None:
    """Read a version; None if it does not exist any more. Raises any RegistryError."""
    remote = read_version(registry, at, scheduler)
    if remote is None:
        return None
    state, assets = remote.state, remote.assets.values()
    digest = remote.digest if state.status in COMPLETE else None
    size = sum(asset.size for asset in assets)
    return VersionDescription(at.version, state.status, state.revision, state.published_time, digest, len(assets), size)
