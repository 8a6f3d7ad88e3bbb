"""`codeartifact-release status`: what each environment holds of each package, and whether it is where it should be.

codeartifact-release status release.yaml --html status.html
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ..manifest import Variables, load
from ..publishing import time_text
from ..publishing.drift import AvailableVersion, DesiredVersion
from .context import parsed_variables
from .files import refuse_unwritable, write_whole
from .status_read import Cell, EnvironmentReport, Report, read_report
from .views.console import terminal_width
from .views.status_page import page
from .views.status_table import status_lines
from .views.status_text import problem_json, state_text


def run(
    *,
    manifest: Path,
    environments: tuple[str, ...],
    variables: tuple[str, ...],
    allow: tuple[str, ...],
    as_json: bool,
    page_file: Path | None,
    verbose: bool,  # noqa: ARG001 - main() reads it
) -> None:
    """Run `status`."""
    if page_file:
        refuse_unwritable(page_file, "--html", {"the manifest": manifest}, beside=manifest)
    permitted = frozenset(allow)
    loaded = load(
        manifest,
        variables=Variables(command_line=parsed_variables(variables), environ=os.environ),
        allow=permitted,
        with_files=False,
    )
    shown = frozenset(loaded.environment(name).name for name in environments or loaded.environments)
    report = read_report(loaded, shown, allow=permitted, now=datetime.now(UTC), warn=_Warnings())
    if page_file:
        write_whole(page_file, page(report), "--html", beside=manifest)
    if as_json:
        click.echo(json.dumps(report_json(report), indent=2))
    elif page_file:
        click.echo(f"{page_file}: {state_text(report)}")
    else:
        for line in status_lines(report, terminal_width()):
            click.echo(line)
    if report.exit_code:
        raise SystemExit(report.exit_code)


class _Warnings:
    """Each warning once, however many environments have it."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def __call__(self, text: str) -> None:
        if text not in self._told:
            click.echo(text, err=True)
        self._told.add(text)


def report_json(report: Report) -> dict[str, Any]:
    """Return a report as JSON values; times in UTC."""
    return {
        "schemaVersion": 1,
        "manifest": report.manifest,
        "asOf": _time(report.as_of),
        "summary": {"packages": len(report.rows), **report.counts},
        "environments": [_environment_json(environment) for environment in report.environments],
        "packages": [
            {"package": row.package, "environments": {name: _cell_json(cell) for name, cell in row.cells.items()}}
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
    holds, standing = cell.found.current, cell.standing
    return {
        "wanted": _wanted_json(cell.wanted),
        "version": holds.version if holds else None,
        "status": str(holds.status) if holds else None,
        "digest": holds.digest if holds else None,
        "revision": holds.revision if holds else None,
        "since": _time(holds.published_time) if holds else None,
        "declared": str(standing.drift),
        "sync": str(standing.sync),
        "behind": _behind_json(standing.available),
        "reasons": list(standing.reasons),
        "problem": problem_json(cell.found.problem) if cell.found.problem else None,
    }


def _wanted_json(wanted: DesiredVersion | None) -> dict[str, Any] | None:
    if wanted is None:
        return None
    return {
        "version": wanted.version,
        "status": str(wanted.status),
        "digest": wanted.digest,
        "from": "pins" if wanted.pinned else "manifest",
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
