"""The words of `status`, the same in the table and on the page.

drift_text(cell)          # "pinned, behind"
notes(cell)                  # ["staging holds 1.4.2"]
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from ...errors import ReleaseError, printable
from ...publishing.drift import DriftState, SyncState
from ...registry.interface import Status
from ..status_read import Cell, EnvironmentReport, Report

_DIGEST = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")
_MAX_PROBLEM_LENGTH = 160
_SYNC_TEXTS = {
    SyncState.IN_SYNC: "in sync",
    SyncState.BEHIND: "behind",
    SyncState.UNKNOWN: "sync unknown",
    SyncState.NONE: "",
}


def drift_text(cell: Cell) -> str:
    """Return the state of a package in a few words: drift, then sync."""
    if cell.state.problem:
        return "not read"
    declared = declared_text(cell)
    step = _SYNC_TEXTS[cell.drift_report.sync]
    if cell.drift_report.sync is SyncState.IN_SYNC:
        # An older version is in sync until the declared one exists: "pending" says enough.
        if cell.drift_report.drift is DriftState.PENDING:
            return declared
        if declared == "as declared":
            return step
    return ", ".join(word for word in (declared, step) if word)


def version_text(cell: Cell) -> str:
    """Return the current version; `3.1.0 (newest)` if it is neither declared nor pinned."""
    current = cell.state.current
    label = " (newest)" if cell.basis == "newest" else ""
    return f"{current.version}{label}" if current else "-"


def declared_text(cell: Cell) -> str:
    """Return how a package compares with the manifest, in a word or two."""
    if cell.desired and cell.desired.withdrawn and cell.drift_report.drift is not DriftState.UNKNOWN:
        return "withdrawn"
    if cell.bundle and cell.bundle.complete is False:
        return "partial"
    match cell.drift_report.drift:
        case DriftState.AS_DECLARED:
            return "pinned" if cell.desired and cell.desired.pinned else "as declared"
        case DriftState.PENDING:
            return "in progress" if in_progress(cell) else "pending"
        case DriftState.DRIFTED:
            return "drifted"
        case DriftState.UNDECLARED:
            return "not declared"
        case DriftState.UNKNOWN:
            return "not read"


def in_progress(cell: Cell) -> bool:
    """Return whether the declared version is Unfinished."""
    holds = cell.state.current
    return cell.state.in_progress or (holds is not None and holds.status is Status.UNFINISHED)


def notes(cell: Cell, environment: EnvironmentReport) -> list[str]:
    """Return details: why it could not be read, what differs, which versions can be promoted or are Published too."""
    if cell.state.problem:
        # A problem of the whole environment is shown once, with the environment.
        return [] if cell.state.problem is environment.problem else [problem_text(cell.state.problem)]
    others = ", ".join((*cell.state.others, *(["…"] if cell.state.more_others else [])))
    return [*_drift_notes(cell), *([f"also Published: {others}"] if others else [])]


def _drift_notes(cell: Cell) -> list[str]:
    behind, holds = cell.drift_report.available, cell.state.current
    if not behind or behind.environment is None:
        # The status says so already.
        return [] if holds and holds.status is Status.UNFINISHED else list(cell.drift_report.reasons)
    there = f"{behind.environment} holds {behind.version}"
    if holds and holds.version == behind.version:
        drifted = cell.drift_report.drift is DriftState.DRIFTED
        return [*cell.drift_report.reasons, *([] if drifted else [f"{there}, {behind.digest}"])]
    if cell.drift_report.drift is DriftState.PENDING and cell.desired and behind.version == cell.desired.version:
        # "behind" already says that the declared version does not exist yet.
        return list(cell.drift_report.reasons) if in_progress(cell) else [there]
    return [*cell.drift_report.reasons, there]


def problem_text(error: ReleaseError) -> str:
    """Return an error in one line that is not too long, with its name."""
    problem = problem_json(error)
    line = f"{problem['code']}: {problem['message']}"
    return line if len(line) <= _MAX_PROBLEM_LENGTH else line[:_MAX_PROBLEM_LENGTH] + "…"


def problem_json(error: ReleaseError) -> dict[str, str]:
    """Return an error as JSON values: its name, and one line."""
    return {"code": error.code, "message": error.message.splitlines()[0] if error.message else ""}


def short(text: str) -> str:
    """Return text that is safe in a terminal, with every digest in it shortened."""
    return _DIGEST.sub(r"\1…", printable(text))


def digest_text(digest: str) -> str:
    """Return the beginning of a digest, enough to tell two apart: `0123456789ab…`."""
    return f"{digest.removeprefix('sha256:')[:12]}…"


def minute_text(time: datetime) -> str:
    """Return a moment as `2026-11-22 16:00 UTC`."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def state_text(report: Report) -> str:
    """Return the report in a line: `1 drifted, 2 behind`, or that everything is in sync."""
    if report.summary:
        return report.summary
    in_sync = any(cell.drift_report.sync is SyncState.IN_SYNC for row in report.rows for cell in row.cells.values())
    return "everything is in sync" if in_sync else "nothing is declared here"
