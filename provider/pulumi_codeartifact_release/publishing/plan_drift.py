"""Compares a new plan with the plan that was approved. Pure.

reason = plan_drift(approved, plan, source_revision)     # None: still as approved

The registry is the journal. So the state that a run of the approved plan leaves, interrupted or complete, is not drift.
Any other change is.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..registry.interface import Asset, Status
from .plan import PRE_DELETE_STATUS, Action, Finalize, Plan, Release, Route, compare_assets

_SENDING = (Action.PUBLISH, Action.RESUME, Action.REPLACE)


@dataclass(frozen=True)
class VersionSnapshot:
    """A version in the registry at one revision.

    Attributes:
        digest: over its assets, whether or not the version is complete.
    """

    status: Status
    revision: str
    digest: str

    @classmethod
    def of(cls, plan: Plan) -> VersionSnapshot | None:
        """Return the version that a plan was made from; None if it did not exist."""
        remote = plan.remote
        return cls(remote.state.status, remote.state.revision, remote.digest) if remote else None

    def __str__(self) -> str:
        return f"{self.status}, revision {self.revision}, {self.digest}"


@dataclass(frozen=True)
class ApprovedRelease:
    """The approved plan of one release.

    Attributes:
        assets: the declared or promoted assets.
        uploads: the names of the assets to send.
        remote: the version in the registry; None if it did not exist.
        source_revision: the revision of a promotion's source whose gates were checked; None if they were not.
    """

    action: Action
    route: Route
    status: Status
    finalize: Finalize
    digest: str
    assets: tuple[Asset, ...]
    uploads: frozenset[str]
    remote: VersionSnapshot | None
    source_revision: str | None = None


def plan_drift(approved: ApprovedRelease, plan: Plan, source_revision: str | None) -> str | None:
    """Return how `plan` differs from the approved plan: a phrase or a few lines; None if it does not."""
    release = plan.release
    if release.digest != approved.digest:
        return _other_bytes(approved, release)
    if (release.status, release.finalize) != (approved.status, approved.finalize):
        return (
            f"it would become {release.status} with `finalize: {release.finalize}`, "
            f"approved {approved.status} with `finalize: {approved.finalize}`"
        )
    remote = VersionSnapshot.of(plan)
    unchanged = (plan.action, plan.route, remote) == (approved.action, approved.route, approved.remote)
    if not unchanged and not _is_step_of(approved, plan):
        return f"the registry changed:\n    approved  {approved.remote or 'no such version'}\n" + (
            f"    now       {remote or 'no such version'}"
        )
    if plan.expected_uploads and source_revision != approved.source_revision:
        return f"its source changed: revision {source_revision}, approved {approved.source_revision}"
    return None


def _is_step_of(approved: ApprovedRelease, plan: Plan) -> bool:
    """Return whether the registry is as a run of the approved plan leaves it, interrupted or complete."""
    sent = approved.action in _SENDING
    match plan.action:
        case Action.KEEP:
            return sent or approved.action is Action.SET_STATUS
        case Action.SET_STATUS:
            # A run publishes first, then sets the declared status.
            return sent and plan.remote is not None and plan.remote.state.status is Status.PUBLISHED
        case Action.RESUME:
            # A copy is never incomplete.
            copied = approved.route is Route.COPY and approved.action is not Action.RESUME
            return sent and not copied and {asset.name for asset in plan.uploads} <= approved.uploads
        case Action.PUBLISH:
            return approved.action is Action.REPLACE
        case Action.REPLACE:
            replaced = approved.remote.digest if approved.remote else None
            archived = plan.remote is not None and plan.remote.state.status is PRE_DELETE_STATUS
            return approved.action is Action.REPLACE and archived and replaced == (plan.remote and plan.remote.digest)
    return False


def _other_bytes(approved: ApprovedRelease, release: Release) -> str:
    current = {asset.name: asset for asset in release.assets}
    lines = [f"\n  {difference.describe('approved', 'now')}" for difference in compare_assets(approved.assets, current)]
    return f"its assets changed:{''.join(lines)}"
