"""Reads what protects versions, and archives or deletes the others. Every call is guarded.

    view = read_view(registry, package, "prod", desired, soak)
    for outcome in execute(decisions, package, registry, scheduler, read_protected):
        ...

The promise: nothing is pruned that was protected when it was last read. It is read again before every few changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from ..errors import ChangedError, ServerFaultError, StatusRefusedError, UnreachableError, VersionNotFoundError
from ..registry.interface import Coordinates, Registry, Status, VersionState
from ..registry.retries_and_concurrency import PARALLEL_READS
from .change_status import StatusChange, change_status
from .prune import Action, Decision, EnvironmentView
from .scheduler import Emit, Scheduler

CHANGES_PER_READ = 100
"""How many versions are changed before the protected set is read again."""

ReadProtected = Callable[[], Mapping[str, str]]
"""Reads the protected set of a package: version -> why it stays."""


@dataclass(frozen=True)
class Outcome:
    """What happened to one version.

    Attributes:
        state: the new state; None if it was deleted or nothing was changed.
        skipped: why nothing was changed; "" if something was.
    """

    decision: Decision
    state: VersionState | None = None
    skipped: str = ""


def read_view(
    registry: Registry,
    package: Coordinates,
    environment: str,
    desired: Mapping[str, str],
    soak: timedelta | None,
    now: datetime | None = None,
) -> EnvironmentView:
    """Read what an environment holds of a package. `soak`: the longest soak of those that promote from it.

    Raises any RegistryError: what cannot be read may protect anything.
    """
    newest, soaking = None, set()
    for summary in registry.list_versions(package, status=Status.PUBLISHED, page_size=100 if soak else 1):
        newest = newest or summary.version
        if not soak:
            break
        try:
            state = registry.describe(replace(package, version=summary.version))
        except VersionNotFoundError:
            continue
        since, at = state.published_time, state.answered_at or now or datetime.now(UTC)
        if since and at - since >= soak:
            # The list has the last Published first.
            break
        soaking.add(summary.version)
    return EnvironmentView(environment, desired, newest, frozenset(soaking))


def execute(
    decisions: Sequence[Decision],
    package: Coordinates,
    registry: Registry,
    scheduler: Scheduler,
    read_protected: ReadProtected,
) -> Iterator[Outcome]:
    """Archive and delete what was decided. What changed since, or is protected by now, is skipped.

    Raises any error of a read or a call; the outcomes before it are done.
    """
    changes = [decision for decision in decisions if decision.action is not Action.KEEP]
    for start in range(0, len(changes), CHANGES_PER_READ):
        protected = read_protected()
        outcomes: list[Outcome] = []
        jobs = [
            partial(_job, decision, protected, package, registry, scheduler, outcomes.append)
            for decision in changes[start : start + CHANGES_PER_READ]
        ]
        try:
            for _ in scheduler.run(jobs, limit=PARALLEL_READS):
                pass
        except BaseException:
            yield from outcomes
            raise
        yield from outcomes


def _job(
    decision: Decision,
    protected: Mapping[str, str],
    package: Coordinates,
    registry: Registry,
    scheduler: Scheduler,
    add: Callable[[Outcome], None],
    _emit: Emit,
) -> None:
    version = decision.version.version
    if reason := protected.get(version):
        add(Outcome(decision, skipped=f"{reason} by now"))
        return
    try:
        add(Outcome(decision, _carry_out(decision, replace(package, version=version), registry, scheduler)))
    except ChangedError:
        add(Outcome(decision, skipped="it changed since it was shown"))


def _carry_out(decision: Decision, at: Coordinates, registry: Registry, scheduler: Scheduler) -> VersionState | None:
    shown = decision.version.state
    if decision.action is Action.ARCHIVE:
        return change_status(StatusChange(at, shown, Status.ARCHIVED), registry, scheduler)
    delete_shown(at, shown, registry)
    return None


def delete_shown(at: Coordinates, shown: VersionState, registry: Registry) -> None:
    """Delete a version if it still has the status and revision that were shown. Raises ChangedError.

    The service's deletion takes no revision, so the version is read just before.
    """
    try:
        current = registry.describe(at)
        if (current.status, current.revision) != (shown.status, shown.revision):
            raise _changed(at)
        registry.delete(at, expected=shown.status)
    except StatusRefusedError as error:
        # A second attempt of the same request finds nothing.
        if error.reason != "NOT_FOUND":
            raise _changed(at) from error
    except VersionNotFoundError:
        return
    except (UnreachableError, ServerFaultError):
        if _exists(at, registry):
            raise


def _exists(at: Coordinates, registry: Registry) -> bool:
    try:
        registry.describe(at)
    except VersionNotFoundError:
        return False
    return True


def _changed(at: Coordinates) -> ChangedError:
    return ChangedError(f"{at} changed since it was shown", hint="Run again to see what it is now.")
