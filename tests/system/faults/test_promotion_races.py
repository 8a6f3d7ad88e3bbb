"""Several promotions of one version, and a publisher of different bytes, at the same time in separate processes."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.embedded import Gate

from .conftest import Cli
from .stand import (
    DESTINATIONS,
    EVERYWHERE,
    PROMOTIONS,
    RELEASES,
    STAGING,
    Contents,
    Launcher,
    Place,
    Registry,
    Run,
    assert_never_half,
    assert_promoted,
    contents_of,
    environ_of,
    make_project,
    profiles,
    promotion,
)

ROUNDS = 2


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("promotions") / "checkout", {}, PROMOTIONS)


@pytest.fixture(scope="module")
def four(launchers: tuple[Launcher, Launcher]) -> Iterator[tuple[Launcher, ...]]:
    """As many command lines at once."""
    with Launcher() as third, Launcher() as fourth:
        yield (*launchers, third, fourth)


def stored_bytes(registry: Registry, place: Place) -> int:
    """What a domain holds; it keeps one copy of equal contents."""
    return registry.client.describe_domain(domain=place.domain)["domain"]["assetSizeBytes"]


@pytest.mark.parametrize("processes", [2, 4] if EVERYWHERE else [4])
@pytest.mark.parametrize("environment", ["copied", "transferred"])
def test_promotions_of_the_same_version_all_succeed_and_leave_one_copy(
    environment: str,
    processes: int,
    registry: Registry,
    four: tuple[Launcher, ...],
    checkout: Path,
    tried: Counter[str],
    version: str,
    tmp_path: Path,
) -> None:
    chance = random.Random(f"{environment} {processes}")
    place = DESTINATIONS[environment]
    keys = profiles(tmp_path, registry.server)
    for number in range(ROUNDS - processes // 4):
        name = f"{version}-{number}"
        contents = contents_of(5, 20_000, name)
        registry.publish(name, contents)
        before = stored_bytes(registry, place)
        runs: list[Run] = []
        for at, launcher in enumerate(four[:processes]):
            words = promotion(name, environment, registry.server.url)
            environ = environ_of(registry.server, tmp_path / "cache", AWS_SHARED_CREDENTIALS_FILE=keys)
            runs.append(launcher.start(checkout, environ, *words, output=tmp_path / f"{number}-{at}"))
            time.sleep(chance.choice([0, chance.random() / 10]))
        assert [run.wait() for run in runs] == [0] * processes, "\n".join(run.said for run in runs)
        assert not any("Traceback" in run.err for run in runs)
        assert_promoted(registry, name, contents, place)
        size = sum(map(len, contents.values()))
        assert stored_bytes(registry, place) - before == (0 if environment == "copied" else size)
        tried["races of promotions"] += 1


def rival_of(contents: Contents, kind: str) -> Contents:
    if kind == "all":
        return {name: b"other " + content for name, content in contents.items()}
    return {**contents, max(contents): b"other"}


@pytest.mark.parametrize("kind", ["all", "the last"])
@pytest.mark.parametrize("environment", ["copied", "transferred"])
def test_of_a_promotion_and_a_publisher_of_other_bytes_at_most_one_is_published_whole(
    environment: str, kind: str, registry: Registry, cli: Cli, tried: Counter[str], version: str, tmp_path: Path
) -> None:
    chance = random.Random(f"{environment} {kind}")
    place = DESTINATIONS[environment]
    contents = contents_of(5, 3000, f"{environment} {kind}")
    rival = rival_of(contents, kind)
    project = make_project(tmp_path / "rival", rival, PROMOTIONS + DIRECT)
    keys = profiles(tmp_path, registry.server)
    for number in range(ROUNDS):
        name = f"{version}-{number}"
        registry.publish(name, contents)
        words = promotion(name, environment, registry.server.url)
        promoter = cli.start(project, registry.server, *words, AWS_SHARED_CREDENTIALS_FILE=keys)
        time.sleep(chance.choice([0, 0, chance.random() / 10]))
        direct = promotion(name, f"direct-{place.repository}", registry.server.url)
        publisher = cli.start(project, registry.server, *direct, other=True, AWS_SHARED_CREDENTIALS_FILE=keys)
        codes = promoter.wait(), publisher.wait()
        said = f"{promoter.said}\n{publisher.said}"
        assert "Traceback" not in said
        status, held = registry.held(name, at=place)
        assert_never_half(status, held, contents, rival)
        if status == "Published":
            assert sorted(codes) == [0, 4], said
            assert_promoted(registry, name, (contents, rival)[codes.index(0)], place)
        else:
            # Each has put something in the other's way, and says so.
            assert codes == (4, 4), said
        assert registry.downloaded(name, place).keys() <= contents.keys()
        tried["races of a promotion and different bytes"] += 1


def test_what_a_rival_adds_between_the_comparison_and_the_last_call_is_not_published(
    registry: Registry, checkout: Path, cli: Cli, tried: Counter[str], version: str, tmp_path: Path
) -> None:
    contents = contents_of(5, 3000, "added")
    registry.publish(version, contents)
    rivals = iter([{"extra.bin": b"a rival's"}])

    with Gate(registry.server) as gate:

        def compared(path: str) -> None:
            if "/version/assets?" in path and RELEASES.repository in path and gate.uploads == len(contents):
                for rival in rivals:
                    registry.publish(version, rival, at=RELEASES, unfinished=True)

        gate.after = compared
        words = promotion(version, "transferred", gate.url)
        keys = profiles(tmp_path, registry.server)
        run = cli.run(checkout, registry.server, *words, AWS_SHARED_CREDENTIALS_FILE=keys)
    assert run.code == 4, run.said
    assert "error[leftover-assets]" in run.err
    assert "extra.bin" in run.err
    status, held = registry.held(version, at=RELEASES)
    assert (status, len(held)) == ("Unfinished", 6)
    tried["races of a promotion and different bytes"] += 1


DIRECT = "".join(
    f"""\
  direct-{place.repository}: {{domain: {place.domain}, repository: {place.repository}, endpoint: "${{to}}"}}
"""
    for place in (STAGING, RELEASES)
)
