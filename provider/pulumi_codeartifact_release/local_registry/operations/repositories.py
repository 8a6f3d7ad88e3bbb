"""Repositories, which belong to a domain and contain packages."""

from __future__ import annotations

import json
import sqlite3
import time
from typing import Any

from ..failures import conflict, invalid, not_found, quota_exceeded
from . import lookup
from .base import Call, Rows, operation, paginate


@operation("CreateRepository", writes=True)
def create_repository(rows: Rows, call: Call) -> dict[str, Any]:
    """Create a repository in a domain. Its upstreams are stored, but have no effect on generic packages."""
    name = call["repository"]
    domain = lookup.domain(rows, call)
    existing = {row[0] for row in rows.execute("SELECT name FROM repositories WHERE domain_id = ?", (domain["id"],))}
    if name in existing:
        raise conflict(f"The repository {name} already exists.", "repository", name)
    upstreams = [upstream["repositoryName"] for upstream in call.get("upstreams", [])]
    if len(upstreams) > call.quotas.upstreams_per_repository:
        raise quota_exceeded(
            f"A repository may have at most {call.quotas.upstreams_per_repository} upstreams.", "repository", name
        )
    for upstream in upstreams:
        if upstream not in existing:
            raise not_found("repository", upstream)
    rows.execute(
        "INSERT INTO repositories (domain_id, name, administrator, description, upstreams, created)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (domain["id"], name, call.account, call.get("description"), json.dumps(upstreams), time.time()),
    )
    return {"repository": _description(call, lookup.repository(rows, call))}


@operation("DescribeRepository")
def describe_repository(rows: Rows, call: Call) -> dict[str, Any]:
    """Describe a repository."""
    return {"repository": _description(call, lookup.repository(rows, call))}


@operation("DeleteRepository", writes=True)
def delete_repository(rows: Rows, call: Call) -> dict[str, Any]:
    """Delete a repository with all its packages."""
    row = lookup.repository(rows, call)
    rows.execute("DELETE FROM repositories WHERE id = ?", (row["id"],))
    return {"repository": _description(call, row)}


@operation("ListRepositories")
def list_repositories(rows: Rows, call: Call) -> dict[str, Any]:
    """List the repositories that the caller's account administers, in all domains."""
    return _list(rows, call, "administrator = ?", call.account)


@operation("ListRepositoriesInDomain")
def list_repositories_in_domain(rows: Rows, call: Call) -> dict[str, Any]:
    """List the repositories of a domain."""
    domain_id = lookup.domain(rows, call)["id"]
    administrator = call.get("administratorAccount")
    if administrator is None:
        return _list(rows, call, "domain_id = ?", domain_id)
    return _list(rows, call, "domain_id = ? AND administrator = ?", domain_id, administrator)


@operation("GetRepositoryEndpoint")
def get_repository_endpoint(rows: Rows, call: Call) -> dict[str, Any]:
    """Return a URL of this server. Formats other than generic are refused, because package managers cannot use it.

    With a URL of AWS, `aws codeartifact login` would permanently configure pip or npm for a registry that is not this
    one.
    """
    row = lookup.repository(rows, call)
    if call["format"] != "generic":
        raise invalid(
            f"Value at 'format' must be generic: the embedded registry has no {call['format']} packages, "
            "and package managers cannot use it.",
        )
    return {"repositoryEndpoint": f"http://{call.host}/{row['domain']}-{row['owner']}/generic/{row['name']}/"}


def _list(rows: Rows, call: Call, condition: str, *values: object) -> dict[str, Any]:
    prefix = call.get("repositoryPrefix", "")
    repositories = rows.execute(
        "SELECT repositories.*, domains.name AS domain, domains.owner AS owner FROM repositories"  # noqa: S608
        f" JOIN domains ON domains.id = domain_id WHERE {condition} AND substr(repositories.name, 1, ?) = ?"
        " ORDER BY repositories.name, domain, owner",
        (*values, len(prefix), prefix),
    )
    page, next_token = paginate(call, repositories, "name", "domain", "owner")
    return {"repositories": [_summary(call, row) for row in page], "nextToken": next_token}


def _summary(call: Call, row: sqlite3.Row) -> dict[str, Any]:
    return {
        "name": row["name"],
        "administratorAccount": row["administrator"],
        "domainName": row["domain"],
        "domainOwner": row["owner"],
        "arn": call.arn("repository", row["owner"], f"{row['domain']}/{row['name']}"),
        "description": row["description"],
        "createdTime": row["created"],
    }


def _description(call: Call, row: sqlite3.Row) -> dict[str, Any]:
    upstreams = [{"repositoryName": name} for name in json.loads(row["upstreams"])]
    return {**_summary(call, row), "upstreams": upstreams, "externalConnections": []}
