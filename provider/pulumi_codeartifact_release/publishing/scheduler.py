"""What runs the steps of a release: threads in production, a test's own order in a simulation.

scheduler = ThreadScheduler()
for event in scheduler.run([job, job], limit=8):
    ...
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
        events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        cancelled = threading.Event()

        def work(job: Job) -> None:
            try:
                if not cancelled.is_set():
                    self.checkpoint()
                    job(events.put)
            except BaseException:
                cancelled.set()
                raise

        # One thread is not worth a pool, but the events must flow while it works all the same.
        with ThreadPoolExecutor(max_workers=min(limit, len(jobs)), thread_name_prefix="publish") as pool:
            futures: list[Future[None]] = []
            try:
                futures = [pool.submit(work, job) for job in jobs]
                for future in futures:
                    future.add_done_callback(lambda _future: events.put(None))
                done = 0
                while done < len(jobs):
                    event = events.get()
                    if event is None:
                        done += 1
                    else:
                        yield event
            finally:
                cancelled.set()
            for future in futures:
                future.result()
