"""A SQLite file for caches: private to the user, outside the workspace.

    db = PrivateDatabase(folder / "hashes.sqlite3", "CREATE TABLE IF NOT EXISTS …")
    db.write(lambda connection: connection.execute("INSERT …"))
    rows = db.read(lambda connection: connection.execute("SELECT …").fetchall(), default=[])

Several threads and processes may use it at once. No state of the file is an error: if it is locked, read-only, on a
full disk or another user's, reads return nothing and writes do nothing. A corrupt file is replaced.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")

_LOCK_WAIT_S = 5.0
# A lock that is held this long is held longer. To wait at every use would cost more than the cache saves.
_PAUSE_AFTER_LOCK_S = 60.0
_TEMPORARY_ERRORS = frozenset(
    {
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
"""Errors of the machine, not of the file. Any other error means another layout, or corruption."""

# Descriptors are opened and closed only here: closing one releases the locks that SQLite holds through another.
_opening = threading.Lock()
# Connections of the parent process, from before a fork. A child must not even close them.
_inherited: list[sqlite3.Connection] = []


class PrivateDatabase:
    """A file of mode 0600 in a folder of mode 0700. The first write creates both.

    `schema` is the `CREATE TABLE IF NOT EXISTS` statement of the only table. The connection stays open between uses.
    """

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        self._schema = schema
        self._expected_schema = schema.lstrip().replace(" IF NOT EXISTS", "", 1)
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._opened: tuple[int, ...] = ()
        self._paused_until = 0.0

    def read(self, work: Callable[[sqlite3.Connection], _T], default: _T) -> _T:
        """Return the result of `work`; `default` if the file does not exist or cannot be used.

        A ValueError, TypeError or OverflowError of `work` means that the file is corrupt.
        """
        return self._do(work, default, create=False)

    def write(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """Run `work` in a transaction."""

        def transaction(db: sqlite3.Connection) -> None:
            with db:
                work(db)

        self._do(transaction, None, create=True)

    def close(self) -> None:
        """Close the connection. The next use opens it again."""
        db, self._db = self._db, None
        if db is None:
            return
        if self._opened[0] != os.getpid():
            _inherited.append(db)
            return
        with contextlib.suppress(sqlite3.Error):
            db.close()

    def __del__(self) -> None:
        self.close()

    def _do(self, work: Callable[[sqlite3.Connection], _T], default: _T, *, create: bool) -> _T:
        if time.monotonic() < self._paused_until:
            return default
        # With a timeout: after a fork while another thread holds the lock, the child's copy is never released.
        if not self._lock.acquire(timeout=_LOCK_WAIT_S):
            return default
        try:
            db = self._connection(create=create)
            return work(db) if db else default
        except sqlite3.DatabaseError as error:
            self.close()
            # The low byte of an extended code is the error. Errors of Python's own have no code.
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
            if code == sqlite3.SQLITE_BUSY:
                self._paused_until = time.monotonic() + _PAUSE_AFTER_LOCK_S
            elif code not in _TEMPORARY_ERRORS:
                self._remove()
        except (ValueError, TypeError, OverflowError):
            # Rows with unexpected values: the file is corrupt, although SQLite can read it.
            self.close()
            self._remove()
        except (OSError, sqlite3.Error):
            self.close()
        finally:
            self._lock.release()
        return default

    def _connection(self, *, create: bool) -> sqlite3.Connection | None:
        """Return the connection to the current file; None if it is missing or not trusted."""
        info = self._stat() or (self._create() if create else None)
        # Another user's file could contain anything. A link may lead to one.
        if not info or not stat.S_ISREG(info.st_mode) or info.st_uid != os.getuid() or info.st_mode & 0o022:
            self.close()
            return None
        if not self._is_folder_private():
            self.close()
            return None
        opened = (os.getpid(), info.st_dev, info.st_ino)
        if self._db and self._opened == opened:
            return self._db
        self.close()
        db = sqlite3.connect(self._path, timeout=_LOCK_WAIT_S, check_same_thread=False)
        try:
            db.execute("PRAGMA trusted_schema = OFF")
            db.execute(self._schema)
            # A view, trigger or generated column in a file from a checkout would run with the first query.
            if db.execute("SELECT sql FROM sqlite_master").fetchmany(2) != [(self._expected_schema,)]:
                raise ValueError("not our table")
        except (sqlite3.Error, ValueError):
            db.close()
            raise
        self._db, self._opened = db, opened
        return db

    def _is_folder_private(self) -> bool:
        try:
            info = self._path.parent.stat()
        except OSError:
            return False
        # Group-writable is allowed: it is the default for folders on some systems.
        return info.st_uid == os.getuid() and not info.st_mode & stat.S_IWOTH

    def _stat(self) -> os.stat_result | None:
        try:
            return os.lstat(self._path)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _create(self) -> os.stat_result | None:
        # Not by SQLite, which creates files with the umask's mode. This one must be private.
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _opening, contextlib.suppress(FileExistsError):
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        return self._stat()

    def _remove(self) -> None:
        _unlink(self._path)


def _unlink(path: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            path.with_name(path.name + suffix).unlink()
