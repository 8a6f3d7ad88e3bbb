"""Promotions: the candidate, its way to the destination, and that only verified bytes arrive."""

from __future__ import annotations

import errno
import io
import os
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pulumi_codeartifact_release.errors import (
    AccessDeniedError,
    ConflictError,
    DisposedError,
    FileError,
    GateError,
    InterruptedReleaseError,
    LeftoverAssetsError,
    PinError,
    QuotaExceededError,
    RefusedError,
    RegistryConflictError,
    ReleaseError,
    ServerFaultError,
    StatusRefusedError,
    UnreachableError,
    VersionNotFoundError,
)
from pulumi_codeartifact_release.publishing import (
    Action,
    Copied,
    Event,
    Finalize,
    Finished,
    Permission,
    Pin,
    Plan,
    Planned,
    Promotion,
    PromotionCandidate,
    PromotionSource,
    Rechecking,
    Release,
    RemoteVersion,
    Route,
    ThreadScheduler,
    apply,
    choose_candidate,
    digest,
    make_plan,
    read_version,
)
from pulumi_codeartifact_release.publishing.scheduler import Job, Scheduler
from pulumi_codeartifact_release.registry import Asset, AssetListing, Coordinates, Status, VersionState
from pulumi_codeartifact_release.registry.retries_and_concurrency import PARALLEL_UPLOADS, SETTLE_WAITS
from support.fakes import AT, FakeRegistry, InlineScheduler, StoredVersion, asset

ABC = {"a": b"aaa", "b": b"bbbb", "c": b"c"}
OTHER = {"a": b"aaa", "b": b"BBBB", "c": b"c"}
OLD = {"a": b"older"}
NEXT = replace(AT, repository="staging")
FAR = Coordinates("acme-prod", "releases", "tools", "app", "1.0", "111122223333")
LISTED = (Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED)
BOTH = pytest.mark.parametrize("route", [Route.COPY, Route.TRANSFER])
MODULE = "pulumi_codeartifact_release.publishing.promotion_source"


def digest_of(contents: dict[str, bytes]) -> str:
    return digest(asset(name, content) for name, content in contents.items())


@dataclass
class Run:
    """A promotion that was planned: `go` makes it, whatever has happened since."""

    promotion_source: PromotionSource
    chosen: PromotionCandidate
    release: Release
    plan: Plan
    registry: FakeRegistry
    scheduler: Scheduler
    replace_digest: str | None = None

    def go(self) -> list[Event]:
        contents = self.promotion_source.contents(self.release, self.scheduler)
        events = apply(
            self.release,
            contents,
            self.registry,
            self.scheduler,
            replace_digest=self.replace_digest,
            promotion_source=self.promotion_source,
        )
        return list(events)


class Stage:
    """A version that is Published in `dev`, and where it goes. One registry for both, but two logs of calls."""

    def __init__(
        self,
        route: Route = Route.COPY,
        contents: dict[str, bytes] = ABC,
        *,
        registry: FakeRegistry | None = None,
        source: FakeRegistry | None = None,
        pin: Pin | None = None,
        soak: timedelta | None = None,
        force: Permission | None = None,
    ) -> None:
        self.to = NEXT if route is Route.COPY else FAR
        self.registry, self.source = registry or FakeRegistry(), source or FakeRegistry()
        self.source.versions = self.registry.versions
        self.promotion = Promotion(AT, self.to, pin, soak, force)
        self._route = route
        self.holds(contents)

    def holds(self, contents: dict[str, bytes], status: Status = Status.PUBLISHED) -> None:
        """Put a version into the source, as whoever publishes there."""
        self.registry.holds(contents, status, AT)

    def moves(self, status: Status = Status.PUBLISHED) -> None:
        """Change no more than status and revision of the source."""
        version = self.registry.versions[AT]
        self.holds(version.assets, status)

    def promotion_source(self) -> PromotionSource:
        return PromotionSource(self.promotion, lambda: self.source, same_domain=self._route is Route.COPY)

    def choose_candidate(self) -> PromotionCandidate:
        scheduler = InlineScheduler()
        return choose_candidate(self.promotion_source(), read_version(self.registry, self.to, scheduler), scheduler)

    def planned(
        self,
        *,
        status: Status = Status.PUBLISHED,
        finalize: Finalize = Finalize.STATUS_UPDATE,
        replace_digest: dict[str, bytes] | None = None,
        scheduler: Scheduler | None = None,
    ) -> Run:
        promotion_source = self.promotion_source()
        held = read_version(self.registry, self.to, InlineScheduler())
        chosen = choose_candidate(promotion_source, held, InlineScheduler())
        release = Release(self.to, chosen.assets, status, finalize)
        permit = digest_of(replace_digest) if replace_digest else None
        plan = make_plan(release, held, permit, promotion_source.route)
        self.registry.calls.clear()
        self.source.calls.clear()
        return Run(promotion_source, chosen, release, plan, self.registry, scheduler or InlineScheduler(), permit)

    @property
    def held(self) -> StoredVersion:
        """What the destination holds."""
        return self.registry.versions[self.to]

    @property
    def fetched(self) -> list[str]:
        """The assets that were downloaded, in order."""
        return [call.removeprefix("fetch ") for call in self.source.calls if call.startswith("fetch")]


def once(call: str, act: Callable[[], object]) -> Callable[[str], None]:
    """Return a hook that acts at the first such call, and at no other."""
    done: list[str] = []

    def hook(made: str) -> None:
        if made == call and not done:
            done.append(made)
            act()

    return hook


def fails(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def finished(events: list[Event]) -> Finished:
    last = events[-1]
    assert isinstance(last, Finished)
    return last


def unnamed_files() -> dict[int, int]:
    """Inode and size of every file that is open here and has no name: what a transfer keeps on disk."""
    files = {}
    for number in os.listdir("/dev/fd"):  # noqa: PTH208 - no paths: numbers
        with suppress(OSError):
            found = os.fstat(int(number))
            if stat.S_ISREG(found.st_mode) and found.st_nlink == 0:
                files[found.st_ino] = found.st_size
    return files


class Spool:
    """The folder for temporary files of a test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._others = set(unnamed_files())

    @property
    def bytes(self) -> int:
        return sum(size for inode, size in unnamed_files().items() if inode not in self._others)


@pytest.fixture(autouse=True)
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Spool]:
    """Have every transfer, however small, go over the disk; in the end nothing of it is left."""
    folder = tmp_path / "spool"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(f"{MODULE}._MAX_IN_MEMORY", 1)
    made = Spool(folder)
    yield made
    assert made.bytes == 0
    assert list(folder.iterdir()) == []


# --- what is chosen ---------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("status", LISTED)
@pytest.mark.parametrize("there", [Status.PUBLISHED, Status.ARCHIVED, None])
def test_a_pinned_promotion_that_is_made_asks_nothing_of_the_source(
    route: Route, status: Status, there: Status | None
) -> None:
    stage = Stage(route, pin=Pin(digest_of(ABC), "pins"), soak=timedelta(days=9))
    stage.registry.holds(ABC, status, stage.to)
    if there:
        stage.moves(there)
    else:
        del stage.registry.versions[AT]
    chosen = stage.choose_candidate()
    assert chosen.already_promoted
    assert chosen.source_revision is None
    assert digest(chosen.assets) == digest_of(ABC)
    assert stage.source.calls == []


@BOTH
@pytest.mark.parametrize("status", LISTED)
@pytest.mark.parametrize("disposed", [False, True])
def test_cleaning_up_the_source_does_not_unmake_a_promotion(route: Route, status: Status, disposed: bool) -> None:
    stage = Stage(route, soak=timedelta(days=9))
    stage.registry.holds(ABC, status, stage.to)
    if disposed:
        stage.holds({}, Status.DISPOSED)
    else:
        del stage.registry.versions[AT]
    chosen = stage.choose_candidate()
    assert chosen.already_promoted
    assert digest(chosen.assets) == digest_of(ABC)


@BOTH
@pytest.mark.parametrize("there", [Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED])
def test_the_gates_of_a_completed_promotion_are_not_checked_again(route: Route, there: Status) -> None:
    stage = Stage(route, soak=timedelta(days=9))
    stage.moves(there)
    stage.registry.holds(ABC, Status.PUBLISHED, stage.to)
    run = stage.planned()
    assert (run.chosen.already_promoted, run.plan.action) == (True, Action.KEEP)
    assert finished(run.go()).sent == ()
    assert (stage.registry.writes, stage.source.calls) == ([], [])


@BOTH
def test_the_gates_of_an_incomplete_promotion_are_checked(route: Route) -> None:
    # Also where all assets are there already: nobody has published it yet.
    stage = Stage(route, soak=timedelta(days=9))
    stage.registry.holds(ABC, Status.UNFINISHED, stage.to)
    with pytest.raises(GateError, match="`soak` requires 9d"):
        stage.choose_candidate()


def test_a_new_promotion_is_checked_at_the_revision_that_is_copied() -> None:
    stage = Stage(pin=Pin(digest_of(ABC), "pins"))
    chosen = stage.choose_candidate()
    assert (chosen.already_promoted, chosen.forced) == (False, False)
    assert chosen.source_revision == str(stage.registry.versions[AT].revision)
    assert {each.name: each.sha256 for each in chosen.assets} == {
        name: asset(name, content).sha256 for name, content in ABC.items()
    }


@BOTH
@pytest.mark.parametrize("held", [None, OLD])
def test_without_a_source_there_is_nothing_to_promote(route: Route, held: dict[str, bytes] | None) -> None:
    # A pin that neither side holds is not made.
    stage = Stage(route, pin=Pin(digest_of(ABC), "pins"))
    if held:
        stage.registry.holds(held, Status.PUBLISHED, stage.to)
    for status in (Status.DISPOSED, None):
        stage.registry.versions.pop(AT, None)
        if status:
            stage.holds({}, status)
        with pytest.raises(GateError, match="there is nothing to promote"):
            stage.choose_candidate()


@BOTH
def test_a_source_that_changed_after_the_approval_is_refused_even_if_both_sides_agree(route: Route) -> None:
    stage = Stage(route, contents=OTHER, pin=Pin(digest_of(ABC), "`pins` of prod"))
    stage.registry.holds(OTHER, Status.PUBLISHED, stage.to)
    with pytest.raises(PinError, match=digest_of(OTHER)) as caught:
        stage.choose_candidate()
    assert f"approved  {digest_of(ABC)} (`pins` of prod)" in caught.value.message


@BOTH
def test_different_bytes_in_the_destination_are_a_conflict_without_a_write(route: Route) -> None:
    stage = Stage(route)
    stage.registry.holds(OTHER, Status.PUBLISHED, stage.to)
    run = stage.planned()
    assert run.plan.action is Action.REFUSE
    assert str(run.plan.refusal) == (
        f"tools/app@1.0 in {stage.to.domain}/{stage.to.repository} is already Published, and 1 asset differs:\n"
        "  b\n"
        f"    promoted   sha256:{asset('b', ABC['b']).sha256} (4 bytes)\n"
        f"    published  sha256:{asset('b', OTHER['b']).sha256} (4 bytes)\n"
        "A published version never changes. Promote another version, or replace the published version with "
        f"--replace tools/app@1.0={digest_of(OTHER)}"
    )
    with pytest.raises(ConflictError):
        run.go()
    assert stage.registry.writes == []
    assert stage.held.assets == OTHER


@BOTH
def test_a_disposed_destination_is_refused(route: Route) -> None:
    stage = Stage(route)
    stage.registry.holds({}, Status.DISPOSED, stage.to)
    with pytest.raises(DisposedError):
        stage.planned().go()
    assert stage.registry.writes == []


@BOTH
def test_a_soak_that_is_skipped_by_force_is_reported(route: Route) -> None:
    force = Permission("tools/app", "1.0", digest_of(ABC))
    stage = Stage(route, soak=timedelta(days=9), force=force)
    run = stage.planned()
    assert run.chosen.forced
    run.go()
    assert run.promotion_source.forced
    assert stage.held.assets == ABC
    # Long enough: the permission was not needed.
    stage = Stage(route, soak=timedelta(days=9), force=force)
    stage.source.now += timedelta(days=9)
    run = stage.planned()
    run.go()
    assert not run.chosen.forced
    assert not run.promotion_source.forced


# --- copied within the domain -----------------------------------------------------------------------------------------


def test_an_absent_version_is_copied_by_one_call_and_compared_by_one_list() -> None:
    stage = Stage()
    run = stage.planned()
    assert (run.plan.action, run.plan.copies) == (Action.PUBLISH, True)
    events = run.go()
    assert stage.registry.calls == ["describe", "copy from dev", "list"]
    # It was judged when it was planned, and the copy is bound to what was judged.
    assert stage.source.calls == []
    assert stage.held.assets == ABC
    assert Copied("dev") in events
    done = finished(events)
    assert done.state == VersionState(Status.PUBLISHED, str(stage.registry.versions[AT].revision))
    assert [each.name for each in done.copied] == ["a", "b", "c"]
    assert done.sent == ()


def test_a_second_run_of_a_copy_writes_nothing() -> None:
    stage = Stage()
    stage.planned().go()
    assert finished(stage.planned().go()).copied == ()
    assert stage.registry.writes == []


def rival(stage: Stage, contents: dict[str, bytes], status: Status = Status.PUBLISHED) -> Callable[[], None]:
    return lambda: stage.registry.holds(contents, status, stage.to)


def test_a_rival_that_copies_the_same_bytes_first_is_success() -> None:
    stage = Stage()
    run = stage.planned()
    stage.registry.before = once("copy from dev", rival(stage, ABC))
    assert finished(run.go()).copied == ()
    assert stage.registry.writes == ["copy from dev"]


def test_a_version_of_a_rival_with_different_bytes_stays() -> None:
    stage = Stage()
    run = stage.planned()
    stage.registry.before = once("copy from dev", rival(stage, OTHER))
    with pytest.raises(ConflictError):
        run.go()
    assert stage.registry.writes == ["copy from dev"]
    assert stage.held.assets == OTHER


def test_an_unfinished_version_of_a_rival_is_completed_by_transfer() -> None:
    stage = Stage()
    run = stage.planned()
    stage.registry.before = once("copy from dev", rival(stage, {"b": ABC["b"]}, Status.UNFINISHED))
    assert [each.name for each in finished(run.go()).sent] == ["a", "c"]
    assert stage.fetched == ["a", "c"]
    assert (stage.held.assets, stage.held.status) == (ABC, Status.PUBLISHED)


class Silent(FakeRegistry):
    """Copies, and mentions the version in neither of its lists."""

    def copy(
        self, at: Coordinates, *, source_repository: str, revision: str, allow_overwrite: bool
    ) -> VersionState | None:
        super().copy(at, source_repository=source_repository, revision=revision, allow_overwrite=allow_overwrite)
        return None


def test_a_copy_that_is_in_neither_list_is_read() -> None:
    stage = Stage(registry=Silent())
    events = stage.planned().go()
    assert stage.registry.calls == ["describe", "copy from dev", "describe", "list"]
    assert finished(events).state.revision == str(stage.held.revision)


class Late(FakeRegistry):
    """Shows what it copied only after a while."""

    patience = 3

    def describe(self, at: Coordinates) -> VersionState:
        return super().describe(self._late(at))

    def list_assets(self, at: Coordinates) -> AssetListing:
        return super().list_assets(self._late(at))

    def _late(self, at: Coordinates) -> Coordinates:
        if at in self.versions and at != AT and self.patience:
            self.patience -= 1
            return replace(at, version="not yet")
        return at


def test_reads_that_are_older_than_the_copy_are_read_again() -> None:
    stage = Stage(registry=Late())
    scheduler = InlineScheduler()
    assert finished(stage.planned(scheduler=scheduler).go()).copied
    assert stage.registry.writes == ["copy from dev"]
    assert scheduler.slept > 0


@pytest.mark.parametrize("error", [UnreachableError("lost"), ServerFaultError("500")])
def test_an_answer_lost_after_the_copy_is_settled_by_reading(error: ReleaseError) -> None:
    stage = Stage()
    run = stage.planned()
    stage.registry.after = once("copy from dev", fails(error))
    events = run.go()
    assert finished(events).state.status is Status.PUBLISHED
    assert Rechecking(error.message) in events
    assert stage.registry.writes == ["copy from dev"]


@pytest.mark.parametrize("error", [UnreachableError("lost"), StatusRefusedError("?", reason="SKIPPED")])
def test_a_copy_that_did_not_happen_is_made_again_after_judging_again(error: ReleaseError) -> None:
    stage = Stage()
    run = stage.planned()
    stage.registry.before = once("copy from dev", fails(error))
    run.go()
    assert stage.registry.writes == ["copy from dev", "copy from dev"]
    assert stage.source.calls == ["describe", "list"]
    assert stage.held.assets == ABC


def test_a_source_with_a_new_revision_of_the_same_bytes_is_checked_again_and_copied() -> None:
    stage = Stage()
    run = stage.planned()
    stage.moves(Status.ARCHIVED)
    stage.moves(Status.PUBLISHED)
    run.go()
    # The first was refused for its revision: it is the guard, so nothing was looked at before.
    assert stage.registry.writes == ["copy from dev", "copy from dev"]
    assert stage.source.calls == ["describe", "list"]
    assert stage.held.revision == stage.registry.versions[AT].revision


def test_a_source_that_changed_must_soak_again() -> None:
    stage = Stage(soak=timedelta(hours=24))
    stage.source.now += timedelta(hours=24)
    run = stage.planned()
    stage.registry.now = stage.source.now
    # Deleted and published anew, with the very same bytes.
    stage.moves()
    with pytest.raises(GateError, match="has been Published for 0s"):
        run.go()
    assert stage.to not in stage.registry.versions


@BOTH
@pytest.mark.parametrize("pin", [None, Pin(digest_of(ABC), "`pins` of prod")])
def test_a_source_whose_bytes_changed_after_the_plan_is_refused(route: Route, pin: Pin | None) -> None:
    stage = Stage(route, pin=pin)
    run = stage.planned()
    stage.holds(OTHER)
    with pytest.raises(PinError) as caught:
        run.go()
    assert f"approved  {digest_of(ABC)} ({pin.where if pin else 'the plan'})" in caught.value.message
    held = stage.registry.versions.get(stage.to)
    # What the first asset is has not changed: it may be there, Unfinished. Nothing else is, and nothing Published.
    assert held is None or (
        route is Route.TRANSFER and (held.status, held.assets) == (Status.UNFINISHED, {"a": b"aaa"})
    )


@BOTH
def test_a_source_that_was_archived_after_the_plan_is_not_promoted(route: Route) -> None:
    stage = Stage(route)
    run = stage.planned()
    stage.moves(Status.ARCHIVED)
    with pytest.raises(GateError, match="is Archived, not Published"):
        run.go()
    assert stage.to not in stage.registry.versions


@BOTH
@pytest.mark.parametrize("declared", [Status.UNLISTED, Status.ARCHIVED])
def test_another_declared_status_is_set_once_the_version_is_compared(route: Route, declared: Status) -> None:
    stage = Stage(route)
    done = finished(stage.planned(status=declared).go())
    assert stage.registry.calls[-2:] == [
        "list" if route is Route.COPY else "status Unfinished -> Published",
        f"status Published -> {declared}",
    ]
    assert (done.state.status, stage.held.status) == (declared, declared)
    assert stage.registry.versions[AT].status is Status.PUBLISHED


@BOTH
def test_another_declared_status_is_one_call_and_does_not_read_the_source(route: Route) -> None:
    stage = Stage(route)
    stage.registry.holds(ABC, Status.PUBLISHED, stage.to)
    run = stage.planned(status=Status.ARCHIVED)
    run.go()
    assert stage.registry.writes == ["status Published -> Archived"]
    assert stage.source.calls == []


@BOTH
@pytest.mark.parametrize("there", [{"b": ABC["b"]}, {"a": ABC["a"], "c": ABC["c"]}, ABC])
def test_an_incomplete_version_gets_only_the_missing_assets(route: Route, there: dict[str, bytes]) -> None:
    stage = Stage(route)
    stage.registry.holds(there, Status.UNFINISHED, stage.to)
    run = stage.planned()
    assert (run.plan.action, run.plan.copies) == (Action.RESUME, False)
    run.go()
    assert stage.fetched == sorted(set(ABC) - set(there))
    assert (stage.held.assets, stage.held.status) == (ABC, Status.PUBLISHED)


@BOTH
@pytest.mark.parametrize("there", [{"b": b"other"}, {"x": b"foreign"}])
def test_leftover_assets_in_the_destination_are_refused(route: Route, there: dict[str, bytes]) -> None:
    stage = Stage(route)
    stage.registry.holds(there, Status.UNFINISHED, stage.to)
    with pytest.raises(LeftoverAssetsError) as caught:
        stage.planned().go()
    assert "holds assets that are not promoted" in caught.value.message
    assert "Promote another version" in caught.value.hint
    assert stage.registry.writes == []


def test_an_oversized_asset_is_refused_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEARTIFACT_RELEASE_MAX_ASSET_SIZE", "3")
    stage = Stage(Route.TRANSFER)
    with pytest.raises(QuotaExceededError, match=r"b: 4 bytes") as caught:
        stage.choose_candidate()
    assert caught.value.exit_code == 4
    # A copy sends nothing; but what is there in part is transferred.
    stage = Stage(Route.COPY)
    run = stage.planned()
    stage.registry.before = once("copy from dev", rival(stage, {"a": ABC["a"]}, Status.UNFINISHED))
    with pytest.raises(QuotaExceededError, match=r"b: 4 bytes"):
        run.go()
    assert stage.fetched == []
    assert stage.held.assets == {"a": ABC["a"]}


# --- a permitted replacement ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "writes"),
    [
        (Status.PUBLISHED, ["status Published -> Archived", "delete Archived", "copy from dev"]),
        (Status.UNLISTED, ["status Unlisted -> Archived", "delete Archived", "copy from dev"]),
        (Status.ARCHIVED, ["delete Archived", "copy from dev"]),
        (Status.UNFINISHED, ["delete Unfinished", "copy from dev"]),
    ],
)
def test_a_replacement_by_copy_deletes_the_version_that_was_read_and_overwrites_nothing(
    found: Status, writes: list[str]
) -> None:
    stage = Stage()
    stage.registry.holds(OLD, found, stage.to)
    run = stage.planned(replace_digest=OLD)
    assert run.plan.action is Action.REPLACE
    run.go()
    assert stage.registry.writes == writes
    assert (stage.held.assets, stage.held.status) == (ABC, Status.PUBLISHED)


def test_a_replacement_by_transfer_deletes_by_the_rules_and_publishes_again() -> None:
    stage = Stage(Route.TRANSFER)
    stage.registry.holds(OLD, Status.PUBLISHED, stage.to)
    stage.planned(replace_digest=OLD, finalize=Finalize.LAST_ASSET).go()
    assert stage.registry.writes == [
        "status Published -> Archived",
        "delete Archived",
        "publish a unfinished",
        "publish b unfinished",
        "publish c unfinished",
        "status Unfinished -> Published",
    ]
    assert stage.held.assets == ABC


@BOTH
@pytest.mark.parametrize("permit", [None, ABC, {"a": b"another"}])
def test_without_permission_for_exactly_that_digest_nothing_is_deleted(
    route: Route, permit: dict[str, bytes] | None
) -> None:
    for status, error in ((Status.PUBLISHED, ConflictError), (Status.UNFINISHED, LeftoverAssetsError)):
        stage = Stage(route)
        stage.registry.holds({"x": b"old"}, status, stage.to)
        with pytest.raises(error):
            stage.planned(replace_digest=permit).go()
        assert stage.registry.writes == []


@BOTH
@pytest.mark.parametrize("status", [Status.PUBLISHED, Status.UNFINISHED])
@pytest.mark.parametrize(
    ("becomes", "error"),
    [
        (lambda stage: stage.registry.versions.pop(AT), GateError),
        (lambda stage: stage.holds({}, Status.DISPOSED), GateError),
        (lambda stage: stage.moves(Status.ARCHIVED), GateError),
        (lambda stage: stage.moves(Status.UNLISTED), GateError),
        (lambda stage: stage.holds(OTHER), PinError),
    ],
    ids=["gone", "disposed", "archived", "unlisted", "different bytes"],
)
def test_nothing_is_deleted_for_a_source_that_no_longer_exists(
    route: Route, status: Status, becomes: Callable[[Stage], object], error: type[Exception]
) -> None:
    stage = Stage(route)
    stage.registry.holds(OLD, status, stage.to)
    run = stage.planned(replace_digest=OLD)
    before = replace(stage.held)
    becomes(stage)
    with pytest.raises(error):
        run.go()
    assert stage.registry.writes == []
    assert stage.held == before


@BOTH
def test_a_destination_that_changes_after_the_read_is_not_deleted(route: Route) -> None:
    stage = Stage(route)
    stage.registry.holds(OLD, Status.PUBLISHED, stage.to)
    run = stage.planned(replace_digest=OLD)
    stage.registry.before = once("status Published -> Archived", rival(stage, {"a": b"rival"}))
    with pytest.raises(ConflictError):
        run.go()
    assert stage.held.assets == {"a": b"rival"}


@BOTH
@pytest.mark.parametrize("number", range(3))
def test_an_answer_lost_in_a_replacement_is_settled_by_reading(route: Route, number: int) -> None:
    stage = Stage(route)
    stage.registry.holds(OLD, Status.PUBLISHED, stage.to)
    run = stage.planned(replace_digest=OLD)
    count = iter(range(1000))

    def lose(_call: str) -> None:
        if next(count) == number:
            raise UnreachableError("lost")

    stage.registry.after = lose
    run.go()
    assert (stage.held.assets, stage.held.status) == (ABC, Status.PUBLISHED)
    assert stage.registry.writes.count("copy from dev") == (route is Route.COPY)


@pytest.mark.parametrize("status", [Status.PUBLISHED, Status.ARCHIVED, Status.UNFINISHED])
def test_a_copy_never_overwrites_a_version_that_was_not_deleted(status: Status) -> None:
    # Whatever comes between the deletion and the copy is not ours to overwrite, permission or not.
    stage = Stage()
    stage.registry.holds(OLD, status, stage.to)
    run = stage.planned(replace_digest=OLD)
    stage.registry.before = once("copy from dev", rival(stage, {"a": b"rival"}))
    with pytest.raises(ConflictError):
        run.go()
    assert stage.held.assets == {"a": b"rival"}


# --- stopped ----------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("held", [None, OLD])
def test_whoever_stops_it_has_no_more_written(route: Route, held: dict[str, bytes] | None) -> None:
    writes: set[int] = set()
    for allowed in range(100):
        stage = Stage(route)
        if held:
            stage.registry.holds(held, Status.PUBLISHED, stage.to)
        scheduler = InlineScheduler()
        status = Status.PUBLISHED if held else Status.UNLISTED
        run = stage.planned(replace_digest=held, status=status, scheduler=scheduler)
        stopped: list[int] = []

        def stop(
            scheduler: InlineScheduler = scheduler,
            allowed: int = allowed,
            stage: Stage = stage,
            stopped: list[int] = stopped,
        ) -> None:
            if scheduler.checkpoints > allowed:
                stopped.append(len(stage.registry.writes))
                raise InterruptedReleaseError("stopped")

        scheduler.stop = stop
        try:
            run.go()
        except InterruptedReleaseError:
            assert len(stage.registry.writes) == stopped[0]
            writes.add(stopped[0])
        else:
            # Before each of the writes there was a word that could stop it.
            assert writes == set(range(len(stage.registry.writes)))
            return
    raise AssertionError("it never ended")


def test_whoever_stops_it_need_not_wait_for_a_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulumi_codeartifact_release.publishing.promotion_source._CHECKPOINT_BYTES", 1)

    class Long(FakeRegistry):
        given = 0

        def fetch_asset(self, at: Coordinates, asset: Asset, write: Callable[[bytes], object]) -> None:
            for _ in range(1000):
                self.given += 1
                write(b"x")

    source = Long()
    stage = Stage(Route.TRANSFER, contents={"a": b"x" * 1000}, source=source)
    scheduler = InlineScheduler()
    run = stage.planned(scheduler=scheduler)

    def stop() -> None:
        if source.given == 3:
            raise InterruptedReleaseError("stopped")

    scheduler.stop = stop
    with pytest.raises(InterruptedReleaseError):
        run.go()
    assert source.given == 3
    assert stage.registry.writes == []


# --- registries that lie ----------------------------------------------------------------------------------------------


class Liar(FakeRegistry):
    """Says that it copied, and holds something else."""

    def __init__(self, lie: dict[str, bytes] | None) -> None:
        super().__init__()
        self._lie = lie

    def copy(
        self, at: Coordinates, *, source_repository: str, revision: str, allow_overwrite: bool
    ) -> VersionState | None:
        said = super().copy(at, source_repository=source_repository, revision=revision, allow_overwrite=allow_overwrite)
        if self._lie is None:
            del self.versions[at]
        else:
            self.versions[at].assets = dict(self._lie)
        return said


@pytest.mark.parametrize(
    ("lie", "error"),
    [
        (OTHER, ConflictError),
        ({"a": ABC["a"]}, ConflictError),
        ({**ABC, "x": b"foreign"}, ConflictError),
        ({}, ConflictError),
        (None, RegistryConflictError),
    ],
    ids=["different bytes", "an asset fewer", "an asset more", "no asset", "nothing"],
)
def test_a_copy_with_different_assets_is_not_a_success(lie: dict[str, bytes] | None, error: type[Exception]) -> None:
    stage = Stage(registry=Liar(lie))
    with pytest.raises(error):
        stage.planned().go()
    assert len(stage.registry.writes) <= len(SETTLE_WAITS) + 1


def test_a_copy_is_compared_at_the_revision_that_is_listed() -> None:
    class Renumbering(FakeRegistry):
        def copy(
            self, at: Coordinates, *, source_repository: str, revision: str, allow_overwrite: bool
        ) -> VersionState | None:
            super().copy(at, source_repository=source_repository, revision=revision, allow_overwrite=allow_overwrite)
            self.versions[at].revision = 4711
            return VersionState(Status.PUBLISHED, revision)

    stage = Stage(registry=Renumbering())
    assert finished(stage.planned().go()).state.revision == "4711"


# --- transferred elsewhere --------------------------------------------------------------------------------------------


class Recording(InlineScheduler):
    """Notes how many jobs ran together, and how many of them at once."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[tuple[int, int]] = []

    def run(self, jobs: Sequence[Job], *, limit: int) -> Iterator[Event]:
        self.batches.append((len(jobs), limit))
        return super().run(jobs, limit=limit)


def test_a_transfer_sends_the_first_asset_alone_then_the_rest_and_publishes_by_compare_and_swap() -> None:
    stage = Stage(Route.TRANSFER)
    scheduler = Recording()
    events = stage.planned(scheduler=scheduler).go()
    assert stage.source.calls == ["fetch a", "fetch b", "fetch c"]
    assert stage.registry.calls == [
        "describe",
        "publish a unfinished",
        "publish b unfinished",
        "publish c unfinished",
        "list",
        "status Unfinished -> Published",
    ]
    assert scheduler.batches == [(1, 1), (2, PARALLEL_UPLOADS)]
    assert (stage.held.assets, stage.held.status) == (ABC, Status.PUBLISHED)
    assert [each.name for each in finished(events).sent] == ["a", "b", "c"]
    assert finished(events).copied == ()


def test_a_transfer_can_use_last_asset() -> None:
    stage = Stage(Route.TRANSFER)
    stage.planned(finalize=Finalize.LAST_ASSET).go()
    assert stage.registry.writes == ["publish a unfinished", "publish b unfinished", "publish c"]
    assert stage.fetched == ["a", "b", "c"]
    assert (stage.held.assets, stage.held.status) == (ABC, Status.PUBLISHED)


class Spoiled(FakeRegistry):
    """A source of which `b` comes out as something else, as often as `times` says."""

    def __init__(self, content: bytes, times: int = 1000) -> None:
        super().__init__()
        self._content = content
        self.times = times

    def fetch_asset(self, at: Coordinates, asset: Asset, write: Callable[[bytes], object]) -> None:
        if asset.name != "b" or not self.times:
            super().fetch_asset(at, asset, write)
            return
        self.times -= 1
        self.calls.append("fetch b")
        write(self._content)


BAD = pytest.mark.parametrize("content", [b"BBBB", b"bbb", b"", b"bbbbb"], ids=["wrong", "short", "empty", "long"])


@BAD
@pytest.mark.parametrize("finalize", list(Finalize))
def test_nothing_of_an_asset_is_sent_before_it_is_verified(content: bytes, finalize: Finalize) -> None:
    stage = Stage(Route.TRANSFER, source=Spoiled(content))
    run = stage.planned(finalize=finalize)
    with pytest.raises(ServerFaultError, match="b"):
        run.go()
    assert stage.registry.writes == ["publish a unfinished"]
    assert stage.held.status is Status.UNFINISHED
    # It was tried again, but not for ever.
    assert 1 < stage.fetched.count("b") <= len(SETTLE_WAITS) + 2


@BAD
def test_a_wrong_download_is_repeated_and_sent_assets_stay(content: bytes) -> None:
    stage = Stage(Route.TRANSFER, source=Spoiled(content, times=2))
    events = stage.planned().go()
    assert stage.fetched == ["a", "b", "b", "b", "c"]
    assert stage.registry.writes.count("publish a unfinished") == 1
    assert (stage.held.assets, stage.held.status) == (ABC, Status.PUBLISHED)
    assert len([event for event in events if isinstance(event, Rechecking)]) == 2


def test_a_first_asset_with_wrong_bytes_leaves_nothing() -> None:
    stage = Stage(Route.TRANSFER, contents={"b": b"bbbb"}, source=Spoiled(b"BBBB"))
    with pytest.raises(ServerFaultError, match="its bytes do not match its listed SHA-256"):
        stage.planned().go()
    assert stage.to not in stage.registry.versions


class Endless(FakeRegistry):
    """A source that goes on for ever."""

    most = 0

    def fetch_asset(self, at: Coordinates, asset: Asset, write: Callable[[bytes], object]) -> None:
        given = 0
        while given < 1 << 20:
            given += 1000
            self.most = max(self.most, given)
            write(bytes(1000))


def test_a_download_without_end_is_cut_off_at_its_size(spool: Spool) -> None:
    source = Endless()
    stage = Stage(Route.TRANSFER, contents={"a": bytes(2500)}, source=source)
    with pytest.raises(ServerFaultError, match=r"received more than its 2,500 bytes"):
        stage.planned().go()
    assert source.most == 3000
    assert stage.registry.writes == []


class Sizeless(FakeRegistry):
    """A registry that leaves sizes out of its listings."""

    def list_assets(self, at: Coordinates) -> AssetListing:
        listing = super().list_assets(at)
        return AssetListing(listing.revision, {name: replace(each, size=0) for name, each in listing.assets.items()})


@BOTH
def test_a_source_that_reports_no_sizes_is_promoted_by_its_hashes(route: Route) -> None:
    stage = Stage(route, contents={**ABC, "empty": b""}, source=Sizeless(), registry=Sizeless())
    stage.planned().go()
    assert stage.held.assets == {**ABC, "empty": b""}


def test_a_download_without_size_and_end_is_cut_off_at_the_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    class Both(Sizeless, Endless):
        pass

    monkeypatch.setattr(f"{MODULE}.MAX_ASSET_SIZE", 5000)
    source = Both()
    with pytest.raises(ServerFaultError):
        Stage(Route.TRANSFER, contents={"a": bytes(2500)}, source=source).planned().go()
    assert source.most == 6000


@BOTH
def test_a_name_that_the_source_spells_otherwise_is_promoted(route: Route) -> None:
    # Two spellings of one name: ours is in NFC, the source's need not be.
    spelled, known = {"\u212b.zip": b"x", "b": b"b"}, {"\u00c5.zip": b"x", "b": b"b"}
    stage = Stage(route, contents=spelled)
    stage.planned().go()
    assert stage.held.assets == (spelled if route is Route.COPY else known)
    assert stage.planned().plan.action is Action.KEEP


@pytest.mark.parametrize(
    ("becomes", "error"),
    [
        (lambda stage: stage.holds(OTHER), PinError),
        (lambda stage: stage.holds({"a": b"aaa"}), PinError),
        (lambda stage: stage.moves(Status.ARCHIVED), GateError),
        (lambda stage: stage.registry.versions.pop(AT), GateError),
        (lambda stage: stage.holds({}, Status.DISPOSED), GateError),
    ],
    ids=["different bytes", "an asset fewer", "archived", "gone", "disposed"],
)
def test_a_source_that_changes_during_the_transfer_is_an_error_and_nothing_is_published(
    becomes: Callable[[Stage], object], error: type[Exception]
) -> None:
    stage = Stage(Route.TRANSFER)
    scheduler = InlineScheduler()
    run = stage.planned(scheduler=scheduler)
    stage.source.before = once("fetch b", lambda: becomes(stage))
    with pytest.raises(error):
        run.go()
    # At once: nobody waits for what will not come back.
    assert scheduler.slept == 0
    assert stage.registry.writes == ["publish a unfinished"]
    assert (stage.held.status, stage.held.assets) == (Status.UNFINISHED, {"a": b"aaa"})


def test_a_denied_download_is_raised_immediately() -> None:
    stage = Stage(Route.TRANSFER)
    run = stage.planned()
    stage.source.before = once("fetch a", fails(AccessDeniedError("GetPackageVersionAsset")))
    with pytest.raises(AccessDeniedError):
        run.go()
    assert stage.fetched == ["a"]
    assert stage.registry.writes == []


def test_an_invalidation_by_another_thread_does_not_break_a_check() -> None:
    # Two downloads that fail at once doubt the source at once.
    class Doubtful(PromotionSource):
        def check_gates(self, remote: RemoteVersion | None, planned_pin: Pin | None = None) -> None:
            super().check_gates(remote, planned_pin)
            self.invalidate()

    stage = Stage(Route.TRANSFER)
    promotion_source = Doubtful(stage.promotion, lambda: stage.source, same_domain=False)
    release = Release(stage.to, stage.choose_candidate().assets)
    assert promotion_source.verify(release, InlineScheduler()) == str(stage.registry.versions[AT].revision)


def test_a_rival_with_the_same_bytes_may_complete_the_version() -> None:
    stage = Stage(Route.TRANSFER)
    run = stage.planned()

    def finish() -> None:
        stage.held.assets.update(ABC)
        stage.held.status = Status.PUBLISHED

    stage.registry.before = once("publish b unfinished", finish)
    assert finished(run.go()).state.status is Status.PUBLISHED
    assert stage.held.assets == ABC


def test_after_a_rival_with_different_bytes_a_transfer_sends_nothing_more() -> None:
    stage = Stage(Route.TRANSFER)
    run = stage.planned()
    stage.registry.before = once("publish a unfinished", rival(stage, {"a": b"theirs"}, Status.UNFINISHED))
    with pytest.raises(LeftoverAssetsError):
        run.go()
    assert stage.registry.writes == ["publish a unfinished"]
    assert stage.held.assets == {"a": b"theirs"}


# --- killed -----------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    pass


@BOTH
@pytest.mark.parametrize("finalize", list(Finalize))
@pytest.mark.parametrize(
    ("status", "held"), [(Status.PUBLISHED, None), (Status.ARCHIVED, None), (Status.PUBLISHED, OLD)]
)
def test_after_a_kill_the_next_run_downloads_and_sends_only_what_is_missing(
    route: Route, finalize: Finalize, status: Status, held: dict[str, bytes] | None
) -> None:
    crashes = 0
    for crash_at in range(100):
        stage = Stage(route)
        if held:
            stage.registry.holds(held, Status.PUBLISHED, stage.to)
        run = stage.planned(finalize=finalize, status=status, replace_digest=held)
        count = iter(range(1000))

        def kill(_call: str, count: Iterator[int] = count, crash_at: int = crash_at) -> None:
            if next(count) == crash_at:
                raise Killed

        stage.registry.before = stage.registry.after = stage.source.before = kill
        try:
            run.go()
        except Killed:
            crashes += 1
        else:
            break
        finally:
            stage.registry.before = stage.registry.after = stage.source.before = lambda _call: None
        there = stage.registry.versions.get(stage.to)
        if there and there.status is Status.PUBLISHED:
            assert there.assets in (ABC, held)
        begun = set(there.assets) if there and there.status is Status.UNFINISHED else set()
        copied = there is not None and there.assets == ABC
        stage.planned(finalize=finalize, status=status, replace_digest=held).go()
        assert (stage.held.assets, stage.held.status) == (ABC, status)
        # What may be given up is finished guarded, whatever the environment says.
        last_again = {"c"} if finalize is Finalize.LAST_ASSET and "c" in begun and not held else set()
        if route is Route.COPY:
            assert stage.fetched == []
            assert len([call for call in stage.registry.writes if call.startswith("copy")]) == (not copied)
        elif not copied or begun:
            assert set(stage.fetched) == (set(ABC) - begun) | last_again
        else:
            assert stage.fetched == []
        # One is tried before anything is given up for it.
        tried = ["a"] if route is Route.TRANSFER and there and there.assets == held else []
        assert sorted(stage.fetched) == sorted([*set(stage.fetched), *tried])
    # Every call of an undisturbed run was a crash point, and every write twice.
    assert crashes == len(stage.registry.calls) + len(stage.registry.writes) + len(stage.source.calls)
    assert crashes > 3


# --- on disk ----------------------------------------------------------------------------------------------------------


class Wide(FakeRegistry):
    """A source that gives large parts."""

    def fetch_asset(self, at: Coordinates, asset: Asset, write: Callable[[bytes], object]) -> None:
        content = self.versions[at].assets[asset.name]
        for start in range(0, len(content), 10_000):
            write(content[start : start + 10_000])


class Meeting(FakeRegistry):
    """A destination where so many uploads must be under way at once, before any of them goes on."""

    def __init__(self, count: int, look: Callable[[], None]) -> None:
        super().__init__()
        self._barrier = threading.Barrier(count, action=look)

    def publish_asset(self, at: Coordinates, asset: Asset, body: BinaryIO, *, unfinished: bool) -> VersionState:
        # The first is alone.
        if asset.name != "0":
            self._barrier.wait(timeout=20)
        return super().publish_asset(at, asset, body, unfinished=unfinished)


SIZE = 50_000
SEVEN = {str(number): bytes([number]) * SIZE for number in range(7)}


def test_no_more_is_on_disk_than_the_assets_that_are_under_way(spool: Spool) -> None:
    seen: list[int] = []
    stage = Stage(Route.TRANSFER, SEVEN, registry=Meeting(3, lambda: seen.append(spool.bytes)), source=Wide())
    run = stage.planned(scheduler=ThreadScheduler())
    contents = run.promotion_source.contents(run.release, run.scheduler)
    for _ in apply(
        run.release, contents, stage.registry, run.scheduler, promotion_source=run.promotion_source, parallel=3
    ):
        assert list(spool.folder.iterdir()) == []
    assert seen == [3 * SIZE, 3 * SIZE]
    assert stage.held.assets == SEVEN


def test_only_few_large_assets_are_on_disk_at_once(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{MODULE}._LARGE", SIZE - 1)
    monkeypatch.setattr(f"{MODULE}._large_downloads", threading.BoundedSemaphore(2))
    seen: list[int] = []
    stage = Stage(Route.TRANSFER, SEVEN, registry=Meeting(2, lambda: seen.append(spool.bytes)), source=Wide())
    stage.planned(scheduler=ThreadScheduler()).go()
    assert seen == [2 * SIZE] * 3


def test_small_assets_need_no_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(f"{MODULE}._MAX_IN_MEMORY", 1 << 20)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "no such folder"))
    stage = Stage(Route.TRANSFER)
    stage.planned().go()
    assert stage.held.assets == ABC


class FullDisk(io.RawIOBase):
    """A file on a disk that has so much room left, in bytes."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self._room = room

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return offset

    def write(self, data: object) -> int:
        size = len(memoryview(data))  # type: ignore[arg-type]
        if size > self._room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._room -= size
        return size


@pytest.mark.parametrize("room", [0, 3], ids=["at the first byte", "when the rest of a buffer is written"])
def test_a_full_disk_is_one_clear_error_that_names_the_folder(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_options: io.BufferedRandom(FullDisk(room)))
    stage = Stage(Route.TRANSFER, contents={"a": b"aaaabbbb"})
    with pytest.raises(
        FileError, match=r"^a of tools/app@1\.0 in acme/dev cannot be stored temporarily: No space"
    ) as caught:
        stage.planned().go()
    assert f"Free some space in {spool.folder}, or set TMPDIR" in caught.value.hint
    # Trying again at once would not help.
    assert stage.fetched == ["a"]
    assert stage.registry.writes == []


def test_a_folder_for_temporary_files_that_is_not_there_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/no/such/folder")
    with pytest.raises(FileError, match="cannot be stored temporarily"):
        Stage(Route.TRANSFER).planned().go()


# --- counted ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(
    route=st.sampled_from([Route.COPY, Route.TRANSFER]),
    contents=st.dictionaries(st.sampled_from("abcdef"), st.binary(max_size=8), min_size=1),
    held=st.none() | st.just("part") | st.dictionaries(st.sampled_from("abcx"), st.binary(max_size=2)),
    part=st.sets(st.sampled_from("abcdef")),
    found=st.sampled_from([Status.UNFINISHED, *LISTED]),
    status=st.sampled_from(LISTED),
    finalize=st.sampled_from(Finalize),
    permitted=st.booleans(),
)
def test_a_plan_counts_the_requests_of_an_undisturbed_run(
    route: Route,
    contents: dict[str, bytes],
    held: str | dict[str, bytes] | None,
    part: set[str],
    found: Status,
    status: Status,
    finalize: Finalize,
    permitted: bool,
) -> None:
    stage = Stage(route, contents)
    if held == "part":
        held = {name: content for name, content in contents.items() if name in part}
    if isinstance(held, dict):
        stage.registry.holds(held, found, stage.to)
    before = replace(stage.registry.versions[AT])
    run = stage.planned(
        status=status, finalize=finalize, replace_digest=held if permitted and isinstance(held, dict) else None
    )
    plan = run.plan
    try:
        events = run.go()
    except RefusedError:
        assert plan.action is Action.REFUSE
        assert stage.registry.writes == stage.source.calls == []
    else:
        assert events[0] == Planned(plan)
        assert (stage.held.assets, stage.held.status) == (contents, status)
        assert len(stage.fetched) == plan.downloads
        copies = [call for call in stage.registry.writes if call.startswith("copy")]
        assert len(copies) == plan.copies
        assert "copy from dev over" not in copies
        assert bool(stage.registry.writes) == plan.changes
    assert len(stage.registry.calls) == plan.requests, stage.registry.calls
    assert stage.registry.versions[AT] == before
    assert stage.source.writes == []


def test_errors_of_the_source_are_handled_like_those_of_the_destination() -> None:
    for error in (UnreachableError("cut"), ServerFaultError("500"), VersionNotFoundError("not yet")):
        stage = Stage(Route.TRANSFER)
        run = stage.planned()
        stage.source.before = once("fetch b", fails(error))
        run.go()
        assert stage.fetched == ["a", "b", "b", "c"]
        assert stage.held.assets == ABC
