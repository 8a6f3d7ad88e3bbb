"""Several versions of one package by one copy: each comes out of it as it would have by a copy of its own."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes import AT, FakeRegistry, InlineScheduler
from pulumi_codeartifact_release.errors import (
    AccessDeniedError,
    InterruptedReleaseError,
    ReleaseError,
    ServerFaultError,
    StatusRefusedError,
    ThrottledError,
    UnreachableError,
    VersionNotFoundError,
)
from pulumi_codeartifact_release.publishing import (
    Action,
    Finished,
    Origin,
    Plan,
    Promotion,
    Release,
    Review,
    Route,
    apply,
    choose,
    copied_together,
    look,
    make_plan,
    spared_calls,
    sum_of,
)
from pulumi_codeartifact_release.registry import Coordinates, Status, VersionState
from pulumi_codeartifact_release.registry.interface import COPIED_AT_ONCE, CopyAnswer, Registry
from pulumi_codeartifact_release.registry.shared_copies import SharedCopies

Fault = Callable[[str, Collection[str]], None]
"""Is told when it is asked, "before" or "after" a call does anything, and the versions that it is about."""
ABC = {"a": b"aaa", "b": b"bbbb"}
OTHER = {"a": b"aaa", "b": b"BBBB"}


def source_of(version: str) -> Coordinates:
    return replace(AT, version=version)


def to(version: str) -> Coordinates:
    return replace(AT, repository="staging", version=version)


class Copying(FakeRegistry):
    """A registry that copies several versions at once: all of them or none, as the service does, or each as it can.

    `fault` is raised by calls of copies, of one or of several: before they do anything, or after.
    """

    def __init__(self) -> None:
        super().__init__()
        self.all_or_none = True
        self.shared: list[list[str]] = []
        self.leaves_out: set[str] = set()
        self.fault: Fault = lambda _when, _versions: None

    def copy(
        self, at: Coordinates, *, source_repository: str, revision: str, allow_overwrite: bool
    ) -> VersionState | None:
        self.fault("before", {at.version})
        try:
            state = super().copy(
                at, source_repository=source_repository, revision=revision, allow_overwrite=allow_overwrite
            )
        finally:
            # An answer is lost whatever it says.
            self.fault("after", {at.version})
        return None if at.version in self.leaves_out else state

    def copy_versions(
        self, at: Coordinates, *, source_repository: str, revisions: Mapping[str, str]
    ) -> Mapping[str, CopyAnswer]:
        self.shared.append(list(revisions))
        self.fault("before", revisions.keys())
        versions = dict(self.versions)
        answers: dict[str, CopyAnswer] = {}
        for version, revision in revisions.items():
            each = replace(at, version=version)
            try:
                answers[version] = super().copy(
                    each, source_repository=source_repository, revision=revision, allow_overwrite=False
                )
            except StatusRefusedError as error:
                answers[version] = error
            self.calls.pop()
        if self.all_or_none and any(isinstance(answer, ReleaseError) for answer in answers.values()):
            self.versions.clear()
            self.versions.update(versions)
            skipped = StatusRefusedError("skipped", reason="SKIPPED")
            answers = {each: told if isinstance(told, ReleaseError) else skipped for each, told in answers.items()}
        self.calls.append(f"copy {len(revisions)}")
        self.fault("after", revisions.keys())
        return {each: None if each in self.leaves_out else told for each, told in answers.items()}


@dataclass
class Member:
    origin: Origin
    release: Release
    plan: Plan


class Stage:
    """Versions of one package, Published in `dev`, whose promotion is planned; `registry` is what they go to."""

    def __init__(self, versions: list[str], *, shared: bool = True, registry: Copying | None = None) -> None:
        self.fake = registry or Copying()
        self.members: dict[str, Member] = {}
        for version in versions:
            self.fake.holds(ABC, Status.PUBLISHED, source_of(version))
        for version in versions:
            self.members[version] = self._planned(version)
        judged = {to(version): member.origin.judged or "" for version, member in self.members.items()}
        self.copies = SharedCopies(self.fake, "dev", judged if shared else {})
        self.registry: Registry = self.copies
        self.fake.calls.clear()

    def _planned(self, version: str) -> Member:
        scheduler = InlineScheduler()
        origin = Origin(Promotion(source_of(version), to(version)), self.fake, same_domain=True)
        held = look(self.fake, to(version), scheduler)
        release = Release(to(version), choose(origin, held, scheduler).assets)
        return Member(origin, release, make_plan(release, held, route=Route.COPY))

    def go(self, version: str, scheduler: InlineScheduler | None = None) -> Finished:
        member, inline = self.members[version], scheduler or InlineScheduler()
        sources = member.origin.sources(member.release, inline)
        events = apply(member.release, sources, self.registry, inline, origin=member.origin, planned=member.plan)
        last = list(events)[-1]
        assert isinstance(last, Finished)
        return last

    def outcome(self, version: str) -> str:
        """The error, or that it is done and whether this run copied it."""
        try:
            done = self.go(version)
        except ReleaseError as error:
            reason = error.reason if isinstance(error, StatusRefusedError) else ""
            return f"{error.code} {reason}"
        return f"done, copied {len(done.copied)}"

    @property
    def held(self) -> dict[Coordinates, tuple[Status, dict[str, bytes]]]:
        return {at: (version.status, version.assets) for at, version in self.fake.versions.items()}


def versions_of(count: int) -> list[str]:
    return [f"1.{number}" for number in range(count)]


# --- how many calls ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "calls"), [(1, 0), (2, 1), (5, 1), (100, 1), (101, 2), (200, 2), (201, 3)])
def test_each_hundred_versions_are_one_call_and_one_list_each(count: int, calls: int) -> None:
    stage = Stage(versions_of(count))
    assert all(stage.outcome(version) == "done, copied 2" for version in stage.members)
    assert len(stage.fake.shared) == calls
    assert all(len(called) <= COPIED_AT_ONCE for called in stage.fake.shared)
    # One version goes by itself.
    copies = calls or 1
    assert sorted(stage.fake.calls) == sorted(
        [call for call in stage.fake.calls if call.startswith("copy")] + ["list"] * count
    )
    assert len(stage.fake.writes) == copies
    assert count - copies == (spared_calls(count) if count > 1 else 0)
    assert not stage.copies.untold


def test_the_sum_of_the_reviews_is_what_is_asked_for() -> None:
    stage = Stage(versions_of(205))
    members = stage.members.values()
    total = sum_of(Review(each.plan, None, each.origin, looks_again=True, judges_again=True) for each in members)
    for version in stage.members:
        stage.go(version)
    # Looking, at both: one read of what is absent, and two of what is there.
    assert total.requests == 205 * (1 + 2) + len(stage.fake.calls)
    assert len(stage.fake.writes) == 3


def test_in_whatever_order_they_ask_it_is_no_more_calls() -> None:
    stage = Stage(versions_of(250))
    for version in reversed(list(stage.members)):
        stage.go(version)
    assert [len(called) for called in stage.fake.shared] == [100, 100, 50]


def test_of_many_that_ask_at_once_one_calls_and_the_others_are_told() -> None:
    stage = Stage(versions_of(20))
    ready, outcomes = threading.Barrier(20), dict[str, str]()

    def go(version: str) -> None:
        ready.wait(10)
        outcomes[version] = stage.outcome(version)

    threads = [threading.Thread(target=go, args=(version,)) for version in stage.members]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(outcomes.values()) == {"done, copied 2"}
    assert len(outcomes) == 20
    assert len(stage.fake.writes) == 1


def test_only_what_is_copied_into_nothing_and_stays_published_goes_together() -> None:
    stage = Stage(versions_of(3))
    plans = [each.plan for each in stage.members.values()]
    assert copied_together(plans) == [plans]
    assert copied_together(plans[:1]) == []
    (first, *others) = plans
    # It would be Published until its turn comes.
    quiet = replace(first, release=replace(first.release, status=Status.ARCHIVED))
    assert copied_together([quiet, *others]) == [others]
    for alone in (
        replace(first, action=Action.REPLACE),
        replace(first, action=Action.KEEP),
        replace(first, route=Route.TRANSFER),
        replace(first, release=replace(first.release, at=replace(first.release.at, package="lib"))),
    ):
        assert copied_together([alone, *others]) == [others]


# --- what is not as planned goes by itself ----------------------------------------------------------------------------


def copied(stage: Stage, version: str, *, revision: str | None = None, source: str = "dev", over: bool = False) -> None:
    judged = stage.members[version].origin.judged or ""
    stage.registry.copy(to(version), source_repository=source, revision=revision or judged, allow_overwrite=over)


@pytest.mark.parametrize("other", [{"revision": "7"}, {"source": "elsewhere"}, {"over": True}])
def test_another_copy_than_was_planned_is_a_call_of_its_own_and_nobody_else_makes_it(other: dict[str, str]) -> None:
    stage = Stage(versions_of(3))
    with pytest.raises(StatusRefusedError) if "over" not in other else threading.Lock():
        copied(stage, "1.0", **other)  # type: ignore[arg-type]
    assert stage.fake.shared == []
    stage.go("1.1")
    assert stage.fake.shared == [["1.1", "1.2"]]


def test_what_was_copied_at_another_revision_than_is_asked_for_is_not_told() -> None:
    stage = Stage(versions_of(3))
    copied(stage, "1.0")
    with pytest.raises(StatusRefusedError) as caught:
        copied(stage, "1.1", revision="7")
    assert caught.value.reason == "MISMATCHED_REVISION"
    assert set(stage.copies.untold) == {to("1.2")}


def test_a_second_copy_of_a_version_is_a_call_of_its_own() -> None:
    stage = Stage(versions_of(2))
    copied(stage, "1.0")
    with pytest.raises(StatusRefusedError) as caught:
        copied(stage, "1.0")
    assert caught.value.reason == "ALREADY_EXISTS"
    assert stage.fake.calls == ["copy 2", "copy from dev"]
    stage.go("1.1")


def test_what_was_copied_and_never_asked_for_is_known() -> None:
    stage = Stage(versions_of(3))
    assert not stage.copies.untold
    stage.go("1.1")
    assert set(stage.copies.untold) == {to("1.0"), to("1.2")}
    stage.go("1.0")
    assert set(stage.copies.untold) == {to("1.2")}


# --- faults -----------------------------------------------------------------------------------------------------------


def raises(error: Exception, when: str, times: int = 1) -> Fault:
    """Fail so many calls about any version."""
    left = Counter[str]()

    def fault(at: str, versions: Collection[str]) -> None:
        if at == when and any(left[version] < times for version in versions):
            left.update(versions)
            raise error

    return fault


@pytest.mark.parametrize("error", [UnreachableError("cut"), ServerFaultError("500")])
def test_a_lost_answer_is_settled_by_a_look_of_each(error: ReleaseError) -> None:
    stage = Stage(versions_of(3))
    stage.fake.fault = raises(error, "after")
    assert stage.outcome("1.0") == "done, copied 2"
    # Nobody knows it of the others.
    assert set(stage.copies.untold) == set()
    assert [stage.outcome(version) for version in ("1.1", "1.2")] == ["done, copied 2"] * 2
    assert stage.fake.writes == ["copy 3"]


@pytest.mark.parametrize("error", [UnreachableError("cut"), ServerFaultError("500")])
def test_a_call_that_never_arrived_is_made_again_by_each(error: ReleaseError) -> None:
    stage = Stage(versions_of(3))
    stage.fake.fault = raises(error, "before")
    assert [stage.outcome(version) for version in stage.members] == ["done, copied 2"] * 3
    assert stage.fake.writes == ["copy from dev"] * 3


@pytest.mark.parametrize("error", [AccessDeniedError("no"), ThrottledError("full")])
def test_a_call_that_is_refused_is_the_error_of_who_asked_and_the_others_ask_themselves(error: ReleaseError) -> None:
    stage = Stage(versions_of(3))
    stage.fake.fault = raises(error, "before")
    assert stage.outcome("1.0") == f"{error.code} "
    # It had no call of its own yet.
    stage.fake.fault = raises(error, "before")
    assert stage.outcome("1.1") == f"{error.code} "
    stage.fake.fault = Copying().fault
    assert stage.outcome("1.2") == "done, copied 2"
    assert stage.fake.shared == [["1.0", "1.1", "1.2"]]
    assert stage.copies.untold == set()


def test_a_source_that_is_gone_as_a_whole_is_looked_for_by_each() -> None:
    stage = Stage(versions_of(2))
    for version in stage.members:
        del stage.fake.versions[source_of(version)]
    stage.fake.fault = raises(VersionNotFoundError("no such package"), "before", times=2)
    assert [stage.outcome(version) for version in stage.members] == ["gate "] * 2
    assert stage.held == {}


def test_interrupted_before_the_call_nothing_is_copied_for_anybody() -> None:
    stage = Stage(versions_of(3))
    stage.fake.fault = raises(InterruptedReleaseError("stopped"), "before", times=9)
    assert [stage.outcome(version) for version in stage.members] == ["interrupted "] * 3
    assert stage.fake.writes == []
    scheduler = InlineScheduler()

    def stop() -> None:
        raise InterruptedReleaseError("stopped")

    scheduler.stop = stop
    again = Stage(versions_of(3))
    with pytest.raises(InterruptedReleaseError):
        again.go("1.0", scheduler)
    assert again.fake.calls == []


def test_what_stands_in_the_way_of_all_is_left_out_of_the_next_call() -> None:
    stage = Stage(versions_of(5))
    stage.fake.holds(ABC, Status.PUBLISHED, to("1.1"))
    stage.fake.holds(OTHER, Status.PUBLISHED, to("1.3"))
    outcomes = [stage.outcome(version) for version in stage.members]
    assert outcomes == ["done, copied 2", "done, copied 0", "done, copied 2", "conflict ", "done, copied 2"]
    assert [sorted(called) for called in stage.fake.shared] == [versions_of(5), ["1.0", "1.2", "1.4"]]
    assert stage.fake.writes == ["copy 5", "copy 3"]


def test_versions_that_are_all_skipped_ask_themselves() -> None:
    class Skipping(Copying):
        def copy_versions(
            self, at: Coordinates, *, source_repository: str, revisions: Mapping[str, str]
        ) -> Mapping[str, CopyAnswer]:
            self.shared.append(list(revisions))
            return {each: StatusRefusedError("skipped", reason="SKIPPED") for each in revisions}

    stage = Stage(versions_of(3), registry=Skipping())
    assert [stage.outcome(version) for version in stage.members] == ["done, copied 2"] * 3
    assert len(stage.fake.shared) == 1
    assert stage.fake.writes == ["copy from dev"] * 3


def test_a_version_of_which_the_answer_says_nothing_is_looked_at() -> None:
    stage = Stage(versions_of(3))
    stage.fake.leaves_out = {"1.1"}
    assert [stage.outcome(version) for version in stage.members] == ["done, copied 2"] * 3
    assert stage.fake.writes == ["copy 3"]
    assert stage.fake.calls.count("describe") == 1


def test_a_copy_that_is_gone_when_its_turn_comes_is_made_again() -> None:
    stage = Stage(versions_of(2))
    stage.go("1.0")
    del stage.fake.versions[to("1.1")]
    assert stage.outcome("1.1") == "done, copied 2"
    assert stage.fake.writes == ["copy 2", "copy from dev"]


# --- the same as a copy each ------------------------------------------------------------------------------------------


def _archive(fake: Copying, version: str) -> None:
    fake.versions[source_of(version)].status = Status.ARCHIVED


SITUATIONS = {
    "as planned": lambda _fake, _version: None,
    "source moved": lambda fake, version: fake.holds(ABC, Status.PUBLISHED, source_of(version)),
    "source has other bytes": lambda fake, version: fake.holds(OTHER, Status.PUBLISHED, source_of(version)),
    "source archived": lambda fake, version: fake.holds(ABC, Status.ARCHIVED, source_of(version)),
    "source archived, same revision": _archive,
    "source gone": lambda fake, version: fake.versions.pop(source_of(version)),
    "there already": lambda fake, version: fake.holds(ABC, Status.PUBLISHED, to(version)),
    "there, Unlisted": lambda fake, version: fake.holds(ABC, Status.UNLISTED, to(version)),
    "there with other bytes": lambda fake, version: fake.holds(OTHER, Status.PUBLISHED, to(version)),
    "there in part": lambda fake, version: fake.holds({"a": b"aaa"}, Status.UNFINISHED, to(version)),
    "debris": lambda fake, version: fake.holds(OTHER, Status.UNFINISHED, to(version)),
    "says nothing": lambda fake, version: fake.leaves_out.add(version),
}
FAULTS = {
    "none": lambda: lambda _when, _versions: None,
    "lost before": lambda: raises(UnreachableError("cut"), "before"),
    "lost after": lambda: raises(UnreachableError("cut"), "after"),
    "failed after": lambda: raises(ServerFaultError("500"), "after"),
    "denied": lambda: raises(AccessDeniedError("no"), "before", times=999),
    "stopped": lambda: raises(InterruptedReleaseError("stopped"), "before", times=999),
}


@settings(
    derandomize=True, deadline=None, max_examples=400, database=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(
    situations=st.lists(st.sampled_from(sorted(SITUATIONS)), min_size=1, max_size=6),
    fault=st.sampled_from(sorted(FAULTS)),
    all_or_none=st.booleans(),
    at_once=st.integers(1, 4),
    data=st.data(),
)
def test_together_they_end_as_they_would_have_each_by_itself(
    situations: list[str], fault: str, all_or_none: bool, at_once: int, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(versions_of(len(situations))))
    ends = []
    for shared in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("pulumi_codeartifact_release.registry.shared_copies.COPIED_AT_ONCE", at_once)
            stage = Stage(versions_of(len(situations)), shared=shared)
            stage.fake.all_or_none = all_or_none
            for version, situation in zip(stage.members, situations, strict=True):
                SITUATIONS[situation](stage.fake, version)  # type: ignore[no-untyped-call]
            stage.fake.fault = FAULTS[fault]()  # type: ignore[no-untyped-call]
            stage.fake.calls.clear()
            outcomes = {version: stage.outcome(version) for version in order}
            assert not stage.copies.untold
            ends.append((outcomes, stage.held))
            if not shared:
                assert stage.fake.shared == []
    assert ends[0] == ends[1]
