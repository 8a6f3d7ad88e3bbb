"""Publishes, promotes and retires the version of one resource in the registry.

deployment = deploy(context, inputs)        # after check() in the same process
outputs(inputs, deployment.state, deployment.audit)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    Planned,
    RemoteVersion,
    Retirement,
    StatusSet,
    ThreadScheduler,
    checksums,
    execute,
    read_version,
    retire,
)
from ..registry.interface import VersionState
from ..text.progress import LiveLine, Progress
from .audit import audit
from .engine import add_secrets
from .run_context import RunContext
from .secret import secret_texts
from .state import REQUIRED, Inputs

Props = Mapping[str, Any]


@dataclass(frozen=True)
class Deployment:
    """The result of deploy(): status and revision of the version, and the audit record."""

    state: VersionState
    audit: Mapping[str, Any]


def connector(context: RunContext) -> Callable[[Location], Connection]:
    """Return a function that connects to a location. The connection writes nothing after the run has ended."""
    return lambda location: connections.connect(location, ThreadScheduler(context.stop_reason).checkpoint)


def deploy(context: RunContext, inputs: Inputs, olds: Props | None = None) -> Deployment:
    """Publish or promote the declared version, and show the progress beside the resource. Raises ReleaseError."""
    pending = context.recall(inputs)
    open_connection = connector(context)
    connection = open_connection(inputs.location)
    progress = Progress(connection.rate, connection.waiting_s)
    events = execute(pending.request, open_connection, ThreadScheduler(context.stop_reason), pending.prepared)
    actions: list[Action] = []

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
    return Deployment(event.state, record)


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
        if still_declared(context, previous, urn):
            return
        for event in retire_version(context, olds, news.on_supersede, permitted=False):
            if isinstance(event, StatusSet):
                context.log.info(urn, f"{previous.coordinates}, the previous version: {event.status}")
    except InterruptedReleaseError:
        raise
    except ReleaseError as error:
        # Raising would keep the previous version in state, and every later update would fail if its repository is gone.
        error.front = context.recall(news).front
        context.log.warn(urn, f"{previous.coordinates}, the previous version, is not changed: {error.full_text}")


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
