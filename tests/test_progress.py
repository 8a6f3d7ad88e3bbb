"""What plans and events say to a person."""

from __future__ import annotations

import pytest

from fakes import AT, asset, release
from pulumi_codeartifact_release.errors import GateError
from pulumi_codeartifact_release.progress import Progress, count_text, plan_text, review_text, size_text
from pulumi_codeartifact_release.publishing import (
    AssetProgress,
    AssetSent,
    AssetStarted,
    Copied,
    Finished,
    Finishing,
    LookingAgain,
    Planned,
    Release,
    RemoteVersion,
    Removed,
    Route,
    StatusSet,
    make_plan,
    refused,
)
from pulumi_codeartifact_release.registry import AssetListing, Status, VersionState

MANY = {f"{number:03}": b"x" * 1024 for number in range(150)}


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


def test_counts() -> None:
    assert (count_text(1, "asset"), count_text(1500, "asset")) == ("1 asset", "1,500 assets")


def test_a_review_says_what_it_takes_and_the_least_time_that_the_quota_allows() -> None:
    plan = make_plan(release(MANY), None)
    assert review_text(plan, None) == "publish 150 assets, 150.0 KiB; 153 requests"
    assert review_text(plan, 10.0) == "publish 150 assets, 150.0 KiB; 153 requests, at least 14 s by the quota"
    assert "quota" not in review_text(make_plan(release({"a": b"a"}), None), 10.0)
    assert plan_text(plan) == "publish 150 assets, 150.0 KiB"


def test_progress_follows_the_events() -> None:
    contents = {"a": b"x" * 3000, "b": b"x" * 1000}
    plan = make_plan(release(contents), None)
    first = asset("a", contents["a"])
    progress = Progress()
    assert progress.line() == "looking at the registry"
    for event, line in (
        (Planned(plan), "0/2 assets, 0 bytes of 3.9 KiB"),
        (AssetStarted(first), "0/2 assets, 0 bytes of 3.9 KiB"),
        (AssetProgress(first, 2048), "0/2 assets, 2.0 KiB of 3.9 KiB"),
        (AssetProgress(first, 0), "0/2 assets, 0 bytes of 3.9 KiB"),
        (AssetSent(first), "1/2 assets, 2.9 KiB of 3.9 KiB"),
        (LookingAgain("409"), "reading what the registry holds"),
        (Removed("sha256:x"), "what was published is deleted"),
        (Finishing(), "making it Published"),
        (StatusSet(Status.UNLISTED), "now Unlisted"),
        (Finished(VersionState(Status.UNLISTED, "r"), (first,)), "Unlisted: sent 1 asset, 2.9 KiB"),
    ):
        progress.add(event)
        assert progress.line() == line


def test_nothing_sent_is_said_so() -> None:
    progress = Progress()
    progress.add(Finished(VersionState(Status.PUBLISHED, "r"), ()))
    assert progress.line() == "Published: every asset was there already"


# --- promotions -------------------------------------------------------------------------------------------------------


def held(contents: dict[str, bytes], status: Status) -> RemoteVersion:
    listing = AssetListing("r", {name: asset(name, content) for name, content in contents.items()})
    return RemoteVersion.of(VersionState(status, "r"), listing)


@pytest.mark.parametrize(
    ("route", "text"),
    [
        (Route.FILES, "publish 150 assets, 150.0 KiB"),
        (Route.COPY, "copy 150 assets, 150.0 KiB"),
        (Route.TRANSFER, "download, verify and publish 150 assets, 150.0 KiB"),
    ],
)
def test_a_plan_says_which_way_the_bytes_go(route: Route, text: str) -> None:
    assert plan_text(make_plan(release(MANY), None, route=route)) == text


def test_a_review_counts_downloads_and_knows_that_the_quota_of_uploads_is_not_that_of_copies() -> None:
    copied, transferred = (make_plan(release(MANY), None, route=route) for route in (Route.COPY, Route.TRANSFER))
    assert review_text(copied, 10.0) == "copy 150 assets, 150.0 KiB; 3 requests"
    assert review_text(transferred, 10.0) == (
        "download, verify and publish 150 assets, 150.0 KiB; 303 requests, at least 14 s by the quota"
    )


def test_a_replacement_says_that_what_is_there_is_absent_for_a_moment() -> None:
    for route, done in ((Route.FILES, "published"), (Route.COPY, "copied"), (Route.TRANSFER, "published")):
        found = held({"a": b"old"}, Status.PUBLISHED)
        plan = make_plan(release({"a": b"new"}), found, found.digest, route)
        assert plan_text(plan) == (
            f"REPLACE what is published ({found.digest}): it is deleted, and absent for a moment, "
            f"then 1 asset, 3 bytes, are {done}"
        )


def test_what_is_there_in_part_is_sent_whichever_way() -> None:
    for route in Route:
        plan = make_plan(release({"a": b"a", "b": b"b"}), held({"a": b"a"}, Status.UNFINISHED), route=route)
        assert plan_text(plan) == "resume: send 1 asset, 1 byte; 1 already there"


def test_a_promotion_that_is_made_is_adopted_and_one_that_may_not_be_is_refused() -> None:
    plan = make_plan(release({"a": b"a"}), held({"a": b"a"}, Status.PUBLISHED), route=Route.COPY)
    assert review_text(plan, None) == "adopt: 1 asset Published already, with the same bytes"
    bare = refused(Release(AT, ()), None, GateError("not yet"), Route.COPY)
    assert (plan_text(bare), bare.changes, bare.route) == ("refused", False, Route.COPY)


def test_progress_of_a_copy() -> None:
    contents = {"a": b"x" * 3000, "b": b"x" * 1000}
    plan = make_plan(release(contents), None, route=Route.COPY)
    progress = Progress()
    for event, line in (
        (Planned(plan), "copying"),
        (Copied("dev"), "copied; comparing it with its source"),
        (StatusSet(Status.UNLISTED), "now Unlisted"),
        (
            Finished(VersionState(Status.UNLISTED, "r"), (), plan.uploads),
            "Unlisted: copied 2 assets, 3.9 KiB",
        ),
    ):
        progress.add(event)
        assert progress.line() == line
    assert progress.bytes_sent == 0


def test_progress_of_a_transfer_is_that_of_a_publication() -> None:
    plan = make_plan(release({"a": b"x" * 3000}), None, route=Route.TRANSFER)
    progress = Progress()
    progress.add(Planned(plan))
    assert progress.line() == "0/1 assets, 0 bytes of 2.9 KiB"
    progress.add(Finished(VersionState(Status.PUBLISHED, "r"), plan.uploads))
    assert progress.line() == "Published: sent 1 asset, 2.9 KiB"
