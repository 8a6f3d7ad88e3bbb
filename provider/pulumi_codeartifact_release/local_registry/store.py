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

from .blobs import Blobs
from .failures import StoreError

SCHEMA_VERSION = 1
BUSY_SECONDS = 60.0
"""How long a transaction waits for those of other processes."""

_SCHEMA = """
CREATE TABLE domains (
    id INTEGER PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL,
    encryption_key TEXT, created REAL NOT NULL,
    UNIQUE (owner, name)
);
CREATE TABLE repositories (
    id INTEGER PRIMARY KEY, domain_id INTEGER NOT NULL REFERENCES domains ON DELETE CASCADE, name TEXT NOT NULL,
    administrator TEXT NOT NULL, description TEXT, upstreams TEXT NOT NULL, created REAL NOT NULL,
    UNIQUE (domain_id, name)
);
CREATE TABLE packages (
    id INTEGER PRIMARY KEY, repository_id INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
    format TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    publish TEXT NOT NULL DEFAULT 'ALLOW', upstream TEXT NOT NULL DEFAULT 'BLOCK',
    UNIQUE (repository_id, format, namespace, name)
);
CREATE TABLE versions (
    id INTEGER PRIMARY KEY, package_id INTEGER NOT NULL REFERENCES packages ON DELETE CASCADE, version TEXT NOT NULL,
    revision TEXT NOT NULL, status TEXT NOT NULL, published REAL, entry_point TEXT NOT NULL,
    UNIQUE (package_id, version)
);
CREATE TABLE assets (
    version_id INTEGER NOT NULL REFERENCES versions ON DELETE CASCADE, name TEXT NOT NULL, size INTEGER NOT NULL,
    md5 TEXT NOT NULL, sha1 TEXT NOT NULL, sha256 TEXT NOT NULL, sha512 TEXT NOT NULL,
    PRIMARY KEY (version_id, name)
) WITHOUT ROWID;
CREATE INDEX assets_by_content ON assets (sha256);
CREATE TABLE dropped (sha256 TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TRIGGER remember_dropped AFTER DELETE ON assets
    BEGIN INSERT OR IGNORE INTO dropped VALUES (old.sha256); END;
"""

_READ_ONLY_FAILED = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
"""Primary codes with which a read-only connection meets the journal of a killed writer."""


class Store:
    """The rows and the blobs of one folder. Safe to use from several threads and processes."""

    def __init__(self, directory: Path, blobs: Blobs) -> None:
        self._directory = directory
        self._file = directory / "registry.sqlite3"
        self.blobs = blobs
        self._writing = threading.Lock()
        self._swept = False

    def check(self) -> None:
        """Raise StoreError if the folder holds something that this version cannot use."""
        try:
            with self.read() as rows:
                rows.execute("SELECT count(*) FROM domains")
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{self._file} is not the file of an embedded registry: {error}.") from error

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Give a consistent view of the rows. Nothing that is done to it is kept."""
        with contextlib.closing(self._open_for_reading()) as rows:
            yield rows

    @contextlib.contextmanager
    def write(self, *, create: bool = False) -> Iterator[sqlite3.Connection]:
        """Give the rows for writing; they are committed, durably, unless an exception passes.

        Where there is no registry yet and `create` is false, the rows are those of an empty one and are not kept.
        """
        if not create and not self._exists():
            with self.read() as rows:
                yield rows
            return
        with self._writing, contextlib.closing(self._open_for_writing()) as rows:
            with _transaction(rows):
                yield rows
            # Committed is committed: whatever keeps us from clearing up now, the next write tries again.
            with contextlib.suppress(OSError, sqlite3.Error):
                if not self._swept:
                    self._sweep(rows)
                elif rows.execute("SELECT 1 FROM dropped LIMIT 1").fetchone():
                    self._collect(rows)

    def _exists(self) -> bool:
        return self._file.exists()

    def _open_for_reading(self) -> sqlite3.Connection:
        if not self._exists():
            return _empty()
        try:
            return self._begin_reading("ro")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _READ_ONLY_FAILED:
                raise
            # A writer was killed: its journal has to be rolled back first, which only a writable file allows.
            return self._begin_reading("rw")

    def _begin_reading(self, mode: str) -> sqlite3.Connection:
        rows = _connect(f"{self._file.absolute().as_uri()}?mode={mode}")
        try:
            rows.execute("BEGIN")
            if self._version(rows) == 0:  # killed before its first commit
                rows.close()
                return _empty()
        except BaseException:
            rows.close()
            raise
        return rows

    def _open_for_writing(self) -> sqlite3.Connection:
        self.blobs.create()
        rows = _connect(f"{self._file.absolute().as_uri()}?mode=rwc")
        try:
            rows.execute("PRAGMA journal_mode = PERSIST")
            rows.execute("PRAGMA synchronous = FULL")
            rows.execute("PRAGMA foreign_keys = ON")
            if self._version(rows) == 0:
                with _transaction(rows):
                    if self._version(rows) == 0:
                        _create_tables(rows)
        except BaseException:
            rows.close()
            raise
        return rows

    def _version(self, rows: sqlite3.Connection) -> int:
        version = int(rows.execute("PRAGMA user_version").fetchone()[0])
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{self._file} was written by a newer version of this package (schema {version}; "
                f"this version knows {SCHEMA_VERSION}). Upgrade, or use another folder."
            )
        return version

    def _sweep(self, rows: sqlite3.Connection) -> None:
        """Remove, once a process, what killed ones left: half uploads, and blobs whose row was never committed."""
        self.blobs.remove_stale_uploads()
        with _transaction(rows):
            kept = {row[0] for row in rows.execute("SELECT DISTINCT sha256 FROM assets")}
            self.blobs.remove(self.blobs.names() - kept)
            rows.execute("DELETE FROM dropped")
        self._swept = True

    def _collect(self, rows: sqlite3.Connection) -> None:
        """Remove the blobs of deleted assets that no other asset shares."""
        with _transaction(rows):
            unused = rows.execute(
                "SELECT sha256 FROM dropped WHERE sha256 NOT IN (SELECT sha256 FROM assets)"
            ).fetchall()
            self.blobs.remove(row[0] for row in unused)
            rows.execute("DELETE FROM dropped")


def _connect(uri: str) -> sqlite3.Connection:
    rows = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    rows.row_factory = sqlite3.Row
    return rows


def _empty() -> sqlite3.Connection:
    rows = _connect("file::memory:")
    _create_tables(rows)
    return rows


def _create_tables(rows: sqlite3.Connection) -> None:
    # Not executescript: it would commit the transaction that it is called in.
    statement = ""
    for line in _SCHEMA.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            rows.execute(statement)
            statement = ""
    rows.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


@contextlib.contextmanager
def _transaction(rows: sqlite3.Connection) -> Iterator[None]:
    rows.execute("BEGIN IMMEDIATE")
    try:
        yield
        rows.execute("COMMIT")
    except BaseException:
        if rows.in_transaction:  # SQLite ends it by itself on some errors: a full disk, say
            rows.execute("ROLLBACK")
        raise
