"""What a provider does in the registry for one resource: publish or promote, read, retire. Knows no Pulumi.

done = deploy(inputs)               # check() has left what it needs in the process
outputs(inputs, done.state, done.audit)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from .run_context import run_context
from .secret import secret_texts
from .state import REQUIRED, Inputs

Props = Mapping[str, Any]


@dataclass(frozen=True)
class Deployed:
    """What deploy() leaves behind: status and revision, and the audit record."""

    state: VersionState
    audit: Mapping[str, Any]


def open_connection(location: Location) -> Connection:
    """Return a connection to a location; nothing is written through it once the run has ended."""
    return connections.connect(location, ThreadScheduler(run_context().stop_reason).checkpoint)


def deploy(inputs: Inputs, olds: Props | None = None) -> Deployed:
    """Make the registry hold what is declared, with progress beside the resource. Raises ReleaseError."""
    context = run_context()
    pending = context.recall(inputs)
    connection = open_connection(inputs.location)
    progress = Progress(connection.rate, connection.waiting_s)
    events = execute(pending.request, open_connection, ThreadScheduler(context.stop_reason), pending.prepared)
    actions: list[Action] = []
    with LiveLine(progress.line, lambda text: context.log.status(pending.urn, text), **context.pace) as live:
        for event in events:
            progress.add(event)
            if isinstance(event, Planned):
                actions.append(event.plan.action)
                hide_held(event.plan.remote, pending.secret)
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
    return Deployed(event.state, record)


def _how(finished: Finished, actions: Sequence[Action], *, promoted: bool) -> str:
    if finished.copied:
        return "copied"
    if finished.sent or Action.RESUME in actions:
        return "transferred" if promoted else "published"
    return "status" if Action.SET_STATUS in actions else "adopted"


def hide_held(remote: RemoteVersion | None, secret: tuple[str, ...]) -> None:
    """Keep out of all that is shown what is held there, where these inputs are secret: it may be what they were."""
    if remote and secret:
        add_secrets(secret_texts({"digest": remote.digest, "checksums": checksums(remote.assets.values())}, secret))


def supersede(olds: Props, news: Inputs) -> None:
    """Retire the version that the resource was before; one that is not ours any more is left, with a warning."""
    if not news.on_supersede.acts:
        return
    context = run_context()
    urn = context.recall(news).urn
    if any(not olds.get(name) for name in REQUIRED):
        # An imported state does not say what it was.
        return
    before = Inputs.of(olds)
    try:
        if still_declared(before):
            return
        for event in retirement(olds, news.on_supersede, permitted=False):
            if isinstance(event, StatusSet):
                context.log.info(urn, f"{before.coordinates}, the version before: {event.status}")
    except InterruptedReleaseError:
        raise
    except ReleaseError as error:
        # The new version is published: failing now would keep state at the old one, for ever if its place is gone.
        error.front = context.recall(news).front
        context.log.warn(urn, f"{before.coordinates}, the version before, is left as it is: {error.full_text}")


def still_declared(before: Inputs) -> bool:
    """Return whether a resource of this run declares the version that is to be retired, whatever it calls the place.

    Where names do not tell, the registry is asked: one version has one revision. Where that does not tell either, the
    version stays, with a warning. Raises ReleaseError if the version that is to be retired cannot be looked at.
    """
    for other in run_context().inputs_with_same_names(before):
        same = same_repository(before.location, other.location)
        if same or (same is None and _same_version(before, other)):
            return True
    return False


def _same_version(before: Inputs, other: Inputs) -> bool:
    scheduler = ThreadScheduler(run_context().stop_reason)
    here = read_version(open_connection(before.location).planning, before.coordinates, scheduler)
    if here is None:
        return False
    try:
        there = read_version(open_connection(other.location).planning, other.coordinates, scheduler)
    except InterruptedReleaseError:
        raise
    except ReleaseError as error:
        text = f"{before.coordinates} may be what another resource declares, which could not be read: {error.full_text}"
        run_context().log.warn("", text)
        return True
    if there is None or there.state.revision == here.state.revision:
        return there is not None
    # It may be one version, changed between the two looks.
    again = read_version(open_connection(before.location).planning, before.coordinates, scheduler)
    return again is not None and again.state.revision != here.state.revision


def retirement(props: Props, policy: Retirement, *, permitted: bool) -> Iterator[Event]:
    """Carry out what becomes of the version that these outputs describe."""
    if not policy.acts:
        return iter(())
    inputs = Inputs.of(props)
    connection = open_connection(inputs.location)
    known = ExpectedVersion(str(props.get("revision") or ""), inputs.digest)
    scheduler = ThreadScheduler(run_context().stop_reason)
    return retire(inputs.coordinates, policy, known, connection.planning, scheduler, permitted=permitted)
