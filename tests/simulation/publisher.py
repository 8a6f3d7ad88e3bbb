"""One publisher: the real `apply`, whose every call to the registry is a step that the explorer owns.

    publisher = Publisher(Spec(contents={"a": b"1"}))
    root = publisher.root                      # a node: the requests that are on their way, or how the run ended
    node = publisher.after(root, None, Missing())

A run is deterministic: where it stands is a function of the answers that it got. So nodes are kept by those answers,
each is computed once, and all global states share them. A greenlet cannot be copied: the first node that follows from
another takes over its run, for every further one the core is run from its beginning.

The core is plain synchronous code. Each run is a greenlet and so is each of its parallel jobs: a call switches out
with the request, and switches back in with the answer. No thread, no clock; a sleep lets others proceed, which they may
anyway between any two requests.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple, Protocol

from greenlet import GreenletExit, getcurrent, greenlet

import fakes
from pulumi_codeartifact_release.errors import (
    RefusedError,
    RegistryConflictError,
    ReleaseError,
    StatusRefusedError,
    UnreachableError,
    VersionNotFoundError,
)
from pulumi_codeartifact_release.hashing import HashedBytes
from pulumi_codeartifact_release.publishing import Event, Finish, Finished, Release, Scheduler
from pulumi_codeartifact_release.publishing.scheduler import Emit, Job
from pulumi_codeartifact_release.registry import Asset, AssetListing, Coordinates, Registry, Status, VersionState

from . import model
from .model import Answer, Contents, Request


class Apply(Protocol):
    """What is simulated: `publishing.apply`, or a mutant of it."""

    def __call__(
        self,
        release: Release,
        sources: Mapping[str, HashedBytes],
        registry: Registry,
        scheduler: Scheduler,
        *,
        parallel: int,
        **permitted: Any,
    ) -> Iterator[Event]: ...


class Slot(NamedTuple):
    """Who in a publisher waits: a job of its n-th batch. None stands for the publisher itself."""

    batch: int
    job: int


@dataclass(frozen=True)
class Spec:
    """What one publisher declares.

    Attributes:
        permitted: further arguments of `apply`: what the operator permits.
    """

    contents: Contents
    finish: Finish = Finish.GUARDED
    status: Status = Status.PUBLISHED
    parallel: int = 8
    permitted: tuple[tuple[str, Any], ...] = ()

    @functools.cached_property
    def release(self) -> Release:
        """What the core gets."""
        return fakes.release(dict(self.contents), status=self.status, finish=self.finish)

    @functools.cached_property
    def first(self) -> str:
        """The asset that is sent alone, before all others: the one that a rival stops at."""
        names = [name for name, _ in self.contents if name != self.held_back or len(self.contents) == 1]
        return min(names, key=str.encode)

    @functools.cached_property
    def held_back(self) -> str | None:
        """The asset whose upload publishes."""
        if self.finish is not Finish.LAST_ASSET:
            return None
        return min(self.contents, key=lambda item: (len(item[1]), item[0]))[0]


class Ended(NamedTuple):
    """How a run ended: `success`, `refused` (final) or `failed` (trying again may help)."""

    how: str
    why: str


@dataclass(eq=False)
class Node:
    """A publisher's run at one point.

    Attributes:
        path: the answers that lead here, each with who got it.
        pending: the requests that are on their way.
        skippable: of those, the jobs that need not have begun, since a sibling has failed.
        broken: what the publisher did that it must never do, whatever the others do; empty for nothing.
        number: in the order of discovery, from 1.
        run: the core, standing here; None once it went on.
    """

    path: tuple[tuple[Slot | None, Answer], ...]
    pending: tuple[tuple[Slot | None, Request], ...]
    skippable: frozenset[Slot]
    ended: Ended | None
    broken: str
    number: int = 0
    after: dict[tuple[Slot | None, Answer], Node] = field(default_factory=dict, repr=False)
    run: _Run | None = field(default=None, repr=False)


class Publisher:
    """All runs of one publisher, by the answers that they got."""

    def __init__(self, spec: Spec, core: Apply) -> None:
        self.spec = spec
        self._core = core
        self._known: dict[tuple[Any, ...], Node] = {}
        self.root = self._keep((), _Run(spec, core).start())

    def after(self, node: Node, slot: Slot | None, answer: Answer) -> Node:
        """Return where the run stands once `answer` reached `slot`."""
        found = node.after.get((slot, answer))
        if found is None:
            path = (*node.path, (slot, answer))
            found = self._known.get(_history(path))
            if found is None:
                run, node.run = node.run, None
                if run is None:
                    run = _Run(self.spec, self._core).start()
                    for step in node.path:
                        run.go(*step)
                found = self._keep(path, run.go(slot, answer))
            node.after[slot, answer] = found
        return found

    def close(self) -> None:
        """End all runs."""
        for node in self._known.values():
            if node.run:
                node.run.close()
                node.run = None

    @property
    def nodes(self) -> int:
        """How many are known."""
        return len(self._known)

    def _keep(self, path: tuple[tuple[Slot | None, Answer], ...], run: _Run) -> Node:
        node = self._known[_history(path)] = run.node(path)
        node.number = len(self._known)
        return node


def _history(path: tuple[tuple[Slot | None, Answer], ...]) -> tuple[Any, ...]:
    """Return what a run's standing depends on: of jobs side by side, not the order of their answers.

    Unless one failed: that keeps jobs from starting, so there the order counts.
    """
    history: list[Any] = []
    index = 0
    while index < len(path):
        slot, answer = path[index]
        if slot is None:
            history.append(answer)
            index += 1
            continue
        end = index
        while end < len(path) and (other := path[end][0]) is not None and other.batch == slot.batch:
            end += 1
        batch = path[index:end]
        if not any(isinstance(got, model.FAILURES) for _, got in batch):
            batch = tuple(sorted(batch, key=lambda item: item[0] or slot))
        history.append(batch)
        index = end
    return tuple(history)


class _Run:
    """One run of the core, made anew and led along a path."""

    def __init__(self, spec: Spec, core: Apply) -> None:
        self._spec = spec
        self._core = core
        self._hub = getcurrent()
        self._main = greenlet(self._apply)
        self._jobs: dict[Slot, Any] = {}
        self._pending: dict[Slot | None, Request] = {}
        self._skippable: set[Slot] = set()
        self._batches = 0
        self._ended: Ended | None = None
        # What this run knows to be there: acknowledged, or seen, and not seen to be gone.
        self._there: set[str] = set()
        self._broken = ""

    def start(self) -> _Run:
        """Go up to the first request."""
        self._main.switch()
        return self

    def go(self, slot: Slot | None, answer: Answer) -> _Run:
        """Go on with `answer` up to the next request."""
        self._learn(self._pending.pop(slot), answer)
        self._main.switch((slot, answer))
        return self

    def node(self, path: tuple[tuple[Slot | None, Answer], ...]) -> Node:
        """Return where it stands, which `path` led to."""
        # Jobs whose answer is the same step from the same node, whichever comes first, are told in one order.
        pending = tuple(sorted(self._pending.items(), key=lambda item: item[0] or Slot(-1, -1)))
        skippable = frozenset(self._skippable & set(self._pending))
        return Node(path, pending, skippable, self._ended, self._broken, run=None if self._ended else self)

    def close(self) -> None:
        """End it where it stands."""
        for one in [*self._jobs.values(), self._main]:
            if one:
                one.parent = self._hub
                one.throw(GreenletExit)

    def _apply(self) -> None:
        spec = self._spec
        sources = {name: HashedBytes(content) for name, content in spec.contents}
        try:
            last: Event | None = None
            for event in self._core(
                spec.release,
                sources,
                _Calls(self),
                _Jobs(self),
                parallel=spec.parallel,
                **dict(spec.permitted),
            ):
                last = event
            assert isinstance(last, Finished), "a run that ends without an error ends with Finished"
            assert last.state.status is spec.status
            self._ended = Ended("success", last.state.status)
        except RefusedError as error:
            self._ended = Ended("refused", type(error).__name__)
        except ReleaseError as error:
            self._ended = Ended("failed", type(error).__name__)

    def call(self, request: Request) -> Answer:
        """Switch out with `request`, and return the answer."""
        current = getcurrent()
        slot = next((slot for slot, job in self._jobs.items() if job is current), None)
        self._pending[slot] = request
        if isinstance(request, model.Publish) and request.unfinished and request.name in self._there:
            self._broken = f"sent {request.name} again, which was acknowledged and visible"
        if slot is None:
            got, answer = self._hub.switch()
            assert got is None
        else:
            answer = self._main.switch()
        return answer  # type: ignore[no-any-return]

    def batch(self, jobs: Sequence[Job], limit: int) -> Iterator[Event]:
        """Run the jobs as greenlets, at most `limit` at once."""
        number = self._batches
        self._batches += 1
        waiting = deque(enumerate(jobs))
        under_way: set[Slot] = set()
        failures: dict[int, BaseException] = {}
        events: list[Event] = []

        def work(slot: Slot, job: Job) -> None:
            try:
                job(events.append)
            except ReleaseError as error:
                failures[slot.job] = error

        while True:
            while waiting and len(under_way) < limit and not failures:
                index, job = waiting.popleft()
                slot = Slot(number, index)
                self._jobs[slot] = greenlet(functools.partial(work, slot, job), parent=self._main)
                under_way.add(slot)
                self._jobs[slot].switch()
                if not self._jobs[slot]:
                    under_way.discard(slot)
                    del self._jobs[slot]
            yield from _drain(events)
            if not under_way:
                break
            if failures:
                self._skippable = {slot for slot in under_way if slot in self._pending}
            slot, answer = self._hub.switch()
            if isinstance(answer, model.Skipped):
                self._jobs[slot].throw(GreenletExit)
            else:
                self._jobs[slot].switch(answer)
            if not self._jobs[slot]:
                under_way.discard(slot)
                del self._jobs[slot]
        self._skippable = set()
        if failures:
            raise failures[min(failures)]

    def _learn(self, request: Request, answer: Answer) -> None:
        if isinstance(answer, model.Listing):
            declared = dict(self._spec.contents)
            self._there = {name for name, content in answer.contents if declared.get(name) == content}
        elif isinstance(answer, model.Missing | model.Done) or isinstance(request, model.Delete):
            self._there = set()
        elif isinstance(request, model.Publish) and isinstance(answer, model.State):
            self._there.add(request.name)


def _drain(events: list[Event]) -> Iterator[Event]:
    yield from events
    events.clear()


class _Jobs:
    """The core's Scheduler."""

    def __init__(self, run: _Run) -> None:
        self._run = run

    def run(self, jobs: Sequence[Job], *, limit: int) -> Iterator[Event]:
        """See `Scheduler.run`."""
        return self._run.batch(jobs, limit)

    def checkpoint(self) -> None:
        """Nobody cancels here: a death at every step says more."""

    def sleep(self, seconds: float) -> None:
        """Others may proceed between any two requests, so that there is nothing to wait for."""


class _Calls:
    """The core's Registry."""

    def __init__(self, run: _Run) -> None:
        self._run = run

    def describe(self, at: Coordinates) -> VersionState:
        return _state(self._run.call(model.Describe()))

    def list_assets(self, at: Coordinates) -> AssetListing:
        answer = _raised(self._run.call(model.ListAssets()))
        assert isinstance(answer, model.Listing)
        return AssetListing(answer.revision, {name: _asset(name, content) for name, content in answer.contents})

    def publish_asset(self, at: Coordinates, asset: Asset, body: BinaryIO, *, unfinished: bool) -> VersionState:
        content = body.read()
        assert _asset(asset.name, content) == asset
        return _state(self._run.call(model.Publish(asset.name, content, unfinished)))

    def set_status(self, at: Coordinates, *, revision: str, expected: Status, target: Status) -> VersionState:
        return _state(self._run.call(model.SetStatus(revision, expected, target)))

    def delete(self, at: Coordinates, *, expected: Status) -> None:
        _raised(self._run.call(model.Delete(expected)))

    def dispose(self, at: Coordinates, *, revision: str, expected: Status) -> VersionState:
        return _state(self._run.call(model.Dispose(revision, expected)))


_asset: Callable[[str, bytes], Asset] = functools.cache(fakes.asset)


def _raised(answer: Answer) -> Answer:
    if isinstance(answer, model.Missing):
        raise VersionNotFoundError("no such version")
    if isinstance(answer, model.Conflict):
        raise RegistryConflictError("conflict")
    if isinstance(answer, model.Refused):
        raise StatusRefusedError("refused", reason=answer.reason)
    if isinstance(answer, model.Lost):
        raise UnreachableError("no answer")
    return answer


def _state(answer: Answer) -> VersionState:
    answer = _raised(answer)
    assert isinstance(answer, model.State)
    return VersionState(answer.status, answer.revision)


__all__ = ["Apply", "Emit", "Ended", "Node", "Publisher", "Slot", "Spec"]
