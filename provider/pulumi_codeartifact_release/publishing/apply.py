"""Publishes a release: the executor of rules 2 to 5.

    for event in apply(release, contents, registry, ThreadScheduler()):
        display(event)

It converges: read, plan, act, and read again after every response that leaves the state of the registry open. There is
no journal but the registry. So the next run resumes a run that was killed at any point, on any machine.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias, TypeVar

from ..errors import (
    FileChangedError,
    InconsistentReadError,
    RegistryConflictError,
    ServerFaultError,
    StatusRefusedError,
    UnreachableError,
    VersionNotFoundError,
)
from ..registry.interface import Asset, AssetListing, Registry, Status, VersionState
from ..registry.retries_and_concurrency import PARALLEL_UPLOADS, SETTLE_WAITS
from ..remedies import Need
from .asset_content import AssetContent, verify_cached_hashes
from .events import (
    Copied,
    Deleted,
    Event,
    Finished,
    Planned,
    Publishing,
    Rechecking,
    Staged,
    StatusSet,
)
from .gates import Candidate, check_gates
from .plan import (
    PRE_DELETE_STATUS,
    Action,
    Plan,
    Release,
    RemoteVersion,
    Route,
    compare,
    final_asset,
    make_plan,
)
from .promotion_source import PromotionSource
from .read_version import read_version
from .scheduler import Emit, Scheduler
from .upload import Uploader

_T = TypeVar("_T")
_EventsThen: TypeAlias = Generator[Event, None, _T]
"""Yields events, then returns a value."""

_RIVAL_HINT = "Another publisher may be working on it. Run again; the registry will be read again."

# After these errors the write may have succeeded, or another publisher's did: only a read tells.
_AMBIGUOUS_ERRORS = (
    RegistryConflictError,
    StatusRefusedError,
    UnreachableError,
    ServerFaultError,
    VersionNotFoundError,
)


def apply(
    release: Release,
    contents: Mapping[str, AssetContent],
    registry: Registry,
    scheduler: Scheduler,
    *,
    replace_digest: str | None = None,
    promotion_source: PromotionSource | None = None,
    initial_plan: Plan | None = None,
    staging: bool = False,
    parallel: int = PARALLEL_UPLOADS,
) -> Iterator[Event]:
    """Make the registry hold `release`. Yields events, `Finished` last.

    - `contents` has the content of every declared asset, by name.
    - `replace_digest` permits the replacement of a version with exactly this digest. No other version is deleted.
    - `promotion_source` is verified before anything is taken from it, and again after every response that leaves open
      whether it changed.
    - `initial_plan` is a plan that was made earlier. It saves the first read if its first write is conditional;
      otherwise it is ignored.
    - `staging` stops before a request that consumers of releases would see; the last event is `Staged`. Its plan is the
      `initial_plan` of the call that completes the release. Requires `finalize: status-update`.

    Raises RefusedError before any write if the registry has something else, FileChangedError if a file is not the one
    that was hashed (nothing becomes Published), and any RegistryError. A version is only ever Published with all of
    its declared assets.
    """
    route = promotion_source.route if promotion_source else Route.FILES
    uploader = Uploader(release.at, contents, registry, scheduler)
    copied: list[Asset] = []
    last_missing: int | None = None
    idle_rounds = deletions = 0
    # What is staged was verified, and other members of its bundle may be Published: it is completed in any case.
    completes = initial_plan is not None and initial_plan.staged
    while True:
        plan = initial_plan if initial_plan and initial_plan.first_write_conditional else None
        initial_plan = None
        plan = plan or make_plan(release, read_version(registry, release.at, scheduler), replace_digest, route)
        yield Planned(plan)
        verify_cached_hashes(plan, contents)
        if plan.refusal:
            raise plan.refusal
        if end := _end(plan, uploader, copied, staging=staging):
            yield end
            return
        try:
            _check_preconditions(plan, contents, promotion_source, scheduler)
            if plan.action is Action.REPLACE and plan.remote:
                deletions = _count_deletion(release, deletions, scheduler)
                yield from _delete(plan, plan.remote, registry, scheduler)
                continue
            if promotion_source and plan.copies:
                state = yield from _copy(plan, promotion_source, registry, scheduler, copied)
            elif staging:
                yield from _send(plan, uploader, scheduler, parallel)
                yield Staged(_staged_plan(plan, registry, scheduler), tuple(uploader.sent.values()))
                return
            else:
                state = yield from _send_and_publish(plan, uploader, registry, scheduler, parallel)
            if state.status is not release.status:
                state = yield from _set_status(release, state, registry, scheduler)
        except _AMBIGUOUS_ERRORS as error:
            copied[:] = () if isinstance(error, StatusRefusedError) else copied
            if promotion_source and not completes:
                promotion_source.invalidate()
            # Count only rounds without progress: a large release may survive many conflicts.
            missing = len(plan.uploads)
            idle_rounds = idle_rounds + 1 if missing == last_missing else 0
            last_missing = missing
            if idle_rounds >= _max_idle_rounds(error):
                raise
            yield Rechecking(error.message)
            scheduler.sleep(SETTLE_WAITS[idle_rounds])
        else:
            yield Finished(state, tuple(uploader.sent.values()), tuple(copied))
            return


def _end(plan: Plan, uploader: Uploader, copied: Sequence[Asset], *, staging: bool) -> Staged | Finished | None:
    """Return the last event if nothing is left to do, else None."""
    sent = tuple(uploader.sent.values())
    if staging:
        # A copy arrives Published, so it is made later.
        return Staged(plan, sent) if plan.copies or not plan.sends else None
    return Finished(plan.remote.state, sent, tuple(copied)) if plan.action is Action.KEEP and plan.remote else None


def _max_idle_rounds(error: Exception) -> int:
    """Return the number of rounds without progress after which `apply` fails."""
    # One more read is enough if the service does not allow the change: waiting does not help.
    refused = isinstance(error, StatusRefusedError) and error.reason == "NOT_ALLOWED"
    return 1 if refused else len(SETTLE_WAITS)


def _check_preconditions(
    plan: Plan, contents: Mapping[str, AssetContent], promotion_source: PromotionSource | None, scheduler: Scheduler
) -> None:
    """Raise, before any write, if a file changed or the source of a promotion may not be promoted."""
    replaces = plan.action is Action.REPLACE
    if plan.sends:
        # A change of the status alone needs no file.
        _check_contents(plan.release, contents)
    if promotion_source and plan.sends:
        if replaces:
            # Nothing is deleted for a source that may have changed.
            promotion_source.invalidate()
        promotion_source.verify(plan.release, scheduler)
    elif plan.sends:
        check_gates(Candidate(plan.release))
    if replaces and not plan.copies:
        # Open every file, but only one download: that shows whether downloads are permitted.
        for asset in plan.uploads[: 1 if promotion_source else None]:
            if contents[asset.name].cached:
                contents[asset.name].rehash()
            with contents[asset.name].open():
                pass


def _count_deletion(release: Release, deletions: int, scheduler: Scheduler) -> int:
    """Count a deletion, and wait unless it is the first. Raises InconsistentReadError after too many."""
    if deletions == len(SETTLE_WAITS):
        raise InconsistentReadError(
            f"{release.at} was deleted {deletions} times and still exists",
            hint="Another operator or the registry restores it.",
        )
    if deletions:
        scheduler.sleep(SETTLE_WAITS[deletions])
    return deletions + 1


def _check_contents(release: Release, contents: Mapping[str, AssetContent]) -> None:
    for asset in release.assets:
        content = contents.get(asset.name)
        if content is None:
            raise FileChangedError(
                f"{asset.name} is declared as sha256:{asset.sha256}, but there is no such file here",
                hint="Nothing was published. Release the declared files, or declare these.",
            )
        if (content.sha256, content.size) != (asset.sha256, asset.size):
            raise FileChangedError(
                f"{asset.name} is declared as sha256:{asset.sha256}, the file here is sha256:{content.sha256}",
                hint="Nothing was published. Release the declared file, or declare this one.",
            )


def _send_and_publish(
    plan: Plan,
    uploader: Uploader,
    registry: Registry,
    scheduler: Scheduler,
    parallel: int,
) -> _EventsThen[VersionState]:
    """Carry out the plan once. Returns the final state of the version."""
    release = plan.release
    if plan.action is Action.SET_STATUS and plan.remote:
        return (yield from _set_status(release, plan.remote.state, registry, scheduler))

    if plan.staged and plan.remote:
        return (yield from _publish_by_status_update(release, plan.remote.state.revision, registry, scheduler))
    yield from _send(plan, uploader, scheduler, parallel)
    if last := final_asset(release):
        return (yield from _publish_by_last_asset(last, release, uploader, registry, scheduler))
    listing = _await_assets(release, release.assets, registry, scheduler)
    return (yield from _publish_by_status_update(release, listing.revision, registry, scheduler))


def _send(plan: Plan, uploader: Uploader, scheduler: Scheduler, parallel: int) -> Iterator[Event]:
    """Send the missing assets, but not the one whose upload publishes."""
    last = final_asset(plan.release)
    jobs = [uploader.job(asset) for asset in plan.uploads if asset != last]
    # Send the first asset alone: a publisher of different bytes gets its conflict before it has sent anything else.
    yield from scheduler.run(jobs[:1], limit=1)
    yield from scheduler.run(jobs[1:], limit=parallel)
    # Check again after sending: the published version must match the files.
    for asset in plan.release.assets:
        uploader.contents[asset.name].verify_unchanged()


def _staged_plan(plan: Plan, registry: Registry, scheduler: Scheduler) -> Plan:
    """Compare what was sent with the release. Return the plan that publishes exactly that revision."""
    listing = _await_assets(plan.release, plan.release.assets, registry, scheduler)
    remote = RemoteVersion.of(VersionState(Status.UNFINISHED, listing.revision), listing)
    return replace(make_plan(plan.release, remote, route=plan.route), staged=True)


def _copy(
    plan: Plan, promotion_source: PromotionSource, registry: Registry, scheduler: Scheduler, copied: list[Asset]
) -> _EventsThen[VersionState]:
    """Have the service copy the version, and compare the copy with the release."""
    release = plan.release
    scheduler.checkpoint()
    # Set this before the request: if its response is lost, the next read settles the outcome.
    copied[:] = plan.uploads
    response = registry.copy(
        release.at,
        source_repository=promotion_source.repository,
        revision=promotion_source.verify(release, scheduler),
        # An overwrite is not guarded by a status, as a deletion is.
        allow_overwrite=False,
    )
    if response:
        yield Copied(promotion_source.repository)
    for wait in (*SETTLE_WAITS, None):
        remote = _read_copy(release, response, registry) or read_version(registry, release.at, scheduler)
        if remote and not compare(release, remote) and remote.state.status is not Status.UNFINISHED:
            return remote.state
        if wait is not None:
            scheduler.sleep(wait)
    raise RegistryConflictError(
        f"{release.at} was copied, but differs from the version in {promotion_source.repository}", hint=_RIVAL_HINT
    )


def _read_copy(release: Release, response: VersionState | None, registry: Registry) -> RemoteVersion | None:
    """Return the copy, with one list request, if it still has the revision of the copy response."""
    try:
        listing = registry.list_assets(release.at) if response else None
    except VersionNotFoundError:
        # The read lags behind our own write.
        return None
    if response and listing and response.revision == listing.revision:
        return RemoteVersion.of(response, listing)
    return None


def _delete(plan: Plan, remote: RemoteVersion, registry: Registry, scheduler: Scheduler) -> Iterator[Event]:
    """Delete exactly the version that was read."""
    expected = remote.state.status
    if expected not in (Status.UNFINISHED, PRE_DELETE_STATUS):
        _set_pre_delete_status(plan, remote, registry, scheduler)
        expected = PRE_DELETE_STATUS
    scheduler.checkpoint()
    registry.delete(plan.release.at, expected=expected)
    yield Deleted(remote.digest)


def _set_pre_delete_status(plan: Plan, remote: RemoteVersion, registry: Registry, scheduler: Scheduler) -> None:
    """Give exactly the version that was read the status that a deletion expects."""
    scheduler.checkpoint()
    at, state = plan.release.at, remote.state
    registry.set_status(at, revision=state.revision, expected=state.status, target=PRE_DELETE_STATUS)


def _publish_by_status_update(
    release: Release, revision: str, registry: Registry, scheduler: Scheduler
) -> _EventsThen[VersionState]:
    yield Publishing()
    scheduler.checkpoint()
    return registry.set_status(release.at, revision=revision, expected=Status.UNFINISHED, target=Status.PUBLISHED)


def _publish_by_last_asset(
    last: Asset,
    release: Release,
    uploader: Uploader,
    registry: Registry,
    scheduler: Scheduler,
) -> _EventsThen[VersionState]:
    others = tuple(asset for asset in release.assets if asset != last)
    if others:
        _await_assets(release, others, registry, scheduler)
    yield Publishing()

    def job(emit: Emit) -> None:
        uploader.send(last, unfinished=False, emit=emit)

    yield from scheduler.run([job], limit=1)
    # This upload is not conditional, so its result is read: assets and status at one revision.
    for wait in (*SETTLE_WAITS, None):
        remote = read_version(registry, release.at, scheduler)
        if remote and remote.state.status is not Status.UNFINISHED:
            if compare(release, remote):
                raise RegistryConflictError(
                    f"{release.at} is {remote.state.status}, but differs from the declared release", hint=_RIVAL_HINT
                )
            return remote.state
        if wait is not None:
            scheduler.sleep(wait)
    raise InconsistentReadError(
        f"{release.at} has all its assets, but is still Unfinished after the last upload",
        hint=("Run again, or set ", Need("finalize", "status-update"), ", which publishes by a status update."),
    )


def _set_status(
    release: Release, state: VersionState, registry: Registry, scheduler: Scheduler
) -> _EventsThen[VersionState]:
    scheduler.checkpoint()
    changed = registry.set_status(release.at, revision=state.revision, expected=state.status, target=release.status)
    yield StatusSet(release.status)
    return changed


def _await_assets(
    release: Release, expected: Sequence[Asset], registry: Registry, scheduler: Scheduler
) -> AssetListing:
    """Return a listing with all expected assets and no undeclared one."""
    waits = iter((*SETTLE_WAITS, None))
    while True:
        try:
            listing = registry.list_assets(release.at)
        except VersionNotFoundError:
            # The read lags behind our own write.
            missing = list(expected)
        else:
            remote = RemoteVersion.of(VersionState(Status.UNFINISHED, listing.revision), listing)
            differences = compare(release, remote)
            if any(d.remote is not None for d in differences):
                raise RegistryConflictError(
                    f"{release.at} holds an asset that differs from the declared one", hint=_RIVAL_HINT
                )
            missing = [d.declared for d in differences if d.declared in expected and d.declared]
            if not missing:
                return listing
        wait = next(waits)
        if wait is None:
            raise RegistryConflictError(
                f"{release.at} lacks {missing[0].name}"
                + (f" and {len(missing) - 1} more assets" if len(missing) > 1 else "")
                + ", which the registry had accepted",
                hint=_RIVAL_HINT,
            )
        scheduler.sleep(wait)
