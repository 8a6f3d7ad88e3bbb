"""Whether what would be done now is what somebody approved a while ago. Pure.

reason = departure(approved, plan, source_revision)     # None: it is

The registry is the journal: what an interrupted run of the same plan has left there is a step on the approved way, and
so is its end. Anything else that moved is not.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..registry.interface import Asset, Status
from .plan import DOOMED, Action, Finalize, Plan, Release, Route, compared

_SENDING = (Action.PUBLISH, Action.RESUME, Action.REPLACE)


@dataclass(frozen=True)
class Found:
    """What the registry held.

    Attributes:
        digest: over what was there, whole or not.
    """

    status: Status
    revision: str
    digest: str

    @classmethod
    def of(cls, plan: Plan) -> Found | None:
        """Return what a plan was made from; None where there was no such version."""
        remote = plan.remote
        return cls(remote.state.status, remote.state.revision, remote.digest) if remote else None

    def __str__(self) -> str:
        return f"{self.status}, revision {self.revision}, {self.digest}"


@dataclass(frozen=True)
class Approved:
    """The plan of one package, as it was approved.

    Attributes:
        assets: what is declared, or promoted.
        uploads: the names of what was to be sent.
        found: None where there was no such version.
        source_revision: of a promotion's source, when it was judged; None where it was not.
    """

    action: Action
    route: Route
    status: Status
    finalize: Finalize
    digest: str
    assets: tuple[Asset, ...]
    uploads: frozenset[str]
    found: Found | None
    source_revision: str | None = None


def departure(approved: Approved, plan: Plan, source_revision: str | None) -> str | None:
    """Return in what way `plan` is not what was approved: a phrase, or a small block of lines; None if it is."""
    release = plan.release
    if release.digest != approved.digest:
        return _other_bytes(approved, release)
    if (release.status, release.finalize) != (approved.status, approved.finalize):
        return (
            f"it would be {release.status} by `finalize: {release.finalize}`, "
            f"approved {approved.status} by `finalize: {approved.finalize}`"
        )
    found = Found.of(plan)
    as_planned = (plan.action, plan.route, found) == (approved.action, approved.route, approved.found)
    if not as_planned and not _on_its_way(approved, plan):
        return f"the registry moved:\n    approved  {approved.found or 'no such version'}\n" + (
            f"    now       {found or 'no such version'}"
        )
    if plan.sends and source_revision != approved.source_revision:
        return f"its source moved: revision {source_revision}, approved {approved.source_revision}"
    return None


def _on_its_way(approved: Approved, plan: Plan) -> bool:
    """Return whether what is found is what a run of the approved plan leaves, interrupted or done."""
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
            given_up = approved.found.digest if approved.found else None
            marked = plan.remote is not None and plan.remote.state.status is DOOMED
            return approved.action is Action.REPLACE and marked and given_up == (plan.remote and plan.remote.digest)
    return False


def _other_bytes(approved: Approved, release: Release) -> str:
    there = {asset.name: asset for asset in release.assets}
    lines = [f"\n  {each.told('approved', 'now')}" for each in compared(approved.assets, there)]
    return f"its assets moved:{''.join(lines)}"
