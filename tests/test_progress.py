"""What plans and events say to a person."""

from __future__ import annotations

import pytest

from fakes import asset, release
from pulumi_codeartifact_release.progress import Progress, count_text, plan_text, review_text, size_text
from pulumi_codeartifact_release.publishing import (
    AssetProgress,
    AssetSent,
    AssetStarted,
    Finished,
    Finishing,
    LookingAgain,
    Planned,
    Removed,
    StatusSet,
    make_plan,
)
from pulumi_codeartifact_release.registry import Status, VersionState

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
