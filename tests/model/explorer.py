"""Every schedule of a scenario within its bounds; the invariants in every state; the shortest schedule that breaks one.

    found = explore(Scenario("two", publishers=(one, other), lost=1))
    assert found.violation is None

A step is one of: a request is executed and its answer received; the same, but a read answers with an earlier state;
an answer is lost (the request stays on its way: executed at any later step, or never), or a download ends too early; a
publisher dies (its requests stay on their way) and starts anew; a request that is on its way arrives; an operator
deletes the Unfinished version; somebody makes something else of a promotion's source.
So a death before a request and one between its execution and its answer are both there, and so are the uploads of a
killed run that go on beside the new one. Receiving an answer is no step of its own: what follows from it is local
until the publisher's next request, and when that is executed is a step.

The search is breadth first over global states, each visited once: two schedules that lead to one state have one
future. It is exhaustive within the budgets, and the schedules that it covers are counted exactly.
"""

from __future__ import annotations

import functools
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from pulumi_codeartifact_release.publishing import PromotionSource, apply, choose_candidate, read_version
from pulumi_codeartifact_release.registry import Status

from . import model
from .invariants import BrokenError, Invariants
from .model import Answer, Registry, Request, Version
from .publisher import Node, Publisher
from .scenario import Scenario
from .spec import Apply, Core, Ended, Spec

CORE = Core(cast(Apply, apply), read_version, PromotionSource, choose_candidate)

RUNS = 8
"""A publisher that has not ended after so many runs never does."""

REPEATED = (model.Describe, model.ListAssets)
"""What the client below the core asks again if no answer comes."""


class Budget(NamedTuple):
    """What may still go wrong."""

    lost: int
    stale: int
    killed: int
    deletions: int
    moves: int


class Moment(NamedTuple):
    """What the destination and the sources hold."""

    registry: Registry
    sources: tuple[Registry, ...]


class Seat(NamedTuple):
    """One publisher: where its run stands, and which run it is. `node` is None after the end."""

    node: Node | None
    ended: Ended | None
    run: int


class Global(NamedTuple):
    """Everything at one moment."""

    registry: Registry
    sources: tuple[Registry, ...]
    earlier: tuple[Moment, ...]
    seats: tuple[Seat, ...]
    under_way: tuple[tuple[int, Request], ...]
    budget: Budget


class Step(NamedTuple):
    """What leads from one state to the next: its kind, whose it is (-1: nobody's), the request and the answer."""

    kind: str
    who: int = -1
    request: Request | str = ""
    answer: Answer | None = None

    def __str__(self) -> str:
        request = self.request if isinstance(self.request, str) else model.text_of(self.request)
        text = {
            "call": f"{request} -> {self.answer}",
            "stale": f"{request} -> (stale) {self.answer}",
            "lost": f"{request}: no answer, the request is on its way",
            "skipped": f"{request}: not sent, a sibling failed",
            "killed": "killed, and started again",
            "torn": f"{request}: the connection breaks in the middle",
            "late": f"{request}: arrives late",
            "moved": request,
            "deleted": request,
        }[self.kind]
        return f"publisher {self.who + 1}: {text}" if self.who >= 0 else text


class Violation(NamedTuple):
    """An invariant that does not hold, and the shortest schedule that breaks it."""

    what: str
    schedule: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join((self.what, *(f"  {number:2}. {step}" for number, step in enumerate(self.schedule, 1))))


@dataclass
class Explored:
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
    """The steps of one scenario; each is checked."""

    def __init__(self, scenario: Scenario, core: Core = CORE, *, mirrored: bool = True) -> None:
        self.scenario = scenario
        self.trying: Step | None = None
        known: dict[Spec, Publisher] = {}
        self.publishers = tuple(known.setdefault(spec, Publisher(spec, core)) for spec in scenario.publishers)
        # Publishers that declare the same are one another's mirror image.
        self.symmetric = mirrored and len(scenario.publishers) > 1 and len(set(scenario.publishers)) == 1
        self._invariants = Invariants(scenario)
        self._permanent = not scenario.deletions and not scenario.replaceable and not scenario.seized
        self.kinds: Counter[str] = Counter()

    def __enter__(self) -> Explorer:
        return self

    def __exit__(self, *error: object) -> None:
        for publisher in self.publishers:
            publisher.close()

    def start(self) -> Global:
        """Return the first state."""
        it = self.scenario
        seats = tuple(Seat(publisher.root, None, 1) for publisher in self.publishers)
        sources = tuple(
            Registry(0, Version(Status.PUBLISHED, held), f"source {number} ")
            for number, held in enumerate(it.sources, 1)
        )
        budget = Budget(it.lost, it.stale, it.killed, it.deletions, it.moves)
        return Global(it.starts, sources, (), seats, (), budget)

    def steps(self, now: Global) -> Iterator[tuple[Step, Global]]:
        """Yield every step that may be next, and where it leads. Raises BrokenError."""
        for who, seat in enumerate(now.seats):
            if seat.node is not None:
                yield from self._steps_of(now, who, seat, seat.node)
        before: tuple[int, Request] | None = None
        for index, (who, request) in enumerate(now.under_way):
            if (who, request) == before:
                continue
            before = (who, request)
            registry, _ = model.execute(now.registry, request, now.sources)
            if registry != now.registry:
                self.trying = Step("late", who, request)
                self._invariants.write(now.registry, registry, now.sources, who, request)
                rest = now.under_way[:index] + now.under_way[index + 1 :]
                yield self._to(now, self.trying, registry=registry, under_way=rest)
        version = now.registry.version
        if now.budget.deletions and version and version.status is Status.UNFINISHED:
            budget = now.budget._replace(deletions=now.budget.deletions - 1)
            registry, _ = model.execute(now.registry, model.Delete(Status.UNFINISHED))
            yield self._to(now, Step("deleted", request="delete by an operator"), registry=registry, budget=budget)
        if now.budget.moves:
            yield from self._moves(now)

    def _moves(self, now: Global) -> Iterator[tuple[Step, Global]]:
        budget = now.budget._replace(moves=now.budget.moves - 1)
        # Once all that take from it have ended, nobody sees it move.
        running = [spec for spec, seat in zip(self.scenario.publishers, now.seats, strict=True) if seat.node]
        for place in sorted({spec.place for spec in running if spec.promotes}):
            for to in self.scenario.becomes:
                sources = list(now.sources)
                sources[place] = model.moved(now.sources[place], to)
                step = Step("moved", request=f"source {place + 1} becomes {_version(to)}")
                yield self._to(now, step, sources=tuple(sources), budget=budget)
        for to in self.scenario.seized if running else ():
            registry = model.moved(now.registry, to)
            step = Step("moved", request=f"the destination becomes {_version(to)}")
            yield self._to(now, step, registry=registry, budget=budget)

    def _steps_of(self, now: Global, who: int, seat: Seat, node: Node) -> Iterator[tuple[Step, Global]]:
        publisher = self.publishers[who]
        budget = now.budget
        for slot, request in node.pending:
            registry, answer = model.execute(now.registry, request, now.sources)
            self.trying = Step("call", who, request, answer)
            self._invariants.request(now.registry, who, request)
            self._invariants.write(now.registry, registry, now.sources, who, request)
            seated = self._seat(seat, publisher.after(node, slot, answer), now, registry, who)
            yield self._to(now, self.trying, who, seated, registry=registry)

            reads = isinstance(request, model.READS)
            if reads and budget.stale:
                spent = budget._replace(stale=budget.stale - 1)
                # In the order of age: what is found first must not depend on how texts are hashed today.
                for old in dict.fromkeys(model.execute(one.registry, request, one.sources)[1] for one in now.earlier):
                    if old == answer:
                        continue
                    self.trying = Step("stale", who, request, old)
                    seated = self._seat(seat, publisher.after(node, slot, old), now, now.registry, who)
                    yield self._to(now, self.trying, who, seated, budget=spent)
            if budget.lost and not (isinstance(request, REPEATED) and self.scenario.lasting):
                spent = budget._replace(lost=budget.lost - 1)
                self.trying = Step("lost", who, request)
                seated = self._seat(seat, publisher.after(node, slot, model.Lost()), now, now.registry, who)
                going = now.under_way if reads else (*now.under_way, (who, request))
                yield self._to(now, self.trying, who, seated, budget=spent, under_way=going)
                if isinstance(answer, model.Content):
                    self.trying = Step("torn", who, request)
                    part = model.Content(answer.content[:1])
                    seated = self._seat(seat, publisher.after(node, slot, part), now, now.registry, who)
                    yield self._to(now, self.trying, who, seated, budget=spent)
            if slot in node.skippable:
                seated = self._seat(seat, publisher.after(node, slot, model.Skipped()), now, now.registry, who)
                yield self._to(now, Step("skipped", who, request), who, seated)
        if budget.killed:
            spent = budget._replace(killed=budget.killed - 1)
            writes = tuple((who, request) for _, request in node.pending if not isinstance(request, model.READS))
            seated = Seat(publisher.root, None, seat.run + 1)
            yield self._to(now, Step("killed", who), who, seated, budget=spent, under_way=(*now.under_way, *writes))

    def _seat(self, seat: Seat, node: Node, now: Global, registry: Registry, who: int) -> Seat:
        """Return the publisher's seat at `node`, the registry being so then: at a new run where the last one failed."""
        if node.broken:
            raise BrokenError(node.broken)
        if node.ended is None:
            return Seat(node, None, seat.run)
        if node.ended.how == "failed":
            if self.scenario.lasting:
                raise BrokenError(f"a run failed with {node.ended.why}")
            if seat.run >= RUNS:
                raise BrokenError(f"{RUNS} runs and no end: {node.ended.why}")
            return Seat(self.publishers[who].root, None, seat.run + 1)
        self._invariants.run(node.ended, registry, now.sources, who)
        return Seat(None, node.ended, seat.run)

    def _to(
        self,
        now: Global,
        step: Step,
        who: int = -1,
        seat: Seat | None = None,
        *,
        registry: Registry | None = None,
        sources: tuple[Registry, ...] | None = None,
        budget: Budget | None = None,
        under_way: tuple[tuple[int, Request], ...] | None = None,
    ) -> tuple[Step, Global]:
        after = registry or now.registry
        places = sources or now.sources
        left = budget or now.budget
        going = now.under_way if under_way is None else under_way
        seats = now.seats if seat is None else (*now.seats[:who], seat, *now.seats[who + 1 :])
        earlier: tuple[Moment, ...] = ()
        if left.stale:
            earlier = now.earlier
            if (after, places) != (now.registry, now.sources):
                moment = Moment(now.registry, now.sources)
                earlier = (moment, *(old for old in earlier if old != moment))[: self.scenario.depth]
        if going:
            final = self._permanent and after.version is not None and after.version.status is not Status.UNFINISHED
            going = tuple(one for one in going if not _idle(one[1], places, final=final))
        if self.symmetric:
            order = sorted(range(len(seats)), key=lambda index: _place(seats[index]))
            seats = tuple(seats[index] for index in order)
            going = tuple((order.index(index), request) for index, request in going)
        if len(going) > 1:
            going = tuple(sorted(going, key=_order))
        return step, Global(after, places, earlier, seats, going, left)

    def check_end(self, now: Global) -> None:
        """Check how it ended once every publisher did."""
        self.trying = None
        self._invariants.end(tuple(seat.ended for seat in now.seats if seat.ended))


def explore(scenario: Scenario, core: Core = CORE, *, most: int = 2_000_000, mirrored: bool = True) -> Explored:
    """Visit every state of the scenario; stops at the first violation.

    `mirrored` takes publishers that declare the same for one another, which halves the states.
    """
    with Explorer(scenario, core, mirrored=mirrored) as explorer:
        found = _explored(explorer, most)
    if found.violation and explorer.symmetric:
        # Once more, so that the schedule tells the publishers apart.
        return explore(scenario, core, most=most, mirrored=False)
    return found


def _explored(explorer: Explorer, most: int) -> Explored:
    began = time.perf_counter()
    scenario = explorer.scenario
    found = Explored(scenario.name)
    start = explorer.start()
    index = {start: 0}
    states = [start]
    came: list[tuple[int, Step] | None] = [None]
    edges: list[tuple[int, ...]] = []
    at = 0
    while at < len(states):
        now = states[at]
        following: list[int] = []
        try:
            for step, then in explorer.steps(now):
                found.kinds[step.kind] += 1
                known = index.get(then)
                if known is None:
                    known = index[then] = len(states)
                    assert known < most, f"{scenario.name} has more than {most} states"
                    states.append(then)
                    came.append((at, step))
                following.append(known)
            if all(seat.node is None for seat in now.seats):
                explorer.check_end(now)
                found.outcomes[_outcome(now)] += 1
        except BrokenError as error:
            path = [explorer.trying] if explorer.trying else []
            before = came[at]
            while before:
                path.append(before[1])
                before = came[before[0]]
            found.violation = Violation(str(error), tuple(map(str, reversed(path))))
            break
        edges.append(tuple(following))
        at += 1
    found.states = len(states)
    found.steps = sum(map(len, edges))
    if found.violation is None:
        found.schedules = _paths(edges)
    found.seconds = time.perf_counter() - began
    return found


def _paths(edges: list[tuple[int, ...]]) -> int:
    """Return the number of paths from the first state to the last ones; a cycle is an endless schedule."""
    into = [0] * len(edges)
    for following in edges:
        for then in following:
            into[then] += 1
    ways = [0] * len(edges)
    ways[0] = 1
    ready = [0]
    ended = done = 0
    while ready:
        at = ready.pop()
        done += 1
        if not edges[at]:
            ended += ways[at]
        for then in edges[at]:
            ways[then] += ways[at]
            into[then] -= 1
            if not into[then]:
                ready.append(then)
    assert done == len(edges), "a schedule without an end"
    return ended


def wander(scenario: Scenario, core: Core = CORE, *, schedules: int, seed: int) -> Explored:
    """Follow random schedules of a scenario that has too many for all of them."""
    with Explorer(scenario, core, mirrored=False) as explorer:
        return _wandered(explorer, schedules, random.Random(seed))


def _wandered(explorer: Explorer, schedules: int, chance: random.Random) -> Explored:
    began = time.perf_counter()
    found = Explored(explorer.scenario.name, exhaustive=False)
    for _ in range(schedules):
        now = explorer.start()
        path: list[Step] = []
        try:
            while steps := list(explorer.steps(now)):
                step, now = chance.choice(steps)
                path.append(step)
                found.kinds[step.kind] += 1
            explorer.check_end(now)
        except BrokenError as error:
            found.violation = Violation(
                str(error), tuple(map(str, [*path, *([explorer.trying] if explorer.trying else [])]))
            )
            break
        found.steps += len(path)
        found.schedules += 1
        found.outcomes[_outcome(now)] += 1
    found.seconds = time.perf_counter() - began
    return found


def _idle(request: Request, sources: tuple[Registry, ...], *, final: bool) -> bool:
    """Return whether a request that is on its way changes nothing, whenever it arrives.

    `final` says that the destination holds a version for good, which no upload or plain copy can change.
    """
    if isinstance(request, model.Copy):
        source = sources[request.place]
        gone = request.revision is not None and (source.version is None or source.revision != request.revision)
        return gone or (final and not request.allow_overwrite)
    return final and isinstance(request, model.Publish)


def _version(version: Version | None) -> str:
    held = " ".join(f"{name}={content.decode()}" for name, content in version.contents) if version else ""
    return f"{version.status} {held}" if version else "nothing"


def _place(seat: Seat) -> tuple[int, int]:
    return seat.run, seat.node.number if seat.node else 0


@functools.cache
def _order(late: tuple[int, Request]) -> str:
    return repr(late)


def _outcome(now: Global) -> tuple[str, ...]:
    return tuple(sorted(seat.ended.how for seat in now.seats if seat.ended))
