"""The registry's rows: one SQLite file, shared by any number of processes on one machine.

A read opens the file read-only and touches nothing; a missing file reads as an empty registry. A write takes
SQLite's write lock first, so what it has read stays true until it commits. The rollback journal, not WAL, is what
lets readers stay read-only; it is kept and overwritten rather than deleted, which costs a fifth.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from . import tables
from .blobs import Blobs, Hashers
from .failures import StoreError
from .folder import DATABASE, Folder
from .tables import Connection

_READ_ONLY_FAILED = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
"""Primary codes with which a read-only connection meets the journal of a killed writer."""


class Store:
    """The rows and the blobs of one folder. Safe to use from several threads and processes.

    Attributes:
        blobs: the contents of assets.
    """

    def __init__(self, directory: Path, hashers: Hashers) -> None:
        """Use the folder at an absolute path; nothing is opened yet."""
        self._folder = Folder(directory)
        self._file = directory / DATABASE
        self.blobs = Blobs(self._folder, hashers)
        self._writing = threading.Lock()
        self._swept = False
        self._stopped = False

    def check(self) -> None:
        """Raise StoreError if the folder holds something that this version cannot use, or did not make."""
        try:
            self._folder.check()
            with self.read() as rows:
                found = rows.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            reason = " ".join(str(error).split())
            raise StoreError(f"{self._file} is not the file of an embedded registry: {reason}.") from error
        except OSError as error:
            raise StoreError(f"{self._folder.path} cannot be read: {error.strerror or error}.") from error
        if found != "ok":
            raise StoreError(f"{self._file} is damaged: {' '.join(str(found).split())}.")

    def stop(self) -> None:
        """End the queries that are under way, with an error."""
        self._stopped = True

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Give a consistent view of the rows. Nothing that is done to it is kept."""
        with self._explained(), contextlib.closing(self._open_for_reading()) as rows:
            yield rows

    @contextlib.contextmanager
    def write(self, *, create: bool = False) -> Iterator[sqlite3.Connection]:
        """Give the rows for writing; they are committed, durably, unless an exception passes.

        Where there is no registry yet and `create` is false, the rows are those of an empty one and are not kept.
        """
        if not create and not self._folder.check_database():
            with self.read() as rows:
                yield rows
            return
        with self._explained(), self._writing, contextlib.closing(self._open_for_writing()) as rows:
            with _transaction(rows):
                if not self._made(rows):
                    tables.create(rows)
                yield rows
            # Committed is committed: whatever keeps us from clearing up now, the next write tries again.
            with contextlib.suppress(OSError, sqlite3.Error, StoreError):
                if not self._swept:
                    self._sweep(rows)
                elif rows.execute("SELECT 1 FROM dropped LIMIT 1").fetchone():
                    self._collect(rows)

    def prepare(self) -> None:
        """Make what is missing of the folder: a checkout holds no empty folder, for one."""

        def adopt() -> None:
            with self.read():
                pass  # it has looked at the tables

        self._folder.prepare(adopt)

    def _open_for_reading(self) -> Connection:
        if not self._folder.check_database():
            return tables.empty()
        try:
            return self._begin_reading("ro")
        except sqlite3.OperationalError as error:
            if _code_of(error) not in _READ_ONLY_FAILED:
                raise
            # A writer was killed: its journal has to be rolled back first, which only a writable file allows.
            self._check_unlocked()
            return self._begin_reading("rw")

    def _begin_reading(self, mode: str) -> Connection:
        rows = self._connect(f"mode={mode}")
        try:
            rows.execute("BEGIN")
            if not self._made(rows):
                rows.close()
                return tables.empty()
        except BaseException:
            rows.close()
            raise
        return rows

    def _check_unlocked(self) -> None:
        """Look at the tables without their journal: those of another program are not ours to roll back."""
        # They may be half written. What is theirs nevertheless is said when they are whole.
        with (
            contextlib.suppress(sqlite3.DatabaseError),
            contextlib.closing(self._connect("mode=ro&immutable=1")) as rows,
        ):
            self._made(rows)

    def _open_for_writing(self) -> Connection:
        self.prepare()
        self._folder.check_database()
        rows = self._connect("mode=rw")
        try:
            rows.execute("PRAGMA journal_mode = PERSIST")
            rows.execute("PRAGMA synchronous = FULL")
            rows.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            rows.close()
            raise
        return rows

    def _connect(self, options: str) -> Connection:
        # Of a file in WAL mode this keeps SQLite from making what it shares with other processes.
        uri = f"{self._file.as_uri()}?{options}&readonly_shm=1"
        return tables.connect(uri, lambda: self._stopped)

    def _made(self, rows: sqlite3.Connection) -> bool:
        try:
            return tables.are_made(rows)
        except StoreError as error:
            raise StoreError(f"{self._file} {error}") from None

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except UnicodeDecodeError as error:  # of SQLite's own message, which quotes the file
            raise StoreError(f"{self._file} is damaged: it holds what is no text.") from error
        except sqlite3.OperationalError as error:
            if _code_of(error) != sqlite3.SQLITE_INTERRUPT:
                raise
            raise StoreError(
                f"{self._file} is damaged, or was made to take for ever: a query of it did not end "
                f"in {tables.WORK_SECONDS:.0f} seconds."
            ) from None

    def _sweep(self, rows: Connection) -> None:
        """Remove, once a process, what killed ones left: half uploads, and blobs whose row was never committed."""
        self.blobs.remove_stale_uploads()
        with _transaction(rows):
            kept = {row[0] for row in rows.execute("SELECT DISTINCT sha256 FROM assets")}
            self.blobs.remove(name for name in self.blobs.names() if name not in kept)
            rows.execute("DELETE FROM dropped")
        self._swept = True

    def _collect(self, rows: Connection) -> None:
        """Remove the blobs of deleted assets that no other asset shares."""
        with _transaction(rows):
            unused = rows.execute(
                "SELECT sha256 FROM dropped WHERE sha256 NOT IN (SELECT sha256 FROM assets)"
            ).fetchall()
            self.blobs.remove(row[0] for row in unused)
            rows.execute("DELETE FROM dropped")


def _code_of(error: sqlite3.Error) -> int:
    """Return the primary code; 0 where it is Python that failed."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


@contextlib.contextmanager
def _transaction(rows: Connection) -> Iterator[None]:
    rows.execute("BEGIN IMMEDIATE")
    try:
        yield
        rows.end_queries()
        rows.execute("COMMIT")
    except BaseException:
        rows.end_queries()
        if rows.in_transaction:  # SQLite ends it by itself on some errors: a full disk, say
            rows.execute("ROLLBACK")
        raise
