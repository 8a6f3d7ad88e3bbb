"""Explores every schedule of a scenario within its bounds, and returns the shortest one that breaks an invariant.

    result = explore(Scenario("two", publishers=(one, other), lost=1))
    assert result.violation is None

These are the steps:

- A request is executed, and its response received. A read may return an earlier state instead.
- A response is lost. The request stays in flight: it is executed at any later step, or never. A download may end early.
- A publisher is killed and started again. Its requests stay in flight.
- A request in flight arrives.
- An operator deletes the Unfinished version.
- Somebody changes the source of a promotion, or the destination.

So a publisher may be killed before a request, or between its execution and its response, and the uploads of a killed
run may continue during the next run. Receiving a response is not a separate step, because all that follows is local
until the publisher's next request.

The search is breadth first over global states, and visits each state once, because two schedules that lead to the same
state have the same future. It is exhaustive within the budgets, and counts the covered schedules exactly.
"""

from __future__ import annotations

import functools
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from pulumi_codeartifact_release.publishing import (
    PromotionSource,
    apply,
    choose_candidate,
    execute,
    prepare,
    read_version,
)
from pulumi_codeartifact_release.registry import Status

from . import model
from .invariants import BrokenError, Invariants
from .model import Registry, Request, Response, Version
from .publisher import Node, Publisher
from .scenario import Scenario
from .spec import AnySpec, Apply, Core, Outcome

CORE = Core(cast(Apply, apply), read_version, PromotionSource, choose_candidate, prepare, execute)

RUNS = 8
"""The maximum number of runs of one publisher."""

REPEATED = (model.Describe, model.ListAssets)
"""The requests that the registry client itself repeats if there is no response."""


class Budget(NamedTuple):
    """The number of faults that may still happen, by kind."""

    lost: int
    stale: int
    killed: int
    deletions: int
    outside_changes: int


class RunState(NamedTuple):
    """The run of one publisher: its node (None after the end), its outcome, and its number, from 1."""

    node: Node | None
    outcome: Outcome | None
    run: int


class GlobalState(NamedTuple):
    """The state of everything at one moment.

    Attributes:
        registries: the destination: one for each version.
        earlier: earlier states, the latest first: for each of `registries`, then of `sources`.
    """

    registries: tuple[Registry, ...]
    sources: tuple[Registry, ...]
    earlier: tuple[tuple[Registry, ...], ...]
    run_states: tuple[RunState, ...]
    in_flight: tuple[tuple[int, Request], ...]
    budget: Budget


class Step(NamedTuple):
    """A step from one state to the next: its kind, the publisher (-1 for none), the request and the response."""

    kind: str
    who: int = -1
    request: Request | str = ""
    response: Response | None = None

    def __str__(self) -> str:
        request = self.request if isinstance(self.request, str) else model.text_of(self.request)
        text = {
            "call": f"{request} -> {self.response}",
            "stale": f"{request} -> (stale) {self.response}",
            "lost": f"{request}: no response, the request is in flight",
            "skipped": f"{request}: not sent, because another job failed",
            "killed": "killed, and started again",
            "torn": f"{request}: the connection breaks in the middle",
            "late": f"{request}: arrives late",
            "moved": request,
            "deleted": request,
        }[self.kind]
        return f"publisher {self.who + 1}: {text}" if self.who >= 0 else text


class Violation(NamedTuple):
    """A broken invariant, and the shortest schedule that breaks it."""

    what: str
    schedule: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join((self.what, *(f"  {number:2}. {step}" for number, step in enumerate(self.schedule, 1))))


@dataclass
class Exploration:
    """What a search covered, and the violation that ended it."""

    scenario: str
    states: int = 0
    steps: int = 0
    schedules: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, ...]] = field(default_factory=Counter)
    seconds: float = 0.0
    violation: Violation | None = None
    exhaustive: bool = True


class Explorer:
    """Generates the steps of one scenario, and checks each."""

    def __init__(self, scenario: Scenario, core: Core = CORE, *, mirrored: bool = True) -> None:
        self.scenario = scenario
        self.trying: Step | None = None
        by_spec: dict[AnySpec, Publisher] = {}
        self.publishers = tuple(by_spec.setdefault(spec, Publisher(spec, core)) for spec in scenario.publishers)
        # Publishers with the same declaration are interchangeable.
        self.symmetric = mirrored and len(scenario.publishers) > 1 and len(set(scenario.publishers)) == 1
        self._invariants = Invariants(scenario)
        self._permanent = not scenario.deletions and not scenario.replaceable and not scenario.destination_versions
        self.kinds: Counter[str] = Counter()

    def __enter__(self) -> Explorer:
        return self

    def __exit__(self, *error: object) -> None:
        for publisher in self.publishers:
            publisher.close()

    def start(self) -> GlobalState:
        """Return the first state."""
        scenario = self.scenario
        run_states = tuple(RunState(publisher.root, None, 1) for publisher in self.publishers)
        sources = tuple(
            Registry(0, Version(Status.PUBLISHED, held), f"source {number} ")
            for number, held in enumerate(scenario.sources, 1)
        )
        budget = Budget(scenario.lost, scenario.stale, scenario.killed, scenario.deletions, scenario.outside_changes)
        registries = scenario.registries
        earlier = ((),) * (len(registries) + len(sources)) if budget.stale else ()
        return GlobalState(registries, sources, earlier, run_states, (), budget)

    def steps(self, now: GlobalState) -> Iterator[tuple[Step, GlobalState]]:
        """Yield every possible next step, and the state after it. Raises BrokenError."""
        for who, run_state in enumerate(now.run_states):
            if run_state.node is not None:
                yield from self._steps_of(now, who, run_state, run_state.node)
        before: tuple[int, Request] | None = None
        for index, (who, request) in enumerate(now.in_flight):
            if (who, request) == before:
                continue
            before = (who, request)
            registries, _ = _execute(now, request)
            if registries != now.registries:
                self.trying = Step("late", who, request)
                self._invariants.write(now.registries, registries[request.version], now.sources, who, request)
                rest = now.in_flight[:index] + now.in_flight[index + 1 :]
                yield self._to(now, self.trying, registries=registries, in_flight=rest)
        if now.budget.deletions:
            budget = now.budget._replace(deletions=now.budget.deletions - 1)
            for number, registry in enumerate(now.registries):
                if registry.version and registry.version.status is Status.UNFINISHED:
                    delete = model.Delete(Status.UNFINISHED, number)
                    step = Step("deleted", request=f"{model.text_of(delete)}, by an operator")
                    yield self._to(now, step, registries=_execute(now, delete)[0], budget=budget)
        if now.budget.outside_changes:
            yield from self._outside_changes(now)

    def _outside_changes(self, now: GlobalState) -> Iterator[tuple[Step, GlobalState]]:
        budget = now.budget._replace(outside_changes=now.budget.outside_changes - 1)
        # After the last run of its promotions has ended, nobody notices a change of a source.
        running = [
            spec for spec, run_state in zip(self.scenario.publishers, now.run_states, strict=True) if run_state.node
        ]
        promoted = {one.repository for spec in running for one in spec.versions.values() if one.promotes}
        for repository in sorted(promoted):
            for version in self.scenario.source_versions:
                sources = list(now.sources)
                sources[repository] = model.with_version(now.sources[repository], version)
                step = Step("moved", request=f"source {repository + 1} becomes {_version(version)}")
                yield self._to(now, step, sources=tuple(sources), budget=budget)
        for version in self.scenario.destination_versions if running else ():
            registries = (model.with_version(now.registries[0], version), *now.registries[1:])
            step = Step("moved", request=f"the destination becomes {_version(version)}")
            yield self._to(now, step, registries=registries, budget=budget)

    def _steps_of(
        self, now: GlobalState, who: int, run_state: RunState, node: Node
    ) -> Iterator[tuple[Step, GlobalState]]:
        publisher = self.publishers[who]
        budget = now.budget
        for slot, request in node.pending:
            registries, response = _execute(now, request)
            self.trying = Step("call", who, request, response)
            self._invariants.request(now.registries, who, request)
            self._invariants.write(now.registries, registries[request.version], now.sources, who, request)
            next_run = self._next_run_state(run_state, publisher.after(node, slot, response), now, registries, who)
            yield self._to(now, self.trying, who, next_run, registries=registries)

            reads = isinstance(request, model.READS)
            if isinstance(request, model.READS) and budget.stale:
                spent = budget._replace(stale=budget.stale - 1)
                at_destination = request.repository == model.DESTINATION
                place = request.version if at_destination else len(now.registries) + request.repository
                # By age, so that the first result does not depend on the hash seed of this process.
                for old in dict.fromkeys(model.read(registry, request) for registry in now.earlier[place]):
                    if old == response:
                        continue
                    self.trying = Step("stale", who, request, old)
                    next_run = self._next_run_state(
                        run_state, publisher.after(node, slot, old), now, now.registries, who
                    )
                    yield self._to(now, self.trying, who, next_run, budget=spent)
            if budget.lost and not (isinstance(request, REPEATED) and self.scenario.lasting):
                spent = budget._replace(lost=budget.lost - 1)
                self.trying = Step("lost", who, request)
                next_run = self._next_run_state(
                    run_state, publisher.after(node, slot, model.Lost()), now, now.registries, who
                )
                going = now.in_flight if reads else (*now.in_flight, (who, request))
                yield self._to(now, self.trying, who, next_run, budget=spent, in_flight=going)
                if isinstance(response, model.Content):
                    self.trying = Step("torn", who, request)
                    part = model.Content(response.content[:1])
                    next_run = self._next_run_state(
                        run_state, publisher.after(node, slot, part), now, now.registries, who
                    )
                    yield self._to(now, self.trying, who, next_run, budget=spent)
            if slot in node.skippable:
                next_run = self._next_run_state(
                    run_state, publisher.after(node, slot, model.Skipped()), now, now.registries, who
                )
                yield self._to(now, Step("skipped", who, request), who, next_run)
        if budget.killed:
            spent = budget._replace(killed=budget.killed - 1)
            writes = tuple((who, request) for _, request in node.pending if not isinstance(request, model.READS))
            next_run = RunState(publisher.root, None, run_state.run + 1)
            yield self._to(now, Step("killed", who), who, next_run, budget=spent, in_flight=(*now.in_flight, *writes))

    def _next_run_state(
        self, run_state: RunState, node: Node, now: GlobalState, registries: tuple[Registry, ...], who: int
    ) -> RunState:
        """Return the state of the run at `node`; of a new run if this one failed."""
        if node.broken:
            raise BrokenError(node.broken)
        if node.outcome is None:
            return RunState(node, None, run_state.run)
        if node.outcome.kind == "failed":
            if self.scenario.lasting:
                raise BrokenError(f"a run failed with {node.outcome.reason}")
            if run_state.run >= RUNS:
                raise BrokenError(f"{RUNS} runs without an end: {node.outcome.reason}")
            return RunState(self.publishers[who].root, None, run_state.run + 1)
        self._invariants.run(node.outcome, registries, now.sources, who)
        return RunState(None, node.outcome, run_state.run)

    def _to(
        self,
        now: GlobalState,
        step: Step,
        who: int = -1,
        run_state: RunState | None = None,
        *,
        registries: tuple[Registry, ...] | None = None,
        sources: tuple[Registry, ...] | None = None,
        budget: Budget | None = None,
        in_flight: tuple[tuple[int, Request], ...] | None = None,
    ) -> tuple[Step, GlobalState]:
        after = registries or now.registries
        current_sources = sources or now.sources
        left = budget or now.budget
        going = now.in_flight if in_flight is None else in_flight
        run_states = (
            now.run_states if run_state is None else (*now.run_states[:who], run_state, *now.run_states[who + 1 :])
        )
        earlier: tuple[tuple[Registry, ...], ...] = ()
        if left.stale:
            earlier = now.earlier
            if (after, current_sources) != (now.registries, now.sources):
                places = zip((*now.registries, *now.sources), (*after, *current_sources), now.earlier, strict=True)
                earlier = tuple(self._earlier(*place) for place in places)
        if going:
            going = tuple(one for one in going if not self._idle(one[1], after, current_sources))
        if self.symmetric:
            order = sorted(range(len(run_states)), key=lambda index: _sort_key(run_states[index]))
            run_states = tuple(run_states[index] for index in order)
            going = tuple((order.index(index), request) for index, request in going)
        if len(going) > 1:
            going = tuple(sorted(going, key=_order))
        return step, GlobalState(after, current_sources, earlier, run_states, going, left)

    def _earlier(self, before: Registry, after: Registry, earlier: tuple[Registry, ...]) -> tuple[Registry, ...]:
        if before == after:
            return earlier
        return (before, *(old for old in earlier if old != before))[: self.scenario.depth]

    def _idle(self, request: Request, registries: tuple[Registry, ...], sources: tuple[Registry, ...]) -> bool:
        """Return whether a request in flight changes nothing, whenever it arrives."""
        version = registries[request.version].version if self._permanent else None
        final = version is not None and version.status is not Status.UNFINISHED
        if isinstance(request, model.Copy):
            source = sources[request.repository]
            outdated = request.revision is not None and (source.version is None or source.revision != request.revision)
            return outdated or (final and not request.allow_overwrite)
        if isinstance(request, model.Publish):
            # No asset of this name is sent again, or with different bytes.
            return final or (request.unfinished and version is not None and request.name in dict(version.contents))
        return final and isinstance(request, model.SetStatus) and request.expected is Status.UNFINISHED

    def check_end(self, now: GlobalState) -> None:
        """Check the outcomes after the last publisher has ended."""
        self.trying = None
        self._invariants.end(tuple(run_state.outcome for run_state in now.run_states if run_state.outcome))


def explore(
    scenario: Scenario, core: Core = CORE, *, max_states: int = 2_000_000, mirrored: bool = True
) -> Exploration:
    """Visit every state of the scenario. Stops at the first violation.

    `mirrored` treats publishers with the same declaration as interchangeable, which halves the number of states.
    """
    with Explorer(scenario, core, mirrored=mirrored) as explorer:
        result = _explore(explorer, max_states)
    if result.violation and explorer.symmetric:
        # Repeat the search, so that the schedule distinguishes the publishers.
        return explore(scenario, core, max_states=max_states, mirrored=False)
    return result


def _explore(explorer: Explorer, max_states: int) -> Exploration:
    began = time.perf_counter()
    scenario = explorer.scenario
    result = Exploration(scenario.name)
    start = explorer.start()
    index = {start: 0}
    states = [start]
    predecessors: list[tuple[int, Step] | None] = [None]
    edges: list[tuple[int, ...]] = []
    at = 0
    while at < len(states):
        now = states[at]
        successors: list[int] = []
        try:
            for step, successor in explorer.steps(now):
                result.kinds[step.kind] += 1
                number = index.get(successor)
                if number is None:
                    number = index[successor] = len(states)
                    assert number < max_states, f"{scenario.name} has more than {max_states} states"
                    states.append(successor)
                    predecessors.append((at, step))
                successors.append(number)
            if all(run_state.node is None for run_state in now.run_states):
                explorer.check_end(now)
                result.outcomes[_outcome(now)] += 1
        except BrokenError as error:
            path = [explorer.trying] if explorer.trying else []
            before = predecessors[at]
            while before:
                path.append(before[1])
                before = predecessors[before[0]]
            result.violation = Violation(str(error), tuple(map(str, reversed(path))))
            break
        edges.append(tuple(successors))
        at += 1
    result.states = len(states)
    result.steps = sum(map(len, edges))
    if result.violation is None:
        result.schedules = _paths(edges)
    result.seconds = time.perf_counter() - began
    return result


def _paths(edges: list[tuple[int, ...]]) -> int:
    """Return the number of paths from the first state to the final ones. A cycle would be an endless schedule."""
    into = [0] * len(edges)
    for successors in edges:
        for successor in successors:
            into[successor] += 1
    ways = [0] * len(edges)
    ways[0] = 1
    ready = [0]
    ended = done = 0
    while ready:
        at = ready.pop()
        done += 1
        if not edges[at]:
            ended += ways[at]
        for successor in edges[at]:
            ways[successor] += ways[at]
            into[successor] -= 1
            if not into[successor]:
                ready.append(successor)
    assert done == len(edges), "a schedule without an end"
    return ended


def explore_random(scenario: Scenario, core: Core = CORE, *, schedules: int, seed: int) -> Exploration:
    """Follow random schedules of a scenario that has too many to explore all."""
    with Explorer(scenario, core, mirrored=False) as explorer:
        return _explore_random(explorer, schedules, random.Random(seed))


def _explore_random(explorer: Explorer, schedules: int, chance: random.Random) -> Exploration:
    began = time.perf_counter()
    result = Exploration(explorer.scenario.name, exhaustive=False)
    for _ in range(schedules):
        now = explorer.start()
        path: list[Step] = []
        try:
            while steps := list(explorer.steps(now)):
                step, now = chance.choice(steps)
                path.append(step)
                result.kinds[step.kind] += 1
            explorer.check_end(now)
        except BrokenError as error:
            result.violation = Violation(
                str(error), tuple(map(str, [*path, *([explorer.trying] if explorer.trying else [])]))
            )
            break
        result.steps += len(path)
        result.schedules += 1
        result.outcomes[_outcome(now)] += 1
    result.seconds = time.perf_counter() - began
    return result


def _execute(now: GlobalState, request: Request) -> tuple[tuple[Registry, ...], Response]:
    """Return the destination after a request, and the response."""
    number = request.version
    before = now.registries[number]
    after, response = model.execute(before, request, now.sources)
    if after is before:
        return now.registries, response
    return (*now.registries[:number], after, *now.registries[number + 1 :]), response


def _version(version: Version | None) -> str:
    held = " ".join(f"{name}={content.decode()}" for name, content in version.contents) if version else ""
    return f"{version.status} {held}" if version else "nothing"


def _sort_key(run_state: RunState) -> tuple[int, int]:
    return run_state.run, run_state.node.number if run_state.node else 0


@functools.cache
def _order(late: tuple[int, Request]) -> str:
    return repr(late)


def _outcome(now: GlobalState) -> tuple[str, ...]:
    return tuple(sorted(run_state.outcome.kind for run_state in now.run_states if run_state.outcome))
