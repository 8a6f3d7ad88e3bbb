"""What a version must satisfy before it is published or promoted: what was approved, its status, its soak.

    candidate = Candidate(None, Promotion(source, destination, pin=pin, soak=timedelta(hours=24)), remote)
    check_gates(candidate)          # raises PinError, GateError

A new gate is a function in `GATES`. These are pure; a condition that cannot be proved is not met.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from ..errors import GateError, PinError, WithdrawnError
from ..registry.interface import Coordinates, Status
from ..remedies import Need
from .permission import Permission
from .plan import Release, RemoteVersion

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Pin:
    """An approved digest.

    Attributes:
        digest: the digest of the release.
        where: where it was approved, for messages: "`pins` of prod", "the stack acme/releases/staging".
    """

    digest: str
    where: str


@dataclass(frozen=True)
class Withdrawal:
    """A version that was withdrawn: it is neither published nor promoted, nor made Published again.

    Attributes:
        digest: the digest of the release.
        status: its status since: `Archived` or `Unlisted`.
        reason: why, in the words of who withdrew it.
        where: where that is written, for messages: "`withdrawn` of release.yaml".
    """

    digest: str
    status: str
    reason: str
    where: str


@dataclass(frozen=True)
class Promotion:
    """The promotion of one version from one repository to the next, and its conditions.

    Attributes:
        source: the version in the repository that it is taken from.
        destination: the same package and version in the destination.
        pin: the approved digest; None if the source decides.
        soak: how long it must have been Published in `source`.
        force: the operator's permission to skip the soak of one digest.
        revision: the revision of the source that the program has seen; None if it has not. Reads may lag behind it.
    """

    source: Coordinates
    destination: Coordinates
    pin: Pin | None = None
    soak: timedelta | None = None
    force: Permission | None = None
    revision: str | None = None


@dataclass(frozen=True)
class Candidate:
    """What is about to be published or promoted.

    Attributes:
        release: the release to publish; None for a promotion, whose assets are those of `remote`.
        promotion: None if files are published.
        remote: what the source of the promotion holds; None if it holds no such version.
    """

    release: Release | None
    promotion: Promotion | None = None
    remote: RemoteVersion | None = None


def refuse_withdrawn(at: Coordinates, withdrawal: Withdrawal | None) -> None:
    """Raise WithdrawnError if the version was withdrawn. Other bytes under its name are refused as well."""
    if withdrawal:
        raise WithdrawnError(
            f"{at} was withdrawn ({withdrawal.where}): {withdrawal.reason}",
            hint="Release another version. To bring this one back, run `codeartifact-release withdraw "
            f"{shlex.quote(at.name)} --restore` with the manifest and the environment.",
        )


Gate: TypeAlias = Callable[[Candidate], bool]
"""Raises RefusedError if the candidate must not be released. Returns whether it needed the operator's `force`."""


def check_gates(candidate: Candidate) -> bool:
    """Return whether the candidate needed the operator's `force`.

    Raises PinError if its digest is not the approved one, GateError if it is not Published, or not for long enough.
    """
    forced = [gate(candidate) for gate in GATES]
    return any(forced)


def _for_promotions(gate: Callable[[Promotion, RemoteVersion], bool]) -> Gate:
    def check(candidate: Candidate) -> bool:
        promotion, remote = candidate.promotion, candidate.remote
        return gate(promotion, remote) if promotion and remote else False

    return check


def _require_version(candidate: Candidate) -> bool:
    if candidate.promotion and candidate.remote is None:
        source = candidate.promotion.source
        raise GateError(
            f"{source} does not exist: there is nothing to promote",
            hint=f"Release or promote it to {source.repository} first, or correct the version.",
        )
    return False


def _require_pin(promotion: Promotion, remote: RemoteVersion) -> bool:
    if promotion.pin and promotion.pin.digest != remote.digest:
        raise _pin_mismatch(promotion.pin, promotion.source, remote)
    return False


def _require_published(promotion: Promotion, remote: RemoteVersion) -> bool:
    source = promotion.source
    if remote.state.status is not Status.PUBLISHED or not remote.assets:
        problem = (
            "has no assets" if remote.state.status is Status.PUBLISHED else f"is {remote.state.status}, not Published"
        )
        raise GateError(
            f"{source} {problem}: it cannot be promoted",
            hint=f"Publish it in {source.repository} first. "
            "(`status` of a package applies to every environment: an Unlisted or Archived package is not promoted.)",
        )
    return False


def _require_valid_names(promotion: Promotion, remote: RemoteVersion) -> bool:
    invalid_name = next((name for name in remote.assets if not name.isprintable()), None)
    if invalid_name is not None:
        # The service does not allow such names. The engine's preview would print control characters as they are.
        raise GateError(
            f"{promotion.source} holds an asset with an invalid name: {invalid_name}",
            hint=f"CodeArtifact does not allow such names. Check which server {promotion.source.repository} is on.",
        )
    return False


def _require_soak(promotion: Promotion, remote: RemoteVersion) -> bool:
    source = promotion.source
    unmet = _unmet_soak(promotion.soak, source, remote) if promotion.soak else None
    if not unmet:
        return False
    force = promotion.force if promotion.force and promotion.force.covers(source) else None
    if force and force.digest == remote.digest:
        return True
    if force:
        unmet.message += f"\nThe permitted force is for another digest: {force.digest}"
    raise unmet


GATES: tuple[Gate, ...] = (
    _require_version,
    _for_promotions(_require_pin),
    _for_promotions(_require_published),
    _for_promotions(_require_valid_names),
    _for_promotions(_require_soak),
)
"""Checked in this order, before anything is sent or copied. What the destination already has is not checked."""


def _pin_mismatch(pin: Pin, source: Coordinates, remote: RemoteVersion) -> PinError:
    since = f", published {time_text(remote.state.published_time)}" if remote.state.published_time else ""
    return PinError(
        f"{source} is not what was approved:\n"
        f"    approved  {pin.digest} ({pin.where})\n"
        f"    actual    {remote.digest} ({remote.state.status}, revision {remote.state.revision}{since})",
        hint="It changed after the approval, or the pin is wrong. Check it, then approve its digest, "
        "or promote another version.",
    )


def _unmet_soak(soak: timedelta, source: Coordinates, remote: RemoteVersion) -> GateError | None:
    since, now = remote.state.published_time, remote.state.answered_at
    requirement = f"`soak` requires {duration_text(soak)}"
    force = Need("force", f"{source.name}={remote.digest}")
    if since is None or now is None:
        missing = "when it was published" if since is None else "the time"
        return GateError(
            f"{source}: the registry does not report {missing}, and {requirement}",
            hint=("If you know that it has been Published for long enough: ", force),
        )
    if now - since >= soak:
        return None
    # Round both to whole seconds, so that nobody retries too early.
    until, published_for = _whole(since + soak), max(now - since, timedelta()) // _SECOND * _SECOND
    return GateError(
        f"{source} has been Published for {duration_text(published_for)}, and {requirement}: "
        f"until {time_text(until)}, in {duration_text(until - now)}",
        hint=("Run again then. To skip the rest of the soak for exactly these bytes: ", force),
    )


def _whole(time: datetime) -> datetime:
    return time + timedelta(microseconds=-time.microsecond % 1_000_000)


def time_text(time: datetime) -> str:
    """Return a time as `2026-11-22T16:00:00Z`."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def duration_text(duration: timedelta) -> str:
    """Return a duration as a manifest writes it: `24h`, `2d12h`, `30m`; `0s` for none."""
    # Round up, so that nobody who waits exactly this long retries too early.
    seconds = -(-duration // _SECOND)
    parts = []
    # People say 36 hours, and 3 days.
    days = (("d", 86_400),) if seconds >= 2 * 86_400 else ()
    for unit, length in (*days, ("h", 3_600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
