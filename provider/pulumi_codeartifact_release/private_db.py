"""A SQLite file that only ever saves work: private to the user, outside any workspace.

    db = PrivateDatabase(folder / "hashes.sqlite3", "CREATE TABLE IF NOT EXISTS …")
    db.write(lambda connection: connection.execute("INSERT …"))
    known = db.read(lambda connection: connection.execute("SELECT …").fetchall(), default=[])

Several threads and several processes may use it at once. Nothing that happens to the file is an error: one that is
corrupt, locked, full, read-only or somebody else's reads as empty and takes no writes; a corrupt one is started anew.
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
# Whoever holds it for so long holds it for longer; waiting at every use would cost more than it saves.
_LEFT_ALONE_S = 60.0
_PASSING = frozenset(
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
"""What the machine is to blame for, not the file; everything else is another layout, or corruption."""

# Descriptors are opened and closed here only: closing one gives up the locks that SQLite holds through another.
_opening = threading.Lock()
# Connections that were there before a fork: the parent's, which a child must not even close.
_inherited: list[sqlite3.Connection] = []


class PrivateDatabase:
    """One file of mode 0600, which is made, in a folder of mode 0700, by the first write.

    `schema` is the statement that makes the one table unless it is there. A connection stays open between uses.
    """

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        self._schema = schema
        self._made_as = schema.lstrip().replace(" IF NOT EXISTS", "", 1)
        self._turn = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._opened: tuple[int, ...] = ()
        self._left_alone_until = 0.0

    def read(self, work: Callable[[sqlite3.Connection], _T], default: _T) -> _T:
        """Return what `work` finds, `default` where there is nothing to be found, or nothing to be believed.

        A ValueError, TypeError or OverflowError in `work` says that the file holds what was never written.
        """
        return self._do(work, default, make=False)

    def write(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """Have `work` write, all of it or nothing."""

        def transaction(db: sqlite3.Connection) -> None:
            with db:
                work(db)

        self._do(transaction, None, make=True)

    def close(self) -> None:
        """Close the connection; the next use opens another."""
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

    def _do(self, work: Callable[[sqlite3.Connection], _T], default: _T, *, make: bool) -> _T:
        if time.monotonic() < self._left_alone_until:
            return default
        # A fork while another thread has its turn leaves the child one that never ends.
        if not self._turn.acquire(timeout=_LOCK_WAIT_S):
            return default
        try:
            db = self._connection(make=make)
            return work(db) if db else default
        except sqlite3.DatabaseError as error:
            self.close()
            # The codes are the low byte of what is known more exactly; what Python finds itself has none.
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
            if code == sqlite3.SQLITE_BUSY:
                self._left_alone_until = time.monotonic() + _LEFT_ALONE_S
            elif code not in _PASSING:
                self._remove()
        except (ValueError, TypeError, OverflowError):
            # Rows that hold what we never wrote: not a database error to SQLite, corrupt all the same.
            self.close()
            self._remove()
        except (OSError, sqlite3.Error):
            self.close()
        finally:
            self._turn.release()
        return default

    def _connection(self, *, make: bool) -> sqlite3.Connection | None:
        """Return the connection to the file that is there now; None where it is missing, or not to be believed."""
        found = self._stat() or (self._made() if make else None)
        # A file of somebody else's could claim anything; a link may lead to one, and so may a journal beside it.
        if not found or not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
            self.close()
            return None
        if not self._is_ours():
            self.close()
            return None
        opened = (os.getpid(), found.st_dev, found.st_ino)
        if self._db and self._opened == opened:
            return self._db
        self.close()
        db = sqlite3.connect(self._path, timeout=_LOCK_WAIT_S, check_same_thread=False)
        try:
            db.execute("PRAGMA trusted_schema = OFF")
            db.execute(self._schema)
            # A view, a trigger or a computed column that somebody committed would be run by the first query.
            if db.execute("SELECT sql FROM sqlite_master").fetchmany(2) != [(self._made_as,)]:
                raise ValueError("not the table that was made")
        except (sqlite3.Error, ValueError):
            db.close()
            raise
        self._db, self._opened = db, opened
        return db

    def _is_ours(self) -> bool:
        try:
            found = self._path.parent.stat()
        except OSError:
            return False
        # That its group may write is how some systems make every folder.
        return found.st_uid == os.getuid() and not found.st_mode & stat.S_IWOTH

    def _stat(self) -> os.stat_result | None:
        try:
            return os.lstat(self._path)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _made(self) -> os.stat_result | None:
        # Not by SQLite: its files get the umask's mode, and these are nobody else's business.
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
