"""The numbers of a review compared with the run that carries it out."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from pulumi_codeartifact_release.errors import GateError, LeftoverAssetsError, RefusedError
from pulumi_codeartifact_release.publishing import (
    Action,
    Finalize,
    Finished,
    Pin,
    Promotion,
    PromotionSource,
    Release,
    Review,
    Route,
    apply,
    choose_candidate,
    digest,
    make_plan,
    min_seconds,
    read_version,
    total_reviews,
)
from pulumi_codeartifact_release.publishing.plan import refused_plan
from pulumi_codeartifact_release.registry import Status
from support.fakes import AT, FakeRegistry, InlineScheduler, asset, asset_contents, release

ABC = {"a": b"aaa", "b": b"bbbb", "c": b"c"}
OTHER = {"a": b"aaa", "b": b"BBBB", "d": b"d"}
TO = {Route.FILES: AT, Route.COPY: replace(AT, repository="staging"), Route.TRANSFER: replace(AT, domain="far")}

HELD = {
    "nothing": None,
    "a part": ({"b": b"bbbb"}, Status.UNFINISHED),
    "all but finished": (ABC, Status.UNFINISHED),
    "Published": (ABC, Status.PUBLISHED),
    "Unlisted": (ABC, Status.UNLISTED),
    "Archived": (ABC, Status.ARCHIVED),
    "different bytes, Published": (OTHER, Status.PUBLISHED),
    "different bytes, Unlisted": (OTHER, Status.UNLISTED),
    "different bytes, Archived": (OTHER, Status.ARCHIVED),
    "leftover-assets": (OTHER, Status.UNFINISHED),
}
CASES = [
    case
    for case in itertools.product(
        Route, HELD, Finalize, (Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED), (False, True)
    )
    if (case[0] is not Route.FILES or not case[-1])  # files have no pin
    # Only a release that is declared Published can replace.
    and (OTHER not in (HELD[case[1]] or ()) or case[3] is Status.PUBLISHED)
]


@pytest.mark.parametrize(("route", "held", "finalize", "status", "pinned"), CASES)
def test_the_run_does_what_the_review_shows(
    route: Route, held: str, finalize: Finalize, status: Status, pinned: bool
) -> None:
    registry, source = FakeRegistry(), FakeRegistry()
    source.versions = registry.versions
    to = TO[route]
    if there := HELD[held]:
        registry.holds(*there, to)
    scheduler = InlineScheduler()
    promotion_source = None
    remote = read_version(registry, to, scheduler)
    replace_digest = remote.digest if remote else None
    if route is Route.FILES:
        declared = Release(to, release(ABC).assets, status, finalize)
        contents = dict(asset_contents(ABC))
    else:
        registry.holds(ABC, Status.PUBLISHED, AT)
        pin = Pin(release(ABC).digest, "a test") if pinned else None
        promotion_source = PromotionSource(Promotion(AT, to, pin), lambda: source, same_domain=route is Route.COPY)
        declared = Release(to, choose_candidate(promotion_source, remote, scheduler).assets, status, finalize)
        contents = dict(promotion_source.contents(declared, scheduler))  # type: ignore[arg-type]
    plan = make_plan(declared, remote, replace_digest, route)
    review = Review(plan, 10.0, promotion_source, reads_again=True)
    events = list(
        apply(
            declared,
            contents,
            registry,
            scheduler,
            replace_digest=replace_digest,
            promotion_source=promotion_source,
            initial_plan=plan,
        )
    )
    done = events[-1]
    assert isinstance(done, Finished)
    assert review.requests == len(registry.calls) + len(source.calls), (registry.calls, source.calls)
    moved = done.copied or done.sent
    assert sorted(moved, key=lambda each: each.name) == list(plan.expected_uploads)
    assert plan.upload_bytes == sum(each.size for each in moved)
    assert {*plan.skipped_assets, *plan.expected_uploads} == set(declared.assets)
    assert not {*plan.skipped_assets} & {*plan.expected_uploads}
    assert plan.publish_requests == sum(call.startswith("publish") for call in registry.calls)
    assert plan.release.digest == digest(asset(name, content) for name, content in registry.versions[to].assets.items())
    assert done.state.status is status
    assert plan.changes == bool(registry.writes)


def test_a_run_without_a_plan_reads_first() -> None:
    registry = FakeRegistry()
    list(apply(release(ABC), asset_contents(ABC), registry, InlineScheduler()))
    assert registry.calls[0] == "describe"


def test_an_outdated_plan_does_no_harm() -> None:
    # The registry decides, whatever the plan says: meanwhile somebody else published the same or different bytes.
    for held, status in itertools.product((ABC, OTHER), (Status.UNFINISHED, Status.PUBLISHED, Status.ARCHIVED)):
        registry = FakeRegistry()
        plan = make_plan(release(ABC), None)
        registry.holds(held, status)
        events = apply(release(ABC), asset_contents(ABC), registry, InlineScheduler(), initial_plan=plan)
        if held is ABC:
            assert isinstance(list(events)[-1], Finished)
            assert registry.versions[AT].status is Status.PUBLISHED
        else:
            with pytest.raises(Exception, match=r"already|Unfinished and holds"):
                list(events)
            assert registry.versions[AT].status is status


@pytest.mark.parametrize(
    ("puts", "rate", "seconds"), [(150, 10.0, 14.0), (10, 10.0, 0.0), (11, 10.0, 0.1), (0, 10.0, 0.0), (150, None, 0.0)]
)
def test_the_minimum_duration_follows_from_the_quota(puts: int, rate: float | None, seconds: float) -> None:
    assert min_seconds(puts, rate) == pytest.approx(seconds)


def test_totals_count_shared_requests_once() -> None:
    many = {f"{number:03}": b"x" for number in range(75)}
    registry = FakeRegistry()
    registry.holds(ABC, Status.PUBLISHED)
    kept = make_plan(release(ABC), read_version(registry, AT, InlineScheduler()))
    registry.holds({"a": b"aaa"}, Status.UNFINISHED)
    part = make_plan(release(ABC), read_version(registry, AT, InlineScheduler()))
    gate = refused_plan(Release(AT, ()), None, GateError("no"), Route.COPY)
    new = make_plan(release(many), None)
    total = total_reviews(Review(plan, 10.0) for plan in (new, new, kept, part, gate))
    assert (total.changes, total.unchanged, total.refused) == (3, 1, 1)
    assert (total.assets, total.skipped_assets, total.size) == (152, 1, 155)
    assert total.requests == 2 * (1 + 75 + 2) + 2 + (2 + 2 + 2) + 1
    # Together they are 152 uploads, and the bucket is full but once.
    assert total.min_seconds == pytest.approx(14.2)


def test_a_copy_waits_for_no_quota_of_uploads() -> None:
    many = {f"{number:03}": b"x" for number in range(150)}
    plan = make_plan(release(many), None, route=Route.COPY)
    assert (plan.action, Review(plan, 10.0).min_seconds, plan.publish_requests) == (Action.PUBLISH, 0.0, 0)


@pytest.mark.parametrize("finalize", Finalize)
def test_a_stale_plan_sends_nothing_to_the_version_of_another_publisher(finalize: Finalize) -> None:
    registry = FakeRegistry()
    one = {"a": b"aaa"}
    plan = make_plan(release(one, finalize=finalize), None)
    registry.holds({"rival": b"half"}, Status.UNFINISHED)
    with pytest.raises(LeftoverAssetsError):
        list(
            apply(release(one, finalize=finalize), asset_contents(one), registry, InlineScheduler(), initial_plan=plan)
        )
    assert registry.writes == []
    assert registry.versions[AT].assets == {"rival": b"half"}


@pytest.mark.parametrize("status", [Status.ARCHIVED, Status.PUBLISHED, Status.UNFINISHED])
def test_a_stale_replacement_deletes_only_the_named_version(status: Status) -> None:
    registry = FakeRegistry()
    registry.holds(OTHER, status)
    held = read_version(registry, AT, InlineScheduler())
    assert held is not None
    plan = make_plan(release(ABC), held, held.digest)
    assert plan.action is Action.REPLACE
    registry.holds({"a": b"precious"}, status)
    registry.calls.clear()
    with pytest.raises(RefusedError):
        list(
            apply(
                release(ABC),
                asset_contents(ABC),
                registry,
                InlineScheduler(),
                replace_digest=held.digest,
                initial_plan=plan,
            )
        )
    assert registry.writes == []
    assert registry.versions[AT].assets == {"a": b"precious"}


def test_a_version_that_disappeared_since_the_plan_is_read_again() -> None:
    registry = FakeRegistry()
    registry.holds(ABC, Status.PUBLISHED)
    plan = make_plan(release(ABC), read_version(registry, AT, InlineScheduler()))
    registry.versions.clear()
    list(apply(release(ABC), asset_contents(ABC), registry, InlineScheduler(), initial_plan=plan))
    assert registry.versions[AT].status is Status.PUBLISHED
