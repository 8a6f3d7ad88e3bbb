"""One run of the core: synchronous code in which every call to a registry waits for a response from the explorer.

    run = Run(spec, core).start()
    run.pending                                # the requests in flight, by slot
    run.resume((), Missing())                  # continues until the next requests

Each run is a greenlet, and so is each of its parallel jobs, which may run jobs themselves: a call waits until the
explorer switches back with the response. There are no threads and no clock. A sleep does nothing, because other
publishers may act between any two requests anyway.
"""

from __future__ import annotations

import functools
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import BinaryIO, TypeAlias, cast

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
from pulumi_codeartifact_release.location import Location
from pulumi_codeartifact_release.publishing import Event, Finished, Pin, PreparedRelease, Promotion, Route
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
from .spec import SOURCE, AnySpec, BundleSpec, Core, Outcome, Spec, version_of

Slot: TypeAlias = tuple[int, ...]
"""Identifies what waits for a response: () is the run itself, (*slot, 2, 0) is job 0 of batch 2 of `slot`."""


class _Task(greenlet):  # type: ignore[misc]
    """A run, or one of its jobs."""

    def __init__(self, run: Callable[[], None], slot: Slot) -> None:
        super().__init__(run)
        self.slot = slot


def _current() -> _Task:
    return cast(_Task, getcurrent())


class Run:
    """One run of the core, controlled by its responses.

    Attributes:
        pending: the requests in flight, by the slot that waits.
        outcome: the outcome of the run, None before its end.
        observers: check its requests, by version.
    """

    def __init__(self, spec: AnySpec, core: Core) -> None:
        self.observers = {version: Observer(one) for version, one in spec.versions.items()}
        self._spec = spec
        self._core = core
        self._tasks: dict[Slot, _Task] = {(): _Task(self._apply, ())}
        self.pending: dict[Slot, Request] = {}
        self._started: set[Slot] = set()
        self._failed: set[Slot] = set()
        self._batches: Counter[Slot] = Counter()
        self.outcome: Outcome | None = None

    @property
    def broken(self) -> str:
        """The rule that the run broke; "" for none."""
        return next((observer.broken for observer in self.observers.values() if observer.broken), "")

    @property
    def version_failed(self) -> bool:
        """Whether a version of a bundle failed, so that no other version starts."""
        return any(len(batch) < self._spec.depth for batch in self._failed)

    @property
    def skippable(self) -> frozenset[Slot]:
        """The waiting jobs that may not have started, because another job failed."""
        return frozenset(slot for slot in self.pending if slot[:-1] in self._failed and slot not in self._started)

    def start(self) -> Run:
        """Run until the first request."""
        self._tasks[()].switch()
        return self

    def resume(self, slot: Slot, response: Response) -> Run:
        """Continue with `response` until the next request."""
        request = self.pending.pop(slot)
        job = len(slot) > self._spec.depth
        self.observers[request.version].on_response(request, response, job=job)
        self._started.update(slot[:end] for end in range(2, len(slot) + 1, 2))
        if isinstance(response, model.Skipped):
            self._tasks[slot].throw(GreenletExit)
        else:
            self._tasks[slot].switch(response)
        return self

    def close(self) -> None:
        """Stop the run: the jobs of jobs first."""
        for slot in sorted(self._tasks, key=len, reverse=True):
            task = self._tasks[slot]
            if task:
                task.parent = getcurrent()
                task.throw(GreenletExit)

    def _apply(self) -> None:
        spec = self._spec
        try:
            last: Event | None = None
            for event in self._run():
                last = event
            assert isinstance(last, Finished), "a run that ends without an error ends with Finished"
            self.observers[min(spec.versions)].on_success(last.state.status)
            self.outcome = Outcome("success", last.state.status)
        except RefusedError as error:
            self.outcome = Outcome("refused", type(error).__name__)
        except ReleaseError as error:
            self.outcome = Outcome("failed", type(error).__name__)

    def _run(self) -> Iterator[Event]:
        spec = self._spec
        if isinstance(spec, BundleSpec):
            return self._run_bundle(spec)
        return self._run_promotion(spec) if spec.promotes else self._run_publication(spec)

    def _run_publication(self, spec: Spec) -> Iterator[Event]:
        contents = {name: HashedBytes(content) for name, content in spec.contents}
        permitted = dict(spec.permitted)
        calls, jobs = _Registry(self), _Scheduler(self)
        return self._core.apply(spec.release, contents, calls, jobs, parallel=spec.parallel, **permitted)

    def _run_promotion(self, spec: Spec) -> Iterator[Event]:
        release = spec.release
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

    def _run_bundle(self, spec: BundleSpec) -> Iterator[Event]:
        def connect(location: Location) -> _Connection:
            return _Connection(_Registry(self, 0 if location.repository == SOURCE else DESTINATION))

        jobs = _Scheduler(self)
        prepared: PreparedRelease = self._core.prepare(spec.request, connect, jobs)
        if prepared.plan.refusal and not prepared.members:
            raise prepared.plan.refusal
        yield from self._core.execute(spec.request, connect, jobs, prepared)

    def call(self, request: Request) -> Response:
        """Switch to the explorer with `request`, and return the response."""
        self.pending[_current().slot] = request
        self.observers[request.version].on_request(request)
        return self._wait()  # type: ignore[return-value]

    def _wait(self) -> object:
        """Let the parent continue: what runs the batch of a job, or the explorer."""
        parent = getcurrent().parent
        assert parent
        return parent.switch()

    def batch(self, jobs: Sequence[Job], limit: int) -> Iterator[Event]:
        """Run the jobs as greenlets, at most `limit` at once."""
        owner = _current().slot
        batch = (*owner, self._batches[owner])
        self._batches[owner] += 1
        if not owner:
            limit = min(limit, self._spec.parallel)
            # Publisher.after relies on it: which jobs have started must not depend on the order of responses.
            assert self._spec.depth == 0 or limit == 1 or limit >= len(jobs)
        waiting = deque(enumerate(jobs))
        in_flight: set[Slot] = set()
        failures: dict[Slot, BaseException] = {}
        events: list[Event] = []

        def work(slot: Slot, job: Job) -> None:
            try:
                job(events.append)
            except ReleaseError as error:
                failures[slot] = error
                self._failed.add(batch)

        while True:
            while waiting and len(in_flight) < limit and not failures:
                index, job = waiting.popleft()
                slot = (*batch, index)
                self._tasks[slot] = _Task(functools.partial(work, slot, job), slot)
                in_flight.add(slot)
                self._tasks[slot].switch()
                in_flight -= self._remove_ended(in_flight)
            yield from _drain(events)
            if not in_flight:
                break
            # The next line returns when one of the jobs sends its next request, or ends.
            self._wait()
            in_flight -= self._remove_ended(in_flight)
        if failures:
            raise failures[min(failures)]

    def _remove_ended(self, slots: set[Slot]) -> set[Slot]:
        ended = {slot for slot in slots if self._tasks[slot].dead}
        for slot in ended:
            del self._tasks[slot]
        return ended


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


class _Connection:
    """The core's Connection."""

    def __init__(self, registry: _Registry) -> None:
        self.registry = self.planning = registry

    def prepare(self) -> None:
        """Do nothing: the repository exists."""


class _Registry:
    """The core's Registry: the destination or a source. `repository` is that of version 0."""

    def __init__(self, run: Run, repository: int = DESTINATION) -> None:
        self._run = run
        self._repository = repository

    def _place(self, at: Coordinates) -> tuple[int, int]:
        """Return the repository and the version of a read."""
        version = version_of(at)
        return DESTINATION if self._repository == DESTINATION else self._repository + version, version

    def describe(self, at: Coordinates) -> VersionState:
        return _state(self._run.call(model.Describe(*self._place(at))))

    def list_assets(self, at: Coordinates) -> AssetListing:
        response = _raise_failure(self._run.call(model.ListAssets(*self._place(at))))
        assert isinstance(response, model.Listing)
        return AssetListing(response.revision, {name: _asset(name, content) for name, content in response.contents})

    def publish_asset(self, at: Coordinates, asset: Asset, body: BinaryIO, *, unfinished: bool) -> VersionState:
        content = body.read()
        if _asset(asset.name, content) != asset:
            self._run.observers[version_of(at)].broken = f"sent {asset.name} with different bytes than its hash says"
        return _state(self._run.call(model.Publish(asset.name, content, unfinished, version_of(at))))

    def set_status(self, at: Coordinates, *, revision: str, expected: Status, target: Status) -> VersionState:
        return _state(self._run.call(model.SetStatus(revision, expected, target, version_of(at))))

    def fetch_asset(self, at: Coordinates, asset: Asset, write: Callable[[bytes], object]) -> None:
        repository, version = self._place(at)
        response = _raise_failure(self._run.call(model.Fetch(repository, asset.name, version)))
        assert isinstance(response, model.Content)
        write(response.content)

    def copy(
        self, at: Coordinates, *, source_repository: str, revision: str, allow_overwrite: bool
    ) -> VersionState | None:
        version = version_of(at)
        repository = int(source_repository.removeprefix("source-")) - 1 + version
        response = _raise_failure(self._run.call(model.Copy(repository, revision, allow_overwrite, version)))
        return None if isinstance(response, model.Done) else _state(response)

    def list_versions(
        self, at: Coordinates, *, status: Status | None = None, page_size: int = MAX_PAGE_SIZE
    ) -> Iterator[VersionSummary]:
        """Return nothing: the core asks for other versions of the package, and there is only one."""
        return iter(())

    def delete(self, at: Coordinates, *, expected: Status) -> None:
        _raise_failure(self._run.call(model.Delete(expected, version_of(at))))

    def dispose(self, at: Coordinates, *, revision: str, expected: Status) -> VersionState:
        return _state(self._run.call(model.Dispose(revision, expected, version_of(at))))


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
