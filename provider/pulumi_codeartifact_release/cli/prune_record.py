"""When `prune` first saw each version Archived, because the service does not say. On this machine, private to the user.

    record = ArchiveRecord(default_folder(), "eu-west-1 111122223333 acme/dev")
    record.add([("acme/app@1.0", revision)], now)
    record.times()[("acme/app@1.0", revision)]      # when it was first seen Archived at that revision

Without the record, a grace begins anew: nothing is deleted too early.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from ..hashing.private_db import PrivateDatabase

_TABLE = (
    "CREATE TABLE IF NOT EXISTS archived "
    "(place TEXT, version TEXT, revision TEXT, since REAL, PRIMARY KEY (place, version)) WITHOUT ROWID"
)


class ArchiveRecord:
    """The record of one repository, `place`."""

    def __init__(self, folder: Path, place: str) -> None:
        self._db = PrivateDatabase(folder / "prune.sqlite3", _TABLE)
        self._place = place

    def times(self) -> Mapping[tuple[str, str], datetime]:
        """Return when each version, with its revision, was first seen Archived."""

        def select(db: sqlite3.Connection) -> dict[tuple[str, str], datetime]:
            rows = db.execute("SELECT version, revision, since FROM archived WHERE place = ?", (self._place,))
            return {(version, revision): datetime.fromtimestamp(since, UTC) for version, revision, since in rows}

        return self._db.read(select, {})

    def add(self, versions: Iterable[tuple[str, str]], now: datetime) -> None:
        """Record versions with their revisions as Archived since now, unless they are recorded at that revision."""
        rows = [(self._place, version, revision, now.timestamp()) for version, revision in versions]

        def upsert(db: sqlite3.Connection) -> None:
            db.executemany(
                "INSERT INTO archived VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE "
                "SET since = excluded.since, revision = excluded.revision WHERE revision <> excluded.revision",
                rows,
            )

        if rows:
            self._db.write(upsert)

    def remove(self, versions: Iterable[str]) -> None:
        """Forget versions that were deleted."""
        rows = [(self._place, version) for version in versions]
        if rows:
            self._db.write(lambda db: db.executemany("DELETE FROM archived WHERE place = ? AND version = ?", rows))

    def close(self) -> None:
        """Close the file."""
        self._db.close()
