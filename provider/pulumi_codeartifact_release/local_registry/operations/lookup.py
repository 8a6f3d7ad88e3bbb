"""Looks up the resources of a call, or raises the 404 for the one that does not exist."""

from __future__ import annotations

import sqlite3

from ..failures import invalid, not_found
from .base import Call, Rows


def domain(rows: Rows, call: Call) -> sqlite3.Row:
    """Return the domain's row. The owner is `domainOwner`, by default the caller's account."""
    row = find_domain(rows, call)
    if row is None:
        raise not_found("domain", call["domain"])
    return row


def find_domain(rows: Rows, call: Call) -> sqlite3.Row | None:
    """Return the domain's row, or None."""
    owner = call.get("domainOwner", call.account)
    return one(rows, "SELECT * FROM domains WHERE owner = ? AND name = ?", owner, call["domain"])


def repository(rows: Rows, call: Call, parameter: str = "repository") -> sqlite3.Row:
    """Return the row of the repository that `parameter` names, with `domain` and `owner` of its domain."""
    row = one(
        rows,
        "SELECT repositories.*, domains.name AS domain, domains.owner AS owner FROM repositories"
        " JOIN domains ON domains.id = domain_id WHERE domain_id = ? AND repositories.name = ?",
        domain(rows, call)["id"],
        call[parameter],
    )
    if row is None:
        raise not_found("repository", call[parameter])
    return row


def namespace(call: Call) -> str:
    """Return the namespace; "" if there is none.

    Raises:
        ServiceError: ValidationException for a generic package without a namespace.
    """
    name: str = call.get("namespace", "")
    if not name and call["format"] == "generic":
        raise invalid("Value at 'namespace' is required for packages of the format generic.")
    return name


def package_id(call: Call) -> str:
    """Return the package for error messages: `namespace/package`."""
    return "/".join(filter(None, (call.get("namespace"), call["package"])))


def find_package(rows: Rows, call: Call, repository_id: int) -> sqlite3.Row | None:
    """Return the package's row in a repository, or None."""
    return one(
        rows,
        "SELECT * FROM packages WHERE repository_id = ? AND format = ? AND namespace = ? AND name = ?",
        repository_id,
        call["format"],
        namespace(call),
        call["package"],
    )


def package(rows: Rows, call: Call, parameter: str = "repository") -> sqlite3.Row:
    """Return the package's row in the repository that `parameter` names."""
    namespace(call)  # an invalid request is a 400 even if the repository does not exist
    row = find_package(rows, call, repository(rows, call, parameter)["id"])
    if row is None:
        raise not_found("package", package_id(call))
    return row


def find_version(rows: Rows, package_row: sqlite3.Row, version: str) -> sqlite3.Row | None:
    """Return the row of a version of a package, or None."""
    return one(rows, "SELECT * FROM versions WHERE package_id = ? AND version = ?", package_row["id"], version)


def package_version(rows: Rows, call: Call) -> sqlite3.Row:
    """Return the row of the version that `packageVersion` names."""
    row = find_version(rows, package(rows, call), call["packageVersion"])
    if row is None:
        raise not_found("package-version", version_id(call))
    return row


def version_id(call: Call) -> str:
    """Return the version for error messages: `namespace/package@version`."""
    return f"{package_id(call)}@{call['packageVersion']}"


def one(rows: Rows, query: str, *values: object) -> sqlite3.Row | None:
    """Return the only row of a query, or None."""
    row: sqlite3.Row | None = rows.execute(query, values).fetchone()
    return row
