"""The rate against servers with other quotas, latencies and rivals, in virtual time.

The server judges a request half of its latency after it was sent, by a token bucket. `least` is what the quota
allows: all requests less the burst, at the rate. Every bound is one on the mean of several runs.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import deque
from dataclasses import dataclass, field
from statistics import mean

import pytest

from pulumi_codeartifact_release.registry.backoff import Backoff
from pulumi_codeartifact_release.registry.rate_limiter import TokenBucket
from pulumi_codeartifact_release.registry.retries_and_concurrency import MAX_IN_FLIGHT

# What a client in Python needs of its processor for one request: one at a time.
_CPU_S = 0.003
_SEEDS = range(5)


@dataclass
class Server:
    rate: float
    burst: float
    latency: float
    refused: float = 0.0
    """The share of requests that are throttled at random."""
    seed: int = 0
    retry_after: int | None = 1
    tokens: float = field(init=False)
    refilled_at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.burst
        self.random = random.Random(self.seed)

    def half(self) -> float:
        return (self.latency * (1 + 0.3 * self.random.random()) + 0.001 * self.random.random()) / 2

    def accepts(self, now: float) -> bool:
        self.tokens = min(self.burst, self.tokens + (now - self.refilled_at) * self.rate)
        self.refilled_at = now
        if self.tokens < 1 or self.random.random() < self.refused:
            return False
        self.tokens -= 1
        return True


@dataclass(eq=False)
class Call:
    backoff: Backoff = field(default_factory=Backoff)
    sent_at: float = 0.0


@dataclass
class Client:
    """A process with threads, each of which retries one call until it is accepted."""

    bucket: TokenBucket
    left: int
    ready: deque[Call] = field(default_factory=deque)
    threads_busy: int = 0
    free_at: float = 0.0
    wakes_at: float = -1.0
    done: int = 0


@dataclass
class Result:
    seconds: float
    ratio: float
    throttled: int
    gave_up: int


def run(server: Server, requests: int = 150, *, limit: float | None = None, clients: int = 1) -> Result:
    random.seed(server.seed)
    events: list[tuple[float, int, str, Client, Call | None, bool]] = []
    number = itertools.count()

    def at(when: float, what: str, client: Client, call: Call | None = None, accepted: bool = False) -> None:
        heapq.heappush(events, (when, next(number), what, client, call, accepted))

    everyone = [Client(TokenBucket(limit) if limit else TokenBucket(), requests) for _ in range(clients)]
    for client in everyone:
        at(0.05 * server.random.random(), "wake", client)
    throttled = gave_up = 0
    last = 0.0
    while events:
        now, _, what, client, call, accepted = heapq.heappop(events)
        assert now < 20_000, "it has no end"
        if what == "judge":
            at(now + server.half(), "answer", client, call, server.accepts(now))
            continue
        if what == "answer" and call:
            last = now
            if accepted:
                client.bucket.accepted(now)
                client.done += 1
                client.threads_busy -= 1
            else:
                throttled += 1
                gave_up += call.backoff.exhausted
                client.bucket.throttled(call.sent_at, now)
                at(now + call.backoff.wait_time(server.retry_after), "again", client, call)
        elif what == "again" and call:
            client.ready.append(call)
        # The first request of a release is sent alone.
        while client.left and client.threads_busy < (MAX_IN_FLIGHT if client.done else 1):
            client.left -= 1
            client.threads_busy += 1
            client.ready.append(Call())
        while client.ready:
            wait = max(client.bucket.wait_time(now), client.free_at - now)
            if wait > 1e-9:
                if not now < client.wakes_at <= now + wait:
                    client.wakes_at = now + wait
                    at(client.wakes_at, "wake", client)
                break
            sent = client.ready.popleft()
            sent.sent_at, client.free_at = now, now + _CPU_S
            client.bucket.take()
            at(now + server.half(), "judge", client, sent)
    total = requests * clients
    assert sum(client.done for client in everyone) == total
    return Result(last, last / (max(total - server.burst, 1) / server.rate), throttled, gave_up)


@pytest.mark.parametrize("latency", [0.002, 0.05, 0.2])
@pytest.mark.parametrize("rate", [2.0, 5.0, 10.0, 50.0])
def test_a_known_quota_is_never_exceeded_and_used_up(rate: float, latency: float) -> None:
    results = [run(Server(rate, rate, latency, seed=seed), int(rate * 15), limit=rate) for seed in _SEEDS]
    assert max(result.throttled for result in results) == 0
    # With 200 ms latency, 16 in flight are the limit for 50 per second. The last response takes the latency.
    least = max((rate * 15 - rate) / rate, rate * 15 * latency * 1.2 / MAX_IN_FLIGHT)
    assert mean(result.seconds for result in results) <= 1.05 * least + 2 * latency


@pytest.mark.parametrize("rate", [2.0, 5.0, 10.0, 20.0, 50.0])
@pytest.mark.parametrize("latency", [0.002, 0.05, 0.2])
def test_an_unknown_quota_is_found(rate: float, latency: float) -> None:
    results = [run(Server(rate, rate, latency, seed=seed), max(150, int(rate * 10))) for seed in _SEEDS]
    assert mean(result.ratio for result in results) <= 1.3
    assert sum(result.gave_up for result in results) == 0


@pytest.mark.parametrize("limit", [None, 10.0], ids=["unknown", "known"])
@pytest.mark.parametrize("latency", [0.002, 0.05, 0.3])
@pytest.mark.parametrize("clients", [2, 4, 8])
def test_several_processes_share_a_quota_and_all_succeed(clients: int, latency: float, limit: float | None) -> None:
    results = [run(Server(10, 10, latency, seed=seed), 75, limit=limit, clients=clients) for seed in _SEEDS]
    assert mean(result.ratio for result in results) <= 1.3
    assert sum(result.gave_up for result in results) == 0


@pytest.mark.parametrize("limit", [None, 10.0], ids=["unknown", "known"])
@pytest.mark.parametrize("latency", [0.003, 0.05, 0.3, 1.0])
@pytest.mark.parametrize("retry_after", [None, 1])
def test_throttling_at_random_costs_little_more_than_a_minute(
    limit: float | None, latency: float, retry_after: int | None
) -> None:
    """150 requests, 30 % of them throttled."""
    servers = [Server(1e6, 1e6, latency, 0.3, seed, retry_after) for seed in range(8)]
    results = [run(server, limit=limit) for server in servers]
    assert mean(result.seconds for result in results) <= 90
    assert sum(result.gave_up for result in results) == 0


def test_slow_responses_are_awaited_in_parallel() -> None:
    """150 responses of one second each, without a limit and with the documented one."""
    assert run(Server(1e9, 1e9, 1.0)).seconds < (150 / MAX_IN_FLIGHT + 2) * 1.3
    assert run(Server(10, 10, 1.0), limit=10).seconds < 14 * 1.05 + 2.6


def test_one_full_quota_halves_the_rate_once_and_time_brings_it_back() -> None:
    bucket = TokenBucket(10.0)
    for _ in range(8):
        assert bucket.wait_time(0) == 0
        bucket.take()
    for _ in range(8):
        bucket.throttled(0.0, 0.1)
    assert bucket.rate == pytest.approx(5)
    bucket.wait_time(1.1)
    assert bucket.rate == pytest.approx(7)
    bucket.wait_time(60)
    assert bucket.rate == 10


def test_the_rate_never_falls_so_low_that_nothing_is_sent() -> None:
    bucket = TokenBucket()
    for attempt in range(1, 50):
        bucket.throttled(attempt / 10, attempt / 10)
    assert bucket.wait_time(5) <= 2
    slow = TokenBucket(0.1)
    slow.throttled(0, 0)
    assert slow.rate == pytest.approx(0.1)
