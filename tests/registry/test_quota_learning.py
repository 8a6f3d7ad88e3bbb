"""The learner against servers with other rates, bursts, latencies and rivals, in virtual time.

The server judges a request half of its latency after it was sent, as a bucket of tokens. `least` is what the quota
allows: all requests less the burst, at the rate.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from dataclasses import dataclass, field

import pytest

from pulumi_codeartifact_release.registry.quota_learning import MOST_IN_FLIGHT, Outcome, Quota, Sent

# What a client needs of its processor for one request: one at a time.
_CPU_S = 0.003


@dataclass
class Server:
    rate: float
    burst: float
    latency: float
    refused: float = 0.0
    """The share that is throttled for no reason of ours."""
    seed: int = 1
    tokens: float = field(init=False)
    counted: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.burst
        self.random = random.Random(self.seed)

    def half(self) -> float:
        return (self.latency * (1 + 0.3 * self.random.random()) + 0.001 * self.random.random()) / 2

    def accepts(self, now: float) -> bool:
        self.tokens = min(self.burst, self.tokens + (now - self.counted) * self.rate)
        self.counted = now
        if self.tokens < 1 or self.random.random() < self.refused:
            return False
        self.tokens -= 1
        return True


@dataclass
class Client:
    quota: Quota
    left: int
    under_way: int = 0
    free_at: float = 0.0
    woken_at: float = -1.0
    done: int = 0
    most: int = 0


@dataclass
class Result:
    seconds: float
    ratio: float
    throttled: int
    share: float
    most_under_way: int
    rate: float | None


def run(server: Server, requests: int = 150, *, ceiling: float | None = None, clients: int = 1) -> Result:
    events: list[tuple[float, int, str, int, Sent | None, bool]] = []
    number = itertools.count()

    def at(when: float, what: str, client: int, sent: Sent | None = None, accepted: bool = False) -> None:
        heapq.heappush(events, (when, next(number), what, client, sent, accepted))

    all_clients = [Client(Quota(ceiling), requests) for _ in range(clients)]
    for index in range(clients):
        at(0.05 * server.random.random() if clients > 1 else 0.0, "try", index)
    throttled, first, last = 0, math.inf, 0.0
    while events:
        now, _number, what, index, sent, accepted = heapq.heappop(events)
        assert now < 20_000, "it has no end"
        client = all_clients[index]
        if what == "judge":
            at(now + server.half(), "answer", index, sent, server.accepts(now))
            continue
        if what == "answer":
            assert sent
            client.under_way -= 1
            client.done += accepted
            client.left += not accepted
            throttled += not accepted
            last = now
            if accepted:
                client.quota.answered(sent, now, Outcome.ACCEPTED)
            else:
                client.quota.answered(sent, now, Outcome.THROTTLED)
        # The first of a release goes alone.
        while client.left and client.under_way < (16 if client.done else 1):
            wait = max(client.quota.delay(now), client.free_at - now)
            if wait > 1e-9:
                if math.isfinite(wait) and not now < client.woken_at <= now + wait:
                    client.woken_at = now + wait
                    at(client.woken_at, "try", index)
                break
            first = min(first, now)
            client.left -= 1
            client.under_way += 1
            client.most = max(client.most, client.under_way)
            client.free_at = now + _CPU_S
            at(client.free_at + server.half(), "judge", index, client.quota.sent(now))
    total = requests * clients
    assert sum(client.done for client in all_clients) == total
    least = max(total - server.burst, 0) / server.rate
    return Result(
        last - first,
        (last - first) / least if least else math.inf,
        throttled,
        throttled / total,
        max(client.most for client in all_clients),
        all_clients[0].quota.rate,
    )


@pytest.mark.parametrize("latency", [0.0, 0.002, 0.01, 0.03, 0.05])
def test_the_documented_quota_where_nobody_told_it(latency: float) -> None:
    for seed in range(3):
        result = run(Server(10, 10, latency, seed=seed))
        assert result.ratio <= 1.05
        assert result.throttled <= 2


@pytest.mark.parametrize("latency", [0.0, 0.002, 0.05, 0.2])
@pytest.mark.parametrize("rate", [1.0, 2.5, 10.0, 50.0, 100.0])
def test_a_quota_that_is_known_is_never_passed(rate: float, latency: float) -> None:
    result = run(Server(rate, rate, latency), int(rate * 15), ceiling=rate)
    assert result.throttled == 0
    # A bucket of one gains nothing while the answer is on its way; and more than so many are never under way.
    assert result.ratio <= max(1.05 + 1.3 * latency / min(rate, 1.3), 1.25 * rate * latency * 1.3 / MOST_IN_FLIGHT)


@pytest.mark.parametrize("rate", [5, 7, 20, 25, 50, 100])
def test_other_quotas_near_by(rate: float) -> None:
    """The burst is one second's worth, as with all that is known of AWS."""
    result = run(Server(rate, rate, 0.002), max(150, int(rate * 10)))
    assert result.ratio <= 1.1
    assert result.share <= 0.05


@pytest.mark.parametrize("rate", [2, 5, 7, 10, 20, 50])
@pytest.mark.parametrize("latency", [0.05, 0.2])
def test_other_quotas_far_away(rate: float, latency: float) -> None:
    """What is under way when the quota is full is lost: more than near by, and bounded."""
    result = run(Server(rate, rate, latency), max(150, int(rate * 15)))
    assert result.ratio <= 1.25
    assert result.share <= 0.2


@pytest.mark.parametrize("latency", [0.002, 0.05])
@pytest.mark.parametrize(
    ("rate", "burst", "worst"), [(10, 1, 4.0), (10, 100, 1.4), (50, 10, 2.5), (200, 20, 2.5), (3, 30, 1.2)]
)
def test_a_wrong_first_guess_is_recovered_from(rate: float, burst: float, worst: float, latency: float) -> None:
    """Bursts of a tenth of a second's worth to ten seconds' worth: the longer it takes, the less the guess matters."""
    result = run(Server(rate, burst, latency), max(400, int(rate * 15)))
    assert result.ratio <= worst
    assert result.share <= 0.35


@pytest.mark.parametrize("ceiling", [None, 10.0], ids=["unknown", "known"])
@pytest.mark.parametrize("clients", [2, 4, 8])
def test_several_processes_share_a_quota(clients: int, ceiling: float | None) -> None:
    """No run of it is like another: bounds for each, and tighter ones for their mean."""
    results = [
        run(Server(10, 10, latency, seed=seed), ceiling=ceiling, clients=clients)
        for latency in (0.002, 0.05)
        for seed in range(1 if clients == 8 else 2)
    ]
    assert max(result.ratio for result in results) <= 1.6
    assert sum(result.ratio for result in results) / len(results) <= 1.25
    assert sum(result.share for result in results) / len(results) <= (0.25 if clients == 8 else 0.13)


@pytest.mark.parametrize("latency", [0.003, 0.02, 0.05, 0.1, 0.3])
@pytest.mark.parametrize("refused", [0.05, 0.15, 0.3])
def test_throttling_that_has_nothing_to_do_with_the_rate_hardly_slows_down(refused: float, latency: float) -> None:
    """150 requests, near by and far away: taken for a quota of one a second, or less, they would take minutes."""
    took = sorted(run(Server(1e6, 1e6, latency, refused=refused, seed=seed)).seconds for seed in range(8))
    assert took[4] <= 40
    assert took[-1] <= 100


@pytest.mark.parametrize("latency", [0.003, 0.05, 0.3])
def test_nor_does_it_below_a_quota_that_is_known(latency: float) -> None:
    """At 10 a second 150 requests of which 30 % are throttled take 21 seconds."""
    took = sorted(run(Server(1e6, 1e6, latency, refused=0.3, seed=seed), ceiling=10).seconds for seed in range(8))
    assert took[4] <= 45
    assert took[-1] <= 120


@pytest.mark.parametrize("latency", [0.003, 0.05])
def test_half_of_all_throttled_for_no_reason_ends_all_the_same(latency: float) -> None:
    took = sorted(run(Server(1e6, 1e6, latency, refused=0.5, seed=seed)).seconds for seed in range(8))
    assert took[4] <= 120
    assert took[-1] <= 240


@pytest.mark.parametrize("latency", [0.003, 0.03])
def test_every_fourth_that_is_throttled_is_no_quota(latency: float) -> None:
    class EveryFourth(Server):
        asked = 0

        def accepts(self, now: float) -> bool:
            self.asked += 1
            return self.asked % 4 != 0

    result = run(EveryFourth(1, 1, latency))
    assert result.seconds < 2
    assert result.rate is None


def test_without_a_limit_as_many_are_under_way_as_help() -> None:
    near, far = run(Server(1e9, 1e9, 0.001)), run(Server(1e9, 1e9, 0.1))
    assert near.most_under_way <= 3
    assert far.most_under_way == MOST_IN_FLIGHT
    assert near.rate is far.rate is None
    # Eight at once without any care: 150 / 8 rounds.
    assert far.seconds < 150 / 8 * 0.115


def test_large_bodies_do_not_wait_for_each_other_s_answers() -> None:
    """Ten seconds each: what is no burst is held back by nothing but the number of connections."""
    quota, now, begun = Quota(None), 0.0, 0
    while begun < MOST_IN_FLIGHT:
        now += max(quota.delay(now), 1e-6)
        quota.sent(now)
        begun += 1
    assert now < 2
    assert quota.delay(now) == math.inf
