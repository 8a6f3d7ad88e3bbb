"""What the command line remembers of versions, so that one that has not moved takes one request, not two.

    memory = Memory(target.site, believed=True)
    memory.load(versions)
    remote, spared = memory.look(release, scheduler)
    memory.save()

It leads to nothing but "unchanged": whatever else is to be done is decided from what the registry lists.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress

from ..errors import ReleaseError, VersionNotFoundError
from ..hashing import default_folder
from ..publishing import Release, RemoteVersion, Scheduler, digest, look
from ..registry.interface import Coordinates, VersionState
from ..registry.remembered import RememberedVersions, Unlisted
from .target import Site

# Files may take long to be hashed, and what was answered before is no news then.
_FRESH_S = 1.0


class Memory:
    """What is remembered of one environment's repository. What is not `believed` is only taken note of.

    Attributes:
        asks_after: whether a version that was just published is asked for once more, to be remembered.
    """

    def __init__(self, site: Site, *, believed: bool = True) -> None:
        folder, connection = site.endpoint.folder, site.connection
        # The port of an embedded registry is another one in each run.
        endpoint = f"file:{folder.resolve()}" if folder else connection.url
        where = (endpoint, connection.region, site.account, site.destination.profile)
        # They use no revision again, so that the one that publishing was answered with is all there is to know.
        unique = site.endpoint.is_aws or folder is not None
        self.asks_after = not unique
        self._versions = RememberedVersions(default_folder(), where, unique_revisions=unique)
        self._site = site
        self._believed = believed
        self._described: dict[Coordinates, tuple[VersionState, float]] = {}

    def load(self, versions: Iterable[Coordinates]) -> None:
        """Read what is remembered of these versions, all at once."""
        if self._believed:
            self._versions.load(versions)

    def look(self, release: Release, scheduler: Scheduler) -> tuple[RemoteVersion | None, int]:
        """Return what the registry holds, None where there is no such version; and how many requests that spared.

        Where one was spared, it holds just what is declared, in the declared status. -1: it was asked for twice.
        """
        found = self._described.pop(release.at, None)
        fresh = found is not None and time.monotonic() - found[1] < _FRESH_S
        registry = Unlisted(
            self._site.connection.planning,
            self._versions,
            release.assets,
            release.status,
            digest,
            believed=self._believed,
            described=found[0] if found and fresh else None,
        )
        remote = look(registry, release.at, scheduler)
        return remote, int(remote is not None and registry.spared) - int(found is not None and not fresh)

    def finds(self, at: Coordinates) -> bool:
        """Return whether there is such a version; a look right after this goes on from what was answered."""
        try:
            self._described[at] = self._site.connection.planning.describe(at), time.monotonic()
        except VersionNotFoundError:
            return False
        return True

    def published(self, at: Coordinates, state: VersionState, release_digest: str) -> None:
        """Take note of a version that was just published, or found to be: in this state it holds what is declared."""
        if self.asks_after:
            with suppress(ReleaseError):
                described = self._site.connection.registry.describe(at)
                if described == state:
                    self._versions.remember(at, described, release_digest)
        else:
            self._versions.remember(at, state, release_digest)

    def save(self) -> None:
        """Keep what is new, all at once."""
        self._versions.save()
