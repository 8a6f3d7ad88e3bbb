"""kill -9 in a promotion: before, in and after its requests; the next run takes what is missing, and nothing else."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .conftest import Cli
from .proxy import AFTER, ANSWER, BEFORE, BODY, Proxy
from .stand import (
    DESTINATIONS,
    DEV,
    EVERYWHERE,
    PROMOTIONS,
    RELEASES,
    Registry,
    Run,
    assert_never_half,
    assert_promoted,
    contents_of,
    hashes_of,
    make_project,
    profiles,
    promotion,
)

FIVE = {**contents_of(4, 30_000, "promoted"), "large.bin": random.Random("large").randbytes(3_000_000)}
"""One of them is empty, and one is larger than what is kept in memory on its way."""

DOWNLOAD, UPLOAD, COPY, FINALIZE = "/version/asset?", "/version/publish?", "/versions/copy?", "/update_status?"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest, and none of the files: the machine that promotes does not have them."""
    return make_project(tmp_path_factory.mktemp("promotions") / "checkout", {}, PROMOTIONS)


def moments(requests: list[str]) -> Iterator[tuple[int, str]]:
    """Where to kill.

    A spread: of every kind of request each moment once, alone or side by side with others, and of the reads, which
    change nothing, the one before and the one after all writes. `KILLS=all` has every moment of every request.
    """
    seen = Counter[str]()
    for number, request in enumerate(requests, 1):
        kind = next((kind for kind in (DOWNLOAD, UPLOAD, COPY, FINALIZE) if kind in request), "")
        seen[kind] += 1
        chosen = {
            DOWNLOAD: {1: [ANSWER], 2: [AFTER]},
            UPLOAD: {1: [BEFORE, AFTER], 3: [BODY]},
            COPY: {1: [BEFORE, AFTER]},
            FINALIZE: {1: [BEFORE, AFTER]},
            "": {4: [AFTER], 5: [AFTER]},
        }[kind]
        few = chosen.get(seen[kind], [])
        yield from ((number, moment) for moment in ([BEFORE, BODY, ANSWER, AFTER] if EVERYWHERE else few))


class Killing:
    """Promotes through a proxy, and is killed there."""

    def __init__(
        self, environment: str, registry: Registry, cli: Cli, checkout: Path, proxy: Proxy, spool: Path
    ) -> None:
        self._environment, self._registry, self._cli, self._checkout = environment, registry, cli, checkout
        self._at = DESTINATIONS[environment]
        self._proxy = proxy
        self._spool = spool
        self._spool.mkdir()
        self._keys = profiles(spool, registry.server)

    @property
    def left_over(self) -> list[str]:
        """What is in the folder for temporary files: its keys apart, and what Python writes once to see that it can."""
        return [path.name for path in self._spool.iterdir() if path.name != "credentials" and path.stat().st_size > 4]

    def start(self, version: str, *, other: bool) -> Run:
        self._proxy.observe = lambda: assert_never_half(*self.held(version, published_only=True), FIVE)
        words = promotion(version, self._environment, self._proxy.url)
        return self._cli.start(
            self._checkout,
            self._registry.server,
            *words,
            other=other,
            AWS_SHARED_CREDENTIALS_FILE=self._keys,
            TMPDIR=str(self._spool),
        )

    def held(self, version: str, *, published_only: bool = False) -> tuple[str, dict[str, str]]:
        return self._registry.held(version, at=self._at, published_only=published_only)

    def undisturbed(self, version: str, *, other: bool) -> list[str]:
        """Promote to the end; returns the requests that it takes."""
        self._registry.publish(version, FIVE)
        self._proxy.reset()
        run = self.start(version, other=other)
        assert run.wait() == 0, run.said
        assert_promoted(self._registry, version, FIVE, self._at)
        return list(self._proxy.requests)

    def killed_at(self, version: str, number: int, moment: str, *, other: bool) -> None:
        self._registry.publish(version, FIVE)
        runs: list[Run] = []

        def kill() -> None:
            while not runs:
                time.sleep(0.001)
            runs[0].kill()

        self._proxy.arm(number, moment, kill)
        runs.append(self.start(version, other=other))
        assert runs[0].wait() == -9, f"{version}: {runs[0].said}"
        assert self.left_over == []
        self._proxy.reset()
        self.finished_by_the_next(version, other=other)

    def finished_by_the_next(self, version: str, *, other: bool) -> None:
        status, held = self.held(version)
        assert_never_half(status, held, FIVE)
        assert held.items() <= hashes_of(FIVE).items()
        missing = sorted(FIVE.keys() - held.keys())
        transfers = self._environment != "copied"
        again = self.start(version, other=other)
        assert again.wait() == 0, f"{version}: {again.said}"
        requests = list(self._proxy.requests)
        for kind in (DOWNLOAD, UPLOAD):
            assert sorted(assets_of(requests, kind)) == (missing if transfers else []), f"{version}: {kind}"
        assert_promoted(self._registry, version, FIVE, self._at)
        assert self._registry.held(version, at=DEV) == ("Published", hashes_of(FIVE))
        assert self._proxy.failures == []
        assert self.left_over == []


def assets_of(requests: list[str], kind: str) -> list[str]:
    return [request.split("asset=")[1].split("&")[0] for request in requests if kind in request]


@pytest.mark.timeout(600 if EVERYWHERE else 120)
def test_killed_at_a_request_the_next_run_takes_what_is_missing_and_publishes(
    registry: Registry, cli: Cli, tried: Counter[str], checkout: Path, tmp_path: Path
) -> None:
    """Copy and `last-asset` side by side with the transfer: each has a launcher and a proxy of its own."""

    def all_kills(environment: str, *, other: bool) -> int:
        count = 0
        with Proxy(registry.server.host, registry.server.port) as proxy:
            killing = Killing(environment, registry, cli, checkout, proxy, tmp_path / f"spool {environment}")
            requests = killing.undisturbed(f"kill-{environment}", other=other)
            assert len(assets_of(requests, DOWNLOAD)) == (0 if environment == "copied" else len(FIVE))
            # How it is sent is the same whichever way it is finished, so of `last-asset` the end is enough.
            begin = 0 if environment != "last-asset" or EVERYWHERE else len(requests) - 4
            for number, moment in moments(requests):
                if number > begin:
                    killing.killed_at(f"kill-{environment}-{number}-{moment}", number, moment, other=other)
                    count += 1
        return count

    with ThreadPoolExecutor(2) as pool:
        transferred = pool.submit(all_kills, "transferred", other=False)
        others = pool.submit(lambda: [all_kills(each, other=True) for each in ("copied", "last-asset")])
        tried["kills of a promotion at a request"] += transferred.result() + sum(others.result())


@pytest.mark.timeout(60)
def test_killed_at_random_times_again_and_again_it_converges(
    registry: Registry, cli: Cli, tried: Counter[str], checkout: Path, tmp_path: Path
) -> None:
    chance = random.Random("promotions")
    with Proxy(registry.server.host, registry.server.port) as proxy:
        killing = Killing("transferred", registry, cli, checkout, proxy, tmp_path / "spool")
        began = time.monotonic()
        killing.undisturbed("random-promotion", other=False)
        whole_run = time.monotonic() - began
        version = "random-promotion-1"
        registry.publish(version, FIVE)
        for _ in range(5):
            run = killing.start(version, other=False)
            time.sleep(chance.uniform(0.3, 0.8) * whole_run)
            run.kill()
            run.wait()
            assert killing.left_over == []
            # At once, while the server may still be busy with what the killed run had sent.
            assert_never_half(*registry.held(version, at=RELEASES), FIVE)
            tried["kills of a promotion at random times"] += run.code != 0
        proxy.reset()
        killing.finished_by_the_next(version, other=False)
