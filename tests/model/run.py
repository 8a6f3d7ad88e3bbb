"""One run of the core: plain synchronous code, whose every call to a registry waits for an answer from outside.

    run = Run(spec, core).start()
    run.pending                                # the requests that are on their way, by who waits
    run.go(None, Missing())                    # up to the next ones

Each run is a greenlet and so is each of its parallel jobs: a call switches out with the request, and switches back in
with the answer. No thread, no clock; a sleep lets others proceed, which they may anyway between any two requests.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, BinaryIO, NamedTuple

from greenlet import GreenletExit, getcurrent, greenlet

from pulumi_codeartifact_release.errors import (
    RefusedError,
    RegistryConflictError,
    ReleaseError,
    StatusRefusedError,
    UnreachableError,
    VersionNotFoundError,
)
from pulumi_codeartifact_release.hashing import HashedBytes
from pulumi_codeartifact_release.publishing import Event, Finished, Pin, Promotion, Route
from pulumi_codeartifact_release.publishing.scheduler import Job
from pulumi_codeartifact_release.registry import (
    MAX_PAGE_SIZE,
    Asset,
    AssetListing,
    Coordinates,
    Status,
    VersionState,
    VersionSummary,
)
from support import fakes

from . import model
from .model import HERE, Answer, Request
from .spec import Core, Ended, Spec
from .witness import Witness


class Slot(NamedTuple):
    """Who in a publisher waits: a job of its n-th batch. None stands for the publisher itself."""

    batch: int
    job: int


class Run:
    """One run of the core, led along the answers that it gets.

    Attributes:
        pending: the requests that are on their way, each with who waits for it.
        skippable: of those who wait, the jobs that need not have begun, since a sibling has failed.
        ended: how it ended, None before.
        witness: what it knows.
    """

    def __init__(self, spec: Spec, core: Core) -> None:
        self.witness = Witness(spec)
        self._spec = spec
        self._core = core
        self._hub = getcurrent()
        self._main = greenlet(self._apply)
        self._jobs: dict[Slot, Any] = {}
        self.pending: dict[Slot | None, Request] = {}
        self.skippable: set[Slot] = set()
        self._begun: set[Slot] = set()
        self._batches = 0
        self.ended: Ended | None = None

    def start(self) -> Run:
        """Go up to the first request."""
        self._main.switch()
        return self

    def go(self, slot: Slot | None, answer: Answer) -> Run:
        """Go on with `answer` up to the next request."""
        self.witness.learns(self.pending.pop(slot), answer, job=slot is not None)
        if slot:
            self._begun.add(slot)
        self._main.switch((slot, answer))
        return self

    def close(self) -> None:
        """End it where it stands."""
        for one in [*self._jobs.values(), self._main]:
            if one:
                one.parent = self._hub
                one.throw(GreenletExit)

    def _apply(self) -> None:
        spec = self._spec
        try:
            last: Event | None = None
            for event in self._promoted() if spec.promotes else self._published():
                last = event
            assert isinstance(last, Finished), "a run that ends without an error ends with Finished"
            self.witness.ends(last.state.status)
            self.ended = Ended("success", last.state.status)
        except RefusedError as error:
            self.ended = Ended("refused", type(error).__name__)
        except ReleaseError as error:
            self.ended = Ended("failed", type(error).__name__)

    def _published(self) -> Iterator[Event]:
        spec = self._spec
        contents = {name: HashedBytes(content) for name, content in spec.contents}
        permitted = dict(spec.permitted)
        calls, jobs = _Calls(self), _Jobs(self)
        return self._core.apply(spec.release, contents, calls, jobs, parallel=spec.parallel, **permitted)

    def _promoted(self) -> Iterator[Event]:
        spec, release = self._spec, self._spec.release
        calls, jobs = _Calls(self), _Jobs(self)
        source = replace(release.at, repository=f"source-{spec.place + 1}")
        pin = Pin(release.digest, "`pins`") if spec.pinned else None
        promotion = Promotion(source, release.at, pin)
        source_calls = _Calls(self, spec.place)
        promotion_source = self._core.promotion_source(
            promotion, lambda: source_calls, same_domain=spec.route is Route.COPY
        )
        if spec.pinned:
            chosen = self._core.choose_candidate(
                promotion_source, self._core.read_version(calls, release.at, jobs), jobs
            )
            release = replace(release, assets=chosen.assets)
        permitted = dict(spec.permitted)
        contents = promotion_source.contents(release, jobs)
        return self._core.apply(
            release, contents, calls, jobs, promotion_source=promotion_source, parallel=spec.parallel, **permitted
        )

    def call(self, request: Request) -> Answer:
        """Switch out with `request`, and return the answer."""
        current = getcurrent()
        slot = next((slot for slot, job in self._jobs.items() if job is current), None)
        self.pending[slot] = request
        self.witness.asks(request)
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
                self.skippable = {slot for slot in under_way if slot in self.pending} - self._begun
            slot, answer = self._hub.switch()
            if isinstance(answer, model.Skipped):
                self._jobs[slot].throw(GreenletExit)
            else:
                self._jobs[slot].switch(answer)
            if not self._jobs[slot]:
                under_way.discard(slot)
                del self._jobs[slot]
        self.skippable = set()
        if failures:
            raise failures[min(failures)]


def _drain(events: list[Event]) -> Iterator[Event]:
    yield from events
    events.clear()


class _Jobs:
    """The core's Scheduler."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def run(self, jobs: Sequence[Job], *, limit: int) -> Iterator[Event]:
        """See `Scheduler.run`."""
        return self._run.batch(jobs, limit)

    def checkpoint(self) -> None:
        """Nobody cancels here: a death at every step says more."""

    def sleep(self, seconds: float) -> None:
        """Others may proceed between any two requests, so that there is nothing to wait for."""


class _Calls:
    """The core's Registry: that of the destination, or of a source."""

    def __init__(self, run: Run, place: int = HERE) -> None:
        self._run = run
        self._place = place

    def describe(self, at: Coordinates) -> VersionState:
        return _state(self._run.call(model.Describe(self._place)))

    def list_assets(self, at: Coordinates) -> AssetListing:
        answer = _raised(self._run.call(model.ListAssets(self._place)))
        assert isinstance(answer, model.Listing)
        return AssetListing(answer.revision, {name: _asset(name, content) for name, content in answer.contents})

    def publish_asset(self, at: Coordinates, asset: Asset, body: BinaryIO, *, unfinished: bool) -> VersionState:
        content = body.read()
        if _asset(asset.name, content) != asset:
            self._run.witness.broken = f"sent {asset.name} with different bytes than its hash says"
        return _state(self._run.call(model.Publish(asset.name, content, unfinished)))

    def set_status(self, at: Coordinates, *, revision: str, expected: Status, target: Status) -> VersionState:
        return _state(self._run.call(model.SetStatus(revision, expected, target)))

    def fetch_asset(self, at: Coordinates, asset: Asset, write: Callable[[bytes], object]) -> None:
        answer = _raised(self._run.call(model.Fetch(self._place, asset.name)))
        assert isinstance(answer, model.Content)
        write(answer.content)

    def copy(
        self, at: Coordinates, *, source_repository: str, revision: str, allow_overwrite: bool
    ) -> VersionState | None:
        place = int(source_repository.removeprefix("source-")) - 1
        answer = _raised(self._run.call(model.Copy(place, revision, allow_overwrite)))
        return None if isinstance(answer, model.Done) else _state(answer)

    def list_versions(
        self, at: Coordinates, *, status: Status | None = None, page_size: int = MAX_PAGE_SIZE
    ) -> Iterator[VersionSummary]:
        raise AssertionError("who promotes has decided on a version")

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
