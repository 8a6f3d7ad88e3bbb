"""Copies of package versions between the repositories of a domain."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from ..failures import invalid
from . import lookup
from .base import Call, Rows, operation
from .versions import failure, named_versions, skip_others

COPYABLE = ("Published", "Unlisted")
"""A version can be copied with one of these statuses; the copy has the same status."""


@operation("CopyPackageVersions", writes=True)
def copy_package_versions(rows: Rows, call: Call) -> dict[str, Any]:
    """Copy versions, either all of them or none. `includeFromUpstream` has no effect on generic packages.

    A copy has the same revision as its source, and as its entry point the repository where that was first published.
    """
    if ("versions" in call.params) == ("versionRevisions" in call.params):
        raise invalid("Specify either 'versions' or 'versionRevisions'.")
    versions = named_versions(call)
    if call["sourceRepository"] == call["destinationRepository"]:
        raise invalid("Value at 'destinationRepository' must not be the source repository.")
    destination = lookup.repository(rows, call, "destinationRepository")
    source = lookup.package(rows, call, "sourceRepository")
    target = lookup.find_package(rows, call, destination["id"])
    copies: list[tuple[sqlite3.Row, sqlite3.Row | None]] = []
    failed: dict[str, dict[str, str]] = {}
    for version in versions:
        row = lookup.find_version(rows, source, version)
        existing = lookup.find_version(rows, target, version) if target else None
        problem = _refusal(call, version, row, existing)
        if row is None or problem:
            failed[version] = problem or failure("NOT_FOUND", f"Could not find version {version}")
        else:
            copies.append((row, existing))
    if failed:
        return skip_others(failed, versions)
    rows.execute(
        "INSERT OR IGNORE INTO packages (repository_id, format, namespace, name) VALUES (?, ?, ?, ?)",
        (destination["id"], source["format"], source["namespace"], source["name"]),
    )
    target = lookup.package(rows, call, "destinationRepository")
    for row, existing in copies:
        _copy(rows, row, target, existing)
    return {
        "successfulVersions": {
            row["version"]: {"revision": row["revision"], "status": row["status"]} for row, _ in copies
        },
        "failedVersions": {},
    }


def _refusal(call: Call, version: str, row: sqlite3.Row | None, existing: sqlite3.Row | None) -> dict[str, str] | None:
    if row is None:
        return failure("NOT_FOUND", f"Could not find version {version}")
    revision = call.get("versionRevisions", {}).get(version, row["revision"])
    if revision != row["revision"]:
        return failure("MISMATCHED_REVISION", f"current revision: {row['revision']}, expected revision: {revision}")
    if row["status"] not in COPYABLE:
        return failure("NOT_ALLOWED", f"A version with status {row['status']} cannot be copied")
    if existing is not None and not call.get("allowOverwrite", False):
        return failure("ALREADY_EXISTS", f"Version {version} already exists")
    if existing is not None and existing["status"] == "Disposed":
        return failure("NOT_ALLOWED", f"Version {version} is Disposed in the destination")
    return None


def _copy(rows: Rows, source: sqlite3.Row, target: sqlite3.Row, existing: sqlite3.Row | None) -> None:
    if existing is not None:
        rows.execute("DELETE FROM versions WHERE id = ?", (existing["id"],))
    made = rows.execute(
        "INSERT INTO versions (package_id, version, revision, status, published, entry_point)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (target["id"], source["version"], source["revision"], source["status"], time.time(), source["entry_point"]),
    )
    rows.execute(
        "INSERT INTO assets (version_id, name, size, md5, sha1, sha256, sha512)"
        " SELECT ?, name, size, md5, sha1, sha256, sha512 FROM assets WHERE version_id = ?",
        (made.lastrowid, source["id"]),
    )
