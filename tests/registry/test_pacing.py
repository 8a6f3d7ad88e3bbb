"""The quota: one for the process, never passed, whoever waits gets a turn, nothing waits that need not."""

from __future__ import annotations

import threading
import time

import pytest

from pulumi_codeartifact_release.registry.pacing import AWS_RATES, Pacer
from pulumi_codeartifact_release.registry.quota_learning import MOST_IN_FLIGHT, Outcome
from pulumi_codeartifact_release.registry.turns import Turns


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def paced(clock: Clock, rate: float = 10.0) -> Pacer:
    return Pacer({"Publish": rate}, clock=clock, sleep=clock.sleep)


def once(pacer: Pacer, operation: str = "Publish") -> None:
    turn = pacer.turn(operation, "a release")
    turn.begin()
    turn.end(Outcome.ACCEPTED)


def test_a_burst_of_one_second_goes_at_once_and_the_rest_at_the_rate() -> None:
    clock = Clock()
    pacer = paced(clock)
    times = []
    for _ in range(150):
        once(pacer)
        times.append(clock.now - 100)
    assert times[9] == 0
    assert abs(times[-1] - 14.0) < 1e-3
    # In no second that begins with a request are there more than the burst and one second's worth.
    assert all(sum(t <= other < t + 1 for other in times) <= 20 for t in times)


def test_what_was_not_used_for_a_while_is_a_full_burst_again_and_no_more() -> None:
    clock = Clock()
    pacer = paced(clock)
    for _ in range(10):
        once(pacer)
    clock.now += 60
    start = clock.now
    for _ in range(10):
        once(pacer)
    assert clock.now == start
    assert pacer.owed("Publish") > 0
    once(pacer)
    assert clock.now > start


def test_operations_without_a_rate_never_wait() -> None:
    clock = Clock()
    pacer = paced(clock)
    for _ in range(1000):
        once(pacer, "Describe")
    assert clock.now == 100
    assert pacer.rate("Describe") is None


def test_the_rates_are_the_documented_quotas() -> None:
    assert AWS_RATES["PublishPackageVersion"] == 10
    assert AWS_RATES["CopyPackageVersions"] == 5


def test_a_small_release_has_its_turn_at_once_behind_a_large_one() -> None:
    turns = Turns()
    large = [turns.join("large") for _ in range(100)]
    small = turns.join("small")
    order = []
    while place := turns.first:
        order.append(place)
        turns.leave(place)
    assert order == [large[0], small, *large[1:]]


def test_one_that_gives_up_takes_nobody_s_turn() -> None:
    turns = Turns()
    one, other, third = turns.join("a"), turns.join("a"), turns.join("b")
    turns.leave(other)
    assert turns.first is one
    turns.leave(one)
    assert (turns.first, len(turns)) == (third, 1)


def test_threads_share_one_quota_and_releases_take_turns() -> None:
    """One token each 20 ms: of the 30 that wait for it, the release of one is not the last."""
    pacer = Pacer({"Publish": 50.0})
    for _ in range(50):
        once(pacer)
    order: list[str] = []

    def send(release: str) -> None:
        turn = pacer.turn("Publish", release)
        turn.begin()
        order.append(release)
        turn.end(Outcome.ACCEPTED)

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


def test_what_is_under_way_is_bounded_and_an_answer_lets_the_next_go() -> None:
    pacer = Pacer({})
    begun = threading.Semaphore(0)
    finish = threading.Event()
    at_once, most = 0, 0
    lock = threading.Lock()

    def send() -> None:
        nonlocal at_once, most
        turn = pacer.turn("Publish", "a release")
        turn.begin()
        with lock:
            at_once += 1
            most = max(most, at_once)
        begun.release()
        finish.wait(5)
        with lock:
            at_once -= 1
        turn.end(Outcome.ACCEPTED)

    for _ in range(60):
        once(pacer)
    threads = [threading.Thread(target=send) for _ in range(40)]
    for thread in threads:
        thread.start()
    assert begun.acquire(timeout=5)
    finish.set()
    for thread in threads:
        thread.join(5)
    assert not any(thread.is_alive() for thread in threads)
    assert 1 <= most <= MOST_IN_FLIGHT


def test_a_wait_ends_soon_where_there_is_a_reason_to_stop() -> None:
    pacer = Pacer({"Publish": 0.05})
    turn = pacer.turn("Publish", "a release")
    turn.begin()
    turn.end(Outcome.THROTTLED)
    stop = False

    def checkpoint() -> None:
        if stop:
            raise InterruptedError

    ended: list[float] = []

    def wait() -> None:
        with pytest.raises(InterruptedError):
            pacer.turn("Publish", "a release", checkpoint).begin()
        ended.append(time.monotonic())

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.1)
    stop, asked = True, time.monotonic()
    thread.join(5)
    assert ended[0] - asked < 1
    # And it stands in nobody's way.
    assert pacer.owed("Publish") > 15
    assert pacer._bucket("Publish").turns.first is None


def test_a_request_without_an_answer_is_under_way_no_more() -> None:
    clock = Clock()
    pacer = Pacer({}, clock=clock, sleep=clock.sleep)
    for _ in range(100):
        turn = pacer.turn("Publish", "a release")
        turn.begin()
        turn.end()
    assert clock.now == 100
