"""What becomes of a version that leaves: the policies `onDestroy` and `onSupersede` (rule 6).

    for event in retire(at, Retirement.ARCHIVE, expected, registry, scheduler, permitted=False):
        ...

Nothing is deleted that is not the very version that state knows, and nothing without the operator's permission.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from ..errors import (
    ChangedError,
    NotPermittedError,
    ServerFaultError,
    StatusRefusedError,
    UnreachableError,
)
from ..registry.interface import Coordinates, Registry, Status, VersionState
from ..registry.limits import SETTLE_WAITS
from .events import Deleted, Event, Rechecking, StatusSet
from .plan import RemoteVersion
from .read_version import read_version
from .scheduler import Scheduler


class Retirement(StrEnum):
    """What becomes of the version. `RETAIN` (of a destroy) and `KEEP` (of an update) leave it as it is."""

    RETAIN = "retain"
    KEEP = "keep"
    UNLIST = "unlist"
    ARCHIVE = "archive"
    DISPOSE = "dispose"
    DELETE = "delete"

    @property
    def acts(self) -> bool:
        """Whether there is anything to do."""
        return self not in (Retirement.RETAIN, Retirement.KEEP)

    @property
    def is_final(self) -> bool:
        """Whether bytes are lost: the operator has to permit it."""
        return self in (Retirement.DISPOSE, Retirement.DELETE)


@dataclass(frozen=True)
class ExpectedVersion:
    """The version as state knows it: what was published, or last refreshed."""

    revision: str
    digest: str


_LISTED = (Status.PUBLISHED, Status.UNLISTED)

_AMBIGUOUS = (StatusRefusedError, UnreachableError, ServerFaultError)


def retire(
    at: Coordinates,
    policy: Retirement,
    expected: ExpectedVersion,
    registry: Registry,
    scheduler: Scheduler,
    *,
    permitted: bool,
) -> Iterator[Event]:
    """Carry out `policy` for the version at `at`; a version that is gone already is success.

    Raises NotPermittedError for a final policy without permission, ChangedError if the version is not the known one.
    """
    if not policy.acts:
        return
    if policy.is_final and not permitted:
        raise NotPermittedError(
            f"{policy} of {at} is not permitted in this run",
            hint="Set CODEARTIFACT_RELEASE_ALLOW=delete in the environment of this very run, "
            "or set `onDestroy: retain` and run `pulumi up` first.",
        )
    waits = iter(SETTLE_WAITS)
    archiving = False
    remote = read_version(registry, at, scheduler)
    while remote and (target := _target(policy, remote.state.status)):
        _refuse_unexpected(at, policy, expected, remote, archiving=archiving)
        scheduler.checkpoint()
        archiving = archiving or target is Status.ARCHIVED
        try:
            state = _change(at, remote.state, target, registry)
        except _AMBIGUOUS as error:
            # It may have happened, or somebody else was first: reading tells.
            wait = next(waits, None)
            if wait is None:
                raise
            yield Rechecking(error.message)
            scheduler.sleep(wait)
            remote = read_version(registry, at, scheduler)
        else:
            if state is None:
                yield Deleted(expected.digest)
                return
            yield StatusSet(state.status)
            # Not read again: a read may be older than our own write.
            expected, remote = ExpectedVersion(state.revision, expected.digest), RemoteVersion(state, remote.assets)


def _target(policy: Retirement, status: Status) -> Status | Literal["deleted"] | None:
    """Return where the version goes next, None where it is as the policy wants it."""
    match policy:
        case Retirement.UNLIST:
            return Status.UNLISTED if status is Status.PUBLISHED else None
        case Retirement.ARCHIVE:
            return Status.ARCHIVED if status in _LISTED else None
        case Retirement.DISPOSE:
            return Status.DISPOSED if status in (*_LISTED, Status.ARCHIVED) else None
        case Retirement.DELETE:
            # Deletion takes no revision, archiving does: see rule 6.
            return Status.ARCHIVED if status in _LISTED else "deleted"
    return None


def _change(
    at: Coordinates, state: VersionState, target: Status | Literal["deleted"], registry: Registry
) -> VersionState | None:
    if target == "deleted":
        registry.delete(at, expected=state.status)
        return None
    if target is Status.DISPOSED:
        return registry.dispose(at, revision=state.revision, expected=state.status)
    return registry.set_status(at, revision=state.revision, expected=state.status, target=target)


def _refuse_unexpected(
    at: Coordinates, policy: Retirement, expected: ExpectedVersion, remote: RemoteVersion, *, archiving: bool
) -> None:
    """Raise ChangedError unless this is the known version: by revision where bytes are lost, else by its bytes.

    `archiving`: we have tried to archive it ourselves, so an Archived version with the known bytes is ours.
    """
    if policy.is_final:
        ours = archiving and remote.state.status is Status.ARCHIVED and remote.digest == expected.digest
        same = remote.state.revision == expected.revision or ours
    else:
        same = remote.digest == expected.digest
    if not same:
        raise ChangedError(
            f"{at} is not the version that the state knows: it is {remote.state.status} at revision "
            f"{remote.state.revision} with {remote.digest}; known is revision {expected.revision} with "
            f"{expected.digest}",
            hint="Somebody changed it since. Look at it, run `pulumi refresh`, then run again.",
        )
