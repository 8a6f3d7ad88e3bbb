"""The report of `verify` as JSON. Its schema is `schemas/verify.schema.json`.

json.dumps(report_json(report))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...publishing import Release
from ...publishing.download_asset import Download
from ...publishing.verify import Difference, VerifyOutcome, VerifyResult, VersionDifference
from ...registry.interface import Asset, Status
from ..context import OpenEnvironment
from ..verify_check import Basis, CheckedVersion
from ..verify_read import Report
from .verify_text import members_of, totals


def report_json(report: Report) -> dict[str, Any]:
    """Return a report as JSON values (`schemas/verify.schema.json`); sizes in bytes."""
    assets, size = totals(report)
    members = members_of(report)
    counts = {str(outcome): sum(check.outcome is outcome for check in report.checks) for outcome in VerifyOutcome}
    environment = report.destination.environment.name if report.manifest is not None else None
    return {
        "schemaVersion": 1,
        "manifest": report.manifest,
        "environment": environment,
        **_environment_json(report.destination),
        "comparedWith": {"environment": report.source.environment.name, **_environment_json(report.source)}
        if report.source
        else None,
        "download": report.download,
        "summary": {"packages": len(report.checks), **counts, "assets": assets, "bytes": size},
        "packages": [_version_json(check, members.get(check.subject.at.name, ())) for check in report.checks],
    }


def _environment_json(env: OpenEnvironment) -> dict[str, Any]:
    return {
        "endpoint": env.location.endpoint or env.connection.url,
        "account": env.location.owner,
        "region": env.location.region,
        "domain": env.location.domain,
        "repository": env.location.repository,
    }


def _version_json(check: CheckedVersion, members: Sequence[CheckedVersion]) -> dict[str, Any]:
    at, result = check.subject.at, check.result
    received = result.downloads if result else None
    return {
        "namespace": at.namespace,
        "package": at.package,
        "version": at.version,
        "bundle": check.subject.bundle,
        "complete": all(member.outcome is VerifyOutcome.VERIFIED for member in members) if members else None,
        "result": str(check.outcome),
        "expected": _expected_json(result, check.subject.basis),
        "found": _found_json(result),
        "received": None
        if received is None
        else {"assets": len(received), "bytes": sum(came.size for came in received.values())},
        "differences": [_difference_json(difference) for difference in result.differences] if result else [],
        "problem": {"code": check.problem.code, "message": str(check.problem)} if check.problem else None,
    }


def _expected_json(result: VerifyResult | None, basis: Basis) -> dict[str, Any]:
    expected = result.expected if result else None
    return {
        "from": str(basis),
        "status": expected and expected.status and str(expected.status),
        "digest": expected.digest if expected else None,
        "assets": len(expected.assets) if isinstance(expected, Release) else None,
    }


def _found_json(result: VerifyResult | None) -> dict[str, Any] | None:
    remote = result.remote if result else None
    if remote is None:
        return None
    # A version without its bytes has no digest.
    whole = remote.state.status not in (Status.UNFINISHED, Status.DISPOSED)
    return {
        "status": str(remote.state.status),
        "revision": remote.state.revision,
        "digest": remote.digest if whole else None,
        "assets": len(remote.assets),
        "bytes": sum(asset.size for asset in remote.assets.values()),
    }


def _difference_json(difference: Difference) -> dict[str, Any]:
    if isinstance(difference, VersionDifference):
        return {"what": difference.field, "expected": str(difference.expected), "found": str(difference.actual)}
    return {
        "what": "asset",
        "name": difference.name,
        "declared": _content_json(difference.declared),
        "listed": _content_json(difference.listed),
        "received": _content_json(difference.download),
    }


def _content_json(content: Asset | Download | None) -> dict[str, Any] | None:
    return {"size": content.size, "sha256": content.sha256} if content else None
