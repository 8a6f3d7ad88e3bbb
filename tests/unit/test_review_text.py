"""The text of a plan for people."""

from __future__ import annotations

import pytest

from pulumi_codeartifact_release.errors import GateError
from pulumi_codeartifact_release.publishing import (
    Finalize,
    Pin,
    Promotion,
    PromotionSource,
    Release,
    RemoteVersion,
    Review,
    Route,
    make_plan,
    refused_plan,
)
from pulumi_codeartifact_release.registry import AssetListing, Status, VersionState
from pulumi_codeartifact_release.text.plan import file_lines, plan_text, review_lines
from pulumi_codeartifact_release.text.sizes import count_text, seconds_text, size_text
from support.fakes import AT, FakeRegistry, InlineScheduler, asset, release

MANY = {f"{number:03}": b"x" * 1024 for number in range(150)}


def held(contents: dict[str, bytes], status: Status) -> RemoteVersion:
    listing = AssetListing("r", {name: asset(name, content) for name, content in contents.items()})
    return RemoteVersion.of(VersionState(status, "r"), listing)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (5_000_000, "4.8 MiB"),
        (5 << 40, "5.0 TiB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert size_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.01, "1 s"),
        (14.0, "14 s"),
        (59.5, "1 min"),
        (125.0, "2 min 5 s"),
        (3600.0, "1 h"),
        (3660.0, "1 h 1 min"),
        (0.0, "0 s"),
    ],
)
def test_times_are_rounded_up(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


def test_counts() -> None:
    assert (count_text(1, "asset"), count_text(1500, "asset")) == ("1 asset", "1,500 assets")


def test_the_first_files_are_named_with_their_sizes_and_the_others_are_counted() -> None:
    assets = release({"b.zip": b"x" * 2048, "long-name.zip": b"x", **MANY}).assets
    lines = file_lines(assets)
    assert lines[:2] == ["000  1.0 KiB", "001  1.0 KiB"]
    assert lines[20:] == ["… and 132 more files, 132.0 KiB"]
    assert file_lines(assets[-2:]) == ["b.zip          2.0 KiB", "long-name.zip  1 byte"]
    assert file_lines(assets[:3], 2)[2:] == ["… and 1 more file, 1.0 KiB"]
    assert len(file_lines(assets, None)) == 152


def test_a_review_has_requests_and_minimum_duration() -> None:
    plan = make_plan(release(MANY), None)
    digest = plan.release.digest
    assert review_lines(Review(plan)) == ["publish 150 assets, 150.0 KiB", "153 requests", digest]
    assert review_lines(Review(plan, 10.0)) == [
        "publish 150 assets, 150.0 KiB",
        "153 requests; at least 14 s by the quota of 10 uploads a second",
        digest,
    ]
    few = make_plan(release({"a": b"a"}), None)
    assert review_lines(Review(few, 10.0))[1] == "4 requests; no wait by the quota of 10 uploads a second"


def test_every_line_fits_into_80_columns() -> None:
    promotion_source = PromotionSource(
        Promotion(AT, AT, Pin("sha256:" + "0" * 64, "`pins` of prod")), FakeRegistry, same_domain=True
    )
    for there in (None, held({"000": b"old"}, Status.PUBLISHED)):
        plan = make_plan(release(MANY), there, there.digest if there else None, Route.TRANSFER)
        assert all(len(line) <= 76 for line in review_lines(Review(plan, 0.5, promotion_source))[:3])


@pytest.mark.parametrize(
    ("route", "text"),
    [
        (Route.FILES, "publish 150 assets, 150.0 KiB"),
        (Route.COPY, "copy 150 assets, 150.0 KiB"),
        (Route.TRANSFER, "download, verify and publish 150 assets, 150.0 KiB"),
    ],
)
def test_a_plan_shows_the_route(route: Route, text: str) -> None:
    assert plan_text(make_plan(release(MANY), None, route=route)) == text


def test_a_promotion_shows_its_source_and_its_approval() -> None:
    plan = make_plan(release(MANY), None, route=Route.COPY)
    for pin, told in ((None, " as it is now, not pinned"), (Pin(plan.release.digest, "`pins` of prod"), None)):
        promotion_source = PromotionSource(Promotion(AT, AT, pin), FakeRegistry, same_domain=True)
        promotion_source.read_requests = 2
        assert review_lines(Review(plan, 10.0, promotion_source)) == [
            "copy 150 assets, 150.0 KiB",
            "5 requests",
            plan.release.digest,
            f"from acme/dev{told or ', approved by `pins` of prod'}",
        ]


def test_a_transfer_waits_for_the_quota_of_uploads_and_counts_its_downloads() -> None:
    plan = make_plan(release(MANY), None, route=Route.TRANSFER)
    assert review_lines(Review(plan, 10.0))[1] == "303 requests; at least 14 s by the quota of 10 uploads a second"


@pytest.mark.parametrize(
    ("route", "then"), [(Route.FILES, "publish"), (Route.COPY, "copy"), (Route.TRANSFER, "publish")]
)
def test_a_replacement_says_that_the_version_is_absent_for_a_moment(route: Route, then: str) -> None:
    found = held({"a": b"old"}, Status.PUBLISHED)
    plan = make_plan(release({"a": b"new"}), found, found.digest, route)
    lines = review_lines(Review(plan))
    assert lines[0] == f"REPLACE: delete the published version, then {then} 1 asset, 3 bytes"
    assert f"absent for a moment; deletes {found.digest}" in lines


@pytest.mark.parametrize("route", Route)
def test_an_incomplete_version_is_completed_by_either_route(route: Route) -> None:
    plan = make_plan(release({"a": b"a", "b": b"b"}), held({"a": b"a"}, Status.UNFINISHED), route=route)
    assert plan_text(plan) == "resume: send 1 asset, 1 byte; 1 already there"


def test_the_final_asset_is_counted_even_if_it_is_uploaded_already() -> None:
    plan = make_plan(
        release({"a": b"a", "b": b"bb"}, finalize=Finalize.LAST_ASSET), held({"a": b"a", "b": b"bb"}, Status.UNFINISHED)
    )
    assert plan_text(plan) == "resume: send 1 asset, 1 byte; 1 already there"


def test_a_change_of_status_shows_both_statuses() -> None:
    plan = make_plan(release({"a": b"a"}), held({"a": b"a"}, Status.UNLISTED))
    assert review_lines(Review(plan, 10.0)) == [
        "change the status from Unlisted to Published; 1 already there",
        "3 requests",
        plan.release.digest,
    ]


def test_a_promotion_that_is_made_is_adopted_and_one_that_may_not_be_is_refused() -> None:
    plan = make_plan(release({"a": b"a"}), held({"a": b"a"}, Status.PUBLISHED), route=Route.COPY)
    assert review_lines(Review(plan))[0] == "adopt: 1 asset already Published with the same bytes"
    assert plan_text(plan) == "nothing to do: 1 asset Published and unchanged"
    bare = refused_plan(Release(AT, ()), None, GateError("not yet"), Route.COPY)
    assert (plan_text(bare), bare.changes, bare.route) == ("refused", False, Route.COPY)


def test_a_review_makes_no_request() -> None:
    registry = FakeRegistry()
    promotion_source = PromotionSource(Promotion(AT, AT), lambda: registry, same_domain=True)
    review_lines(Review(make_plan(release(MANY), None, route=Route.COPY), 10.0, promotion_source))
    assert registry.calls == []
    assert promotion_source.read(InlineScheduler()) is None
    assert promotion_source.read_requests == 1
