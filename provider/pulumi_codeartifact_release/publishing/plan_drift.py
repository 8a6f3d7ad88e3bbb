"""Whether what would be done now is what somebody approved a while ago. Pure.

reason = plan_drift(approved, plan, source_revision)     # None: it is

The registry is the journal: what an interrupted run of the same plan has left there is a step on the approved way, and
so is its end. Anything else that moved is not.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..registry.interface import Asset, Status
from .plan import PRE_DELETE_STATUS, Action, Finalize, Plan, Release, Route, compare_assets

_SENDING = (Action.PUBLISH, Action.RESUME, Action.REPLACE)


@dataclass(frozen=True)
class VersionSnapshot:
    """What the registry held.

    Attributes:
        digest: over what was there, whole or not.
    """

    status: Status
    revision: str
    digest: str

    @classmethod
    def of(cls, plan: Plan) -> VersionSnapshot | None:
        """Return what a plan was made from; None where there was no such version."""
        remote = plan.remote
        return cls(remote.state.status, remote.state.revision, remote.digest) if remote else None

    def __str__(self) -> str:
        return f"{self.status}, revision {self.revision}, {self.digest}"


@dataclass(frozen=True)
class ApprovedRelease:
    """The plan of one package, as it was approved.

    Attributes:
        assets: what is declared, or promoted.
        uploads: the names of what was to be sent.
        remote: None where there was no such version.
        source_revision: of a promotion's source, when it was judged; None where it was not.
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
    """Return in what way `plan` is not what was approved: a phrase, or a small block of lines; None if it is."""
    release = plan.release
    if release.digest != approved.digest:
        return _other_bytes(approved, release)
    if (release.status, release.finalize) != (approved.status, approved.finalize):
        return (
            f"it would be {release.status} by `finalize: {release.finalize}`, "
            f"approved {approved.status} by `finalize: {approved.finalize}`"
        )
    remote = VersionSnapshot.of(plan)
    as_planned = (plan.action, plan.route, remote) == (approved.action, approved.route, approved.remote)
    if not as_planned and not _is_step_of(approved, plan):
        return f"the registry moved:\n    approved  {approved.remote or 'no such version'}\n" + (
            f"    now       {remote or 'no such version'}"
        )
    if plan.expected_uploads and source_revision != approved.source_revision:
        return f"its source moved: revision {source_revision}, approved {approved.source_revision}"
    return None


def _is_step_of(approved: ApprovedRelease, plan: Plan) -> bool:
    """Return whether what is remote is what a run of the approved plan leaves, interrupted or done."""
    sent = approved.action in _SENDING
    match plan.action:
        case Action.KEEP:
            return sent or approved.action is Action.SET_STATUS
        case Action.SET_STATUS:
            # Published first, then what is declared.
            return sent and plan.remote is not None and plan.remote.state.status is Status.PUBLISHED
        case Action.RESUME:
            # What is copied comes whole.
            whole = approved.route is Route.COPY and approved.action is not Action.RESUME
            return sent and not whole and {asset.name for asset in plan.uploads} <= approved.uploads
        case Action.PUBLISH:
            return approved.action is Action.REPLACE
        case Action.REPLACE:
            replaced = approved.remote.digest if approved.remote else None
            marked = plan.remote is not None and plan.remote.state.status is PRE_DELETE_STATUS
            return approved.action is Action.REPLACE and marked and replaced == (plan.remote and plan.remote.digest)
    return False


def _other_bytes(approved: ApprovedRelease, release: Release) -> str:
    current = {asset.name: asset for asset in release.assets}
    lines = [f"\n  {difference.describe('approved', 'now')}" for difference in compare_assets(approved.assets, current)]
    return f"its assets moved:{''.join(lines)}"
