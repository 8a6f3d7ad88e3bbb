"""The schema of the database, and SQLite connections for a file that may be malicious.

A connection is used for one transaction. Closing it ends its queries.
"""

from __future__ import annotations

import sqlite3
import time
import weakref
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from .failures import StoreError

SCHEMA_VERSION = 1
BUSY_SECONDS = 60.0
"""Maximum time that a transaction waits for those of other processes."""
WORK_SECONDS = 10.0
"""Maximum processor time for the queries of one connection. Only a malicious file needs more."""

_MAX_VALUE_BYTES = 1024 * 1024
_STEPS = 10_000
"""Instructions of SQLite's virtual machine between two checks of the time: a millisecond or less."""

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


class Connection(sqlite3.Connection):
    """A connection that ends its queries when it is closed.

    SQLite holds the locks of a closed connection while a cursor is open. In Python a cursor stays open while something
    refers to it, such as a traceback.
    """

    _cursors: weakref.WeakSet[sqlite3.Cursor]

    def __init__(self, *args: Any, **options: Any) -> None:
        self._cursors = weakref.WeakSet()
        super().__init__(*args, **options)

    def execute(self, *args: Any) -> sqlite3.Cursor:
        """Run a query."""
        cursor = self.cursor()
        self._cursors.add(cursor)
        return cursor.execute(*args)

    def end_queries(self) -> None:
        """Close every cursor."""
        for cursor in list(self._cursors):
            cursor.close()

    def close(self) -> None:
        """Close the cursors and the connection, which releases all locks."""
        self.end_queries()
        super().close()


def connect(uri: str, stopped: Callable[[], bool] = lambda: False) -> Connection:
    """Open a database with SQLite's protections against malicious files.

    A query fails with `sqlite3.OperationalError` (SQLITE_INTERRUPT) after WORK_SECONDS, or when `stopped` returns True.
    """
    rows = sqlite3.connect(
        uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, factory=Connection
    )
    # Processor time, because waiting for another process does not count.
    until = time.thread_time() + WORK_SECONDS
    rows.set_progress_handler(lambda: stopped() or time.thread_time() > until, _STEPS)
    rows.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE_BYTES)
    rows.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    if configure := getattr(rows, "setconfig", None):  # from Python 3.12 on
        configure(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)  # type: ignore[attr-defined]
    rows.execute("PRAGMA trusted_schema = OFF")
    rows.execute("PRAGMA cell_size_check = ON")
    rows.row_factory = sqlite3.Row
    rows.text_factory = partial(str, encoding="utf-8", errors="replace")
    return rows


def empty() -> Connection:
    """Return an empty registry in memory."""
    rows = connect("file::memory:")
    create(rows)
    return rows


def create(rows: sqlite3.Connection) -> None:
    """Create the tables in the caller's transaction."""
    # Not executescript, which would commit the transaction.
    statement = ""
    for line in _SCHEMA.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            rows.execute(statement)
            statement = ""
    rows.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def exist(rows: sqlite3.Connection) -> bool:
    """Return whether the tables exist; False for a new, empty file.

    Call this before any other query: otherwise views, triggers and generated columns of a malicious file would run.

    Raises:
        StoreError: the schema is of a newer version, or not exactly this one.
    """
    version = int(rows.execute("PRAGMA user_version").fetchone()[0])
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"was written by a newer version of this package (schema {version}; "
            f"this version supports {SCHEMA_VERSION}). Upgrade, or use another folder."
        )
    schema = _schema_of(rows)
    if version == 0 and not schema:
        return False
    if version != SCHEMA_VERSION or schema != _own_schema():
        raise StoreError("is not the database of an embedded registry: it has other tables.")
    return True


def _schema_of(rows: sqlite3.Connection) -> list[tuple[Any, ...]]:
    query = "SELECT type, name, tbl_name, sql FROM sqlite_master"
    return sorted(map(tuple, rows.execute(query).fetchmany(100)), key=repr)


@cache
def _own_schema() -> list[tuple[Any, ...]]:
    rows = connect("file::memory:")
    try:
        create(rows)
        return _schema_of(rows)
    finally:
        rows.close()
