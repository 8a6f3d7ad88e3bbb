"""The quota: one for the process, never passed, nothing waits that need not."""

from __future__ import annotations

import threading

from pulumi_codeartifact_release.registry.pacing import AWS_RATES, Pacer


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def paced(clock: Clock, rate: float = 10.0) -> Pacer:
    return Pacer({"Publish": rate}, clock=clock, sleep=clock.sleep)


def test_a_burst_of_one_second_goes_at_once_and_the_rest_at_the_rate() -> None:
    clock = Clock()
    pacer = paced(clock)
    times = []
    for _ in range(150):
        pacer.wait("Publish")
        times.append(clock.now - 100)
    assert times[9] == 0
    assert abs(times[-1] - 14.0) < 1e-6
    # In no second that begins with a request are there more than the burst and one second's worth.
    assert all(sum(t <= other < t + 1 for other in times) <= 20 for t in times)


def test_what_was_not_used_for_a_while_is_a_full_burst_again_and_no_more() -> None:
    clock = Clock()
    pacer = paced(clock)
    for _ in range(10):
        pacer.wait("Publish")
    clock.now += 60
    start = clock.now
    for _ in range(10):
        pacer.wait("Publish")
    assert clock.now == start
    pacer.wait("Publish")
    assert clock.now > start


def test_operations_without_a_rate_never_wait() -> None:
    clock = Clock()
    pacer = paced(clock)
    for _ in range(1000):
        pacer.wait("Describe")
    assert clock.now == 100


def test_threads_share_one_quota() -> None:
    slept: list[float] = []
    pacer = Pacer({"Publish": 10.0}, clock=lambda: 0.0, sleep=slept.append)

    def ten() -> None:
        for _ in range(10):
            pacer.wait("Publish")

    threads = [threading.Thread(target=ten) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(slept) == 30
    assert abs(max(slept) - 3.0) < 1e-6


def test_the_rates_are_the_documented_quotas() -> None:
    assert AWS_RATES["PublishPackageVersion"] == 10
    assert AWS_RATES["CopyPackageVersions"] == 5
