"""Digests kept between runs: one SQLite file, private to the user, outside any workspace.

    cache = SqliteCache(default_folder())

Several threads and processes may use it at once. It only ever saves work: a file that is corrupt, locked, full,
read-only or somebody else's makes it behave like `NullCache`, and a corrupt one is started anew.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from itertools import chain
from operator import itemgetter
from pathlib import Path

from ..private_db import PrivateDatabase
from .interface import FileIdentity, HashCache

# Raised together with any change of the table: files of another layout are not read.
_FILE_NAME = "hashes-2.sqlite3"
_OBSOLETE = ("hashes-1.sqlite3",)
# Found by the inode alone, which nearly always says which file it is; `state` is an identity and its digest, packed, to
# be compared as a whole.
_TABLE = """
CREATE TABLE IF NOT EXISTS hashes (
    inode INTEGER NOT NULL, device INTEGER NOT NULL, state BLOB NOT NULL, written INTEGER NOT NULL,
    PRIMARY KEY (inode, device)
) WITHOUT ROWID
"""
_PRUNE = """
DELETE FROM hashes
WHERE (inode, device) IN (SELECT inode, device FROM hashes ORDER BY written DESC LIMIT -1 OFFSET ?)
"""
_MOST_ROWS = 500_000
_ROWS_KEPT = 400_000
# SQLite's own limit on bound values is 32,766 in every build since 2020.
_CHUNK = 5_000
_LARGEST = 2**63 - 1
_PACKED = 40
_SHA256 = 32


def default_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder for the cache by the platform's convention; CODEARTIFACT_RELEASE_CACHE overrides it."""
    if chosen := environ.get("CODEARTIFACT_RELEASE_CACHE"):
        return Path(chosen)
    try:
        home = Path.home()
    except RuntimeError:
        # Nobody's home, as in a container that runs as any user: the folder's mode keeps others out.
        home = Path(tempfile.gettempdir()) / f"codeartifact-release-{os.getuid()}"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "codeartifact-release"
    if base := environ.get("XDG_CACHE_HOME"):
        return Path(base) / "codeartifact-release"
    return home / ".cache" / "codeartifact-release"


# Of a row's state; in C, as all that is done to each of many thousands.
_identity_part, _sha256_part = itemgetter(slice(_PACKED)), itemgetter(slice(_PACKED, None))


class SqliteCache:
    """`HashCache` in `folder`, which is made (mode 0700) when there is something to remember."""

    def __init__(self, folder: Path) -> None:
        self._db = PrivateDatabase(folder / _FILE_NAME, _TABLE, _OBSOLETE)

    def get_many(self, identities: Iterable[FileIdentity]) -> Mapping[FileIdentity, str]:
        """Return the digests of those that are known."""
        wanted = list(identities)
        if not wanted:
            return {}
        if max(map(itemgetter(0), wanted)) > _LARGEST or max(map(itemgetter(1), wanted)) > _LARGEST:
            originals = {_stored(identity): identity for identity in wanted if _fits(identity)}
            return {originals[stored]: sha256 for stored, sha256 in self._get(list(originals)).items()}
        try:
            return self._get(wanted)
        except struct.error:
            # Found out by packing them: to look at each before would take longer than all else here.
            return self._get([identity for identity in wanted if _fits(identity)])

    def _get(self, wanted: list[FileIdentity]) -> dict[FileIdentity, str]:
        def select(db: sqlite3.Connection) -> dict[FileIdentity, str]:
            states: list[bytes] = []
            # In order, so that neighbours are found on one page.
            inodes = sorted(map(itemgetter(1), wanted))
            for start in range(0, len(inodes), _CHUNK):
                chunk = inodes[start : start + _CHUNK]
                marks = ",".join("?" * len(chunk))
                rows = db.execute(f"SELECT state FROM hashes WHERE inode IN ({marks})", chunk)  # noqa: S608
                states += map(itemgetter(0), rows.fetchall())
            if not set(map(len, states)) <= {_PACKED + _SHA256}:
                raise ValueError("no state")
            # What is no bytes is a TypeError here.
            found = dict(zip(map(_identity_part, states), map(bytes.hex, map(_sha256_part, states)), strict=True))
            digests = list(map(found.get, _packed(wanted)))
            if None not in digests:
                return dict(zip(wanted, digests, strict=True))  # type: ignore[arg-type]
            return {identity: sha256 for identity, sha256 in zip(wanted, digests, strict=True) if sha256}

        return self._db.read(select, {})

    def put_many(self, digests: Mapping[FileIdentity, str]) -> None:
        """Remember digests; the newest state of a file takes the place of the one before."""
        digests = {identity: sha256 for identity, sha256 in digests.items() if _fits(identity)}
        if not digests:
            return
        stored = list(map(_stored, digests))
        now = int(time.time())
        rows = [
            (identity.inode, identity.device, packed + bytes.fromhex(sha256), now)
            for identity, packed, sha256 in zip(stored, _packed(stored), digests.values(), strict=True)
        ]

        def insert(db: sqlite3.Connection) -> None:
            db.executemany("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?)", rows)
            # Counting them all takes long: done once so many were written that there may be too many.
            (most,) = db.execute("PRAGMA user_version").fetchone()
            most += len(rows)
            if not 0 < most <= _MOST_ROWS:
                db.execute(_PRUNE, (_ROWS_KEPT,))
                (most,) = db.execute("SELECT count(*) FROM hashes").fetchone()
            db.execute(f"PRAGMA user_version = {most:d}")

        self._db.write(insert)


class LaterCache:
    """`HashCache` that keeps what is new until `save`: a file of SQLite is brought to the disk at every write."""

    def __init__(self, beneath: HashCache) -> None:
        self._beneath = beneath
        self._lock = threading.Lock()
        self._new: dict[FileIdentity, str] = {}

    def get_many(self, identities: Iterable[FileIdentity]) -> Mapping[FileIdentity, str]:
        """Return the digests of those that were known when `save` was called last."""
        return self._beneath.get_many(identities)

    def put_many(self, digests: Mapping[FileIdentity, str]) -> None:
        """Remember digests, after `save`."""
        with self._lock:
            self._new.update(digests)

    def save(self) -> None:
        """Keep what is new."""
        with self._lock:
            new, self._new = self._new, {}
        self._beneath.put_many(new)


def _packed(identities: list[FileIdentity]) -> list[bytes]:
    numbers = struct.pack(f"<{5 * len(identities)}q", *chain.from_iterable(identities))
    return list(chain.from_iterable(struct.iter_unpack(f"{_PACKED}s", numbers)))


def _fits(identity: FileIdentity) -> bool:
    """Return whether an identity can be kept: clocks that show the year 2300 are wrong, and no reason to fail."""
    return all(-_LARGEST <= number <= _LARGEST for number in identity[2:])


def _stored(identity: FileIdentity) -> FileIdentity:
    # Device and inode numbers are unsigned 64-bit in places; SQLite's integers are signed.
    device, inode = (number - 2**64 if number > _LARGEST else number for number in identity[:2])
    return identity._replace(device=device, inode=inode)
