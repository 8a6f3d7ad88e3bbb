"""One rate limit per process: never exceeded, fair between releases, no unnecessary waits."""

from __future__ import annotations

import threading
import time

import pytest

from pulumi_codeartifact_release.registry.fair_queue import FairQueue
from pulumi_codeartifact_release.registry.rate_limiter import RateLimiter
from pulumi_codeartifact_release.registry.retries_and_concurrency import AWS_RATES, MAX_IN_FLIGHT


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def limited(clock: Clock, rate: float = 10.0) -> RateLimiter:
    return RateLimiter({"Publish": rate}, clock=clock, sleep=clock.sleep)


def once(limiter: RateLimiter, operation: str = "Publish") -> None:
    permit = limiter.permit(operation, "a release")
    permit.acquire()
    permit.release()


def test_a_burst_starts_at_once_and_the_rest_at_the_rate() -> None:
    clock = Clock()
    limiter = limited(clock)
    times = []
    for _ in range(150):
        once(limiter)
        times.append(clock.now - 100)
    assert times[7] == 0
    assert abs(times[-1] - 14.2) < 1e-3
    # No second that starts with a request has more than the burst and one second's worth.
    assert all(sum(t <= other < t + 1 for other in times) <= 20 for t in times)


def test_after_a_pause_there_is_one_full_burst() -> None:
    clock = Clock()
    limiter = limited(clock)
    for _ in range(8):
        once(limiter)
    clock.now += 60
    start = clock.now
    for _ in range(8):
        once(limiter)
    assert clock.now == start
    assert limiter.wait_time("Publish") > 0
    once(limiter)
    assert clock.now > start


def test_requests_that_are_sent_again_count_against_the_rate() -> None:
    clock = Clock()
    limiter = limited(clock)
    permit = limiter.permit("Publish", "a release")
    for _ in range(150):
        permit.acquire()
    assert clock.now >= 100 + 14


def test_a_throttled_response_slows_down_every_release() -> None:
    clock = Clock()
    limiter = RateLimiter({}, clock=clock, sleep=clock.sleep)
    for _ in range(4):
        once(limiter)
    assert limiter.wait_time("Publish") == 0
    permit = limiter.permit("Publish", "a release")
    permit.acquire()
    permit.release(throttled=True)
    assert limiter.wait_time("Publish") == pytest.approx(1 / 2)
    assert limiter.wait_time("Describe") == 0
    limiter.permit("Publish", "another release").acquire()
    assert clock.now >= 100.25


def test_operations_without_a_rate_never_wait() -> None:
    clock = Clock()
    limiter = limited(clock)
    for _ in range(1000):
        once(limiter, "Describe")
    assert clock.now == 100
    assert limiter.wait_time("Describe") == 0


def test_the_rates_are_the_documented_quotas() -> None:
    assert AWS_RATES["PublishPackageVersion"] == 10
    assert AWS_RATES["CopyPackageVersions"] == 5
    # The members of a bundle become Published as fast as the account may write, and no faster.
    assert AWS_RATES["UpdatePackageVersionsStatus"] == 100


def test_a_small_release_does_not_wait_for_a_large_one() -> None:
    queue = FairQueue()
    large = [queue.join("large") for _ in range(100)]
    small = queue.join("small")
    order = []
    while waiter := queue.first:
        order.append(waiter)
        queue.leave(waiter)
    assert order == [large[0], small, *large[1:]]


def test_a_waiter_that_leaves_takes_no_turn() -> None:
    queue = FairQueue()
    one, other, third = queue.join("a"), queue.join("a"), queue.join("b")
    queue.leave(other)
    assert queue.first is one
    queue.leave(one)
    assert (queue.first, len(queue)) == (third, 1)


def test_threads_share_one_quota_and_releases_take_turns() -> None:
    """One token per 20 ms and 30 waiters: a release with one request is not the last."""
    limiter = RateLimiter({"Publish": 50.0})
    for _ in range(50):
        once(limiter)
    order: list[str] = []

    def send(release: str) -> None:
        permit = limiter.permit("Publish", release)
        permit.acquire()
        order.append(release)
        permit.release()

    began = time.monotonic()
    threads = [threading.Thread(target=send, args=("large",)) for _ in range(30)]
    for thread in threads:
        thread.start()
    small = threading.Thread(target=send, args=("small",))
    small.start()
    for thread in (*threads, small):
        thread.join()
    assert time.monotonic() - began >= 30 / 50 - 0.1
    assert len(order) == 31
    assert order.index("small") < 25


def test_requests_in_flight_are_limited_and_a_response_frees_a_slot() -> None:
    limiter = RateLimiter({})
    begun = threading.Semaphore(0)
    finish = threading.Event()
    at_once, most = 0, 0
    lock = threading.Lock()

    def send() -> None:
        nonlocal at_once, most
        permit = limiter.permit("Publish", "a release")
        permit.acquire()
        with lock:
            at_once += 1
            most = max(most, at_once)
        begun.release()
        finish.wait(5)
        with lock:
            at_once -= 1
        permit.release()

    for _ in range(60):
        once(limiter)
    threads = [threading.Thread(target=send) for _ in range(40)]
    for thread in threads:
        thread.start()
    assert begun.acquire(timeout=5)
    finish.set()
    for thread in threads:
        thread.join(5)
    assert not any(thread.is_alive() for thread in threads)
    assert 1 <= most <= MAX_IN_FLIGHT


def test_a_wait_ends_soon_if_there_is_a_reason_to_stop() -> None:
    limiter = RateLimiter({"Publish": 0.05})
    permit = limiter.permit("Publish", "a release")
    permit.acquire()
    permit.release(throttled=True)
    stop = False

    def checkpoint() -> None:
        if stop:
            raise InterruptedError

    ended: list[float] = []

    def wait() -> None:
        with pytest.raises(InterruptedError):
            limiter.permit("Publish", "a release", checkpoint).acquire()
        ended.append(time.monotonic())

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.1)
    stop, asked = True, time.monotonic()
    thread.join(5)
    assert ended[0] - asked < 1
    # And it blocks no other waiter.
    assert limiter.wait_time("Publish") > 15
    assert limiter._state("Publish").queue.first is None


def test_a_request_without_a_response_is_in_flight_no_more() -> None:
    clock = Clock()
    limiter = RateLimiter({}, clock=clock, sleep=clock.sleep)
    for _ in range(MAX_IN_FLIGHT * 2):
        once(limiter)
    assert clock.now == 100


def test_a_stopped_waiter_does_not_block_others() -> None:
    clock = Clock()
    limiter = limited(clock, 1.0)
    once(limiter)

    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        limiter.permit("Publish", "a release", stop).acquire()
    began = clock.now
    limiter.permit("Publish", "another release").acquire()
    assert clock.now - began <= 1
