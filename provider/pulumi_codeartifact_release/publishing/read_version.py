"""Reading a package version: its status and its assets at one revision."""

from __future__ import annotations

from ..errors import InconsistentReadError, VersionNotFoundError
from ..registry.interface import Coordinates, Registry, Status
from ..registry.retries_and_concurrency import SETTLE_WAITS
from .plan import RemoteVersion
from .scheduler import Scheduler


def read_version(registry: Registry, at: Coordinates, scheduler: Scheduler) -> RemoteVersion | None:
    """Return the version at `at`; None if it does not exist. Raises InconsistentReadError if it keeps changing."""
    for wait in (*SETTLE_WAITS, None):
        try:
            state = registry.describe(at)
        except VersionNotFoundError:
            return None
        try:
            listing = registry.list_assets(at)
        except VersionNotFoundError:
            if state.status is Status.DISPOSED:
                # Its assets were deleted permanently; the service may not even list them.
                return RemoteVersion(state, {})
            listing = None
        # An Unfinished version changes while somebody uploads, and its publication is guarded by the revision. For any
        # other status, status and assets of different revisions would be a mixture that never existed.
        if listing and (state.status is Status.UNFINISHED or listing.revision == state.revision):
            return RemoteVersion.of(state, listing)
        if wait is not None:
            scheduler.sleep(wait)
    raise InconsistentReadError(
        f"{at} keeps changing: its status and its assets could not be read at one revision",
        hint="Somebody else is changing this version. Run again when they are done.",
    )
