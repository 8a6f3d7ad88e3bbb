"""Digests kept between runs: one SQLite file, private to the user, outside any workspace.

    cache = SqliteCache(default_folder())

Several processes may use it at once. It only ever saves work: a file that is corrupt, locked, full, read-only or
somebody else's makes it behave like `NullCache`, and a corrupt one is started anew.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from .interface import FileIdentity

# Raised together with any change of the table: files of another layout are not read.
_FILE_NAME = "hashes-1.sqlite3"
_LOCK_WAIT_S = 5.0
_MOST_ROWS = 500_000
_ROWS_KEPT = 400_000
# SQLite's own limit on bound values is 32,766 in every build since 2020.
_CHUNK = 5_000


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


class SqliteCache:
    """`HashCache` in `folder`, which is made (mode 0700) when there is something to remember."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / _FILE_NAME

    def get_many(self, identities: Iterable[FileIdentity]) -> Mapping[FileIdentity, str]:
        """Return the digests of those that are known."""
        wanted = set(identities)
        try:
            if not wanted or not self._path.exists():
                return {}
        except OSError:
            return {}
        found: dict[FileIdentity, str] = {}
        with self._connection() as db:
            pairs = list({(identity.device, identity.inode) for identity in wanted})
            for start in range(0, len(pairs), _CHUNK):
                chunk = pairs[start : start + _CHUNK]
                marks = ",".join(["(?,?)"] * len(chunk))
                rows = db.execute(
                    "SELECT device, inode, size, mtime_ns, ctime_ns, sha256 FROM hashes "  # noqa: S608
                    f"WHERE (device, inode) IN (VALUES {marks})",
                    [_text(value) for pair in chunk for value in pair],
                )
                for device, inode, size, mtime_ns, ctime_ns, sha256 in rows:
                    identity = FileIdentity(int(device), int(inode), int(size), int(mtime_ns), int(ctime_ns))
                    if identity in wanted and _is_digest(sha256):
                        found[identity] = sha256
        return found

    def put_many(self, digests: Mapping[FileIdentity, str]) -> None:
        """Remember digests; the newest state of a file takes the place of the one before."""
        if not digests:
            return
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._connection() as db, db:
            db.executemany(
                "INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (_text(i.device), _text(i.inode), i.size, i.mtime_ns, i.ctime_ns, sha256)
                    for i, sha256 in digests.items()
                ],
            )
            (rows,) = db.execute("SELECT count(*) FROM hashes").fetchone()
            if rows > _MOST_ROWS:
                db.execute(
                    "DELETE FROM hashes WHERE rowid NOT IN (SELECT rowid FROM hashes ORDER BY rowid DESC LIMIT ?)",
                    (_ROWS_KEPT,),
                )

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """Yield an open database; errors in the block end it silently, and a corrupt file is removed."""
        try:
            db = self._open()
        except sqlite3.DatabaseError as error:
            self._heal(error)
            db = _empty()
        except OSError:
            db = _empty()
        try:
            yield db
        except sqlite3.DatabaseError as error:
            self._heal(error)
        except (ValueError, TypeError, OverflowError):
            # Rows that hold what we never wrote: not a database error to SQLite, corrupt all the same.
            self._remove()
        finally:
            db.close()

    def _open(self) -> sqlite3.Connection:
        # Made here, not by SQLite: its files get the umask's mode, and these are nobody else's business. A file
        # of somebody else's could claim any digest for any file, so it is not believed.
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            stat = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        if stat.st_uid != os.getuid() or stat.st_mode & 0o022:
            raise PermissionError(f"{self._path} can be written by others")
        db = sqlite3.connect(self._path, timeout=_LOCK_WAIT_S)
        try:
            db.execute(_TABLE)
        except sqlite3.DatabaseError:
            db.close()
            raise
        return db

    def _heal(self, error: sqlite3.DatabaseError) -> None:
        # Locked, full and read-only are OperationalError and pass by themselves; what is left is corruption.
        if not isinstance(error, sqlite3.OperationalError) or "no such column" in str(error):
            self._remove()

    def _remove(self) -> None:
        for suffix in ("", "-journal", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                self._path.with_name(self._path.name + suffix).unlink()


_TABLE = """
CREATE TABLE IF NOT EXISTS hashes (
    device TEXT NOT NULL, inode TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL, sha256 TEXT NOT NULL, PRIMARY KEY (device, inode)
)
"""


def _empty() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.execute(_TABLE)
    return db


def _text(number: int) -> str:
    # Device and inode numbers are unsigned 64-bit in places; SQLite's integers are signed.
    return str(number)


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")
