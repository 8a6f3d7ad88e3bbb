"""Reading a package version: its status and its assets at one revision."""

from __future__ import annotations

from ..errors import InconsistentReadError, VersionNotFoundError
from ..registry.interface import Coordinates, Registry, Status
from ..registry.limits import SETTLE_WAITS
from .plan import RemoteVersion
from .scheduler import Scheduler


def read_version(registry: Registry, at: Coordinates, scheduler: Scheduler) -> RemoteVersion | None:
    """Return what the registry holds at `at`, None where there is no such version."""
    for wait in (*SETTLE_WAITS, None):
        try:
            state = registry.describe(at)
        except VersionNotFoundError:
            return None
        try:
            listing = registry.list_assets(at)
        except VersionNotFoundError:
            if state.status is Status.DISPOSED:
                # Its assets are gone for good, and a list of them may be too.
                return RemoteVersion(state, {})
            listing = None
        # An Unfinished version moves while somebody uploads, and finishing it is guarded by the revision. Any
        # other status together with assets of another revision would be a mixture that never existed.
        if listing and (state.status is Status.UNFINISHED or listing.revision == state.revision):
            return RemoteVersion.of(state, listing)
        if wait is not None:
            scheduler.sleep(wait)
    raise InconsistentReadError(
        f"{at} keeps changing: its status and its assets could not be read at one revision",
        hint="Somebody else is changing this version. Run again when they are done.",
    )
