"""The registry's database: one SQLite file, shared by any number of processes on one machine.

A read opens the file read-only; a missing file is an empty registry. A write takes SQLite's write lock first, so that
what it reads does not change before it commits. Read-only access requires the rollback journal, not WAL. The journal
is overwritten instead of deleted (PERSIST), which takes a fifth of the time.
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
"""Primary error codes of a read-only connection if a killed writer has left a journal."""


class Store:
    """The database and the blobs in one folder. Safe for several threads and processes.

    Attributes:
        blobs: the contents of assets.
    """

    def __init__(self, directory: Path, hashers: Hashers) -> None:
        """Use the folder at an absolute path, without opening anything yet."""
        self._folder = Folder(directory)
        self._file = directory / DATABASE
        self.blobs = Blobs(self._folder, hashers)
        self._writing = threading.Lock()
        self._cleaned_up = False
        self._stopped = False

    def check(self) -> None:
        """Raise StoreError if the folder contains files of something else, or of a newer version."""
        try:
            self._folder.check()
            with self.read() as rows:
                result = rows.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            reason = " ".join(str(error).split())
            raise StoreError(f"{self._file} is not the database of an embedded registry: {reason}.") from error
        except OSError as error:
            raise StoreError(f"{self._folder.path} cannot be read: {error.strerror or error}.") from error
        if result != "ok":
            raise StoreError(f"{self._file} is corrupt: {' '.join(str(result).split())}.")

    def stop(self) -> None:
        """Make running queries fail."""
        self._stopped = True

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Return a context manager for a consistent view of the database. Changes to it are discarded."""
        with self._clear_errors(), contextlib.closing(self._open_for_reading()) as rows:
            yield rows

    @contextlib.contextmanager
    def write(self, *, create: bool = False) -> Iterator[sqlite3.Connection]:
        """Return a context manager for a transaction: committed at its end, rolled back after an exception.

        If there is no registry yet and `create` is False, it is an empty registry whose changes are discarded.
        """
        if not create and not self._folder.check_database():
            with self.read() as rows:
                yield rows
            return
        with self._clear_errors(), self._writing, contextlib.closing(self._open_for_writing()) as rows:
            with _transaction(rows):
                if not self._has_tables(rows):
                    tables.create(rows)
                yield rows
            # The transaction is committed. If the cleanup fails, the next write tries again.
            with contextlib.suppress(OSError, sqlite3.Error, StoreError):
                if not self._cleaned_up:
                    self._clean_up(rows)
                elif rows.execute("SELECT 1 FROM dropped LIMIT 1").fetchone():
                    self._remove_dropped(rows)

    def prepare(self) -> None:
        """Create what is missing in the folder. A Git checkout, for example, has no empty folders."""

        def adopt() -> None:
            with self.read():
                pass  # this has checked the tables

        self._folder.prepare(adopt)

    def _open_for_reading(self) -> Connection:
        if not self._folder.check_database():
            return tables.empty()
        try:
            return self._begin_reading("ro")
        except sqlite3.OperationalError as error:
            if _code_of(error) not in _READ_ONLY_FAILED:
                raise
            # A writer was killed. Its journal must be rolled back first, which needs a writable connection.
            self._check_without_journal()
            return self._begin_reading("rw")

    def _begin_reading(self, mode: str) -> Connection:
        rows = self._connect(f"mode={mode}")
        try:
            rows.execute("BEGIN")
            if not self._has_tables(rows):
                rows.close()
                return tables.empty()
        except BaseException:
            rows.close()
            raise
        return rows

    def _check_without_journal(self) -> None:
        """Raise StoreError if the tables are another program's: do not roll back the journal of that."""
        # Without the journal the database may look corrupt. If so, the check after the rollback decides.
        with (
            contextlib.suppress(sqlite3.DatabaseError),
            contextlib.closing(self._connect("mode=ro&immutable=1")) as rows,
        ):
            self._has_tables(rows)

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
        # With `readonly_shm` SQLite does not create the shared memory file of a database in WAL mode.
        uri = f"{self._file.as_uri()}?{options}&readonly_shm=1"
        return tables.connect(uri, lambda: self._stopped)

    def _has_tables(self, rows: sqlite3.Connection) -> bool:
        try:
            return tables.exist(rows)
        except StoreError as error:
            raise StoreError(f"{self._file} {error}") from None

    @contextlib.contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except UnicodeDecodeError as error:  # from SQLite's message, which quotes the file
            raise StoreError(f"{self._file} is corrupt: it contains text that is not UTF-8.") from error
        except sqlite3.OperationalError as error:
            if _code_of(error) != sqlite3.SQLITE_INTERRUPT:
                raise
            raise StoreError(
                f"{self._file} is corrupt or malicious: a query did not finish within "
                f"{tables.WORK_SECONDS:.0f} seconds of processor time."
            ) from None

    def _clean_up(self, rows: Connection) -> None:
        """Remove, once per process, what killed processes left: uploads, and blobs whose row was not committed."""
        self.blobs.remove_stale_uploads()
        with _transaction(rows):
            used = {row[0] for row in rows.execute("SELECT DISTINCT sha256 FROM assets")}
            self.blobs.remove(name for name in self.blobs.names() if name not in used)
            rows.execute("DELETE FROM dropped")
        self._cleaned_up = True

    def _remove_dropped(self, rows: Connection) -> None:
        """Remove the blobs of deleted assets that no other asset uses."""
        with _transaction(rows):
            unused = rows.execute(
                "SELECT sha256 FROM dropped WHERE sha256 NOT IN (SELECT sha256 FROM assets)"
            ).fetchall()
            self.blobs.remove(row[0] for row in unused)
            rows.execute("DELETE FROM dropped")


def _code_of(error: sqlite3.Error) -> int:
    """Return the primary error code; 0 if the error is Python's."""
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
        if rows.in_transaction:  # on some errors, such as a full disk, SQLite has rolled back already
            rows.execute("ROLLBACK")
        raise
