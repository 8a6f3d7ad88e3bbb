"""Runs the jobs of a release: in threads in production, in a fixed order in tests.

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
Job = Callable[[Emit], object]
"""One unit of work. Reports events through its parameter."""


class Scheduler(Protocol):
    """Controls order, time, and when to stop."""

    def run(self, jobs: Sequence[Job], *, limit: int) -> Iterator[Event]:
        """Start the jobs in order, at most `limit` at once, and yield their events as they come.

        After a failure no further job starts. The running jobs end, and then the failure of the earliest job is raised.
        """

    def checkpoint(self) -> None:
        """Raise InterruptedReleaseError if the release must stop. Called before every write."""

    def begin_commit(self) -> None:
        """Let the release continue to its end: from now on no checkpoint raises."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


# How often events are yielded, and the number of threads is adjusted.
_TICK_S = 0.05
_FIRST_WORKERS = 2
_MIN_JOB_S = 0.01


class ThreadScheduler:
    """Threads and the real clock.

    Every checkpoint calls `stop_reason`, from several threads: a text stops the release, None lets it continue.
    """

    def __init__(self, stop_reason: Callable[[], str | None] = lambda: None) -> None:
        self._stop_reason = stop_reason

    def checkpoint(self) -> None:
        """Raise InterruptedReleaseError if there is a reason to stop."""
        if reason := self._stop_reason():
            raise InterruptedReleaseError(
                f"stopped: {reason}", hint="What was sent stays Unfinished. Run again to send the rest."
            )

    def begin_commit(self) -> None:
        """Ignore every reason to stop from now on."""
        self._stop_reason = lambda: None

    def sleep(self, seconds: float) -> None:
        """Wait, then do a checkpoint."""
        time.sleep(seconds)
        self.checkpoint()

    def run(self, jobs: Sequence[Job], *, limit: int) -> Iterator[Event]:
        """See `Scheduler.run`. Closing the iterator waits for the running jobs."""
        if not jobs:
            return
        events: deque[Event] = deque()
        pending = deque(enumerate(jobs))
        failures: dict[int, BaseException] = {}
        cancelled = threading.Event()

        def work() -> None:
            while not cancelled.is_set():
                try:
                    number, job = pending.popleft()
                except IndexError:
                    return
                try:
                    self.checkpoint()
                    job(events.append)
                except BaseException as error:  # noqa: BLE001 - raised below, in the caller's thread
                    failures[number] = error
                    cancelled.set()

        # Also for a single job: its events must be yielded while it runs.
        with ThreadPoolExecutor(max_workers=min(limit, len(jobs)), thread_name_prefix="publish") as pool:
            try:
                workers = [pool.submit(work) for _ in range(min(_FIRST_WORKERS, limit, len(jobs)))]
                running: Collection[Future[None]] = workers
                while running:
                    before = len(pending)
                    # Polling: a wake-up for every event would take a noticeable part of the time of an upload.
                    _, running = wait(workers, timeout=_TICK_S)
                    while events:
                        yield events.popleft()
                    # Jobs that end this fast wait for this process, not for the network. More threads would slow it.
                    if len(workers) * _TICK_S > _MIN_JOB_S * (before - len(pending)):
                        more = min(limit, len(pending) + len(workers), 2 * len(workers)) - len(workers)
                        workers += [pool.submit(work) for _ in range(more)]
            finally:
                cancelled.set()
        if failures:
            raise failures[min(failures)]
