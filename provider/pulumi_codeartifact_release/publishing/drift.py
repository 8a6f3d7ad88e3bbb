"""Compares a package in an environment with the manifest, and with the environment that it is promoted from.

    state = read_package(registry, package, desired.version, scheduler)     # at most five calls, usually three
    report = check_drift(desired, state, Upstream("staging", staging_state))
    report.drift, report.sync                                               # DriftState.AS_DECLARED, SyncState.BEHIND

`read_package` never writes, and `check_drift` is pure. Versions have no order here: an environment is behind if its
upstream offers a version that it does not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import islice

from ..errors import ReleaseError
from ..registry.interface import Coordinates, Registry, Status
from .plan import RemoteVersion
from .read_version import read_version
from .scheduler import Scheduler

COMPLETE = (Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED)
"""The statuses of a version that has all of its bytes."""
_NAMED_VERSIONS = 3
"""How many other Published versions of a package are named."""
_NAMED_PROBLEMS = 3
"""How many members of a partial bundle are named."""


class DriftState(StrEnum):
    """How a package in an environment compares with the manifest."""

    AS_DECLARED = "as-declared"
    """The declared version has the declared status, and the expected bytes where those are known."""
    PENDING = "pending"
    """The declared version does not exist yet, or is still Unfinished."""
    DRIFTED = "drifted"
    """The declared version has another status or different bytes."""
    UNDECLARED = "undeclared"
    """The manifest does not declare this package for this environment."""
    UNKNOWN = "unknown"
    """The environment could not be read."""


class SyncState(StrEnum):
    """How a package compares with the same package upstream; in the first environment, with the manifest."""

    IN_SYNC = "in-sync"
    """Both have the same version and digest. In the first environment: the declared version is complete."""
    BEHIND = "behind"
    """Upstream has another Published version. In the first environment: the declared version is not complete."""
    NONE = "none"
    """There is nothing to compare with: nothing is Published upstream, or nothing is declared."""
    UNKNOWN = "unknown"
    """This environment or its upstream could not be read."""


@dataclass(frozen=True)
class DesiredVersion:
    """The version of a package that an environment should have.

    Attributes:
        digest: the approved digest; None without a pin.
        pinned: whether `pins` names this version; if not, the package itself does.
        withdrawn: why it was withdrawn; "" if it was not. Then `status` is its status since.
        bundle: the bundle that names this version and its digest, as `namespace/package@version`; "" for none.
    """

    version: str
    status: Status = Status.PUBLISHED
    digest: str | None = None
    pinned: bool = False
    withdrawn: str = ""
    bundle: str = ""


@dataclass(frozen=True)
class CurrentVersion:
    """One version of a package in an environment.

    Attributes:
        digest: None for a version without all of its bytes: Unfinished or Disposed.
        published_time: when it was first Published here; None if the registry does not say.
        read_at: the registry's time of the response; None if the registry does not say.
    """

    version: str
    status: Status
    revision: str
    digest: str | None
    published_time: datetime | None = None
    read_at: datetime | None = None

    @property
    def complete(self) -> bool:
        """Whether the version has all of its bytes, in any status."""
        return self.status in COMPLETE


@dataclass(frozen=True)
class PackageState:
    """One package in one environment, as read from the registry.

    Attributes:
        current: the declared version if it exists and is not Unfinished; else the version that was Published last;
            else the declared version while it is Unfinished; else None.
        in_progress: whether the declared version is Unfinished: its upload is under way, or was interrupted.
        others: the other Published versions, the one that was Published last first; the first few.
        more_others: whether there are more of them.
        problem: why the environment could not be read; None if it could.
    """

    current: CurrentVersion | None = None
    in_progress: bool = False
    others: tuple[str, ...] = ()
    more_others: bool = False
    problem: ReleaseError | None = None


@dataclass(frozen=True)
class Upstream:
    """The environment that this one promotes from, and the state of the same package there."""

    environment: str
    state: PackageState


@dataclass(frozen=True)
class AvailableVersion:
    """The version that an environment should have next.

    Attributes:
        environment: the upstream that has it; None if the manifest declares it.
        digest: None if only the version is known.
        published_time: when it was first Published upstream; None if that is not known.
    """

    environment: str | None
    version: str
    digest: str | None = None
    published_time: datetime | None = None


@dataclass(frozen=True)
class DriftReport:
    """The result of `check_drift`.

    Attributes:
        available: the version to take over; None unless `sync` is BEHIND.
        reasons: why it is not as declared, or why that is unknown: whole phrases with full digests.
    """

    drift: DriftState
    sync: SyncState
    available: AvailableVersion | None = None
    reasons: tuple[str, ...] = ()


def read_package(registry: Registry, package: Coordinates, version: str | None, scheduler: Scheduler) -> PackageState:
    """Read the state of a package in an environment. `version` is the declared one; None if none is declared.

    Three requests if the declared version exists, otherwise two more. `package.version` is ignored. Raises any
    RegistryError.
    """
    declared = read_version(registry, replace(package, version=version), scheduler) if version else None
    # One more than is named: the current version, and whether there are more.
    summaries = registry.list_versions(package, status=Status.PUBLISHED, page_size=_NAMED_VERSIONS + 2)
    published = [summary.version for summary in islice(summaries, _NAMED_VERSIONS + 2)]
    if version and declared and declared.state.status is not Status.UNFINISHED:
        return _package_state(version, declared, published)
    newest = published[0] if published else None
    remote = read_version(registry, replace(package, version=newest), scheduler) if newest else None
    if newest and remote:
        # The newest version is the declared one if it was published between the two reads.
        return _package_state(newest, remote, published, in_progress=declared is not None and newest != version)
    if version and declared:
        return _package_state(version, declared, published, in_progress=True)
    return PackageState()


def _package_state(
    version: str, remote: RemoteVersion, published: Sequence[str], *, in_progress: bool = False
) -> PackageState:
    others = [each for each in published if each != version]
    return PackageState(
        _current_version(version, remote),
        in_progress,
        others=tuple(others[:_NAMED_VERSIONS]),
        more_others=len(others) > _NAMED_VERSIONS,
    )


def _current_version(version: str, remote: RemoteVersion) -> CurrentVersion:
    state = remote.state
    digest = remote.digest if state.status in COMPLETE else None
    return CurrentVersion(version, state.status, state.revision, digest, state.published_time, state.answered_at)


def check_drift(desired: DesiredVersion | None, state: PackageState, upstream: Upstream | None) -> DriftReport:
    """Compare one package in one environment. `upstream` is None in an environment that promotes from no other."""
    if state.problem:
        return DriftReport(DriftState.UNKNOWN, SyncState.UNKNOWN)
    drift, reasons = _compare_with_manifest(desired, state, upstream)
    if desired and desired.withdrawn:
        reasons = (f"{desired.version} was withdrawn: {desired.withdrawn}", *reasons)
    sync, available = _compare_with_upstream(state, upstream) if upstream else _compare_first(desired, state)
    if upstream and upstream.state.problem:
        reasons = (*reasons, f"{upstream.environment} could not be read")
    return DriftReport(drift, sync, available, reasons)


def with_member_problems(report: DriftReport, members: int, problems: Sequence[str]) -> DriftReport:
    """Return the report of a bundle with the reasons why it is partial; `members` is their number."""
    if not problems:
        return report
    drifted = report.drift in (DriftState.AS_DECLARED, DriftState.UNDECLARED)
    more = f"; and {len(problems) - _NAMED_PROBLEMS} more" if len(problems) > _NAMED_PROBLEMS else ""
    reason = f"partial, {len(problems)} of {members} members: {'; '.join(problems[:_NAMED_PROBLEMS])}{more}"
    return replace(report, drift=DriftState.DRIFTED if drifted else report.drift, reasons=(*report.reasons, reason))


def _compare_with_manifest(
    desired: DesiredVersion | None, state: PackageState, upstream: Upstream | None
) -> tuple[DriftState, tuple[str, ...]]:
    current = state.current
    if desired is None:
        return DriftState.UNDECLARED, ()
    if state.in_progress:
        return DriftState.PENDING, (f"{desired.version} is Unfinished here",)
    if current is None or current.version != desired.version:
        return DriftState.PENDING, (f"{desired.version} does not exist here yet",)
    if current.status is Status.UNFINISHED:
        return DriftState.PENDING, (f"{desired.version} is Unfinished here",)
    reasons = []
    if current.status is not desired.status:
        reasons.append(f"{current.status}, declared {desired.status}")
    if current.digest and (difference := _digest_difference(desired, current, upstream)):
        reasons.append(difference)
    return (DriftState.DRIFTED if reasons else DriftState.AS_DECLARED), tuple(reasons)


def _digest_difference(desired: DesiredVersion, current: CurrentVersion, upstream: Upstream | None) -> str | None:
    """Return how the bytes differ from those expected; None if they do not, or nothing says what to expect."""
    if desired.digest:
        origin = f"that in {desired.bundle}" if desired.bundle else "its pin"
        return None if current.digest == desired.digest else f"its digest differs from {origin}, {desired.digest}"
    source = upstream.state.current if upstream else None
    if not upstream or not source or not source.complete:
        return None
    if source.version != current.version or source.digest == current.digest:
        return None
    return f"its digest differs from {source.version} in {upstream.environment}, {source.digest}"


def _compare_first(desired: DesiredVersion | None, state: PackageState) -> tuple[SyncState, AvailableVersion | None]:
    if desired is None:
        return SyncState.NONE, None
    current = state.current
    if current and current.complete and current.version == desired.version:
        return SyncState.IN_SYNC, None
    return SyncState.BEHIND, AvailableVersion(None, desired.version, desired.digest)


def _compare_with_upstream(state: PackageState, upstream: Upstream) -> tuple[SyncState, AvailableVersion | None]:
    if upstream.state.problem:
        return SyncState.UNKNOWN, None
    source, current = upstream.state.current, state.current
    if source is None or not source.complete:
        return SyncState.NONE, None
    if current and current.complete and (current.version, current.digest) == (source.version, source.digest):
        return SyncState.IN_SYNC, None
    if source.status is not Status.PUBLISHED:
        # Only a Published version can be promoted.
        return SyncState.NONE, None
    available = AvailableVersion(upstream.environment, source.version, source.digest, source.published_time)
    return SyncState.BEHIND, available
