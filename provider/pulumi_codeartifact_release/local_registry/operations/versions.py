"""Package versions and the changes of their status."""

from __future__ import annotations

import base64
import secrets
import sqlite3
import time
from collections.abc import Callable
from typing import Any

from ..failures import invalid
from . import lookup
from .base import Call, Rows, operation
from .packages import origin

TRANSITIONS = {
    "Unfinished": {"Published", "Deleted"},
    "Published": {"Unlisted", "Archived", "Disposed", "Deleted"},
    "Unlisted": {"Published", "Archived", "Disposed", "Deleted"},
    "Archived": {"Published", "Unlisted", "Disposed", "Deleted"},
    "Disposed": {"Deleted"},
}
"""Status -> the statuses to which it can change. A Deleted version has no row."""

SETTABLE = ("Published", "Unlisted", "Archived")
"""The statuses that UpdatePackageVersionsStatus can set; the others have their own operations."""

MAX_VERSIONS = 100
"""Maximum number of versions in one call. The model limits lists; here the same limit applies to maps."""


@operation("DescribePackageVersion")
def describe_package_version(rows: Rows, call: Call) -> dict[str, Any]:
    """Describe a version with any status."""
    row = lookup.package_version(rows, call)
    return {
        "packageVersion": {
            "format": call["format"],
            "namespace": call.get("namespace"),
            "packageName": call["package"],
            "displayName": call["package"],
            "version": row["version"],
            "publishedTime": row["published"],
            "licenses": [],
            "revision": row["revision"],
            "status": row["status"],
            "origin": origin(row),
        }
    }


@operation("UpdatePackageVersionsStatus", writes=True)
def update_package_versions_status(rows: Rows, call: Call) -> dict[str, Any]:
    """Set the status of versions, either all of them or none. Setting the current status changes nothing."""
    target = call["targetStatus"]
    if target not in SETTABLE:
        raise invalid(f"Value at 'targetStatus' must be one of {', '.join(SETTABLE)}.")

    def update(version: sqlite3.Row) -> dict[str, str]:
        if version["status"] == target:
            return {"revision": version["revision"], "status": target}
        return set_status(rows, version, target)

    return _change(rows, call, lambda status: status == target or target in TRANSITIONS[status], update)


@operation("DisposePackageVersions", writes=True)
def dispose_package_versions(rows: Rows, call: Call) -> dict[str, Any]:
    """Remove the assets of versions irreversibly, either of all of them or none. The versions remain, as Disposed."""

    def dispose(version: sqlite3.Row) -> dict[str, str]:
        rows.execute("DELETE FROM assets WHERE version_id = ?", (version["id"],))
        return set_status(rows, version, "Disposed")

    return _change(rows, call, lambda status: "Disposed" in TRANSITIONS[status], dispose)


@operation("DeletePackageVersions", writes=True)
def delete_package_versions(rows: Rows, call: Call) -> dict[str, Any]:
    """Delete versions independently of each other. They can be published again."""

    def delete(version: sqlite3.Row) -> dict[str, str]:
        rows.execute("DELETE FROM versions WHERE id = ?", (version["id"],))
        return {"revision": version["revision"], "status": "Deleted"}

    return _change(rows, call, lambda status: "Deleted" in TRANSITIONS[status], delete, all_or_none=False)


def new_revision() -> str:
    """Return a new, unique revision in the format of the service."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def set_status(rows: Rows, version: sqlite3.Row, status: str) -> dict[str, str]:
    """Set the status of a version and a new revision, and return both. Stores when it was first Published."""
    revision = new_revision()
    published = version["published"]
    if published is None and status == "Published":
        published = time.time()
    rows.execute(
        "UPDATE versions SET status = ?, revision = ?, published = ? WHERE id = ?",
        (status, revision, published, version["id"]),
    )
    return {"revision": revision, "status": status}


def failure(code: str, message: str) -> dict[str, str]:
    """Build an entry of `failedVersions`. `code` is a PackageVersionErrorCode."""
    return {"errorCode": code, "errorMessage": message}


def named_versions(call: Call) -> list[str]:
    """Return the versions in a call, without duplicates, in their order.

    Raises:
        ServiceError: ValidationException for no versions, or too many.
    """
    parameter = "versions" if "versions" in call.params else "versionRevisions"
    versions = list(dict.fromkeys(call[parameter]))
    if not 1 <= len(versions) <= MAX_VERSIONS:
        raise invalid(f"Value at '{parameter}' must name 1 to {MAX_VERSIONS} versions.")
    return versions


def skip_others(failed: dict[str, dict[str, str]], versions: list[str]) -> dict[str, Any]:
    """Build the response of a call that changed nothing because one of its versions failed."""
    for version in versions:
        failed.setdefault(version, failure("SKIPPED", f"Version {version} was skipped"))
    return {"successfulVersions": {}, "failedVersions": failed}


def _change(
    rows: Rows,
    call: Call,
    allowed: Callable[[str], bool],
    change: Callable[[sqlite3.Row], dict[str, str]],
    *,
    all_or_none: bool = True,
) -> dict[str, Any]:
    """Change the versions whose status allows it, and return the result for each version."""
    versions = named_versions(call)
    revisions = call.get("versionRevisions")
    if revisions is not None and set(revisions) != set(versions):
        raise invalid("Value at 'versionRevisions' must name the same versions as 'versions'.")
    package = lookup.package(rows, call)
    matching: dict[str, sqlite3.Row] = {}
    failed: dict[str, dict[str, str]] = {}
    for version in versions:
        row = lookup.find_version(rows, package, version)
        if row is None:
            failed[version] = failure("NOT_FOUND", f"Could not find version {version}")
            continue
        expected = call.get("expectedStatus", row["status"])
        revision = (revisions or {}).get(version, row["revision"])
        if row["status"] != expected:
            failed[version] = failure(
                "MISMATCHED_STATUS", f"current status: {row['status']}, expected status: {expected}"
            )
        elif row["revision"] != revision:
            failed[version] = failure(
                "MISMATCHED_REVISION", f"current revision: {row['revision']}, expected revision: {revision}"
            )
        elif not allowed(row["status"]):
            failed[version] = failure("NOT_ALLOWED", f"The status {row['status']} does not allow this operation")
        else:
            matching[version] = row
    if failed and all_or_none:
        return skip_others(failed, versions)
    return {
        "successfulVersions": {version: change(row) for version, row in matching.items()},
        "failedVersions": failed,
    }
