"""The report of `status` as JSON.

json.dumps(report_json(report))
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ...publishing import time_text
from ...publishing.bundle import BundleMember
from ...publishing.drift import AvailableVersion, DesiredVersion
from ..status_bundles import HeldBundle
from ..status_read import Cell, EnvironmentReport, Report
from .status_text import problem_json


def report_json(report: Report) -> dict[str, Any]:
    """Return a report as JSON values; times in UTC."""
    return {
        "schemaVersion": 1,
        "manifest": report.manifest,
        "asOf": _time(report.as_of),
        "summary": {"packages": len(report.rows), **report.counts},
        "environments": [_environment_json(environment) for environment in report.environments],
        "packages": [
            {
                "package": row.package,
                "bundle": row.bundle,
                "environments": {name: _cell_json(cell) for name, cell in row.cells.items()},
            }
            for row in report.rows
        ],
    }


def _environment_json(environment: EnvironmentReport) -> dict[str, Any]:
    return {
        "name": environment.name,
        "endpoint": environment.endpoint or None,
        "region": environment.location.region,
        "domain": environment.location.domain,
        "repository": environment.location.repository,
        "promoteFrom": environment.environment.promote_from,
        "problem": problem_json(environment.problem) if environment.problem else None,
    }


def _cell_json(cell: Cell) -> dict[str, Any]:
    holds, drift_report = cell.state.current, cell.drift_report
    return {
        "wanted": _wanted_json(cell.desired),
        "version": holds.version if holds else None,
        "basis": cell.basis,
        "status": str(holds.status) if holds else None,
        "digest": holds.digest if holds else None,
        "revision": holds.revision if holds else None,
        "since": _time(holds.published_time) if holds else None,
        "otherPublished": list(cell.state.others),
        "moreOtherPublished": cell.state.more_others,
        "declared": str(drift_report.drift),
        "sync": str(drift_report.sync),
        "behind": _behind_json(drift_report.available),
        "reasons": list(drift_report.reasons),
        "problem": problem_json(cell.state.problem) if cell.state.problem else None,
        "complete": cell.bundle.complete if cell.bundle else None,
        "members": [_member_json(cell.bundle, member) for member in cell.bundle.members] if cell.bundle else None,
    }


def _member_json(bundle: HeldBundle, member: BundleMember) -> dict[str, Any]:
    return {
        "package": member.id,
        "version": member.version,
        "digest": member.digest,
        "size": member.size,
        "problem": bundle.problems.get(member.id, "not read") or None,
    }


def _wanted_json(wanted: DesiredVersion | None) -> dict[str, Any] | None:
    if wanted is None:
        return None
    return {
        "version": wanted.version,
        "status": str(wanted.status),
        "digest": wanted.digest,
        "from": "pins" if wanted.pinned else "bundle" if wanted.bundle else "manifest",
    }


def _behind_json(behind: AvailableVersion | None) -> dict[str, Any] | None:
    if behind is None:
        return None
    return {
        "environment": behind.environment,
        "version": behind.version,
        "digest": behind.digest,
        "since": _time(behind.published_time),
    }


def _time(time: datetime | None) -> str | None:
    return time_text(time) if time else None
