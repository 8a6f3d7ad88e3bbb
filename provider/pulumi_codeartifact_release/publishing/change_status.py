"""Changes the status of exactly the version that somebody was shown: withdrawal, its end, and retention.

    change = StatusChange(at, remote, Status.ARCHIVED)
    state = change_status(change, registry, scheduler)          # or ChangedError

Every call is guarded by the revision. After a lost response the version is read again: only the intended result counts.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ChangedError, ServerFaultError, StatusRefusedError, UnreachableError, VersionNotFoundError
from ..registry.interface import Coordinates, Registry, Status, VersionState
from ..registry.retries_and_concurrency import SETTLE_WAITS
from .scheduler import Scheduler

_AMBIGUOUS = (StatusRefusedError, UnreachableError, ServerFaultError)


@dataclass(frozen=True)
class StatusChange:
    """A version as it was shown, and its new status."""

    at: Coordinates
    state: VersionState
    target: Status


def change_status(change: StatusChange, registry: Registry, scheduler: Scheduler) -> VersionState:
    """Change the status, unless it is the target already. Returns the new state.

    Raises ChangedError if the version is not the one that was shown, or any RegistryError.
    """
    at, shown, target = change.at, change.state, change.target
    if shown.status is target:
        return shown
    for wait in (*SETTLE_WAITS, None):
        scheduler.checkpoint()
        try:
            return registry.set_status(at, revision=shown.revision, expected=shown.status, target=target)
        except _AMBIGUOUS as error:
            if isinstance(error, StatusRefusedError) and error.reason == "NOT_ALLOWED":
                raise
            # It may have succeeded, or another caller was first, with the same result.
            current = _read(at, registry)
            if current and current.status is target:
                return current
            if wait is None:
                raise
            if current is None or current.revision != shown.revision:
                raise _changed(change, current) from error
        scheduler.sleep(wait)
    raise AssertionError("the last attempt returns or raises")  # pragma: no cover


def _read(at: Coordinates, registry: Registry) -> VersionState | None:
    try:
        return registry.describe(at)
    except VersionNotFoundError:
        return None


def _changed(change: StatusChange, current: VersionState | None) -> ChangedError:
    actual = f"is {current.status} at revision {current.revision}" if current else "does not exist any more"
    return ChangedError(
        f"{change.at} changed since it was shown: it was {change.state.status} at revision {change.state.revision}, "
        f"and {actual}",
        hint="Somebody else changed it. Run again to see what it is now.",
    )
