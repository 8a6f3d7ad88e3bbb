"""Where a package stands in an environment: what is held there, as declared or not, in step with the one before or not.

    found = read(registry, package, wanted.version, scheduler)     # at most five calls, two where all is well
    standing = judge(wanted, found, Before("staging", found_there))
    standing.declared, standing.step                               # Declared.AS_DECLARED, Step.BEHIND

`read` never writes, and `judge` is pure. Versions have no order here: an environment is behind if the one before it
offers something else than it holds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from ..errors import ReleaseError
from ..registry.interface import Coordinates, Registry, Status
from .apply import look
from .plan import RemoteVersion
from .scheduler import Scheduler

_WHOLE = (Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED)


class Declared(StrEnum):
    """What is held, against what the manifest says of this environment."""

    AS_DECLARED = "as-declared"
    """The declared version, in the declared status, with the bytes that are known to be the right ones."""
    PENDING = "pending"
    """The declared version is not there, or still Unfinished."""
    DRIFTED = "drifted"
    """The declared version is there, in another status or with other bytes."""
    UNDECLARED = "undeclared"
    """The manifest says nothing of this package here."""
    UNKNOWN = "unknown"
    """It could not be read."""


class Step(StrEnum):
    """What is held, against the environment before; in the first one, against the manifest."""

    IN_STEP = "in-step"
    """The same version with the same digest; in the first environment, the declared version, whole."""
    BEHIND = "behind"
    """The environment before holds something else, Published; in the first, the declared version is not there whole."""
    NONE = "none"
    """There is nothing to be in step with: nothing Published before, or nothing declared."""
    UNKNOWN = "unknown"
    """This environment, or the one before, could not be read."""


@dataclass(frozen=True)
class Wanted:
    """What an environment must hold of a package.

    Attributes:
        digest: what was approved; None without a pin.
        pinned: whether `pins` says so, and not the package itself.
    """

    version: str
    status: Status = Status.PUBLISHED
    digest: str | None = None
    pinned: bool = False


@dataclass(frozen=True)
class Holding:
    """One version of a package as an environment holds it.

    Attributes:
        digest: None where there is no whole version to have one: Unfinished, or Disposed.
        since: when it was first Published here; None where the registry does not say.
        read_at: the registry's own clock when it said so; None where it does not say.
    """

    version: str
    status: Status
    revision: str
    digest: str | None
    since: datetime | None = None
    read_at: datetime | None = None

    @property
    def whole(self) -> bool:
        """Whether it is a version with all of its bytes, in whatever status."""
        return self.status in _WHOLE


@dataclass(frozen=True)
class Found:
    """What was read of one package in one environment.

    Attributes:
        holds: the declared version if it is there, else the one that was Published last, else a declared one that is
            still Unfinished, else None.
        in_progress: whether the declared version is there, Unfinished: somebody sends it, or stopped in the middle.
        problem: why nothing could be read; None if it could.
    """

    holds: Holding | None = None
    in_progress: bool = False
    problem: ReleaseError | None = None


@dataclass(frozen=True)
class Before:
    """The environment that this one promotes from, and what it holds of the same package."""

    environment: str
    found: Found


@dataclass(frozen=True)
class Behind:
    """What an environment is behind.

    Attributes:
        environment: the one before; None for what the manifest declares.
        digest: None where only the version is known.
        since: since when it is there.
    """

    environment: str | None
    version: str
    digest: str | None = None
    since: datetime | None = None


@dataclass(frozen=True)
class Standing:
    """The judgement.

    Attributes:
        behind: what is there to take over; None unless `step` is BEHIND.
        reasons: why it is not as declared, or unknown; whole phrases with full digests.
    """

    declared: Declared
    step: Step
    behind: Behind | None = None
    reasons: tuple[str, ...] = ()


def read(registry: Registry, package: Coordinates, version: str | None, scheduler: Scheduler) -> Found:
    """Return what an environment holds of a package, `version` being the declared one (None: nothing is declared).

    Two reads where the declared version is there; else one more for the version that was Published last, and two for
    what that is. `package.version` does not matter. Raises any RegistryError.
    """
    declared = look(registry, replace(package, version=version), scheduler) if version else None
    if version and declared and declared.state.status is not Status.UNFINISHED:
        return Found(_holding(version, declared))
    newest = registry.newest_version(package)
    published = look(registry, replace(package, version=newest), scheduler) if newest else None
    if newest and published:
        # The declared version itself, if it was published between the two looks.
        return Found(_holding(newest, published), in_progress=declared is not None and newest != version)
    if version and declared:
        return Found(_holding(version, declared), in_progress=True)
    return Found()


def _holding(version: str, remote: RemoteVersion) -> Holding:
    state = remote.state
    digest = remote.digest if state.status in _WHOLE else None
    return Holding(version, state.status, state.revision, digest, state.published_time, state.answered_at)


def judge(wanted: Wanted | None, found: Found, before: Before | None) -> Standing:
    """Judge one package in one environment. `before` is None in an environment that promotes from no other."""
    if found.problem:
        return Standing(Declared.UNKNOWN, Step.UNKNOWN)
    declared, reasons = _against_the_manifest(wanted, found, before)
    step, behind = _against_before(found, before) if before else _first(wanted, found)
    if before and before.found.problem:
        reasons = (*reasons, f"{before.environment} could not be read")
    return Standing(declared, step, behind, reasons)


def _against_the_manifest(
    wanted: Wanted | None, found: Found, before: Before | None
) -> tuple[Declared, tuple[str, ...]]:
    holds = found.holds
    if wanted is None:
        return Declared.UNDECLARED, ()
    if found.in_progress:
        return Declared.PENDING, (f"{wanted.version} is Unfinished here",)
    if holds is None or holds.version != wanted.version:
        return Declared.PENDING, (f"{wanted.version} is not there yet",)
    if holds.status is Status.UNFINISHED:
        return Declared.PENDING, (f"{wanted.version} is Unfinished here",)
    reasons = []
    if holds.status is not wanted.status:
        reasons.append(f"{holds.status}, declared {wanted.status}")
    if holds.digest and (other := _other_bytes(wanted, holds, before)):
        reasons.append(other)
    return (Declared.DRIFTED if reasons else Declared.AS_DECLARED), tuple(reasons)


def _other_bytes(wanted: Wanted, holds: Holding, before: Before | None) -> str | None:
    """Return in what way the bytes are not the right ones, None if they are, or nobody knows the right ones."""
    if wanted.digest:
        return None if holds.digest == wanted.digest else f"other bytes than its pin, {wanted.digest}"
    there = before.found.holds if before else None
    if not before or not there or not there.whole or there.version != holds.version or there.digest == holds.digest:
        return None
    return f"other bytes than {before.environment} holds as {there.version}, {there.digest}"


def _first(wanted: Wanted | None, found: Found) -> tuple[Step, Behind | None]:
    if wanted is None:
        return Step.NONE, None
    holds = found.holds
    if holds and holds.whole and holds.version == wanted.version:
        return Step.IN_STEP, None
    return Step.BEHIND, Behind(None, wanted.version, wanted.digest)


def _against_before(found: Found, before: Before) -> tuple[Step, Behind | None]:
    if before.found.problem:
        return Step.UNKNOWN, None
    there, here = before.found.holds, found.holds
    if there is None or not there.whole:
        return Step.NONE, None
    if here and here.whole and (here.version, here.digest) == (there.version, there.digest):
        return Step.IN_STEP, None
    if there.status is not Status.PUBLISHED:
        # Nothing but what is Published is promoted.
        return Step.NONE, None
    return Step.BEHIND, Behind(before.environment, there.version, there.digest, there.since)
