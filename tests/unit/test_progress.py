"""The progress line of a release, and its final line."""

from __future__ import annotations

import threading
import time

import pytest

from pulumi_codeartifact_release.publishing import (
    AssetProgress,
    AssetSent,
    AssetStarted,
    Copied,
    Deleted,
    Finished,
    Planned,
    Publishing,
    Rechecking,
    RemoteVersion,
    Route,
    StatusSet,
    make_plan,
)
from pulumi_codeartifact_release.registry import AssetListing, Status, VersionState
from pulumi_codeartifact_release.text.progress import LiveLine, Progress, Share, overview_text
from support.fakes import asset, release


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def held(contents: dict[str, bytes], status: Status) -> RemoteVersion:
    listing = AssetListing("r", {name: asset(name, content) for name, content in contents.items()})
    return RemoteVersion.of(VersionState(status, "r"), listing)


def test_progress_follows_the_events() -> None:
    contents = {"a": b"x" * 3000, "b": b"x" * 1000}
    plan = make_plan(release(contents), None)
    first = asset("a", contents["a"])
    progress = Progress(clock=Clock())
    assert progress.line() == "reading the registry"
    for event, line in (
        (Planned(plan), "0/2 assets, 0.0 of 3.9 KiB"),
        (AssetStarted(first), "0/2 assets, 0.0 of 3.9 KiB"),
        (AssetProgress(first, 2048), "0/2 assets, 2.0 of 3.9 KiB"),
        (AssetProgress(first, 0), "0/2 assets, 0.0 of 3.9 KiB"),
        (AssetSent(first), "1/2 assets, 2.9 of 3.9 KiB"),
        (Rechecking("409"), "reading the registry again"),
        (Deleted("sha256:x"), "deleted the published version"),
        (Publishing(), "publishing the version"),
        (StatusSet(Status.UNLISTED), "now Unlisted"),
        (Finished(VersionState(Status.UNLISTED, "r"), (first,)), "Unlisted: sent 1 asset, 2.9 KiB; 0 already there"),
    ):
        progress.add(event)
        assert progress.line() == line


def test_the_remaining_time_follows_from_the_recent_speed() -> None:
    contents = {"a": b"x" * 400_000, "b": b"x" * 600_000}
    clock = Clock()
    progress = Progress(clock=clock)
    progress.add(Planned(make_plan(release(contents), None)))
    for sent in range(0, 400_001, 40_000):
        progress.add(AssetProgress(asset("a", contents["a"]), sent))
        clock.now += 1
    progress.add(AssetSent(asset("a", contents["a"])))
    # 280,000 bytes in the 8 seconds since the oldest sample that is kept.
    assert progress.line() == "1/2 assets, 18 s left, 390.6 of 976.6 KiB, 34.2 KiB/s"
    clock.now += 91
    assert "2.8 KiB/s" in progress.line()


def test_a_slow_quota_is_shown_with_the_remaining_time() -> None:
    contents = {f"{number:03}": b"x" * 1024 for number in range(150)}
    clock, owed = Clock(), [0.0]
    progress = Progress(10.0, lambda: owed[0], clock)
    progress.add(Planned(make_plan(release(contents), None)))
    for name, content in list(contents.items())[:30]:
        progress.add(AssetSent(asset(name, content)))
        clock.now += 0.1
    assert progress.line() == "30/150 assets, 12 s left, 30.0 of 150.0 KiB, 10.0 KiB/s"
    owed[0] = 0.7
    assert progress.line().endswith("10.0 KiB/s, waiting for the quota")
    assert progress.tail() == "12 s left, waiting for the quota"


def test_before_anything_is_sent_it_may_be_the_quota_that_is_waited_for() -> None:
    # Another resource of the same run uses it up.
    progress = Progress(10.0, lambda: 14.0, Clock())
    progress.add(Planned(make_plan(release({"a": b"a"}), None)))
    assert progress.line() == "0/1 assets, 0 of 1 byte, waiting for the quota"


def test_a_download_is_shown_before_anything_of_it_is_sent() -> None:
    plan = make_plan(release({"a": b"x" * 3000}), None, route=Route.TRANSFER)
    progress = Progress(clock=Clock())
    progress.add(Planned(plan))
    progress.add(AssetStarted(plan.uploads[0]))
    assert progress.line() == "0/1 assets, 0.0 of 2.9 KiB, downloading 1"
    progress.add(AssetProgress(plan.uploads[0], 10))
    assert progress.line() == "0/1 assets, 0.0 of 2.9 KiB"


@pytest.mark.parametrize(
    ("there", "line"),
    [
        (Status.PUBLISHED, "Published: nothing to send, 2 assets already there"),
        (Status.UNLISTED, "Published: status changed, 2 assets already there"),
    ],
)
def test_the_final_line_explains_why_nothing_was_sent(there: Status, line: str) -> None:
    progress = Progress()
    progress.add(Planned(make_plan(release({"a": b"a", "b": b"b"}), held({"a": b"a", "b": b"b"}, there))))
    progress.add(Finished(VersionState(Status.PUBLISHED, "r"), ()))
    assert progress.line() == line


def test_the_last_line_has_skipped_assets_and_duration() -> None:
    plan = make_plan(release({"a": b"a", "b": b"bb"}), held({"a": b"a"}, Status.UNFINISHED))
    clock = Clock()
    progress = Progress(clock=clock)
    progress.add(Planned(plan))
    clock.now += 75
    progress.add(Finished(VersionState(Status.PUBLISHED, "r"), plan.expected_uploads))
    assert progress.line() == "Published: sent 1 asset, 2 bytes in 1 min 15 s; 1 already there"


def test_progress_of_a_copy() -> None:
    contents = {"a": b"x" * 3000, "b": b"x" * 1000}
    plan = make_plan(release(contents), None, route=Route.COPY)
    progress = Progress()
    for event, line in (
        (Planned(plan), "copying"),
        (Copied("dev"), "copied; comparing with the source"),
        (StatusSet(Status.UNLISTED), "now Unlisted"),
        (
            Finished(VersionState(Status.UNLISTED, "r"), (), plan.uploads),
            "Unlisted: copied 2 assets, 3.9 KiB; 0 already there",
        ),
    ):
        progress.add(event)
        assert progress.line() == line
    assert progress.bytes_sent == 0


def test_a_line_that_changes_is_shown_seldom_but_not_forgotten() -> None:
    shown: list[float] = []
    enough = threading.Event()

    def show(_text: str) -> None:
        shown.append(time.monotonic())
        if len(shown) >= 3:
            enough.set()

    with LiveLine(lambda: "line", show, interval_s=0.05, poll_s=0.1) as live:
        for _ in range(1000):
            live.update()
        assert len(shown) <= 3
        # Nothing happens any more, and it is shown all the same.
        assert enough.wait(10)
    count = len(shown)
    time.sleep(0.25)
    assert len(shown) == count


def test_an_overview_of_several_releases_begins_with_what_fits() -> None:
    clock = Clock()
    contents = {"a": b"x" * 3000, "b": b"x" * 1000}
    plan, first = make_plan(release(contents), None), asset("a", contents["a"])
    one, two = Progress(rate=0.1, clock=clock), Progress(clock=clock)
    assert overview_text([one.share(), two.share()]) == ""
    one.add(Planned(plan))
    assert overview_text([one.share(), two.share()]) == "0%, 0/2 assets, 0.0 of 3.9 KiB"
    two.add(Planned(plan))
    one.add(AssetSent(first))
    assert overview_text([one.share(), two.share()]) == "37%, 10 s left, 1/4 assets, 2.9 of 7.8 KiB"
    one.add(AssetSent(asset("b", contents["b"])))
    one.add(Finished(VersionState(Status.PUBLISHED, "r"), tuple(plan.release.assets)))
    # It stays in the total.
    assert overview_text([one.share(), two.share()]) == "50%, 2/4 assets, 3.9 of 7.8 KiB"


def test_an_overview_of_empty_assets_counts_them() -> None:
    assert overview_text([Share(1, 4, 0, 0, None)]) == "25%, 1/4 assets, 0 of 0 bytes"
