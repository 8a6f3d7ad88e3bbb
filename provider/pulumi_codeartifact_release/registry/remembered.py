"""What versions were seen to hold, between runs: so that one that has not moved need not be listed again.

    versions = RememberedVersions(default_folder(), ["https://…", "eu-west-1"], unique_revisions=False)
    versions.load([at])
    looking = Unlisted(registry, versions, assets, Status.PUBLISHED, digest)
    looking.list_assets(at)             # no request, where it surely holds just these assets
    versions.save()

A state is a status and a revision; and the time of publishing, unless the registry is known never to use a revision
again: one that counts them may do so for a version that was deleted and published anew, at another time. What has no
such time, or may still grow, is neither remembered nor believed. It only ever saves work: see `private_db`.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from pathlib import Path

from ..private_db import PrivateDatabase
from .forwarding import Forwarding
from .interface import Asset, AssetListing, Coordinates, Registry, Status, VersionState

# Raised together with any change of the table, or of what goes into a key or a state.
_FILE_NAME = "versions-1.sqlite3"
_TABLE = """
CREATE TABLE IF NOT EXISTS versions (
    place BLOB NOT NULL PRIMARY KEY, state BLOB NOT NULL, digest TEXT NOT NULL, written INTEGER NOT NULL
) WITHOUT ROWID
"""
_PRUNE = "DELETE FROM versions WHERE place IN (SELECT place FROM versions ORDER BY written DESC LIMIT -1 OFFSET ?)"
_MOST_ROWS = 100_000
_ROWS_KEPT = 80_000
# SQLite's own limit on bound values is 32,766 in every build since 2020.
_CHUNK = 5_000
_SETTLED = timedelta(seconds=2)


class RememberedVersions:
    """The versions of one registry, as one user's machine remembers them, in `folder`. Thread-safe; never raises.

    `where` says which registry it is: its URL, or the folder that it is kept in, its region, whose it is.
    """

    def __init__(self, folder: Path, where: Sequence[str | None], *, unique_revisions: bool) -> None:
        self._db = PrivateDatabase(folder / _FILE_NAME, _TABLE)
        self._where = tuple(where)
        self._unique = unique_revisions
        self._lock = threading.Lock()
        self._known: dict[bytes, tuple[bytes, str]] = {}
        self._new: dict[bytes, tuple[bytes, str]] = {}

    def load(self, versions: Iterable[Coordinates]) -> None:
        """Read what is remembered of these versions, all at once."""
        places = list({self._place(at) for at in versions})

        def select(db: sqlite3.Connection) -> dict[bytes, tuple[bytes, str]]:
            found = {}
            for start in range(0, len(places), _CHUNK):
                chunk = places[start : start + _CHUNK]
                marks = ",".join("?" * len(chunk))
                rows = db.execute(f"SELECT place, state, digest FROM versions WHERE place IN ({marks})", chunk)  # noqa: S608
                found.update({place: (state, digest) for place, state, digest in rows})
            return found

        nothing: dict[bytes, tuple[bytes, str]] = {}
        known = self._db.read(select, nothing) if places else nothing
        with self._lock:
            self._known.update(known)

    def digest(self, at: Coordinates, state: VersionState) -> str | None:
        """Return the digest of what the version held when it was in this state; None where that is not known."""
        key = self._state(state)
        with self._lock:
            known = self._known.get(self._place(at))
        return known[1] if key and known and known[0] == key else None

    def remember(self, at: Coordinates, state: VersionState, digest: str) -> None:
        """Take note of what a version was listed to hold, in this state; kept by `save`."""
        key, place = self._state(state), self._place(at)
        if key is None or not (self._unique or _settled(state)):
            return
        with self._lock:
            if self._known.get(place) != (key, digest):
                self._known[place] = self._new[place] = (key, digest)

    def save(self) -> None:
        """Keep what is new, all at once."""
        with self._lock:
            new, self._new = self._new, {}
        if not new:
            return
        now = int(time.time())

        def insert(db: sqlite3.Connection) -> None:
            rows = [(place, state, digest, now) for place, (state, digest) in new.items()]
            db.executemany("INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?)", rows)
            (count,) = db.execute("SELECT count(*) FROM versions").fetchone()
            if count > _MOST_ROWS:
                db.execute(_PRUNE, (_ROWS_KEPT,))

        self._db.write(insert)

    def _place(self, at: Coordinates) -> bytes:
        names: tuple[str | None, ...] = (
            at.domain,
            at.domain_owner,
            at.repository,
            at.namespace,
            at.package,
            at.version,
        )
        return _hashed([*self._where, *names])

    def _state(self, state: VersionState) -> bytes | None:
        published = state.published_time.isoformat() if state.published_time else None
        if state.status is Status.UNFINISHED or not (published or self._unique):
            return None
        return _hashed([state.status.value, state.revision, None if self._unique else published])


def _settled(state: VersionState) -> bool:
    """Return whether a version that takes this one's place is surely published at another time, as it is told."""
    if state.published_time is None or state.published_time.microsecond:
        return state.published_time is not None
    # Told in whole seconds, perhaps in steps of two.
    return state.answered_at is not None and state.answered_at - state.published_time >= _SETTLED


def _hashed(words: list[str | None]) -> bytes:
    return hashlib.sha256(json.dumps(words).encode()).digest()


class Unlisted(Forwarding):
    """A registry to look at one version with: it is not listed where it surely holds the `declared` assets.

    `digest` is that of the declared assets, `status` what they are to be; `digest_of` makes one of a listing, in the
    same way. In any other state it is listed, and what it holds is remembered. `described` is what the version's state
    was a moment ago, if it is known: it is not asked for twice.

    Attributes:
        spared: whether it was not listed.
    """

    def __init__(
        self,
        registry: Registry,
        versions: RememberedVersions,
        declared: Sequence[Asset],
        status: Status,
        digest_of: Callable[[Iterable[Asset]], str],
        *,
        believed: bool = True,
        described: VersionState | None = None,
    ) -> None:
        super().__init__(registry)
        self.spared = False
        self._versions = versions
        self._declared = declared
        self._status = status
        self._digest_of = digest_of
        self._believed = believed
        self._state: VersionState | None = None
        self._described = described

    def describe(self, at: Coordinates) -> VersionState:
        """See `Registry.describe`."""
        self._state, described, self._described = None, self._described, None
        self._state = described or super().describe(at)
        return self._state

    def list_assets(self, at: Coordinates) -> AssetListing:
        """See `Registry.list_assets`."""
        state = self._state
        self.spared = False
        if self._believed and state and state.status is self._status:
            digest = self._versions.digest(at, state)
            if digest is not None and digest == self._digest_of(self._declared):
                self.spared = True
                return AssetListing(state.revision, {asset.name: asset for asset in self._declared})
        listing = super().list_assets(at)
        if state and state.revision == listing.revision:
            self._versions.remember(at, state, self._digest_of(listing.assets.values()))
        return listing
