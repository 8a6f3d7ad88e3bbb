"""One run of the core: synchronous code in which every call to a registry waits for a response from the explorer.

    run = Run(spec, core).start()
    run.pending                                # the requests in flight, by slot
    run.resume(None, Missing())                # continues until the next requests

Each run is a greenlet, and so is each of its parallel jobs: a call switches to the explorer with its request, and
switches back with the response. There are no threads and no clock. A sleep does nothing, because other publishers may
act between any two requests anyway.
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
from .model import DESTINATION, Request, Response
from .observer import Observer
from .spec import Core, Outcome, Spec


class Slot(NamedTuple):
    """Identifies a waiting job of a publisher: its batch and its number. None stands for the publisher itself."""

    batch: int
    job: int


class Run:
    """One run of the core, controlled by its responses.

    Attributes:
        pending: the requests in flight, by the slot that waits.
        skippable: the waiting jobs that may not have started, because another job failed.
        outcome: how it outcome, None before.
        observer: checks its requests.
    """

    def __init__(self, spec: Spec, core: Core) -> None:
        self.observer = Observer(spec)
        self._spec = spec
        self._core = core
        self._hub = getcurrent()
        self._main = greenlet(self._apply)
        self._jobs: dict[Slot, Any] = {}
        self.pending: dict[Slot | None, Request] = {}
        self.skippable: set[Slot] = set()
        self._started: set[Slot] = set()
        self._batches = 0
        self.outcome: Outcome | None = None

    def start(self) -> Run:
        """Run until the first request."""
        self._main.switch()
        return self

    def resume(self, slot: Slot | None, response: Response) -> Run:
        """Continue with `response` until the next request."""
        self.observer.on_response(self.pending.pop(slot), response, job=slot is not None)
        if slot:
            self._started.add(slot)
        self._main.switch((slot, response))
        return self

    def close(self) -> None:
        """Stop the run."""
        for job in [*self._jobs.values(), self._main]:
            if job:
                job.parent = self._hub
                job.throw(GreenletExit)

    def _apply(self) -> None:
        spec = self._spec
        try:
            last: Event | None = None
            for event in self._run_promotion() if spec.promotes else self._run_publication():
                last = event
            assert isinstance(last, Finished), "a run that ends without an error ends with Finished"
            self.observer.on_success(last.state.status)
            self.outcome = Outcome("success", last.state.status)
        except RefusedError as error:
            self.outcome = Outcome("refused", type(error).__name__)
        except ReleaseError as error:
            self.outcome = Outcome("failed", type(error).__name__)

    def _run_publication(self) -> Iterator[Event]:
        spec = self._spec
        contents = {name: HashedBytes(content) for name, content in spec.contents}
        permitted = dict(spec.permitted)
        calls, jobs = _Registry(self), _Scheduler(self)
        return self._core.apply(spec.release, contents, calls, jobs, parallel=spec.parallel, **permitted)

    def _run_promotion(self) -> Iterator[Event]:
        spec, release = self._spec, self._spec.release
        calls, jobs = _Registry(self), _Scheduler(self)
        source = replace(release.at, repository=f"source-{spec.repository + 1}")
        pin = Pin(release.digest, "`pins`") if spec.pinned else None
        promotion = Promotion(source, release.at, pin)
        source_calls = _Registry(self, spec.repository)
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

    def call(self, request: Request) -> Response:
        """Switch to the explorer with `request`, and return the response."""
        current = getcurrent()
        slot = next((slot for slot, job in self._jobs.items() if job is current), None)
        self.pending[slot] = request
        self.observer.on_request(request)
        if slot is None:
            got, response = self._hub.switch()
            assert got is None
        else:
            response = self._main.switch()
        return response  # type: ignore[no-any-return]

    def batch(self, jobs: Sequence[Job], limit: int) -> Iterator[Event]:
        """Run the jobs as greenlets, at most `limit` at once."""
        number = self._batches
        self._batches += 1
        waiting = deque(enumerate(jobs))
        in_flight: set[Slot] = set()
        failures: dict[int, BaseException] = {}
        events: list[Event] = []

        def work(slot: Slot, job: Job) -> None:
            try:
                job(events.append)
            except ReleaseError as error:
                failures[slot.job] = error

        while True:
            while waiting and len(in_flight) < limit and not failures:
                index, job = waiting.popleft()
                slot = Slot(number, index)
                self._jobs[slot] = greenlet(functools.partial(work, slot, job), parent=self._main)
                in_flight.add(slot)
                self._jobs[slot].switch()
                if not self._jobs[slot]:
                    in_flight.discard(slot)
                    del self._jobs[slot]
            yield from _drain(events)
            if not in_flight:
                break
            if failures:
                self.skippable = {slot for slot in in_flight if slot in self.pending} - self._started
            slot, response = self._hub.switch()
            if isinstance(response, model.Skipped):
                self._jobs[slot].throw(GreenletExit)
            else:
                self._jobs[slot].switch(response)
            if not self._jobs[slot]:
                in_flight.discard(slot)
                del self._jobs[slot]
        self.skippable = set()
        if failures:
            raise failures[min(failures)]


def _drain(events: list[Event]) -> Iterator[Event]:
    yield from events
    events.clear()


class _Scheduler:
    """The core's Scheduler."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def run(self, jobs: Sequence[Job], *, limit: int) -> Iterator[Event]:
        """See `Scheduler.run`."""
        return self._run.batch(jobs, limit)

    def checkpoint(self) -> None:
        """Do nothing: the explorer kills at every step, which covers cancellation."""

    def begin_commit(self) -> None:
        """Do nothing, as `checkpoint`."""

    def sleep(self, seconds: float) -> None:
        """Do nothing: other publishers may act between any two requests anyway."""


class _Registry:
    """The core's Registry: the destination or a source."""

    def __init__(self, run: Run, repository: int = DESTINATION) -> None:
        self._run = run
        self._repository = repository

    def describe(self, at: Coordinates) -> VersionState:
        return _state(self._run.call(model.Describe(self._repository)))

    def list_assets(self, at: Coordinates) -> AssetListing:
        response = _raise_failure(self._run.call(model.ListAssets(self._repository)))
        assert isinstance(response, model.Listing)
        return AssetListing(response.revision, {name: _asset(name, content) for name, content in response.contents})

    def publish_asset(self, at: Coordinates, asset: Asset, body: BinaryIO, *, unfinished: bool) -> VersionState:
        content = body.read()
        if _asset(asset.name, content) != asset:
            self._run.observer.broken = f"sent {asset.name} with different bytes than its hash says"
        return _state(self._run.call(model.Publish(asset.name, content, unfinished)))

    def set_status(self, at: Coordinates, *, revision: str, expected: Status, target: Status) -> VersionState:
        return _state(self._run.call(model.SetStatus(revision, expected, target)))

    def fetch_asset(self, at: Coordinates, asset: Asset, write: Callable[[bytes], object]) -> None:
        response = _raise_failure(self._run.call(model.Fetch(self._repository, asset.name)))
        assert isinstance(response, model.Content)
        write(response.content)

    def copy(
        self, at: Coordinates, *, source_repository: str, revision: str, allow_overwrite: bool
    ) -> VersionState | None:
        repository = int(source_repository.removeprefix("source-")) - 1
        response = _raise_failure(self._run.call(model.Copy(repository, revision, allow_overwrite)))
        return None if isinstance(response, model.Done) else _state(response)

    def list_versions(
        self, at: Coordinates, *, status: Status | None = None, page_size: int = MAX_PAGE_SIZE
    ) -> Iterator[VersionSummary]:
        raise AssertionError("a promotion has its version already")

    def delete(self, at: Coordinates, *, expected: Status) -> None:
        _raise_failure(self._run.call(model.Delete(expected)))

    def dispose(self, at: Coordinates, *, revision: str, expected: Status) -> VersionState:
        return _state(self._run.call(model.Dispose(revision, expected)))


_asset: Callable[[str, bytes], Asset] = functools.cache(fakes.asset)


def _raise_failure(response: Response) -> Response:
    if isinstance(response, model.Missing):
        raise VersionNotFoundError("no such version")
    if isinstance(response, model.Conflict):
        raise RegistryConflictError("conflict")
    if isinstance(response, model.Refused):
        raise StatusRefusedError("refused", reason=response.reason)
    if isinstance(response, model.Lost):
        raise UnreachableError("no response")
    return response


def _state(response: Response) -> VersionState:
    response = _raise_failure(response)
    assert isinstance(response, model.State)
    return VersionState(response.status, response.revision)
