"""kill -9: at the requests of a release, before, in and after them, and at any time; the next run finishes."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.embedded import Package, opened

from .conftest import Cli, apply_words
from .proxy import AFTER, BEFORE, BODY, Proxy
from .stand import (
    EVERYWHERE,
    LAST_ASSET,
    SEVEN,
    STATUS_UPDATE,
    Contents,
    Registry,
    Run,
    assert_never_half,
    assert_published,
    contents_of,
    hashes_of,
    make_project,
)


def observer(registry: Registry, version: str, contents: Contents) -> Callable[[], None]:
    return lambda: assert_never_half(*registry.held(version, published_only=True), contents)


def moments(requests: list[str], finalize: str) -> Iterator[tuple[int, str]]:
    """Where to kill.

    A spread: the first upload, which goes alone, one beside others, the last look, and the last call. How it is sent is
    the same whichever way it is finished, so for `last-asset` the end is enough. `KILLS=all` has every moment of every
    request.
    """
    uploads = [number for number, request in enumerate(requests, 1) if "version/publish" in request]
    last = len(requests)
    sending = {uploads[0]: [BODY], uploads[3]: [AFTER]}
    ending = {max(uploads): [BODY], last - 1: [AFTER], last: [BEFORE, AFTER]}
    few = ending if finalize == LAST_ASSET else {**sending, **ending}
    for number in range(1, last + 1):
        every = [BEFORE, BODY, AFTER] if number in uploads else [BEFORE, AFTER]
        yield from ((number, moment) for moment in (every if EVERYWHERE else few.get(number, [])))


@pytest.mark.timeout(120)
def test_killed_at_a_request_the_next_run_sends_what_is_missing_and_publishes(
    registry: Registry, seven: Path, cli: Cli, tried: Counter[str]
) -> None:
    """Both ways to finish, side by side: each has a launcher and a proxy of its own."""

    def all_kills(finalize: str, *, other: bool) -> int:
        with Proxy(registry.server.host, registry.server.port) as proxy:

            def release(version: str) -> Run:
                words = apply_words(version, finalize)
                return cli.start(seven, registry.server, *words, url=proxy.url, other=other)

            first = release(f"{finalize}-0")
            assert first.wait() == 0, first.said
            requests = list(proxy.requests)
            count = 0
            for number, moment in moments(requests, finalize):
                killed_at(proxy, f"{finalize}-{number}-{moment}", release, number, moment)
                count += 1
            assert len(requests) >= 11
            return count

    def killed_at(proxy: Proxy, version: str, release: Callable[[str], Run], number: int, moment: str) -> None:
        runs: list[Run] = []

        def kill() -> None:
            while not runs:
                time.sleep(0.001)
            runs[0].kill()

        proxy.observe = observer(registry, version, SEVEN)
        proxy.arm(number, moment, kill)
        runs.append(release(version))
        assert runs[0].wait() == -9, f"{version}: {runs[0].said}"
        proxy.reset()
        status, held = registry.held(version)
        assert_never_half(status, held, SEVEN)
        assert held.items() <= hashes_of(SEVEN).items()
        since = len(registry.journal.entries)
        again = release(version)
        assert again.wait() == 0, f"{version}: {again.said}"
        proxy.reset()
        missing = SEVEN.keys() - held.keys()
        assert sorted(registry.journal.accepted(version, since)) == sorted(missing), version
        assert_published(registry, version, SEVEN)
        assert proxy.failures == []

    with ThreadPoolExecutor(2) as pool:
        guarded = pool.submit(all_kills, STATUS_UPDATE, other=False)
        last_asset = pool.submit(all_kills, LAST_ASSET, other=True)
        tried["kills at a request"] += guarded.result() + last_asset.result()


LARGER = contents_of(7, 300_000, "larger")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("finalize", [STATUS_UPDATE, LAST_ASSET])
def test_killed_at_random_times_again_and_again_it_converges(
    finalize: str, registry: Registry, cli: Cli, tried: Counter[str], tmp_path: Path
) -> None:
    project = make_project(tmp_path / "project", LARGER)
    chance = random.Random(f"kills {finalize}")
    kills = versions = 0
    began = time.monotonic()
    assert cli.apply(project, registry.server, f"random-{finalize}", finalize).code == 0
    whole_run = time.monotonic() - began
    with Proxy(registry.server.host, registry.server.port) as proxy:
        while kills < (20 if EVERYWHERE else 6):
            versions += 1
            version = f"random-{finalize}-{versions}"
            proxy.observe = observer(registry, version, LARGER)
            for _ in range(20):
                run = cli.start(project, registry.server, *apply_words(version, finalize), url=proxy.url)
                time.sleep(chance.uniform(0.1, 1.0) * whole_run)
                run.kill()
                assert run.wait() in (0, -9), run.said
                kills += run.code != 0
                # At once, while the server may still be busy with what the killed run had sent.
                assert_never_half(*registry.held(version), LARGER)
                if run.code == 0:
                    break
            else:
                last = cli.start(project, registry.server, *apply_words(version, finalize), url=proxy.url)
                assert last.wait() == 0, last.said
            proxy.reset()
            assert_published(registry, version, LARGER)
            assert proxy.failures == []
    tried["kills at random times"] += kills


@pytest.mark.timeout(90)
def test_killed_together_with_its_embedded_registry_it_converges(
    registry: Registry, cli: Cli, tried: Counter[str], tmp_path: Path
) -> None:
    """`endpoint: file:` runs the registry inside the process: SIGKILL ends both in the middle of what they do."""
    project = make_project(tmp_path / "project", LARGER)
    chance = random.Random("embedded")
    began = time.monotonic()
    assert cli.apply(project, registry.server, "0", "embedded").code == 0
    whole_run = time.monotonic() - began
    kills = 0
    with opened(project / ".registry") as client:
        package = Package(client)
        for number in range(1, 6 if EVERYWHERE else 3):
            version = str(number)
            for _ in range(3):
                run = cli.start(project, registry.server, *apply_words(version, "embedded"))
                time.sleep(chance.uniform(0.3, 0.95) * whole_run)
                run.kill()
                if run.wait() == -9:
                    kills += 1
                else:
                    # The first run was slower: the machine was busy.
                    whole_run *= 0.7
                assert_whole(package, version)
            last = cli.apply(project, registry.server, version, "embedded")
            assert last.code == 0, last.said
            assert package.statuses()[version] == "Published"
            assert_whole(package, version)
    assert kills >= number
    tried["kills of client and registry together"] += kills


def assert_whole(package: Package, version: str) -> None:
    if package.statuses().get(version) == "Published":
        assert package.contents(version) == LARGER
