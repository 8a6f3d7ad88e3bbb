"""Every schedule of a scenario within its bounds; the invariants in every state; the shortest schedule that breaks one.

    found = explore(Scenario("two", publishers=(one, other), lost=1))
    assert found.violation is None

A step is one of: a request is executed and its answer received; the same, but a read answers with an earlier state;
an answer is lost (the request stays on its way: executed at any later step, or never); a publisher dies (its requests
stay on their way) and starts anew; a request that is on its way arrives; an operator deletes the Unfinished version.
So a death before a request and one between its execution and its answer are both there, and so are the uploads of a
killed run that go on beside the new one. Receiving an answer is no step of its own: what follows from it is local
until the publisher's next request, and when that is executed is a step.

The search is breadth first over global states, each visited once: two schedules that lead to one state have one
future. It is exhaustive within the budgets, and the schedules that it covers are counted exactly.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias, cast

from pulumi_codeartifact_release.publishing import apply
from pulumi_codeartifact_release.registry import Status

from . import model
from .model import EMPTY, Registry, Request
from .publisher import Apply, Ended, Node, Publisher, Spec

CORE = cast(Apply, apply)

RUNS = 8
"""A publisher that has not ended after so many runs never does."""

_FINAL = (Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED)


@dataclass(frozen=True)
class Scenario:
    """Who publishes what, and what may go wrong how often in one schedule.

    Attributes:
        starts: what the registry holds at first.
        lost: answers that are lost.
        stale: reads that answer with an earlier state, at most `depth` changes old.
        killed: deaths; a killed publisher starts anew.
        deletions: Unfinished versions that an operator deletes.
        lasting: whether a run must end well without being started again: what is lost or stale it settles itself.
            Answers to reads are not lost then: the client below the core asks for them again.
        wins: how many of the publishers succeed at least, whatever happens.
        replaceable: contents of final versions that may be deleted.
    """

    name: str
    publishers: tuple[Spec, ...]
    starts: Registry = EMPTY
    lost: int = 0
    stale: int = 0
    depth: int = 8
    killed: int = 0
    deletions: int = 0
    lasting: bool = False
    wins: int = 0
    replaceable: tuple[model.Contents, ...] = ()


class Budget(NamedTuple):
    """What may still go wrong."""

    lost: int
    stale: int
    killed: int
    deletions: int


class Seat(NamedTuple):
    """One publisher: where its run stands, and which run it is. `node` is None after the end."""

    node: Node | None
    ended: Ended | None
    run: int


class Global(NamedTuple):
    """Everything at one moment."""

    registry: Registry
    earlier: tuple[Registry, ...]
    seats: tuple[Seat, ...]
    under_way: tuple[tuple[int, Request], ...]
    budget: Budget


Told: TypeAlias = tuple[str, int, str, str]
"""A step for people: kind, publisher, request, outcome."""


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


class BrokenError(Exception):
    """An invariant does not hold."""


class Explorer:
    """The steps of one scenario and its invariants."""

    def __init__(self, scenario: Scenario, core: Apply = CORE, *, mirrored: bool = True) -> None:
        self.scenario = scenario
        self.trying: Told | None = None
        known: dict[Spec, Publisher] = {}
        self.publishers = tuple(known.setdefault(spec, Publisher(spec, core)) for spec in scenario.publishers)
        # Publishers that declare the same are one another's mirror image.
        self.symmetric = mirrored and len(scenario.publishers) > 1 and len(set(scenario.publishers)) == 1
        self._same_bytes = len({spec.contents for spec in scenario.publishers}) == 1
        self._permanent = not scenario.deletions and not scenario.replaceable
        self._starts_foreign = bool(scenario.starts.version)
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
        return Global(it.starts, (), seats, (), Budget(it.lost, it.stale, it.killed, it.deletions))

    def steps(self, now: Global) -> Iterator[tuple[Told, Global]]:
        """Yield every step that may be next, and where it leads. Raises BrokenError."""
        for who, seat in enumerate(now.seats):
            if seat.node is not None:
                yield from self._steps_of(now, who, seat, seat.node)
        before: tuple[int, Request] | None = None
        for index, (who, request) in enumerate(now.under_way):
            if (who, request) == before:
                continue
            before = (who, request)
            registry, _ = model.execute(now.registry, request)
            if registry != now.registry:
                self.trying = ("late", who, model.told(request), "")
                self._check_write(now.registry, registry, who, request)
                rest = now.under_way[:index] + now.under_way[index + 1 :]
                yield self._to(now, ("late", who, model.told(request), ""), registry=registry, under_way=rest)
        version = now.registry.version
        if now.budget.deletions and version and version.status is Status.UNFINISHED:
            budget = now.budget._replace(deletions=now.budget.deletions - 1)
            registry, _ = model.execute(now.registry, model.Delete(Status.UNFINISHED))
            yield self._to(now, ("deleted", -1, "delete by an operator", ""), registry=registry, budget=budget)

    def _steps_of(self, now: Global, who: int, seat: Seat, node: Node) -> Iterator[tuple[Told, Global]]:
        publisher = self.publishers[who]
        budget = now.budget
        for slot, request in node.pending:
            text = model.told(request)
            registry, answer = model.execute(now.registry, request)
            self.trying = ("call", who, text, repr(answer))
            self._check_request(now.registry, who, request)
            self._check_write(now.registry, registry, who, request)
            seated = self._seat(seat, publisher.after(node, slot, answer), registry, who)
            yield self._to(now, ("call", who, text, repr(answer)), who, seated, registry=registry)

            reads = isinstance(request, model.READS)
            if reads and budget.stale:
                spent = budget._replace(stale=budget.stale - 1)
                # In the order of age: what is found first must not depend on how texts are hashed today.
                for old in dict.fromkeys(model.execute(moment, request)[1] for moment in now.earlier):
                    if old == answer:
                        continue
                    self.trying = ("stale", who, text, repr(old))
                    seated = self._seat(seat, publisher.after(node, slot, old), now.registry, who)
                    yield self._to(now, ("stale", who, text, repr(old)), who, seated, budget=spent)
            if budget.lost and not (reads and self.scenario.lasting):
                spent = budget._replace(lost=budget.lost - 1)
                self.trying = ("lost", who, text, "")
                seated = self._seat(seat, publisher.after(node, slot, model.Lost()), now.registry, who)
                going = now.under_way if reads else (*now.under_way, (who, request))
                yield self._to(now, ("lost", who, text, ""), who, seated, budget=spent, under_way=going)
            if slot in node.skippable:
                seated = self._seat(seat, publisher.after(node, slot, model.Skipped()), now.registry, who)
                yield self._to(now, ("skipped", who, text, ""), who, seated)
        if budget.killed:
            spent = budget._replace(killed=budget.killed - 1)
            writes = tuple((who, request) for _, request in node.pending if not isinstance(request, model.READS))
            seated = Seat(publisher.root, None, seat.run + 1)
            yield self._to(now, ("killed", who, "", ""), who, seated, budget=spent, under_way=(*now.under_way, *writes))

    def _seat(self, seat: Seat, node: Node, registry: Registry, who: int) -> Seat:
        """Return the publisher's seat at `node`: at a new run where the last one failed."""
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
        spec = self.scenario.publishers[who]
        held = registry.version
        if node.ended.how == "success" and (held is None or held[:2] != (spec.status, spec.contents)):
            raise BrokenError(f"publisher {who + 1} reports success, the registry holds {held}")
        return Seat(None, node.ended, seat.run)

    def _to(
        self,
        now: Global,
        told: Told,
        who: int = -1,
        seat: Seat | None = None,
        *,
        registry: Registry | None = None,
        budget: Budget | None = None,
        under_way: tuple[tuple[int, Request], ...] | None = None,
    ) -> tuple[Told, Global]:
        after = registry or now.registry
        left = budget or now.budget
        going = now.under_way if under_way is None else under_way
        seats = now.seats if seat is None else (*now.seats[:who], seat, *now.seats[who + 1 :])
        earlier: tuple[Registry, ...] = ()
        if left.stale:
            earlier = now.earlier
            if after != now.registry:
                earlier = (now.registry, *(old for old in earlier if old != now.registry))[: self.scenario.depth]
        version = after.version
        if going and self._permanent and version and version.status is not Status.UNFINISHED:
            # Uploads into a final version change nothing, and this one never goes.
            going = tuple(one for one in going if not isinstance(one[1], model.Publish))
        if self.symmetric:
            order = sorted(range(len(seats)), key=lambda index: _place(seats[index]))
            seats = tuple(seats[index] for index in order)
            going = tuple((order.index(index), request) for index, request in going)
        if len(going) > 1:
            going = tuple(sorted(going, key=repr))
        return told, Global(after, earlier, seats, going, left)

    # --- invariants -------------------------------------------------------------------------------------------

    def _check_request(self, registry: Registry, who: int, request: Request) -> None:
        """A rival whose first asset is there with other bytes sends nothing else."""
        spec = self.scenario.publishers[who]
        version = registry.version
        if (
            not isinstance(request, model.Publish)
            or request.name == spec.first
            or version is None
            or registry.deletions
            or self._starts_foreign
        ):
            return
        declared = dict(spec.contents)[spec.first]
        if dict(version.contents).get(spec.first, declared) != declared:
            raise BrokenError(f"publisher {who + 1} sent {request.name} though its first asset is another's")

    def _check_write(self, before: Registry, after: Registry, who: int, request: Request) -> None:
        """What is final stays as it is or becomes what is declared; what becomes final is whole and one publisher's."""
        if before == after:
            return
        old, new = before.version, after.version
        if old and old.status in _FINAL:
            if new is None:
                if old.contents not in self.scenario.replaceable:
                    raise BrokenError(f"{model.told(request)} by publisher {who + 1}: deleted {old}")
            elif new.contents != old.contents:
                raise BrokenError(f"{model.told(request)} by publisher {who + 1}: {old} became {new}")
            elif (
                new.status is not self.scenario.publishers[who].status and old.contents not in self.scenario.replaceable
            ):
                raise BrokenError(f"{model.told(request)} by publisher {who + 1}: moved {old} where it is not declared")
        if new and new.status in _FINAL and (old is None or old.status is Status.UNFINISHED):
            spec = self.scenario.publishers[who]
            if new.contents != spec.contents and (spec.held_back is None or self._alone()):
                raise BrokenError(f"{model.told(request)} by publisher {who + 1}: published {new}")

    def _alone(self) -> bool:
        """Return whether nobody writes but publishers of these bytes: last-asset has no guard against others."""
        return self._same_bytes and not self.scenario.deletions

    def check_end(self, now: Global) -> None:
        """Check how it ended once every publisher did."""
        self.trying = None
        ended = tuple(seat.ended for seat in now.seats if seat.ended)
        successes = sum(one.how == "success" for one in ended)
        if successes < self.scenario.wins:
            raise BrokenError(f"{self.scenario.wins} should succeed: {', '.join(map(':'.join, ended))}")


def explore(scenario: Scenario, core: Apply = CORE, *, most: int = 2_000_000, mirrored: bool = True) -> Explored:
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
    came: list[tuple[int, Told] | None] = [None]
    edges: list[tuple[int, ...]] = []
    at = 0
    while at < len(states):
        now = states[at]
        following: list[int] = []
        try:
            for told, then in explorer.steps(now):
                found.kinds[told[0]] += 1
                known = index.get(then)
                if known is None:
                    known = index[then] = len(states)
                    assert known < most, f"{scenario.name} has more than {most} states"
                    states.append(then)
                    came.append((at, told))
                following.append(known)
            if all(seat.node is None for seat in now.seats):
                explorer.check_end(now)
                found.outcomes[_outcome(now)] += 1
        except BrokenError as error:
            path = [explorer.trying] if explorer.trying else []
            step = came[at]
            while step:
                path.append(step[1])
                step = came[step[0]]
            found.violation = Violation(str(error), tuple(map(_line, reversed(path))))
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


def wander(scenario: Scenario, core: Apply = CORE, *, schedules: int, seed: int) -> Explored:
    """Follow random schedules of a scenario that has too many for all of them."""
    with Explorer(scenario, core, mirrored=False) as explorer:
        return _wandered(explorer, schedules, random.Random(seed))


def _wandered(explorer: Explorer, schedules: int, chance: random.Random) -> Explored:
    began = time.perf_counter()
    found = Explored(explorer.scenario.name, exhaustive=False)
    for _ in range(schedules):
        now = explorer.start()
        path: list[Told] = []
        try:
            while steps := list(explorer.steps(now)):
                told, now = chance.choice(steps)
                path.append(told)
                found.kinds[told[0]] += 1
            explorer.check_end(now)
        except BrokenError as error:
            found.violation = Violation(
                str(error), tuple(map(_line, [*path, *([explorer.trying] if explorer.trying else [])]))
            )
            break
        found.steps += len(path)
        found.schedules += 1
        found.outcomes[_outcome(now)] += 1
    found.seconds = time.perf_counter() - began
    return found


def _place(seat: Seat) -> tuple[int, int]:
    return seat.run, seat.node.number if seat.node else 0


def _outcome(now: Global) -> tuple[str, ...]:
    return tuple(sorted(seat.ended.how for seat in now.seats if seat.ended))


def _line(told: Told) -> str:
    kind, who, request, answer = told
    name = f"publisher {who + 1}: " if who >= 0 else ""
    words = {
        "call": f"{request} -> {answer}",
        "stale": f"{request} -> (stale) {answer}",
        "lost": f"{request}: no answer, the request is on its way",
        "skipped": f"{request}: not sent, a sibling failed",
        "killed": "killed, and started again",
        "late": f"{request}: arrives late",
        "deleted": request,
    }
    return name + words[kind]
