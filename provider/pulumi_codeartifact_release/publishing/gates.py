"""What a version must satisfy before it is promoted: where it stands, what was approved, how long it has been there.

    check_gates(remote, Promotion(source, to, pin=pin, soak=timedelta(hours=24)))     # raises PinError, GateError

Pure: whatever is unproved is unmet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..errors import GateError, PinError
from ..registry.interface import Coordinates, Status
from ..remedies import Need
from .permission import Permission
from .plan import RemoteVersion

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Pin:
    """What was approved.

    Attributes:
        digest: the digest of the release.
        where: who says so, for messages: "`pins` of prod", "the stack acme/releases/staging".
    """

    digest: str
    where: str


@dataclass(frozen=True)
class Promotion:
    """One version on its way from one repository to the next, and what is asked of it.

    Attributes:
        source: the version where it is taken from.
        to: the same version where it goes; package and version are those of `source`.
        pin: what was approved; None where the source decides.
        soak: how long it must have been Published in `source`.
        force: the operator's permission to skip the soak of one digest.
        revision: at which the program has seen the source, if it has; reads may lag behind that.
    """

    source: Coordinates
    to: Coordinates
    pin: Pin | None = None
    soak: timedelta | None = None
    force: Permission | None = None
    revision: str | None = None


def check_gates(promotion: Promotion, remote: RemoteVersion | None) -> bool:
    """Decide whether what the source holds may be promoted; returns whether that took the operator's force.

    Raises PinError if it is not what was approved, GateError if it is not Published, or not for long enough.
    """
    source = promotion.source
    if remote is None:
        raise GateError(
            f"{source} does not exist: there is nothing to promote",
            hint=f"Release or promote it to {source.repository} first, or correct the version.",
        )
    if promotion.pin and promotion.pin.digest != remote.digest:
        raise _pin_mismatch(promotion.pin, source, remote)
    if remote.state.status is not Status.PUBLISHED or not remote.assets:
        raise GateError(
            f"{source} is {remote.state.status}, not Published: it is not promoted",
            hint=f"Only what is Published in {source.repository}, whole, goes on. "
            "(`status` of a package holds for every environment: what it keeps Unlisted or Archived is not promoted.)",
        )
    strange = next((name for name in remote.assets if not name.isprintable()), None)
    if strange is not None:
        # The service has no such names, and the engine's preview shows them as they are.
        raise GateError(
            f"{source} holds an asset whose name no registry may have: {strange}",
            hint=f"Whatever {source.repository} is in, it is not CodeArtifact. Look at what it holds.",
        )
    if not promotion.soak:
        return False
    unmet = _unmet_soak(promotion.soak, source, remote)
    if not unmet:
        return False
    force = promotion.force if promotion.force and promotion.force.covers(source) else None
    if force and force.digest == remote.digest:
        return True
    if force:
        unmet.message += f"\nThe force that is permitted names other bytes: {force.digest}"
    raise unmet


def _pin_mismatch(pin: Pin, source: Coordinates, remote: RemoteVersion) -> PinError:
    since = f", published {time_text(remote.state.published_time)}" if remote.state.published_time else ""
    return PinError(
        f"{source} is not what was approved:\n"
        f"    approved  {pin.digest} ({pin.where})\n"
        f"    there     {remote.digest} ({remote.state.status}, revision {remote.state.revision}{since})",
        hint="It moved after it was approved, or the pin is wrong. Look at it, then approve its digest, "
        "or promote another version.",
    )


def _unmet_soak(soak: timedelta, source: Coordinates, remote: RemoteVersion) -> GateError | None:
    since, now = remote.state.published_time, remote.state.answered_at
    wish = f"`soak` asks for {duration_text(soak)}"
    force = Need("force", f"{source.name}={remote.digest}")
    if since is None or now is None:
        missing = "since when it is Published" if since is None else "what time it is"
        return GateError(
            f"{source}: the registry does not say {missing}, and {wish}",
            hint=("If you know that it has been there for long enough: ", force),
        )
    if now - since >= soak:
        return None
    # Both as whole seconds, and never in favour of coming too early.
    until, been = _whole(since + soak), max(now - since, timedelta()) // _SECOND * _SECOND
    return GateError(
        f"{source} has been Published for {duration_text(been)}, and {wish}: "
        f"until {time_text(until)}, in {duration_text(until - now)}",
        hint=("Run again then. To skip the rest of it for these very bytes: ", force),
    )


def _whole(time: datetime) -> datetime:
    return time + timedelta(microseconds=-time.microsecond % 1_000_000)


def time_text(time: datetime) -> str:
    """Return a moment as `2026-11-22T16:00:00Z`."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def duration_text(duration: timedelta) -> str:
    """Return a duration as a manifest writes it: `24h`, `2d12h`, `30m`; `0s` for none."""
    # Rounded up: somebody who waits for just as long must not come too early.
    seconds = -(-duration // _SECOND)
    parts = []
    # People say 36 hours, and 3 days.
    days = (("d", 86_400),) if seconds >= 2 * 86_400 else ()
    for unit, length in (*days, ("h", 3_600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
