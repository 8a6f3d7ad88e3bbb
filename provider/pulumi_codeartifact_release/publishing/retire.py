"""Retires a version that leaves a program: the policies `onDestroy` and `onSupersede` (rule 6).

    for event in retire(at, Retirement.ARCHIVE, expected, registry, scheduler, permitted=False):
        ...

Only the exact version in state is ever deleted, and only with the operator's permission.
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
from ..registry.retries_and_concurrency import SETTLE_WAITS
from .events import Deleted, Event, Rechecking, StatusSet
from .plan import RemoteVersion
from .read_version import read_version
from .scheduler import Scheduler


class Retirement(StrEnum):
    """What happens to the version. `RETAIN` (on destroy) and `KEEP` (on update) leave it as it is."""

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
        """Whether bytes are lost, so that the operator must permit it."""
        return self in (Retirement.DISPOSE, Retirement.DELETE)


@dataclass(frozen=True)
class ExpectedVersion:
    """The version in state: as it was published, or last refreshed."""

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
    """Carry out `policy` for the version at `at`. Nothing happens if the version does not exist.

    Raises NotPermittedError for a final policy without permission, ChangedError if the version is not as expected.
    """
    if not policy.acts:
        return
    if policy.is_final and not permitted:
        raise NotPermittedError(
            f"{policy} of {at} is not permitted in this run",
            hint="Set CODEARTIFACT_RELEASE_ALLOW=delete in the environment of this run, "
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
            # The call may have succeeded, or another caller was first. Read the version to find out.
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
            # Not read again: a read may lag behind our own write.
            expected, remote = ExpectedVersion(state.revision, expected.digest), RemoteVersion(state, remote.assets)


def _target(policy: Retirement, status: Status) -> Status | Literal["deleted"] | None:
    """Return the next status of the version; None if the policy is fulfilled."""
    match policy:
        case Retirement.UNLIST:
            return Status.UNLISTED if status is Status.PUBLISHED else None
        case Retirement.ARCHIVE:
            return Status.ARCHIVED if status in _LISTED else None
        case Retirement.DISPOSE:
            return Status.DISPOSED if status in (*_LISTED, Status.ARCHIVED) else None
        case Retirement.DELETE:
            # Deletion takes no revision, archiving does (rule 6).
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
    """Raise ChangedError unless this is the expected version: by revision if bytes are lost, else by digest.

    `archiving`: this run has tried to archive it, so an Archived version with the expected digest is expected.
    """
    if policy.is_final:
        archived_by_us = archiving and remote.state.status is Status.ARCHIVED and remote.digest == expected.digest
        same = remote.state.revision == expected.revision or archived_by_us
    else:
        same = remote.digest == expected.digest
    if not same:
        raise ChangedError(
            f"{at} is not the version in state: it is {remote.state.status} at revision "
            f"{remote.state.revision} with {remote.digest}; state has revision {expected.revision} with "
            f"{expected.digest}",
            hint="Somebody changed it. Check it, run `pulumi refresh`, then run again.",
        )
