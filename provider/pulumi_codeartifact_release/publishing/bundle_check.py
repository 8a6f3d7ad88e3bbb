"""Judges a bundle: it is complete if every member is Published with the digest that the bundle names, else partial.

    state = read_bundle_state(registry, at, members, scheduler)
    state.complete, [checked.problem for checked in state.problems]      # False, ["does not exist"]

A bundle is complete when it is published. A later withdrawal, replacement or deletion of a member makes it partial.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..errors import BundleError
from ..registry.interface import Coordinates, Registry, Status
from ..registry.retries_and_concurrency import PARALLEL_READS
from .bundle import BundleMember
from .plan import RemoteVersion
from .read_version import read_version
from .scheduler import Emit, Job, Scheduler

_MAX_LINES = 20
"""Problems in the message of an error."""


@dataclass(frozen=True)
class CheckedMember:
    """A member and what the registry holds of it.

    Attributes:
        remote: None if it does not exist.
    """

    member: BundleMember
    remote: RemoteVersion | None

    @property
    def problem(self) -> str:
        """Why the bundle is partial: `is Archived, not Published`; "" if this member is complete."""
        remote = self.remote
        return member_problem(self.member, remote.state.status, remote.digest) if remote else "does not exist"


@dataclass(frozen=True)
class BundleState:
    """A bundle and the state of its members, in the order of the bundle."""

    at: Coordinates
    members: tuple[CheckedMember, ...]

    @property
    def problems(self) -> tuple[CheckedMember, ...]:
        """The members that are not complete."""
        return tuple(member for member in self.members if member.problem)

    @property
    def complete(self) -> bool:
        """Whether every member is Published with the digest that the bundle names."""
        return not self.problems

    def refuse_partial(self, consequence: str) -> None:
        """Raise BundleError, with all members that are not complete. `consequence` is a sentence for the hint."""
        if self.complete:
            return
        problems = self.problems
        lines = "".join(f"\n    {checked.member.name} {checked.problem}" for checked in problems[:_MAX_LINES])
        rest = f"\n    and {len(problems) - _MAX_LINES} more" if len(problems) > _MAX_LINES else ""
        raise BundleError(
            f"{self.at} is partial: {len(problems)} of {len(self.members)} members are not as the bundle names them:"
            f"{lines}{rest}",
            hint=f"{consequence} Restore these members, or use another version of the bundle.",
        )


def member_problem(member: BundleMember, status: Status | None, digest: str | None) -> str:
    """Return why a member with this status and digest makes its bundle partial; "" if it does not.

    `status` is None if the member does not exist.
    """
    if status is None:
        return "does not exist"
    if status is not Status.PUBLISHED:
        return f"is {status}, not Published"
    return "" if digest == member.digest else f"has the digest {digest}, not {member.digest}"


def check_bundle(
    at: Coordinates, members: Sequence[BundleMember], read: Mapping[str, RemoteVersion | None]
) -> BundleState:
    """Judge the bundle at `at`. `read` has what the registry holds of each member, by `namespace/package`. Pure."""
    return BundleState(at, tuple(CheckedMember(member, read[member.id]) for member in members))


def read_bundle_state(
    registry: Registry, at: Coordinates, members: Sequence[BundleMember], scheduler: Scheduler
) -> BundleState:
    """Read all members in the repository of their bundle, and judge them. Raises any RegistryError."""
    read: dict[str, RemoteVersion | None] = {}

    def job(member: BundleMember) -> Job:
        def run(_emit: Emit) -> None:
            read[member.id] = read_version(registry, member_at(at, member), scheduler)

        return run

    for _event in scheduler.run([job(member) for member in members], limit=PARALLEL_READS):
        pass
    return check_bundle(at, members, read)


def member_at(bundle: Coordinates, member: BundleMember) -> Coordinates:
    """Return the coordinates of a member in the repository of its bundle."""
    return replace(bundle, namespace=member.namespace, package=member.package, version=member.version)
