"""`status` as one HTML page that people leave open: it loads nothing else, and works without scripts.

    write(Path("status.html"), page(report))

Names may come from a registry that somebody else writes to. So all text is escaped, and the page's
Content-Security-Policy allows only its own script and its own style.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined

from ... import __version__
from ...errors import printable
from ...publishing import time_text
from ...publishing.drift import DesiredVersion, DriftState, SyncState
from ...registry.interface import Status
from ...text.sizes import count_text
from ..status_read import STATE_NAMES, Cell, EnvironmentReport, Report, Row
from .status_text import declared_text, drift_text, minute_text, notes, problem_text, short, version_text

if TYPE_CHECKING:
    from jinja2 import Template

_MAX_COLUMNS = 4
"""Environments that fit side by side; with more, the table scrolls."""
_FILTERS = {"problem": "Not read", "drifted": "Drifted", "behind": "Behind", "pending": "Pending"}
_ICON = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>"
    "<circle cx='8' cy='8' r='7' fill='{colour}'/>"
    "<path d='{path}' fill='none' stroke='white' stroke-width='2' stroke-linecap='round'/></svg>"
)
_CALM = _ICON.format(colour="#2f7d4a", path="M4.7 8.3l2.2 2.2 4.4-4.7")
_ALERT = _ICON.format(colour="#b3261e", path="M8 4.2v4.6M8 11.6v.1")
_NOTICE = _ICON.format(colour="#a86400", path="M8 4.2v4.6M8 11.6v.1")


@dataclass(frozen=True)
class _Chip:
    """A state in a word or two; `kind` is its CSS class, which sets the color."""

    kind: str
    text: str


def page(report: Report) -> str:
    """Return the page."""
    style, script = _data("status.css"), _data("status.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    state = report.summary or "Everything is in sync"
    return _template().render(
        policy=policy,
        style=style,
        script=script,
        icon="data:image/svg+xml," + quote(_icon(report), safe=""),
        state=state,
        # A count and its word stay on one line.
        headline=re.sub(r"(?<=\d) ", "\N{NO-BREAK SPACE}", state),
        calm=not report.summary,
        name=printable(_name(report)),
        manifest=printable(report.manifest),
        as_of=_time(report.as_of),
        sums=f"{count_text(len(report.rows), 'package')} in {count_text(len(report.environments), 'environment')}",
        filters=[{"word": word, "text": text, "count": report.counts[word]} for word, text in _FILTERS.items()],
        wide=len(report.environments) > _MAX_COLUMNS,
        environments=[_environment(environment) for environment in report.environments],
        rows=[_row(number, row, report.environments) for number, row in enumerate(report.rows)],
        version=__version__,
    )


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_data("status.html.j2"))


def _data(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _icon(report: Report) -> str:
    counts = report.counts
    if counts["problem"] or counts["drifted"]:
        return _ALERT
    return _NOTICE if report.summary else _CALM


def _name(report: Report) -> str:
    """Return what these packages have in common: their namespace, else the manifest's file."""
    namespaces = {row.package.partition("/")[0] for row in report.rows}
    return namespaces.pop() if len(namespaces) == 1 else Path(report.manifest).name


def _time(time: datetime | None) -> dict[str, str] | None:
    return {"machine": time_text(time), "people": minute_text(time)} if time else None


def _environment(environment: EnvironmentReport) -> dict[str, Any]:
    return {
        "name": environment.name,
        "where": printable(environment.where),
        "origin": printable(environment.origin),
        "problem": short(problem_text(environment.problem)) if environment.problem else None,
        "last": environment.last,
    }


def _row(number: int, row: Row, environments: tuple[EnvironmentReport, ...]) -> dict[str, Any]:
    namespace, _, name = printable(row.name).partition("/")
    return {
        "namespace": namespace,
        "name": name,
        "bundle": printable(row.bundle) if row.bundle else None,
        "states": " ".join(word for word in STATE_NAMES if word in row.states),
        "cells": [
            _cell(f"c{number}-{at}", row.cells[environment.name], environment)
            for at, environment in enumerate(environments)
        ],
    }


def _cell(key: str, cell: Cell, environment: EnvironmentReport) -> dict[str, Any]:
    holds, wanted = cell.state.current, cell.desired
    return {
        "id": key,
        "environment": environment.name,
        "last": environment.last,
        "version": printable(version_text(cell)) if holds else None,
        "nothing": "" if cell.state.problem else "nothing",
        "calm": _calm(cell),
        "chips": _chips(cell),
        "notes": [short(note) for note in notes(cell, environment)],
        "since": _time(holds.published_time) if holds else None,
        "status": str(holds.status) if holds else None,
        "revision": printable(holds.revision) if holds else None,
        "digest": holds.digest if holds else None,
        "digest_short": short(holds.digest) if holds and holds.digest else None,
        "state": drift_text(cell),
        "reasons": [printable(reason) for reason in cell.drift_report.reasons],
        "wanted": _wanted(wanted),
        "pin": wanted.digest if wanted and not wanted.bundle else None,
    }


def _wanted(wanted: DesiredVersion | None) -> str | None:
    if wanted is None:
        return None
    origin = ", pinned" if wanted.pinned else f", by {wanted.bundle}" if wanted.bundle else ""
    return printable(wanted.version + origin)


def _chips(cell: Cell) -> list[_Chip]:
    drift_report, holds = cell.drift_report, cell.state.current
    chips = []
    if cell.state.problem:
        return [_Chip("problem", "Not read")]
    if cell.bundle and cell.bundle.complete is False:
        chips.append(_Chip("drifted", "Partial"))
    elif drift_report.drift is DriftState.DRIFTED:
        chips.append(_Chip("drifted", "Drifted"))
    if drift_report.available:
        chips.append(_Chip("behind", f"Behind {drift_report.available.environment or 'the manifest'}"))
    if drift_report.drift is DriftState.PENDING:
        chips.append(_Chip("pending", declared_text(cell).capitalize()))
    if drift_report.sync is SyncState.UNKNOWN:
        chips.append(_Chip("problem", "Step unknown"))
    if drift_report.drift is DriftState.UNDECLARED:
        chips.append(_Chip("plain", "Not declared"))
    if cell.desired and cell.desired.withdrawn:
        chips.append(_Chip("plain", "Withdrawn"))
    if cell.desired and cell.desired.pinned and drift_report.drift is not DriftState.PENDING:
        chips.append(_Chip("plain", "Pinned"))
    if cell.bundle:
        chips.append(_Chip("plain", count_text(len(cell.bundle.members), "member")))
    if holds and holds.status is not Status.PUBLISHED:
        chips.append(_Chip("plain", str(holds.status)))
    return chips


def _calm(cell: Cell) -> str:
    """Return the text of a cell that needs no attention; "" for any other cell."""
    if cell.states:
        return ""
    if cell.drift_report.sync is SyncState.IN_SYNC:
        return "In sync"
    return "As declared" if cell.drift_report.drift is DriftState.AS_DECLARED else ""
