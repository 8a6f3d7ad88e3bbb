"""Digests kept between runs: one SQLite file, private to the user, outside any workspace.

    cache = SqliteCache(default_folder())

Several threads and processes may use it at once. It only ever saves work: a file that is corrupt, locked, full,
read-only or somebody else's makes it behave like `NullCache`, and a corrupt one is started anew.
"""

from __future__ import annotations

import os
import re
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..checkout import is_within, top_of
from ..private_db import PrivateDatabase
from .interface import FileIdentity

# Raised together with any change of the table: files of another layout are not read.
_FILE_NAME = "hashes-3.sqlite3"
_TABLE = """
CREATE TABLE IF NOT EXISTS hashes (
    inode INTEGER NOT NULL, device INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL, sha256 TEXT NOT NULL, written INTEGER NOT NULL,
    PRIMARY KEY (inode, device)
) WITHOUT ROWID
"""
_SELECT = "SELECT device, inode, size, mtime_ns, ctime_ns, sha256 FROM hashes WHERE inode IN ({})"
_PRUNE = """
DELETE FROM hashes
WHERE (inode, device) IN (SELECT inode, device FROM hashes ORDER BY written DESC LIMIT -1 OFFSET ?)
"""
_MOST_ROWS = 500_000
_ROWS_KEPT = 400_000
# SQLite's own limit on bound values is 32,766 in every build since 2020.
_CHUNK = 5_000
_LARGEST = 2**63 - 1
_SHA256 = re.compile("[0-9a-f]{64}")


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
    base = Path(environ.get("XDG_CACHE_HOME", ""))
    # Within the checkout, as some CI jobs have it, anybody could commit a file of digests.
    if base.is_absolute() and not _in_checkout(base):
        return base / "codeartifact-release"
    return home / ".cache" / "codeartifact-release"


def _in_checkout(folder: Path) -> bool:
    top = top_of(".")
    return top != "/" and is_within(os.path.realpath(folder), top)


class SqliteCache:
    """`HashCache` in `folder`, which is made (mode 0700) when there is something to remember."""

    def __init__(self, folder: Path) -> None:
        self._db = PrivateDatabase(folder / _FILE_NAME, _TABLE)

    def get_many(self, identities: Iterable[FileIdentity]) -> Mapping[FileIdentity, str]:
        """Return the digests of those that are known."""
        wanted = {_stored(identity): identity for identity in identities if _fits(identity)}
        # In order, so that neighbours are found on one page.
        inodes = sorted({stored.inode for stored in wanted})
        found: dict[FileIdentity, str] = {}

        def select(db: sqlite3.Connection) -> dict[FileIdentity, str]:
            for start in range(0, len(inodes), _CHUNK):
                chunk = inodes[start : start + _CHUNK]
                for *state, sha256 in db.execute(_SELECT.format(",".join("?" * len(chunk))), chunk):
                    if not _SHA256.fullmatch(sha256):
                        raise ValueError("no digest")
                    if identity := wanted.get(FileIdentity(*state)):
                        found[identity] = sha256
            return found

        return self._db.read(select, {}) if wanted else {}

    def put_many(self, digests: Mapping[FileIdentity, str]) -> None:
        """Remember digests; the newest state of a file takes the place of the one before."""
        now = int(time.time())
        stored = [(_stored(identity), sha256) for identity, sha256 in digests.items() if _fits(identity)]
        rows = [
            (each.inode, each.device, each.size, each.mtime_ns, each.ctime_ns, sha256, now) for each, sha256 in stored
        ]

        def insert(db: sqlite3.Connection) -> None:
            db.executemany("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            # Counting them all takes long: done once so many were written that there may be too many.
            (most,) = db.execute("PRAGMA user_version").fetchone()
            most += len(rows)
            if not 0 < most <= _MOST_ROWS:
                db.execute(_PRUNE, (_ROWS_KEPT,))
                (most,) = db.execute("SELECT count(*) FROM hashes").fetchone()
            db.execute(f"PRAGMA user_version = {most:d}")

        if rows:
            self._db.write(insert)

    def forget(self, identity: FileIdentity) -> None:
        """Remove a digest that was found to be wrong."""
        if _fits(identity):
            stored = _stored(identity)
            key = (stored.inode, stored.device)
            self._db.write(lambda db: db.execute("DELETE FROM hashes WHERE inode = ? AND device = ?", key))


def _fits(identity: FileIdentity) -> bool:
    """Return whether an identity can be kept: clocks that show the year 2300 are wrong, and no reason to fail."""
    return all(-_LARGEST <= number <= _LARGEST for number in identity[2:])


def _stored(identity: FileIdentity) -> FileIdentity:
    # Device and inode numbers are unsigned 64-bit in places; SQLite's integers are signed.
    device, inode = (number - 2**64 if number > _LARGEST else number for number in identity[:2])
    return identity._replace(device=device, inode=inode)
