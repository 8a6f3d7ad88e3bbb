"""Releases a bundle: all members are staged and compared, then they become Published, the bundle last.

Until all are staged, consumers of releases see no change, and the release may be refused, fail or be stopped. From the
first member that becomes Published, it continues to the end. If it is killed, the next run completes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from ..errors import BundleError
from ..registry.retries_and_concurrency import PARALLEL_COMMITS, PARALLEL_PACKAGES
from .bundle import publication_order
from .bundle_prepare import prepare_existing
from .events import Event, Finished, MemberEvent, Planned, Staged
from .plan import Action, Plan
from .scheduler import Emit, Job, Scheduler
from .version_workflow import Connect, ExistingMember, PreparedRelease, execute_version


def execute_bundle(prepared: PreparedRelease, connect: Connect, scheduler: Scheduler) -> Iterator[Event]:
    """Release a bundle and its members; yield events, the `Finished` of the bundle last.

    The events of members are `MemberEvent`. Raises BundleError, before any write, with all refusals. A failure before
    all members are staged publishes nothing. An InterruptedReleaseError comes before the first member is Published, or
    not at all.
    """
    raise_refusals(prepared)
    staged: dict[str, Staged] = {}
    for versions in _staging_rounds(prepared):
        jobs = [_stage(item, connect, scheduler, staged) for item in versions]
        yield from _unwrap(scheduler.run(jobs, limit=PARALLEL_PACKAGES), prepared.request.name)
    scheduler.checkpoint()
    scheduler.begin_commit()
    by_name = {item.request.name: item for item in prepared.members}
    after = prepared.request.bundle.after if prepared.request.bundle else {}
    unchanged = [name for name in by_name if staged[name].plan.action is Action.KEEP]
    groups = [[name for name in group if name not in unchanged] for group in publication_order(by_name, after)]
    # What this run does not publish itself may have changed since it was read, so it is read again at the end.
    for group in (*groups, unchanged):
        jobs = [_commit(by_name[name], connect, scheduler, staged[name]) for name in group]
        yield from scheduler.run(jobs, limit=PARALLEL_COMMITS)
    own = staged[prepared.request.name]
    if own.plan.action is Action.KEEP and own.plan.remote:
        yield Finished(own.plan.remote.state, own.sent)
        return
    yield from _unwrap(scheduler.run([_commit(prepared, connect, scheduler, own)], limit=1), prepared.request.name)


def raise_refusals(prepared: PreparedRelease) -> None:
    """Raise the refusal of a version, or all refusals of a bundle and its members as one BundleError."""
    refusals = [item.plan.refusal for item in prepared.versions if item.plan.refusal]
    if len(refusals) == 1:
        raise refusals[0]
    if refusals:
        texts = "\n".join(refusal.full_text for refusal in refusals)
        raise BundleError(f"{prepared.plan.release.at} is refused for {len(refusals)} reasons:\n{texts}")


def _staging_rounds(prepared: PreparedRelease) -> list[list[PreparedRelease]]:
    """Return the versions in groups that are staged one after the other.

    The bundle itself comes first: it names all bytes, so a publisher of other members gets its conflict before it has
    sent a member, and one of the two can always finish. If the release is abandoned, it names what was left Unfinished.
    What is there already is read when the others are sent. A replacement deletes its version, so it is staged when
    nothing else can fail any more: first that of the bundle, so that no Published bundle lacks a member.
    """

    def order(item: PreparedRelease) -> int:
        if item.plan.action is Action.REPLACE:
            return 3 if item is prepared else 4
        if item is prepared:
            return 0
        return 2 if item.plan.action is Action.KEEP else 1

    return [list(group) for _, group in groupby(sorted(prepared.versions, key=order), key=order)]


def _unwrap(events: Iterator[Event], bundle: str) -> Iterator[Event]:
    """Yield the events of the bundle itself as they are."""
    for event in events:
        yield event.event if isinstance(event, MemberEvent) and event.name == bundle else event


def _stage(item: PreparedRelease, connect: Connect, scheduler: Scheduler, staged: dict[str, Staged]) -> Job:
    name = item.request.name

    def job(emit: Emit) -> None:
        if item.existing:
            staged[name] = Staged(_read_existing(item.existing, item, connect, scheduler))
            return
        for event in execute_version(item.request, connect, scheduler, item, staging=True):
            if isinstance(event, Staged):
                staged[name] = event
            else:
                emit(MemberEvent(name, event))

    return job


def _read_existing(member: ExistingMember, item: PreparedRelease, connect: Connect, scheduler: Scheduler) -> Plan:
    """Read a member that somebody else publishes. Raises GateError if it is not as the bundle names it."""
    plan = prepare_existing(member, item.request.location, connect, scheduler).plan
    if plan.refusal:
        raise plan.refusal
    return plan


def _commit(item: PreparedRelease, connect: Connect, scheduler: Scheduler, staged: Staged) -> Job:
    """Complete what is staged. A member that was Published already is read, and its status is repaired."""
    name = item.request.name

    def job(emit: Emit) -> None:
        if item.existing:
            plan = _read_existing(item.existing, item, connect, scheduler)
            assert plan.remote is not None
            emit(MemberEvent(name, Finished(plan.remote.state, ())))
            return
        for event in execute_version(item.request, connect, scheduler, replace(item, plan=staged.plan)):
            if isinstance(event, Finished):
                emit(MemberEvent(name, replace(event, sent=(*staged.sent, *event.sent))))
            elif not isinstance(event, Planned):
                # What was approved was compared with the plan while staging.
                emit(MemberEvent(name, event))

    return job
