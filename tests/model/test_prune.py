"""Retention over random histories, with publishers and promoters between what was shown and what is done.

Whatever happens, nothing goes that was protected when it was last read, that a rule keeps, or that changed since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import cast

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from pulumi_codeartifact_release.errors import UnreachableError
from pulumi_codeartifact_release.publishing import prune_run
from pulumi_codeartifact_release.publishing.prune import (
    Action,
    Decision,
    KnownVersion,
    Rules,
    decide,
    protected_versions,
)
from pulumi_codeartifact_release.publishing.prune_run import execute, read_view
from pulumi_codeartifact_release.registry import Coordinates, Registry, Status, VersionState
from support.fakes import AT, FakeRegistry, InlineScheduler, StoredVersion

from .test_properties import THOROUGHLY

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PACKAGE = replace(AT, version="")
ENVIRONMENTS = ("dev", "staging", "prod")
VERSIONS = tuple(f"v{number}" for number in range(8))
LIVE = (Status.PUBLISHED, Status.UNLISTED)

versions = st.sampled_from(VERSIONS)
environments = st.sampled_from(ENVIRONMENTS)
some_versions = st.frozensets(versions, max_size=2)
days = st.integers(0, 40)


@dataclass(frozen=True)
class History:
    """What there is before `prune` begins.

    Attributes:
        stored: environment -> version -> its status, and its age in days.
        desired: environment -> what the manifest declares or pins there.
        soaks: environment -> for how many days a version soaks there before it is promoted.
        archived_days: version -> for how many days it has been seen Archived at its revision.
    """

    stored: Mapping[str, Mapping[str, tuple[Status, int]]]
    desired: Mapping[str, frozenset[str]]
    soaks: Mapping[str, int]
    withdrawn: frozenset[str]
    named: frozenset[str]
    members: frozenset[str]
    archived_days: Mapping[str, int]
    rules: Rules
    unreadable: frozenset[str]


@dataclass(frozen=True)
class Event:
    """What somebody else does: `kind` to a version in an environment, before call number `at` of `prune`."""

    at: int
    kind: str
    environment: str
    version: str


histories = st.builds(
    History,
    stored=st.fixed_dictionaries(
        {name: st.dictionaries(versions, st.tuples(st.sampled_from(Status), days)) for name in ENVIRONMENTS}
    ),
    desired=st.fixed_dictionaries(dict.fromkeys(ENVIRONMENTS, some_versions)),
    soaks=st.dictionaries(environments, st.integers(1, 20), max_size=2),
    withdrawn=some_versions,
    named=some_versions,
    members=some_versions,
    archived_days=st.dictionaries(versions, st.integers(0, 20)),
    rules=st.builds(
        Rules,
        newer_than=st.integers(0, 30).map(lambda number: timedelta(days=number)),
        keep=st.none() | st.integers(1, 3),
        match=st.sampled_from(["*", "v[0-3]", "v?", "none"]),
        deletes=st.booleans(),
        grace=st.sampled_from([timedelta(0), timedelta(days=7)]),
    ),
    unreadable=st.just(frozenset()),
)
events = st.lists(
    st.builds(
        Event,
        st.integers(0, 12),
        st.sampled_from(
            ["publish", "promote", "restore", "unlist", "archive", "replace", "pin", "withdraw", "name", "bundle"]
        ),
        environments,
        versions,
    ),
    max_size=8,
)


@dataclass
class World:
    """The registry, the manifest, and everybody else."""

    history: History
    events: Sequence[Event] = ()
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    calls: int = 0
    reads: int = 0
    reading: bool = False
    protected: frozenset[str] = frozenset()
    shown: dict[str, VersionState] = field(default_factory=dict)
    gone: list[tuple[str, Action]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.registry.now = NOW
        self.desired = {name: set(desired) for name, desired in self.history.desired.items()}
        self.withdrawn, self.named = set(self.history.withdrawn), set(self.history.named)
        self.members = set(self.history.members)
        for name, stored in self.history.stored.items():
            for number, (version, (status, age)) in enumerate(stored.items()):
                # No two at once: which of them is the newest would be the registry's secret.
                since = NOW - timedelta(days=age, minutes=number + 10 * ENVIRONMENTS.index(name))
                self.put(name, version, status, since)
        self.registry.before = self.before

    def at(self, environment: str, version: str = "") -> Coordinates:
        return replace(PACKAGE, repository=environment, version=version)

    def put(self, environment: str, version: str, status: Status, since: datetime = NOW) -> None:
        self.registry.holds({"a": b"a"}, status, self.at(environment, version))
        stored = self.registry.versions[self.at(environment, version)]
        stored.published = None if status is Status.UNFINISHED else since

    def stored(self, environment: str) -> dict[str, StoredVersion]:
        return {at.version: stored for at, stored in self.registry.versions.items() if at.repository == environment}

    # --- what `prune` reads ---

    def read_protected(self) -> Mapping[str, str]:
        self.reading, self.reads = True, self.reads + 1
        views = []
        for name in ENVIRONMENTS:
            if name in self.history.unreadable:
                raise UnreachableError("no response")
            soak = self.history.soaks.get(name)
            desired = dict.fromkeys(self.desired[name], "declared")
            views.append(read_view(self.registry, self.at(name), name, desired, timedelta(days=soak) if soak else None))
        self.reading = False
        self.protected = self.truth()
        return protected_versions(views, self.withdrawn, self.named, dict.fromkeys(self.members, "acme/suite@1.0"))

    def truth(self) -> frozenset[str]:
        """The protected set, worked out from what is there."""
        result = self.withdrawn | self.named | self.members
        for name in ENVIRONMENTS:
            result |= self.desired[name]
            published = {
                version: stored.published or NOW
                for version, stored in self.stored(name).items()
                if stored.status is Status.PUBLISHED
            }
            if published:
                result.add(max(published, key=lambda version: published[version]))
            soak = timedelta(days=self.history.soaks.get(name, 0))
            result |= {version for version, since in published.items() if NOW - since < soak}
        return frozenset(result)

    def decide(self) -> list[Decision]:
        rules = self.history.rules
        known = []
        for summary in self.registry.list_versions(self.at("dev")):
            state = VersionState(summary.status, summary.revision)
            if rules.needs_time(summary.version, summary.status):
                state = self.registry.describe(self.at("dev", summary.version))
            seen = self.history.archived_days.get(summary.version)
            known.append(KnownVersion(summary.version, state, None if seen is None else NOW - timedelta(days=seen)))
        self.shown = {version.version: version.state for version in known}
        return decide(known, rules, self.read_protected(), NOW)

    # --- what others do, and what may not happen ---

    def before(self, call: str) -> None:
        if self.reading:
            return
        for each in self.events:
            if each.at == self.calls:
                self.happen(each)
        self.calls += 1

    def happen(self, each: Event) -> None:
        name, version = each.environment, each.version
        stored = self.registry.versions.get(self.at(name, version))
        if each.kind == "pin":
            self.desired[name].add(version)
        elif each.kind == "withdraw":
            self.withdrawn.add(version)
        elif each.kind == "name":
            self.named.add(version)
        elif each.kind == "bundle":
            self.members.add(version)
        elif each.kind in ("publish", "promote"):
            if stored is None:
                self.put(name, version, Status.PUBLISHED, NOW + timedelta(seconds=self.calls))
        elif each.kind == "replace":
            self.put(name, version, Status.PUBLISHED, NOW + timedelta(seconds=self.calls))
        elif stored and stored.status in (*LIVE, Status.ARCHIVED):
            target = {"restore": Status.PUBLISHED, "unlist": Status.UNLISTED, "archive": Status.ARCHIVED}[each.kind]
            stored.status, stored.revision = target, self.registry._revision()

    def run(self, order: Callable[[], None] = lambda: None) -> list[prune_run.Outcome]:
        decisions = self.decide()
        order()
        registry = cast(Registry, _Watched(self))
        return list(execute(decisions, self.at("dev"), registry, InlineScheduler(), self.read_protected))


class _Watched:
    """The registry, as `prune` writes to it: every write is judged at the moment that it is made."""

    def __init__(self, world: World) -> None:
        self._world = world

    def describe(self, at: Coordinates) -> VersionState:
        return self._world.registry.describe(at)

    def set_status(self, at: Coordinates, *, revision: str, expected: Status, target: Status) -> VersionState:
        assert (target, expected in LIVE) == (Status.ARCHIVED, True)
        state = self._world.registry.set_status(at, revision=revision, expected=expected, target=target)
        self._judge(at, Action.ARCHIVE, revision)
        return state

    def delete(self, at: Coordinates, *, expected: Status) -> None:
        stored = self._world.registry.versions.get(at)
        revision = str(stored.revision) if stored else ""
        assert expected is Status.ARCHIVED
        self._world.registry.delete(at, expected=expected)
        self._judge(at, Action.DELETE, revision)

    def _judge(self, at: Coordinates, action: Action, revision: str) -> None:
        world, rules, version = self._world, self._world.history.rules, at.version
        assert at.repository == "dev"
        assert version not in world.protected, f"{version} was protected when it was last read"
        shown = world.shown[version]
        assert shown.revision == revision, f"{version} changed since it was shown"
        assert shown.published_time
        assert NOW - shown.published_time >= rules.newer_than
        assert fnmatchcase(version, rules.match)
        if action is Action.DELETE:
            assert rules.deletes
            assert shown.status is Status.ARCHIVED, f"{version} was not Archived when the run began"
            seen = world.history.archived_days.get(version, 0)
            assert timedelta(days=seen) >= rules.grace
        newer = [
            state
            for other, state in world.shown.items()
            if state.published_time and state.published_time > shown.published_time and fnmatchcase(other, rules.match)
        ]
        counted = [state for state in newer if action is Action.DELETE or state.status in LIVE]
        assert len(counted) >= (rules.keep or 0)
        world.gone.append((version, action))


@pytest.mark.slow
@given(histories, events)
@THOROUGHLY
def test_nothing_protected_is_pruned(history: History, happenings: list[Event]) -> None:
    world = World(history, happenings)
    outcomes = world.run()
    done = [(outcome.decision.version.version, outcome.decision.action) for outcome in outcomes if not outcome.skipped]
    for version, action in world.gone:
        event(action)
        assert (version, action) in done
    for outcome in outcomes:
        event(outcome.skipped or "done")


@given(histories, events)
@settings(THOROUGHLY, max_examples=50)
def test_a_second_run_finds_nothing_more_to_archive(history: History, happenings: list[Event]) -> None:
    world = World(history, happenings)
    world.run()
    world.events = ()
    world.run()
    assert not any(decision.action is Action.ARCHIVE for decision in world.decide())


@given(histories, environments)
@settings(THOROUGHLY, max_examples=50)
def test_what_cannot_be_read_stops_everything(history: History, environment: str) -> None:
    world = World(replace(history, unreadable=frozenset({environment})))
    with pytest.raises(UnreachableError):
        world.run()
    assert world.registry.writes == []


def test_the_judge_sees_a_protected_version_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the second reading, a version that was promoted meanwhile goes, and the test above fails."""
    stored = {
        "dev": {"v1": (Status.PUBLISHED, 40), "v2": (Status.PUBLISHED, 1)},
        "staging": {},
        "prod": {},
    }
    history = History(
        stored,
        {name: frozenset() for name in ENVIRONMENTS},
        {},
        frozenset(),
        frozenset(),
        frozenset(),
        {},
        Rules(timedelta(days=30)),
        frozenset(),
    )
    world = World(history)
    [outcome] = world.run(lambda: world.put("prod", "v1", Status.PUBLISHED))
    assert outcome.skipped == "the newest in prod by now"
    world = World(history)

    def read_once(world: World) -> Mapping[str, str]:
        world.protected = world.truth()
        return {}

    monkeypatch.setattr(World, "read_protected", read_once)
    with pytest.raises(AssertionError, match="v1 was protected when it was last read"):
        world.run(lambda: world.put("prod", "v1", Status.PUBLISHED))
