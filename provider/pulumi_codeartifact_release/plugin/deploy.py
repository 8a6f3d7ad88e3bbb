"""Publishes, promotes and retires the version of one resource in the registry.

deployment = deploy(context, inputs)        # after check() in the same process
outputs(inputs, deployment.state, deployment.audit)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .. import connections
from ..connections import Connection, known_caller
from ..errors import InterruptedReleaseError, ReleaseError
from ..location import Location, same_repository
from ..publishing import (
    Action,
    Event,
    ExpectedVersion,
    Finished,
    MemberEvent,
    Planned,
    RemoteVersion,
    Retirement,
    StatusSet,
    ThreadScheduler,
    checksums,
    each_in_threads,
    execute,
    read_version,
    retire,
)
from ..publishing.read_bundle import published_bundles
from ..registry.interface import VersionState
from ..text.progress import BundleProgress, LiveLine
from .audit import audit
from .engine import add_secrets
from .run_context import RunContext
from .secret import secret_texts
from .state import REQUIRED, Inputs, member_outputs

Props = Mapping[str, Any]


@dataclass(frozen=True)
class Deployment:
    """The result of deploy().

    Attributes:
        state: status and revision of the version.
        audit: the audit record.
        revisions: of the members of a bundle, by `namespace/package`.
    """

    state: VersionState
    audit: Mapping[str, Any]
    revisions: Mapping[str, str]


def connector(context: RunContext, scheduler: ThreadScheduler | None = None) -> Callable[[Location], Connection]:
    """Return a function that connects to a location.

    The connection writes nothing after the run has ended, or after `scheduler` stops.
    """
    checkpoint = (scheduler or ThreadScheduler(context.stop_reason)).checkpoint
    return lambda location: connections.connect(location, checkpoint)


def deploy(context: RunContext, inputs: Inputs, olds: Props | None = None) -> Deployment:
    """Publish or promote the declared version, and show the progress beside the resource. Raises ReleaseError."""
    pending = context.recall(inputs)
    # One for all, so that a bundle that is being committed is not stopped by a connection.
    scheduler = ThreadScheduler(context.stop_reason)
    open_connection = connector(context, scheduler)
    connection = open_connection(inputs.location)
    progress = BundleProgress(connection.rate, connection.waiting_s)
    events = execute(pending.request, open_connection, scheduler, pending.prepared, each=each_in_threads)
    actions: list[Action] = []
    members: dict[str, VersionState] = {}

    def show(text: str) -> None:
        context.log.status(pending.urn, text)
        context.show_overview()

    context.running.append(progress)
    with LiveLine(progress.line, show, **context.pace) as live:
        for event in events:
            progress.add(event)
            if isinstance(event, Planned):
                actions.append(event.plan.action)
                redact_remote(event.plan.remote, pending.secret)
            if isinstance(event, MemberEvent) and isinstance(event.event, Finished):
                members[event.name] = event.event.state
            if isinstance(event, Finished):
                break
            live.update()
        else:  # pragma: no cover
            raise AssertionError("apply() ends with Finished")
    context.log.info(pending.urn, progress.line())
    caller = known_caller(inputs.location)
    record = audit(
        inputs,
        event.state.revision,
        how=_how(event, actions, promoted=pending.request.promotion is not None),
        caller=caller.arn if caller else None,
        commit=pending.commit,
        forced=pending.reason if pending.prepared and pending.prepared.forced else None,
        before=None if event.sent or event.copied else olds,
    )
    return Deployment(event.state, record, {name: state.revision for name, state in members.items()})


def _how(finished: Finished, actions: Sequence[Action], *, promoted: bool) -> str:
    if finished.copied:
        return "copied"
    if finished.sent or Action.RESUME in actions:
        return "transferred" if promoted else "published"
    return "status" if Action.SET_STATUS in actions else "adopted"


def redact_remote(remote: RemoteVersion | None, secret: tuple[str, ...]) -> None:
    """Redact digest and checksums of a published version in messages, if these inputs are secret."""
    if remote and secret:
        add_secrets(secret_texts({"digest": remote.digest, "checksums": checksums(remote.assets.values())}, secret))


def supersede(context: RunContext, olds: Props, news: Inputs) -> None:
    """Retire the previous version of a resource. If that fails, show a warning: the new version is published."""
    if not news.on_supersede.acts:
        return
    urn = context.recall(news).urn
    if any(not olds.get(name) for name in REQUIRED):
        # Imported state does not contain the previous version.
        return
    previous = Inputs.of(olds)
    try:
        for props in versions_to_retire(context, olds):
            retired = Inputs.of(props)
            if still_declared(context, retired, urn):
                continue
            policy = news.on_supersede
            if policy is Retirement.ARCHIVE and props.get("members"):
                # Its list of members must be readable for a rollback.
                policy = Retirement.UNLIST
            for event in retire_version(context, props, policy, permitted=False):
                if isinstance(event, StatusSet):
                    context.log.info(urn, f"{retired.coordinates}, the previous version: {event.status}")
    except InterruptedReleaseError:
        raise
    except ReleaseError as error:
        # Raising would keep the previous version in state, and every later update would fail if its repository is gone.
        error.front = context.recall(news).front
        context.log.warn(urn, f"{previous.coordinates}, the previous version, is not changed: {error.full_text}")


def versions_to_retire(context: RunContext, props: Props) -> list[Props]:
    """Return the outputs of a version, then those of each of its members that no other Published bundle names.

    Raises ReleaseError if the other versions of a bundle cannot be read.
    """
    members = member_outputs(props)
    if not members:
        return [props]
    inputs = Inputs.of(props)
    registry = connector(context)(inputs.location).planning
    package = replace(inputs.coordinates, version="")
    bundles = [bundle for version, bundle in published_bundles(registry, package) if version != inputs.version]
    named = {member.name for bundle in bundles for member in bundle}
    return [props, *(member for member in members if Inputs.of(member).coordinates.name not in named)]


def still_declared(context: RunContext, inputs: Inputs, urn: str) -> bool:
    """Return whether a resource of this run declares this version, so that it must not be retired.

    Two locations may be the same repository under different names. Then the revisions in the registry are compared. If
    the other version cannot be read, this returns True and shows a warning. Raises ReleaseError if this version cannot
    be read.
    """
    for other in context.inputs_with_same_names(inputs):
        same = same_repository(inputs.location, other.location)
        if same or (same is None and _same_version(context, inputs, other, urn)):
            return True
    return False


def _same_version(context: RunContext, inputs: Inputs, other: Inputs, urn: str) -> bool:
    scheduler = ThreadScheduler(context.stop_reason)
    open_connection = connector(context)
    remote = read_version(open_connection(inputs.location).planning, inputs.coordinates, scheduler)
    if remote is None:
        return False
    try:
        other_remote = read_version(open_connection(other.location).planning, other.coordinates, scheduler)
    except InterruptedReleaseError:
        raise
    except ReleaseError as error:
        reason = f"another resource may declare it, but that version could not be read: {error.full_text}"
        text = f"{inputs.coordinates} is not changed: {reason}"
        context.log.warn(urn, text)
        return True
    if other_remote is None:
        return False
    if other_remote.state.revision == remote.state.revision:
        return True
    # It may be the same version, and somebody changed it between the two reads.
    again = read_version(open_connection(inputs.location).planning, inputs.coordinates, scheduler)
    return again is not None and again.state.revision != remote.state.revision


def retire_version(context: RunContext, props: Props, policy: Retirement, *, permitted: bool) -> Iterator[Event]:
    """Retire the version in these outputs. `permitted`: whether the operator permits to delete or dispose it."""
    if not policy.acts:
        return iter(())
    inputs = Inputs.of(props)
    connection = connector(context)(inputs.location)
    expected = ExpectedVersion(str(props.get("revision") or ""), inputs.digest)
    scheduler = ThreadScheduler(context.stop_reason)
    return retire(inputs.coordinates, policy, expected, connection.planning, scheduler, permitted=permitted)
