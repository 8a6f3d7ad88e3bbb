"""An approved plan compared with a new one: only the states of an approved run are not drift."""

from __future__ import annotations

import itertools

import pytest

from pulumi_codeartifact_release.publishing import Action, Finalize, Plan, Route, make_plan, read_version
from pulumi_codeartifact_release.publishing.plan_drift import ApprovedRelease, VersionSnapshot, plan_drift
from pulumi_codeartifact_release.registry import Status
from support.fakes import AT, FakeRegistry, InlineScheduler, asset, release

ABC = {"a": b"aaa", "b": b"bbbb", "c": b"c"}
OLD = {"a": b"older"}
PART = {"b": b"bbbb"}


def approved_of(plan: Plan, source: str | None = None) -> ApprovedRelease:
    release = plan.release
    return ApprovedRelease(
        plan.action,
        plan.route,
        release.status,
        release.finalize,
        release.digest,
        release.assets,
        frozenset(each.name for each in plan.expected_uploads),
        VersionSnapshot.of(plan),
        source,
    )


class Desk:
    """A registry, and the plan for ABC as it stands."""

    def __init__(
        self, *, status: Status = Status.PUBLISHED, route: Route = Route.FILES, replace_digest: bool = False
    ) -> None:
        self.registry = FakeRegistry()
        self._status, self._route, self._give_up = status, route, replace_digest
        self._permit: str | None = None

    def holds(self, contents: dict[str, bytes], status: Status) -> None:
        self.registry.holds(contents, status)

    def plan(self, contents: dict[str, bytes] = ABC, finalize: Finalize = Finalize.STATUS_UPDATE) -> Plan:
        remote = read_version(self.registry, AT, InlineScheduler())
        if self._give_up and self._permit is None and remote:
            self._permit = remote.digest
        return make_plan(release(contents, status=self._status, finalize=finalize), remote, self._permit, self._route)


@pytest.mark.parametrize("held", [None, (PART, Status.UNFINISHED), (ABC, Status.PUBLISHED), (ABC, Status.ARCHIVED)])
@pytest.mark.parametrize("route", Route)
def test_an_unchanged_registry_is_not_drift(held: tuple[dict[str, bytes], Status] | None, route: Route) -> None:
    desk = Desk(route=route)
    if held:
        desk.holds(*held)
    assert plan_drift(approved_of(desk.plan(), "r"), desk.plan(), "r") is None


def test_changed_bytes_are_reported_with_both_hashes() -> None:
    desk = Desk()
    approved = approved_of(desk.plan())
    other = asset("b", b"BBBB")
    reason = plan_drift(approved, desk.plan({**ABC, "b": b"BBBB", "d": b"d"}), None)
    assert reason is not None
    assert reason.startswith("its assets changed:\n  b\n    approved ")
    assert f"now        sha256:{other.sha256}" in reason
    assert "\n  d\n    approved   nothing\n" in reason
    assert "\n  a\n" not in reason


def test_another_status_or_finalize_is_not_approved() -> None:
    approved = approved_of(Desk().plan())
    assert "approved Published" in str(plan_drift(approved, Desk(status=Status.UNLISTED).plan(), None))
    assert "last-asset" in str(plan_drift(approved, Desk().plan(finalize=Finalize.LAST_ASSET), None))


STEPS = {
    "nothing": None,
    "a part of it": (PART, Status.UNFINISHED),
    "all of it": (ABC, Status.UNFINISHED),
    "it, Published": (ABC, Status.PUBLISHED),
    "it, Unlisted": (ABC, Status.UNLISTED),
    "it, Archived": (ABC, Status.ARCHIVED),
}


@pytest.mark.parametrize("status", [Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED])
@pytest.mark.parametrize(("before", "now"), list(itertools.product(STEPS, STEPS)))
def test_only_the_state_that_a_run_of_the_plan_leaves_is_accepted(status: Status, before: str, now: str) -> None:
    desk = Desk(status=status)
    if there := STEPS[before]:
        desk.holds(*there)
    approved = approved_of(desk.plan())
    if there := STEPS[now]:
        desk.holds(*there)
    else:
        desk.registry.versions.clear()
    order = list(STEPS)
    end = {Status.PUBLISHED: "it, Published", Status.UNLISTED: "it, Unlisted", Status.ARCHIVED: "it, Archived"}[status]
    way = [*order[:3], "it, Published", *([end] if end != "it, Published" else [])]
    if before not in way:
        # A change of status: there are two moments.
        way = [before, end]
    same_state = before == now == "nothing"
    forward = before in way and now in way and way.index(now) > way.index(before)
    # The same step at another revision: somebody touched it. Of an Unfinished one it may have been us.
    resumed = before == now and now in ("a part of it", "all of it")
    reason = plan_drift(approved, desk.plan(), None)
    assert (reason is None) == (same_state or forward or resumed), (reason, approved.action, desk.plan().action)
    if reason:
        assert reason.startswith("the registry changed:\n    approved  ")


def test_an_interrupted_replacement_continues() -> None:
    desk = Desk(replace_digest=True)
    desk.holds(OLD, Status.PUBLISHED)
    approved = approved_of(desk.plan())
    assert approved.action is Action.REPLACE
    desk.holds(OLD, Status.ARCHIVED)  # marked
    assert plan_drift(approved, desk.plan(), None) is None
    desk.registry.versions.clear()  # deleted
    assert plan_drift(approved, desk.plan(), None) is None
    desk.holds(PART, Status.UNFINISHED)
    assert plan_drift(approved, desk.plan(), None) is None
    desk.holds(ABC, Status.PUBLISHED)
    assert plan_drift(approved, desk.plan(), None) is None


def test_a_replacement_of_another_version_is_not_approved() -> None:
    desk = Desk(replace_digest=True)
    desk.holds(OLD, Status.PUBLISHED)
    approved = approved_of(desk.plan())
    desk.holds(OLD, Status.UNLISTED)
    assert plan_drift(approved, desk.plan(), None)
    other = Desk(replace_digest=True)
    other.holds({"a": b"another"}, Status.ARCHIVED)
    assert plan_drift(approved, other.plan(), None)
    desk.holds(OLD, Status.PUBLISHED)
    assert "the registry changed" in str(plan_drift(approved, desk.plan(), None))


def test_deleted_leftover_assets_are_not_resumed() -> None:
    desk = Desk()
    desk.holds(PART, Status.UNFINISHED)
    approved = approved_of(desk.plan())
    desk.holds({"c": b"c"}, Status.UNFINISHED)
    assert plan_drift(approved, desk.plan(), None)


def test_a_copy_never_becomes_a_transfer() -> None:
    desk = Desk(route=Route.COPY)
    approved = approved_of(desk.plan(), "r")
    desk.holds(PART, Status.UNFINISHED)
    assert plan_drift(approved, desk.plan(), "r")
    across = Desk(route=Route.TRANSFER)
    assert plan_drift(approved, across.plan(), "r")


@pytest.mark.parametrize("route", [Route.COPY, Route.TRANSFER])
def test_a_source_at_another_revision_is_drift(route: Route) -> None:
    desk = Desk(route=route)
    approved = approved_of(desk.plan(), "7")
    assert plan_drift(approved, desk.plan(), "8") == "its source changed: revision 8, approved 7"
    # What is promoted already takes nothing from it any more.
    desk.holds(ABC, Status.PUBLISHED)
    assert plan_drift(approved, desk.plan(), None) is None
