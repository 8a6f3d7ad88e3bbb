"""The report of `verify` as JSON. Its schema is `schemas/verify.schema.json`.

json.dumps(report_json(report))
"""

from __future__ import annotations

from typing import Any

from ...publishing import Release
from ...publishing.download_asset import Download
from ...publishing.verify import Difference, VerifyOutcome, VerifyResult, VersionDifference
from ...registry.interface import Asset, Status
from ..context import Site
from ..verify_check import Basis, Checked
from ..verify_read import Report
from .verify_text import totals


def report_json(report: Report) -> dict[str, Any]:
    """Return a report as JSON values (`schemas/verify.schema.json`); sizes in bytes."""
    assets, size = totals(report)
    counts = {str(result): sum(each.result is result for each in report.checked) for result in VerifyOutcome}
    environment = report.site.environment.name if report.manifest is not None else None
    return {
        "schemaVersion": 1,
        "manifest": report.manifest,
        "environment": environment,
        **_site_json(report.site),
        "comparedWith": {"environment": report.source.environment.name, **_site_json(report.source)}
        if report.source
        else None,
        "download": report.download,
        "summary": {"packages": len(report.checked), **counts, "assets": assets, "bytes": size},
        "packages": [_checked_json(each) for each in report.checked],
    }


def _site_json(site: Site) -> dict[str, Any]:
    return {
        "endpoint": site.location.endpoint or site.connection.url,
        "account": site.location.owner,
        "region": site.location.region,
        "domain": site.location.domain,
        "repository": site.location.repository,
    }


def _checked_json(each: Checked) -> dict[str, Any]:
    at, verdict = each.subject.at, each.verdict
    received = verdict.downloads if verdict else None
    return {
        "namespace": at.namespace,
        "package": at.package,
        "version": at.version,
        "result": str(each.result),
        "expected": _expected_json(verdict, each.subject.basis),
        "found": _found_json(verdict),
        "received": None
        if received is None
        else {"assets": len(received), "bytes": sum(came.size for came in received.values())},
        "differences": [_difference_json(difference) for difference in verdict.differences] if verdict else [],
        "problem": {"code": each.problem.code, "message": str(each.problem)} if each.problem else None,
    }


def _expected_json(verdict: VerifyResult | None, basis: Basis) -> dict[str, Any]:
    expected = verdict.expected if verdict else None
    return {
        "from": str(basis),
        "status": expected and expected.status and str(expected.status),
        "digest": expected.digest if expected else None,
        "assets": len(expected.assets) if isinstance(expected, Release) else None,
    }


def _found_json(verdict: VerifyResult | None) -> dict[str, Any] | None:
    remote = verdict.remote if verdict else None
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
