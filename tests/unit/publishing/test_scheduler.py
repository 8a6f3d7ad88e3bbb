"""Threads: limited, in order, and stopped by a failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from pulumi_codeartifact_release.errors import InterruptedReleaseError
from pulumi_codeartifact_release.publishing import AssetSent, Event, ThreadScheduler
from pulumi_codeartifact_release.publishing.scheduler import Emit, Job
from support.fakes import asset


def sent(number: int) -> AssetSent:
    return AssetSent(asset(f"asset-{number}", b"x"))


def job(number: int, work: Callable[[], None] = lambda: None) -> Job:
    def run(emit: Emit) -> None:
        work()
        emit(sent(number))

    return run


def test_every_job_runs_once_and_its_events_come_out() -> None:
    events = list(ThreadScheduler().run([job(number) for number in range(50)], limit=8))
    assert sorted(map(str, events)) == sorted(str(sent(number)) for number in range(50))


def test_no_more_jobs_than_the_limit_run_at_once() -> None:
    lock = threading.Lock()
    running, most = 0, 0
    full = threading.Barrier(3)

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        full.wait(timeout=10)
        with lock:
            running -= 1

    list(ThreadScheduler().run([job(number, work) for number in range(9)], limit=3))
    assert most == 3


def test_after_a_failure_no_job_starts_and_running_jobs_end() -> None:
    started: list[int] = []
    failed = threading.Event()

    def slow() -> None:
        started.append(0)
        assert failed.wait(timeout=10)

    def fail() -> None:
        started.append(1)
        failed.set()
        raise ValueError("first")

    def never() -> None:
        started.append(2)

    # Two at once: the third could start only when the failure is known.
    jobs = [job(0, slow), job(1, fail), *(job(2, never) for _ in range(20))]
    events: list[Event] = []
    with pytest.raises(ValueError, match="first"):
        events.extend(ThreadScheduler().run(jobs, limit=2))
    assert started[:2] in ([0, 1], [1, 0])
    assert 2 not in started


def test_a_reason_to_stop_is_raised_at_the_next_checkpoint() -> None:
    scheduler = ThreadScheduler(lambda: "the engine is gone")
    with pytest.raises(InterruptedReleaseError, match="stopped: the engine is gone") as caught:
        list(scheduler.run([job(1)], limit=1))
    assert caught.value.exit_code == 130


def test_closing_the_events_keeps_further_jobs_from_starting() -> None:
    started: list[int] = []

    def work(number: int) -> None:
        started.append(number)
        time.sleep(0.005)

    jobs = [job(number, lambda number=number: work(number)) for number in range(200)]  # type: ignore[misc]
    events = ThreadScheduler().run(jobs, limit=1)
    next(iter(events))
    events.close()  # type: ignore[attr-defined]
    assert len(started) < 200
