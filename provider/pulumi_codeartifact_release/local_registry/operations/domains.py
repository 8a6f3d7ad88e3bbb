"""Domains, which belong to an account and contain repositories."""

from __future__ import annotations

import secrets
import sqlite3
import time
from typing import Any

from ..failures import conflict, invalid
from . import lookup
from .base import Call, Rows, operation, paginate

TOKEN_SECONDS = range(900, 43_200 + 1)
"""Valid durations of a token. 0 means as long as the caller's credentials, which do not expire here."""


@operation("CreateDomain", writes=True, creates=True)
def create_domain(rows: Rows, call: Call) -> dict[str, Any]:
    """Create a domain that the caller's account owns."""
    if lookup.find_domain(rows, call):
        raise conflict(f"The domain {call['domain']} already exists.", "domain", call["domain"])
    rows.execute(
        "INSERT INTO domains (owner, name, encryption_key, created) VALUES (?, ?, ?, ?)",
        (call.account, call["domain"], call.get("encryptionKey"), time.time()),
    )
    return {"domain": _description(rows, call, lookup.domain(rows, call))}


@operation("DescribeDomain")
def describe_domain(rows: Rows, call: Call) -> dict[str, Any]:
    """Describe a domain."""
    return {"domain": _description(rows, call, lookup.domain(rows, call))}


@operation("ListDomains")
def list_domains(rows: Rows, call: Call) -> dict[str, Any]:
    """List the domains that the caller's account owns, by name."""
    domains = rows.execute("SELECT * FROM domains WHERE owner = ? ORDER BY name", (call.account,))
    page, next_token = paginate(call, domains, "name")
    return {"domains": [_summary(call, row) for row in page], "nextToken": next_token}


@operation("DeleteDomain", writes=True)
def delete_domain(rows: Rows, call: Call) -> dict[str, Any]:
    """Delete an empty domain. Deleting a missing domain succeeds, because the model has no 404 for this operation."""
    row = lookup.find_domain(rows, call)
    if row is None:
        return {}
    description = _description(rows, call, row)
    if description["repositoryCount"]:
        raise conflict(f"The domain {row['name']} still contains repositories.", "domain", row["name"])
    rows.execute("DELETE FROM domains WHERE id = ?", (row["id"],))
    return {"domain": {**description, "status": "Deleted"}}


@operation("GetAuthorizationToken")
def get_authorization_token(rows: Rows, call: Call) -> dict[str, Any]:
    """Return a token for package managers, by default for 12 hours. The embedded registry never checks it."""
    lookup.domain(rows, call)
    seconds = call.get("durationSeconds") or TOKEN_SECONDS[-1]
    if seconds not in TOKEN_SECONDS:
        raise invalid(f"Value at 'durationSeconds' must be 0, or {TOKEN_SECONDS[0]} to {TOKEN_SECONDS[-1]}.")
    return {"authorizationToken": secrets.token_urlsafe(64), "expiration": time.time() + seconds}


def _summary(call: Call, row: sqlite3.Row) -> dict[str, Any]:
    default_key = f"arn:aws:kms:{call.region}:{row['owner']}:alias/aws/codeartifact"
    return {
        "name": row["name"],
        "owner": row["owner"],
        "arn": call.arn("domain", row["owner"], row["name"]),
        "status": "Active",
        "createdTime": row["created"],
        "encryptionKey": row["encryption_key"] or default_key,
    }


def _description(rows: Rows, call: Call, row: sqlite3.Row) -> dict[str, Any]:
    repositories = rows.execute("SELECT count(*) FROM repositories WHERE domain_id = ?", (row["id"],))
    # A domain stores equal contents once.
    contents = rows.execute(
        "SELECT coalesce(sum(size), 0) FROM (SELECT DISTINCT sha256, size FROM assets"
        " JOIN versions ON versions.id = version_id JOIN packages ON packages.id = package_id"
        " JOIN repositories ON repositories.id = repository_id WHERE domain_id = ?)",
        (row["id"],),
    )
    return {
        **_summary(call, row),
        "repositoryCount": repositories.fetchone()[0],
        "assetSizeBytes": contents.fetchone()[0],
        "s3BucketArn": f"arn:aws:s3:::assets-{row['owner']}-{call.region}",
    }
