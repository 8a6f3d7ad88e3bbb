"""What runs the steps of a release: threads in production, a test's own order in a simulation.

scheduler = ThreadScheduler()
for event in scheduler.run([job, job], limit=8):
    ...
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Protocol

from ..errors import InterruptedReleaseError
from .events import Event

Emit = Callable[[Event], None]
Job = Callable[[Emit], None]
"""One unit of work: at most one write to the registry. Reports events through the callable it is given."""


class Scheduler(Protocol):
    """Owns order, time and the decision to stop."""

    def run(self, jobs: Sequence[Job], *, limit: int) -> Iterator[Event]:
        """Run the jobs in order, at most `limit` at once, and yield their events as they come.

        The first failure keeps further jobs from starting, lets those under way end, and is raised then: of
        several, the one whose job comes first.
        """

    def checkpoint(self) -> None:
        """Raise InterruptedReleaseError if nothing more may be written. Called before every write."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


# How often events are taken, and it is judged whether more threads would help.
_TICK_S = 0.05
_FIRST_WORKERS = 2
_WORTH_A_THREAD_S = 0.01


class ThreadScheduler:
    """Threads and the real clock.

    `stop_reason` is asked at every checkpoint: a text stops the release there, None lets it go on. Asked from
    several threads.
    """

    def __init__(self, stop_reason: Callable[[], str | None] = lambda: None) -> None:
        self._stop_reason = stop_reason

    def checkpoint(self) -> None:
        """Raise InterruptedReleaseError if there is a reason to stop."""
        if reason := self._stop_reason():
            raise InterruptedReleaseError(
                f"stopped: {reason}", hint="What was sent stays Unfinished; run again and the rest is sent."
            )

    def sleep(self, seconds: float) -> None:
        """Wait, then look whether to stop."""
        time.sleep(seconds)
        self.checkpoint()

    def run(self, jobs: Sequence[Job], *, limit: int) -> Iterator[Event]:
        """See `Scheduler.run`. Closing the iterator waits for the jobs under way."""
        if not jobs:
            return
        events: deque[Event] = deque()
        todo = deque(enumerate(jobs))
        failures: dict[int, BaseException] = {}
        cancelled = threading.Event()

        def work() -> None:
            while not cancelled.is_set():
                try:
                    number, job = todo.popleft()
                except IndexError:
                    return
                try:
                    self.checkpoint()
                    job(events.append)
                except BaseException as error:  # noqa: BLE001 - raised below, where somebody sees it
                    failures[number] = error
                    cancelled.set()

        # One thread is not worth a pool, but the events must flow while it works all the same.
        with ThreadPoolExecutor(max_workers=min(limit, len(jobs)), thread_name_prefix="publish") as pool:
            try:
                workers = [pool.submit(work) for _ in range(min(_FIRST_WORKERS, limit, len(jobs)))]
                under_way: Collection[Future[None]] = workers
                while under_way:
                    before = len(todo)
                    # Looked at now and then: to be woken for each event would cost a good part of sending an asset.
                    _, under_way = wait(workers, timeout=_TICK_S)
                    while events:
                        yield events.popleft()
                    # What ends at once waits for this process, not for the network: more threads would make it slower.
                    if len(workers) * _TICK_S > _WORTH_A_THREAD_S * (before - len(todo)):
                        more = min(limit, len(todo) + len(workers), 2 * len(workers)) - len(workers)
                        workers += [pool.submit(work) for _ in range(more)]
            finally:
                cancelled.set()
        if failures:
            raise failures[min(failures)]
