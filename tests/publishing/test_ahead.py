"""An absent version is sent while its files are hashed: the same requests, the same end, the same safety."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from fakes import AT, FakeRegistry, InlineScheduler, release, sources
from pulumi_codeartifact_release.errors import (
    AccessDeniedError,
    ConflictError,
    DebrisError,
    DisposedError,
    FileChangedError,
    FileError,
    InterruptedReleaseError,
    RegistryConflictError,
    UnreachableError,
)
from pulumi_codeartifact_release.publishing import (
    Action,
    AssetSent,
    AssetStarted,
    Event,
    Finish,
    Finished,
    Hashed,
    Planned,
    Release,
    Source,
    ThreadScheduler,
    apply,
    apply_ahead,
    first_sent,
)
from pulumi_codeartifact_release.registry import Asset, Coordinates, Status, VersionState

ABC = {"a": b"aaa", "b": b"bb", "c": b"c"}
BOTH = pytest.mark.parametrize("finish", list(Finish))


def outline(contents: dict[str, bytes], finish: Finish = Finish.GUARDED, status: Status = Status.PUBLISHED) -> Release:
    declared = release(contents, finish=finish, status=status)
    return replace(declared, assets=tuple(replace(asset, sha256="") for asset in declared.assets))


def arriving(
    contents: dict[str, bytes], finish: Finish = Finish.GUARDED, at: Callable[[str], None] = lambda _name: None
) -> Iterator[tuple[str, Source]]:
    """Yield what is declared, the one to be sent first in the beginning and the rest backwards; `at` may raise."""
    first = first_sent(outline(contents, finish))
    for name in sorted(contents, key=lambda name: (first is not None and name == first.name, name), reverse=True):
        at(name)
        yield name, sources(contents)[name]


def run(
    registry: FakeRegistry,
    contents: dict[str, bytes],
    finish: Finish = Finish.GUARDED,
    status: Status = Status.PUBLISHED,
    at: Callable[[str], None] = lambda _name: None,
) -> list[Event]:
    return list(
        apply_ahead(outline(contents, finish, status), arriving(contents, finish, at), registry, InlineScheduler())
    )


def test_each_asset_is_sent_before_the_next_is_hashed() -> None:
    registry = FakeRegistry()
    events = run(registry, ABC, at=lambda name: registry.calls.append(f"hash {name}"))
    assert registry.calls == [
        "describe",
        "hash a",
        "publish a unfinished",
        "hash c",
        "publish c unfinished",
        "hash b",
        "publish b unfinished",
        "list",
        "status Unfinished -> Published",
    ]
    assert registry.versions[AT].assets == ABC
    assert isinstance(events[-1], Finished)
    assert {asset.name for asset in events[-1].sent} == set(ABC)
    kinds = [type(event) for event in events]
    assert kinds.index(AssetSent) < kinds.index(Hashed)
    (hashed,) = (event for event in events if isinstance(event, Hashed))
    assert hashed.release == release(ABC)
    assert hashed.release.digest.startswith("sha256:")
    assert outline(ABC).digest == ""


@BOTH
@pytest.mark.parametrize("status", [Status.PUBLISHED, Status.UNLISTED])
@pytest.mark.parametrize("contents", [ABC, {"only": b"x"}, {"a": b"", "b": b""}, {"b": b"1", "a": b"22"}])
def test_the_requests_are_those_of_apply(finish: Finish, status: Status, contents: dict[str, bytes]) -> None:
    """But for the order of the uploads, and for one look more of a single asset that publishes by itself."""
    registry, other = FakeRegistry(), FakeRegistry()
    run(registry, contents, finish, status)
    declared = release(contents, finish=finish, status=status)
    list(apply(declared, sources(contents), other, InlineScheduler()))
    assert sorted(registry.calls) == sorted(other.calls)
    assert registry.versions[AT].assets == other.versions[AT].assets == contents
    assert registry.versions[AT].status is other.versions[AT].status is status


def test_the_asset_that_publishes_waits_for_all_others_whenever_it_is_hashed() -> None:
    for order in itertools.permutations(ABC):
        registry = FakeRegistry()
        hashed = ((name, sources(ABC)[name]) for name in order)
        list(apply_ahead(outline(ABC, Finish.LAST_ASSET), hashed, registry, InlineScheduler()))
        uploads = [call for call in registry.calls if call.startswith("publish")]
        assert sorted(uploads[:2]) == ["publish a unfinished", "publish b unfinished"]
        assert uploads[2:] == ["publish c"]


def test_a_file_that_got_smaller_since_its_size_was_read_is_published_whole_all_the_same() -> None:
    """So another asset is the smallest one than the one that was held back."""
    registry = FakeRegistry()
    before = {"a": b"aaa", "b": b"bb", "c": b"cccc"}
    now = {**before, "c": b""}
    hashed = ((name, sources(now)[name]) for name in before)
    list(apply_ahead(outline(before, Finish.LAST_ASSET), hashed, registry, InlineScheduler()))
    assert registry.versions[AT].assets == now
    assert registry.versions[AT].status is Status.PUBLISHED


@BOTH
@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("held", [{}, {"a": b"aaa"}, ABC, {"a": b"other"}, {"x": b"foreign"}])
def test_what_is_there_by_now_is_judged_by_apply_and_nothing_is_sent_ahead(
    finish: Finish, status: Status, held: dict[str, bytes]
) -> None:
    def ends(run: Callable[[FakeRegistry], object]) -> tuple[object, ...]:
        registry = FakeRegistry()
        registry.holds(held, status)
        try:
            run(registry)
        except (ConflictError, DebrisError) as error:
            return (str(error), registry.writes, registry.versions[AT].assets)
        except DisposedError as error:
            return (type(error), registry.writes)
        return (registry.versions[AT].status, registry.versions[AT].assets, registry.writes)

    declared = release(ABC, finish=finish)
    assert ends(lambda registry: run(registry, ABC, finish)) == ends(
        lambda registry: list(apply(declared, sources(ABC), registry, InlineScheduler()))
    )


def test_a_rival_that_was_first_stops_it_at_the_first_asset() -> None:
    registry = FakeRegistry()

    def rival(call: str) -> None:
        if call == "publish a unfinished" and AT not in registry.versions:
            registry.holds({"a": b"theirs"}, Status.UNFINISHED)

    registry.before = rival
    with pytest.raises(DebrisError):
        run(registry, ABC)
    assert registry.writes == ["publish a unfinished"]
    assert registry.versions[AT].assets == {"a": b"theirs"}


def test_a_rival_with_the_same_bytes_is_a_help() -> None:
    registry = FakeRegistry()

    def rival(call: str) -> None:
        if call == "publish c unfinished":
            registry.holds(ABC, Status.PUBLISHED)

    registry.before = rival
    events = run(registry, ABC)
    assert registry.versions[AT].assets == ABC
    assert isinstance(events[-1], Finished)


@pytest.mark.parametrize("error", [UnreachableError("?"), RegistryConflictError("?")])
@pytest.mark.parametrize("lost", ["before", "after"])
@pytest.mark.parametrize("call", [f"publish {name} unfinished" for name in ABC])
def test_an_answer_that_leaves_it_open_is_settled_by_reading(error: Exception, lost: str, call: str) -> None:
    registry = FakeRegistry()
    left = [error]

    def lose(name: str) -> None:
        if name == call and left:
            raise left.pop()

    setattr(registry, lost, lose)
    events = run(registry, ABC)
    assert registry.versions[AT].assets == ABC
    assert registry.versions[AT].status is Status.PUBLISHED
    assert isinstance(events[-1], Finished)
    sent = [call.split()[1] for call in registry.writes if call.startswith("publish")]
    # Only the one whose answer was lost goes out twice, and only if it had not arrived.
    assert len(sent) == len(ABC) + (lost == "before")
    assert set(ABC) - {asset.name for asset in events[-1].sent} <= {call.split()[1]}


@BOTH
def test_what_cannot_be_hashed_leaves_the_version_unfinished(finish: Finish) -> None:
    for number in range(len(ABC)):
        registry = FakeRegistry()
        count = itertools.count()

        def fail(_name: str, count: Iterator[int] = count, number: int = number) -> None:
            if next(count) == number:
                raise FileError("it cannot be read")

        with pytest.raises(FileError):
            run(registry, ABC, finish, at=fail)
        assert AT not in registry.versions or registry.versions[AT].status is Status.UNFINISHED


def test_a_failure_of_hashing_is_not_lost_behind_an_open_answer() -> None:
    """Both happen at once: the upload's job comes first, and the hash is not asked for twice."""
    registry = FakeRegistry()

    def lose(call: str) -> None:
        if call == "publish c unfinished":
            raise UnreachableError("?")

    def fail(name: str) -> None:
        if name == "b":
            raise FileChangedError("b changed while it was hashed")

    registry.before = lose
    with pytest.raises(FileChangedError):
        run(registry, ABC, at=fail)
    assert registry.versions[AT].status is Status.UNFINISHED


@BOTH
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_call_the_next_run_finishes(finish: Finish, when: str) -> None:
    class Killed(BaseException):
        pass

    crashes = 0
    for crash_at in range(100):
        registry = FakeRegistry()
        count = itertools.count()

        def kill(_call: str, count: Iterator[int] = count, crash_at: int = crash_at) -> None:
            if next(count) == crash_at:
                raise Killed

        setattr(registry, when, kill)
        try:
            run(registry, ABC, finish)
        except Killed:
            crashes += 1
        else:
            break
        held = registry.versions.get(AT)
        if held and held.status is Status.PUBLISHED:
            assert held.assets == ABC
        registry.before = registry.after = lambda _call: None
        run(registry, ABC, finish)
        assert (registry.versions[AT].status, registry.versions[AT].assets) == (Status.PUBLISHED, ABC)
    assert crashes == len(registry.calls if when == "before" else registry.writes)


def test_reads_that_are_older_than_the_uploads_send_nothing_twice() -> None:
    class Stale(FakeRegistry):
        def __init__(self) -> None:
            super().__init__()
            self.late = 2

        def list_assets(self, at: Coordinates):  # type: ignore[no-untyped-def]
            listing = super().list_assets(at)
            self.late -= 1
            return replace(listing, assets={}) if self.late >= 0 else listing

    registry = Stale()
    run(registry, ABC)
    assert len([call for call in registry.writes if call.startswith("publish")]) == len(ABC)
    assert registry.versions[AT].status is Status.PUBLISHED


def test_in_threads_the_first_goes_alone_while_others_are_hashed() -> None:
    """The first upload ends only when all is hashed: nothing else may have begun by then."""
    names = [f"{number:02}" for number in range(20)]
    contents = {name: name.encode() for name in names}
    all_hashed = threading.Event()
    started: list[str] = []

    class Slow(FakeRegistry):
        def publish_asset(self, at: Coordinates, asset: Asset, body, *, unfinished: bool) -> VersionState:  # type: ignore[no-untyped-def]
            started.append(asset.name)
            if asset.name == names[0]:
                assert all_hashed.wait(10)
                assert started == [names[0]]
            with lock:
                return super().publish_asset(at, asset, body, unfinished=unfinished)

    lock = threading.Lock()
    hashed: list[tuple[str, Source]] = [(name, sources(contents)[name]) for name in names]

    def slowly() -> Iterator[tuple[str, Source]]:
        yield hashed[0]
        yield from hashed[1:]

    registry = Slow()
    threading.Timer(0.05, all_hashed.set).start()
    events = list(apply_ahead(outline(contents), slowly(), registry, ThreadScheduler()))
    assert registry.versions[AT].assets == contents
    assert len([event for event in events if isinstance(event, AssetStarted)]) == len(names)


def test_in_threads_a_stop_ends_it() -> None:
    registry = FakeRegistry()
    stop: list[str] = []

    def hashing() -> Iterator[tuple[str, Source]]:
        for name, source in sources(ABC).items():
            yield name, source
            stop.append("somebody interrupted")

    with pytest.raises(InterruptedReleaseError, match="somebody interrupted"):
        list(apply_ahead(outline(ABC), hashing(), registry, ThreadScheduler(lambda: stop[0] if stop else None)))
    assert registry.versions[AT].status is Status.UNFINISHED


def test_the_plan_says_what_is_sent_before_it_is_hashed() -> None:
    events = run(FakeRegistry(), ABC)
    first = events[0]
    assert isinstance(first, Planned)
    assert first.plan.action is Action.PUBLISH
    assert [asset.name for asset in first.plan.sends] == ["a", "b", "c"]
    assert first.plan.send_bytes == 6
    assert not first.plan.release.hashed


def test_after_a_failure_no_job_that_waits_for_its_hash_sends_it() -> None:
    names = [f"{number:02}" for number in range(12)]
    contents = {name: name.encode() for name in names}
    failed = threading.Event()
    hashed: list[str] = []

    class Denying(FakeRegistry):
        def publish_asset(self, at: Coordinates, asset: Asset, body, *, unfinished: bool) -> VersionState:  # type: ignore[no-untyped-def]
            if asset.name == "01":
                failed.set()
                raise AccessDeniedError("PublishPackageVersion")
            return super().publish_asset(at, asset, body, unfinished=unfinished)

    def slowly() -> Iterator[tuple[str, Source]]:
        for name in names:
            if name > "01":
                assert failed.wait(10)
                # By now all workers wait for a hash.
                time.sleep(0.15)
            hashed.append(name)
            yield name, sources(contents)[name]

    registry = Denying()
    with pytest.raises(AccessDeniedError):
        list(apply_ahead(outline(contents), slowly(), registry, ThreadScheduler()))
    assert registry.writes == ["publish 00 unfinished"]
    assert len(hashed) <= 3
