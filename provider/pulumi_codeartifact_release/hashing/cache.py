"""A cache of hashes between runs: one SQLite file, private to the user, outside the workspace.

    cache = SqliteCache(default_folder())

Several threads and processes may use it at once. It only saves work: if the file is locked, read-only, on a full disk
or another user's, the cache behaves like `NullCache`. A corrupt file is replaced.
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
from .interface import FileIdentity
from .private_db import PrivateDatabase

# The number changes with the table, so that files with another layout are not read.
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
_MAX_ROWS = 500_000
_ROWS_KEPT = 400_000
# SQLite's own limit on bound values is 32,766 in every build since 2020.
_CHUNK = 5_000
_LARGEST = 2**63 - 1
_SHA256 = re.compile("[0-9a-f]{64}")


def default_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder for the cache by the platform's convention; CODEARTIFACT_RELEASE_CACHE overrides it."""
    if folder := environ.get("CODEARTIFACT_RELEASE_CACHE"):
        return Path(folder)
    try:
        home = Path.home()
    except RuntimeError:
        # A user without a home folder, as in some containers. The folder's mode keeps other users out.
        home = Path(tempfile.gettempdir()) / f"codeartifact-release-{os.getuid()}"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "codeartifact-release"
    base = Path(environ.get("XDG_CACHE_HOME", ""))
    # Some CI jobs set it to a folder in the checkout, where anybody could commit a file of hashes.
    if base.is_absolute() and not _in_checkout(base):
        return base / "codeartifact-release"
    return home / ".cache" / "codeartifact-release"


def _in_checkout(folder: Path) -> bool:
    top = top_of(".")
    return top != "/" and is_within(os.path.realpath(folder), top)


class SqliteCache:
    """`HashCache` in `folder`, which is created (mode 0700) by the first write."""

    def __init__(self, folder: Path) -> None:
        self._db = PrivateDatabase(folder / _FILE_NAME, _TABLE)

    def get_many(self, identities: Iterable[FileIdentity]) -> Mapping[FileIdentity, str]:
        """Return the hashes that are in the cache."""
        by_row = {_to_row(identity): identity for identity in identities if _fits(identity)}
        # Sorted, so that SQLite reads neighbors from one page.
        inodes = sorted({stored.inode for stored in by_row})
        hashes: dict[FileIdentity, str] = {}

        def select(db: sqlite3.Connection) -> dict[FileIdentity, str]:
            for start in range(0, len(inodes), _CHUNK):
                chunk = inodes[start : start + _CHUNK]
                for *state, sha256 in db.execute(_SELECT.format(",".join("?" * len(chunk))), chunk):
                    if not _SHA256.fullmatch(sha256):
                        raise ValueError("not a SHA-256")
                    if identity := by_row.get(FileIdentity(*state)):
                        hashes[identity] = sha256
            return hashes

        return self._db.read(select, {}) if by_row else {}

    def put_many(self, digests: Mapping[FileIdentity, str]) -> None:
        """Store hashes. A file's newest state replaces the previous one."""
        now = int(time.time())
        stored = [(_to_row(identity), sha256) for identity, sha256 in digests.items() if _fits(identity)]
        rows = [(row.inode, row.device, row.size, row.mtime_ns, row.ctime_ns, sha256, now) for row, sha256 in stored]

        def insert(db: sqlite3.Connection) -> None:
            db.executemany("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            # `user_version` is an upper bound of the row count. Counting is slow, so it happens only above the limit.
            (bound,) = db.execute("PRAGMA user_version").fetchone()
            bound += len(rows)
            if not 0 < bound <= _MAX_ROWS:
                db.execute(_PRUNE, (_ROWS_KEPT,))
                (bound,) = db.execute("SELECT count(*) FROM hashes").fetchone()
            db.execute(f"PRAGMA user_version = {bound:d}")

        if rows:
            self._db.write(insert)

    def forget(self, identity: FileIdentity) -> None:
        """Remove a wrong hash."""
        if _fits(identity):
            stored = _to_row(identity)
            key = (stored.inode, stored.device)
            self._db.write(lambda db: db.execute("DELETE FROM hashes WHERE inode = ? AND device = ?", key))


def _fits(identity: FileIdentity) -> bool:
    """Return whether an identity fits into SQLite's integers. A wrong clock, such as in the year 2300, is no error."""
    return all(-_LARGEST <= number <= _LARGEST for number in identity[2:])


def _to_row(identity: FileIdentity) -> FileIdentity:
    # Some systems have unsigned 64-bit device and inode numbers; SQLite's integers are signed.
    device, inode = (number - 2**64 if number > _LARGEST else number for number in identity[:2])
    return identity._replace(device=device, inode=inode)
