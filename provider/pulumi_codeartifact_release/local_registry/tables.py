"""The tables: their schema, and SQLite connections for a file that somebody else may have written.

Every connection is short-lived, and all its queries end with it.
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
"""How long a transaction waits for those of other processes."""
WORK_SECONDS = 10.0
"""How much of a processor the queries of one connection may use; what is slower was made to be."""

_LONGEST_VALUE = 1024 * 1024
_STEPS = 10_000
"""Steps of SQLite's machine between two looks at the clock: a millisecond or less."""

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

    SQLite keeps the locks of a closed connection as long as a cursor is open, and Python keeps a cursor as long as
    something refers to it: the traceback of an error, for one.
    """

    _cursors: weakref.WeakSet[sqlite3.Cursor]

    def __init__(self, *args: Any, **options: Any) -> None:
        self._cursors = weakref.WeakSet()
        super().__init__(*args, **options)

    def execute(self, *args: Any) -> sqlite3.Cursor:
        """Begin a query."""
        cursor = self.cursor()
        self._cursors.add(cursor)
        return cursor.execute(*args)

    def end_queries(self) -> None:
        """End every query, whoever still refers to it."""
        for cursor in list(self._cursors):
            cursor.close()

    def close(self) -> None:
        """End the queries, and let go of every lock."""
        self.end_queries()
        super().close()


def connect(uri: str, stopped: Callable[[], bool] = lambda: False) -> Connection:
    """Open the tables with all that SQLite offers against a file that is not what it should be.

    A query ends with `sqlite3.OperationalError` (SQLITE_INTERRUPT) once it has used WORK_SECONDS, or `stopped`.
    """
    rows = sqlite3.connect(
        uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, factory=Connection
    )
    # Processor time: to wait for another process, or on a busy machine, is no fault of the file.
    until = time.thread_time() + WORK_SECONDS
    rows.set_progress_handler(lambda: stopped() or time.thread_time() > until, _STEPS)
    rows.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
    rows.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    if configure := getattr(rows, "setconfig", None):  # from Python 3.12 on
        configure(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)  # type: ignore[attr-defined]
    rows.execute("PRAGMA trusted_schema = OFF")
    rows.execute("PRAGMA cell_size_check = ON")
    rows.row_factory = sqlite3.Row
    rows.text_factory = partial(str, encoding="utf-8", errors="replace")
    return rows


def empty() -> Connection:
    """Return the tables of a registry in which nobody has written anything, in memory."""
    rows = connect("file::memory:")
    create(rows)
    return rows


def create(rows: sqlite3.Connection) -> None:
    """Make the tables, within the caller's transaction."""
    # Not executescript: it would commit the transaction that it is called in.
    statement = ""
    for line in _SCHEMA.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            rows.execute(statement)
            statement = ""
    rows.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def are_made(rows: sqlite3.Connection) -> bool:
    """Return whether the tables are there; False for a file without any, as one is that was just made.

    Nothing else may be asked of a file before this has returned: a view, a trigger or a column of somebody else's
    would be run.

    Raises:
        StoreError: they are of a newer version, or not ours: not each table, index and trigger to the letter.
    """
    version = int(rows.execute("PRAGMA user_version").fetchone()[0])
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"was written by a newer version of this package (schema {version}; "
            f"this version knows {SCHEMA_VERSION}). Upgrade, or use another folder."
        )
    found = _schema_of(rows)
    if version == 0 and not found:
        return False
    if version != SCHEMA_VERSION or found != _own_schema():
        raise StoreError("is not the file of an embedded registry: it has other tables.")
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
