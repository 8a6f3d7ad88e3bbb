"""Rules 1 to 5: the executor against a registry in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest

from pulumi_codeartifact_release.errors import (
    AccessDeniedError,
    ConflictError,
    FileChangedError,
    InconsistentReadError,
    InterruptedReleaseError,
    LeftoverAssetsError,
    RefusedError,
    RegistryConflictError,
    ReleaseError,
    StatusRefusedError,
    UnreachableError,
)
from pulumi_codeartifact_release.hashing import hash_files
from pulumi_codeartifact_release.publishing import AssetSent, Event, Finalize, Finished, apply, make_plan, read_version
from pulumi_codeartifact_release.registry import AssetListing, Coordinates, Status, VersionState
from support.fakes import AT, FakeRegistry, InlineScheduler, asset_contents, release

ABC = {"a": b"aaa", "b": b"bb", "c": b"c"}
BOTH = pytest.mark.parametrize("finalize", list(Finalize))


def run(
    registry: FakeRegistry,
    contents: dict[str, bytes],
    *,
    finalize: Finalize = Finalize.STATUS_UPDATE,
    status: Status = Status.PUBLISHED,
    scheduler: InlineScheduler | None = None,
) -> list[Event]:
    declared = release(contents, finalize=finalize, status=status)
    return list(apply(declared, asset_contents(contents), registry, scheduler or InlineScheduler()))


def finished(events: list[Event]) -> Finished:
    last = events[-1]
    assert isinstance(last, Finished)
    return last


def test_status_update_sends_all_unfinished_then_lists_then_publishes_by_compare_and_swap() -> None:
    registry = FakeRegistry()
    events = run(registry, ABC)
    assert registry.calls == [
        "describe",
        "publish a unfinished",
        "publish b unfinished",
        "publish c unfinished",
        "list",
        "status Unfinished -> Published",
    ]
    assert registry.versions[AT].assets == ABC
    assert [asset.name for asset in finished(events).sent] == ["a", "b", "c"]


def test_last_asset_sends_the_smallest_last_and_reads_the_result_again() -> None:
    registry = FakeRegistry()
    run(registry, ABC, finalize=Finalize.LAST_ASSET)
    assert registry.calls == [
        "describe",
        "publish a unfinished",
        "publish b unfinished",
        "list",
        "publish c",
        "describe",
        "list",
    ]
    assert registry.versions[AT].status is Status.PUBLISHED


def test_last_asset_needs_only_the_permission_to_publish() -> None:
    registry = FakeRegistry()

    def deny(call: str) -> None:
        if call.startswith("status"):
            raise AccessDeniedError("UpdatePackageVersionsStatus")

    registry.before = deny
    run(registry, {"only": b"x"}, finalize=Finalize.LAST_ASSET)
    assert registry.versions[AT].status is Status.PUBLISHED


@BOTH
def test_a_second_run_writes_nothing(finalize: Finalize) -> None:
    registry = FakeRegistry()
    run(registry, ABC, finalize=finalize)
    registry.calls.clear()
    assert finished(run(registry, ABC, finalize=finalize)).sent == ()
    assert registry.writes == []


@BOTH
@pytest.mark.parametrize("when", ["before", "after"])
def test_after_a_kill_at_any_call_the_next_run_sends_only_what_is_missing(finalize: Finalize, when: str) -> None:
    class Killed(BaseException):
        pass

    crashes = 0
    for crash_at in range(100):
        registry = FakeRegistry()
        count = iter(range(1000))

        def kill(_call: str, count: Iterator[int] = count, crash_at: int = crash_at) -> None:
            if next(count) == crash_at:
                raise Killed

        setattr(registry, when, kill)
        try:
            run(registry, ABC, finalize=finalize)
        except Killed:
            crashes += 1
        else:
            break
        held = registry.versions.get(AT)
        if held and held.status is Status.PUBLISHED:
            assert held.assets == ABC
        already = set(held.assets) if held else set()
        registry.before = registry.after = lambda _call: None
        registry.calls.clear()
        run(registry, ABC, finalize=finalize)
        assert registry.versions[AT].status is Status.PUBLISHED
        assert registry.versions[AT].assets == ABC
        sent_again = {call.split()[1] for call in registry.writes if call.startswith("publish")} & already
        # The held-back asset is the finishing call: it is sent again if it is there and the version is not Published.
        assert sent_again <= ({"c"} if finalize is Finalize.LAST_ASSET else set())
    # Every call of an undisturbed run was a crash point.
    assert crashes == len(registry.calls if when == "before" else registry.writes)


def test_a_conflict_is_raised_before_anything_is_written() -> None:
    registry = FakeRegistry()
    registry.holds({**ABC, "b": b"other"}, Status.PUBLISHED)
    with pytest.raises(ConflictError):
        run(registry, ABC)
    assert registry.writes == []


def test_leftover_assets_are_raised_before_anything_is_written() -> None:
    registry = FakeRegistry()
    registry.holds({"x": b"foreign"}, Status.UNFINISHED)
    with pytest.raises(LeftoverAssetsError):
        run(registry, ABC)
    assert registry.writes == []


@pytest.mark.parametrize("target", [Status.UNLISTED, Status.ARCHIVED])
def test_a_version_declared_unlisted_or_archived_is_published_first(target: Status) -> None:
    registry = FakeRegistry()
    run(registry, ABC, status=target)
    assert registry.calls[-2:] == ["status Unfinished -> Published", f"status Published -> {target}"]
    assert registry.versions[AT].status is target


def test_another_status_of_the_same_bytes_is_one_call() -> None:
    registry = FakeRegistry()
    registry.holds(ABC, Status.ARCHIVED)
    run(registry, ABC)
    assert registry.writes == ["status Archived -> Published"]


def test_an_empty_asset_is_published() -> None:
    registry = FakeRegistry()
    run(registry, {"empty": b""})
    assert registry.versions[AT].assets == {"empty": b""}


def test_a_rival_that_publishes_the_same_bytes_first_is_success() -> None:
    registry = FakeRegistry()

    def rival(call: str) -> None:
        if call.startswith("status"):
            registry.versions[AT].status = Status.PUBLISHED

    registry.before = rival
    assert finished(run(registry, ABC)).state.status is Status.PUBLISHED


def test_after_a_rival_with_different_bytes_nothing_more_is_sent() -> None:
    registry = FakeRegistry()

    def rival(call: str) -> None:
        if call == "publish a unfinished" and AT not in registry.versions:
            registry.holds({"a": b"theirs"}, Status.UNFINISHED)

    registry.before = rival
    with pytest.raises(LeftoverAssetsError):
        run(registry, ABC)
    assert registry.writes == ["publish a unfinished"]
    assert registry.versions[AT].assets == {"a": b"theirs"}


def test_an_asset_that_a_rival_adds_after_the_listing_is_not_published() -> None:
    registry = FakeRegistry()

    def rival(call: str) -> None:
        if call.startswith("status"):
            registry.holds({**registry.versions[AT].assets, "foreign": b"x"}, Status.UNFINISHED)

    registry.before = rival
    with pytest.raises(LeftoverAssetsError):
        run(registry, ABC)
    assert registry.versions[AT].status is Status.UNFINISHED


def test_conflicts_on_some_parallel_uploads_are_settled_by_reading() -> None:
    registry = FakeRegistry()
    answered: set[str] = set()

    def some_conflict(call: str) -> None:
        if call.startswith("publish") and call not in answered:
            answered.add(call)
            raise RegistryConflictError("409 for no reason")

    registry.before = some_conflict
    contents = {f"asset-{number:03}": bytes([number]) for number in range(150)}
    run(registry, contents)
    assert registry.versions[AT].assets == contents
    assert registry.versions[AT].status is Status.PUBLISHED


def test_endless_conflicts_are_reported() -> None:
    registry = FakeRegistry()

    def conflict(call: str) -> None:
        if call.startswith("publish"):
            raise RegistryConflictError("409 for ever")

    registry.before = conflict
    with pytest.raises(RegistryConflictError, match="409 for ever"):
        run(registry, ABC)


@pytest.mark.parametrize("error", [UnreachableError("lost"), StatusRefusedError("?", reason="MISMATCHED_STATUS")])
@pytest.mark.parametrize("call", ["publish b unfinished", "status Unfinished -> Published"])
def test_a_response_lost_after_the_commit_is_settled_by_reading(call: str, error: ReleaseError) -> None:
    registry = FakeRegistry()
    lost: list[str] = []

    def lose(made: str) -> None:
        if made == call and not lost:
            lost.append(made)
            raise error

    registry.after = lose
    run(registry, ABC)
    assert lost
    assert registry.calls.count("publish b unfinished") == 1
    assert registry.versions[AT].status is Status.PUBLISHED


def test_listings_that_are_older_than_our_writes_are_read_again() -> None:
    class Stale(FakeRegistry):
        listings = 0

        def list_assets(self, at: Coordinates) -> AssetListing:
            fresh = super().list_assets(at)
            self.listings += 1
            if self.listings <= 3:
                return AssetListing("old", dict(list(fresh.assets.items())[:1]))
            return fresh

    registry = Stale()
    scheduler = InlineScheduler()
    run(registry, ABC, scheduler=scheduler)
    assert registry.versions[AT].status is Status.PUBLISHED
    assert scheduler.slept > 0
    assert len([call for call in registry.writes if call.startswith("publish")]) == 3


def test_status_and_assets_of_different_revisions_are_never_combined() -> None:
    class Moving(FakeRegistry):
        def list_assets(self, at: Coordinates) -> AssetListing:
            return AssetListing("another", super().list_assets(at).assets)

    registry = Moving()
    registry.holds(ABC, Status.PUBLISHED)
    with pytest.raises(InconsistentReadError):
        read_version(registry, AT, InlineScheduler())


class ChangingSource:
    """A file that is another one when it is sent."""

    sha256 = asset_contents({"x": b"bb"})["x"].sha256
    size = 2

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        yield BytesIO(b"bb")
        raise FileChangedError("b changed after it was hashed")

    cached = False

    def rehash(self) -> None:
        """It stays."""

    def verify_unchanged(self) -> None:
        """Not reached."""


@BOTH
def test_a_file_that_changes_fails_the_release_and_nothing_becomes_published(finalize: Finalize) -> None:
    registry = FakeRegistry()
    with pytest.raises(FileChangedError):
        list(
            apply(
                release(ABC, finalize=finalize),
                {**asset_contents(ABC), "b": ChangingSource()},
                registry,
                InlineScheduler(),
            )
        )
    assert registry.versions[AT].status is Status.UNFINISHED


@BOTH
def test_a_file_that_changes_after_it_was_sent_is_not_published_either(finalize: Finalize, tmp_path: Path) -> None:
    """What is published is what is there when it is published, not half of this build and half of the next."""
    registry = FakeRegistry()
    paths = {name: tmp_path / name for name in ABC}
    for name, path in paths.items():
        path.write_bytes(ABC[name])
    hashed = hash_files(paths.values())
    files = {name: hashed[path] for name, path in paths.items()}
    events = apply(release(ABC, finalize=finalize), files, registry, InlineScheduler())
    sent = next(event.asset.name for event in events if isinstance(event, AssetSent))
    paths[sent].write_bytes(b"of the next build")
    with pytest.raises(FileChangedError, match=f"{sent} changed after it was hashed"):
        list(events)
    assert registry.versions[AT].status is Status.UNFINISHED


def test_a_file_that_is_not_the_declared_one_is_refused_before_anything_is_sent() -> None:
    registry = FakeRegistry()
    with pytest.raises(FileChangedError, match="b is declared as"):
        list(apply(release(ABC), asset_contents({**ABC, "b": b"BB"}), registry, InlineScheduler()))
    assert registry.writes == []


def test_a_change_of_status_needs_no_file() -> None:
    registry = FakeRegistry()
    run(registry, ABC)
    events = list(apply(release(ABC, status=Status.UNLISTED), {}, registry, InlineScheduler()))
    assert finished(events).state.status is Status.UNLISTED
    assert finished(list(apply(release(ABC, status=Status.UNLISTED), {}, registry, InlineScheduler()))).sent == ()
    with pytest.raises(FileChangedError, match="there is no such file here"):
        list(apply(release({**ABC, "d": b"d"}), {}, FakeRegistry(), InlineScheduler()))


@BOTH
def test_after_a_stop_between_assets_nothing_more_is_written(finalize: Finalize) -> None:
    writes = len(ABC) + (finalize is Finalize.STATUS_UPDATE)
    for allowed in range(1, writes):
        registry = FakeRegistry()
        scheduler = InlineScheduler()

        def stop(scheduler: InlineScheduler = scheduler, allowed: int = allowed) -> None:
            if scheduler.checkpoints > allowed:
                raise InterruptedReleaseError("stopped")

        scheduler.stop = stop
        with pytest.raises(InterruptedReleaseError):
            run(registry, ABC, finalize=finalize, scheduler=scheduler)
        assert len(registry.writes) == allowed
        assert registry.versions[AT].status is Status.UNFINISHED


@BOTH
@pytest.mark.parametrize("status", [Status.PUBLISHED, Status.ARCHIVED])
@pytest.mark.parametrize("held", [None, {}, {"a": b"aaa"}, {"c": b"c"}, ABC, {"a": b"other"}])
@pytest.mark.parametrize("found", [Status.UNFINISHED, Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED])
def test_a_plan_counts_the_requests_that_an_undisturbed_run_makes(
    finalize: Finalize, status: Status, held: dict[str, bytes] | None, found: Status
) -> None:
    registry = FakeRegistry()
    if held is not None:
        registry.holds(held, found)
    declared = release(ABC, finalize=finalize, status=status)
    remote = read_version(registry, AT, InlineScheduler())
    replace_digest = remote.digest if remote else None
    plan = make_plan(declared, remote, replace_digest)
    registry.calls.clear()
    # What is not declared Published replaces nothing.
    with pytest.raises(RefusedError) if plan.refusal else nullcontext():
        list(apply(declared, asset_contents(ABC), registry, InlineScheduler(), replace_digest=replace_digest))
    assert len(registry.calls) == plan.requests, registry.calls


def test_a_single_asset_is_counted_too() -> None:
    for finalize in Finalize:
        registry = FakeRegistry()
        declared = release({"only": b"x"}, finalize=finalize)
        list(apply(declared, asset_contents({"only": b"x"}), registry, InlineScheduler()))
        assert len(registry.calls) == make_plan(declared, None).requests


def test_an_unambiguous_failure_is_raised_at_once() -> None:
    registry = FakeRegistry()

    def deny(call: str) -> None:
        if call == "publish b unfinished":
            raise AccessDeniedError("denied")

    registry.before = deny
    with pytest.raises(AccessDeniedError):
        run(registry, ABC)
    assert registry.calls[-1] == "publish b unfinished"


def test_the_final_state_is_from_the_registry() -> None:
    registry = FakeRegistry()
    state = finished(run(registry, ABC)).state
    assert state == VersionState(Status.PUBLISHED, str(registry.versions[AT].revision))
