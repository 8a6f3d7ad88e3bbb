"""Packages and lists of their versions."""

from __future__ import annotations

import sqlite3
from typing import Any

from . import lookup
from .base import Call, Rows, operation, paginate


@operation("ListPackages")
def list_packages(rows: Rows, call: Call) -> dict[str, Any]:
    """List the packages of a repository. `namespace` and `packagePrefix` are both prefixes."""
    conditions = ["repository_id = ?"]
    values: list[object] = [lookup.repository(rows, call)["id"]]
    for column, parameter in (("format", "format"), ("publish", "publish"), ("upstream", "upstream")):
        if call.get(parameter):
            conditions.append(f"{column} = ?")
            values.append(call[parameter])
    for column, parameter in (("namespace", "namespace"), ("name", "packagePrefix")):
        if call.get(parameter):
            conditions.append(f"substr({column}, 1, ?) = ?")
            values += [len(call[parameter]), call[parameter]]
    packages = rows.execute(
        f"SELECT * FROM packages WHERE {' AND '.join(conditions)} ORDER BY name, namespace, format",  # noqa: S608
        values,
    )
    page, next_token = paginate(call, packages, "name", "namespace", "format")
    return {"packages": [_summary(row) for row in page], "nextToken": next_token}


@operation("ListPackageVersions")
def list_package_versions(rows: Rows, call: Call) -> dict[str, Any]:
    """List the versions of a package, sorted by version, or by time with the latest first; optionally of one status."""
    package = lookup.package(rows, call)
    versions = rows.execute(
        "SELECT *, -coalesce(published, 0.0) AS age FROM versions WHERE package_id = ? ORDER BY version",
        (package["id"],),
    ).fetchall()
    published = [row for row in versions if row["status"] == "Published"]
    keys = ["version"]
    if call.get("sortBy") == "PUBLISHED_TIME":
        keys = ["age", "version"]
        versions.sort(key=lambda row: (row["age"], row["version"]))
    status = call.get("status")
    versions = [row for row in versions if status in (None, row["status"])]
    if call.get("originType", "INTERNAL") != "INTERNAL":
        versions = []
    page, next_token = paginate(call, versions, *keys)
    return {
        "defaultDisplayVersion": min(published, key=lambda row: row["age"])["version"] if published else None,
        "format": package["format"],
        "namespace": package["namespace"] or None,
        "package": package["name"],
        "versions": [
            {key: row[key] for key in ("version", "revision", "status")} | {"origin": origin(row)} for row in page
        ],
        "nextToken": next_token,
    }


@operation("DescribePackage")
def describe_package(rows: Rows, call: Call) -> dict[str, Any]:
    """Describe a package."""
    summary = _summary(lookup.package(rows, call))
    return {"package": {"name": summary.pop("package"), **summary}}


@operation("DeletePackage", writes=True)
def delete_package(rows: Rows, call: Call) -> dict[str, Any]:
    """Delete a package with all its versions."""
    row = lookup.package(rows, call)
    rows.execute("DELETE FROM packages WHERE id = ?", (row["id"],))
    return {"deletedPackage": _summary(row)}


@operation("PutPackageOriginConfiguration", writes=True)
def put_package_origin_configuration(rows: Rows, call: Call) -> dict[str, Any]:
    """Set whether versions may be published directly, and whether they may come from upstream."""
    row = lookup.package(rows, call)
    restrictions = {key: call["restrictions"][key] for key in ("publish", "upstream")}
    rows.execute("UPDATE packages SET publish = ?, upstream = ? WHERE id = ?", (*restrictions.values(), row["id"]))
    return {"originConfiguration": {"restrictions": restrictions}}


def origin(version: sqlite3.Row) -> dict[str, Any]:
    """Return the origin of a version, which contains the repository where it was first published."""
    return {"domainEntryPoint": {"repositoryName": version["entry_point"]}, "originType": "INTERNAL"}


def _summary(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "format": row["format"],
        "namespace": row["namespace"] or None,
        "package": row["name"],
        "originConfiguration": {"restrictions": {"publish": row["publish"], "upstream": row["upstream"]}},
    }
