"""Two publishers of one version at the same moment, each a process of its own."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import pytest

from .conftest import Cli, apply_words
from .stand import (
    EVERYWHERE,
    LAST_ASSET,
    SEVEN,
    STATUS_UPDATE,
    Contents,
    Registry,
    assert_never_half,
    assert_published,
    make_project,
)

# The simulation has every interleaving of two publishers.
ROUNDS = 8 if EVERYWHERE else 3


def race(
    cli: Cli, registry: Registry, one: Path, other: Path, version: str, environment: str, head_start: float
) -> Codes:
    first = cli.start(one, registry.server, *apply_words(version, environment))
    time.sleep(head_start)
    second = cli.start(other, registry.server, *apply_words(version, environment), other=True)
    codes = first.wait(), second.wait()
    for run in (first, second):
        assert "Traceback" not in run.err, run.said
    return Codes(codes, f"{first.said}\n{second.said}")


class Codes(tuple[int, int]):
    """The exit codes of both, and what both said."""

    said: str

    def __new__(cls, codes: tuple[int, int], said: str) -> Codes:
        made = super().__new__(cls, codes)
        made.said = said
        return made


@pytest.mark.parametrize("finalize", [STATUS_UPDATE, LAST_ASSET])
def test_publishers_of_the_same_bytes_both_succeed(
    finalize: str, registry: Registry, seven: Path, cli: Cli, tried: Counter[str], version: str
) -> None:
    chance = random.Random(f"same {finalize}")
    for number in range(ROUNDS):
        codes = race(
            cli, registry, seven, seven, f"{version}-{number}", finalize, chance.choice([0, chance.random() / 5])
        )
        assert codes == (0, 0), codes.said
        assert_published(registry, f"{version}-{number}", SEVEN)
        tried["races of the same bytes"] += 1


def all_differ() -> Contents:
    return {name: b"other " + content for name, content in SEVEN.items()}


def the_last_differs() -> Contents:
    return {**SEVEN, max(SEVEN): b"other"}


def another_set() -> Contents:
    return {**{name: content for name, content in SEVEN.items() if name != max(SEVEN)}, "extra.bin": b"extra"}


@pytest.mark.timeout(90)
@pytest.mark.parametrize("rival", [all_differ(), the_last_differs(), another_set()], ids=["all", "the last", "names"])
def test_of_publishers_of_different_bytes_at_most_one_set_is_published_whole(
    rival: Contents, registry: Registry, seven: Path, cli: Cli, tried: Counter[str], version: str, tmp_path: Path
) -> None:
    other = make_project(tmp_path / "rival", rival)
    chance = random.Random(f"different {sorted(rival)}")
    for number in range(ROUNDS):
        name = f"{version}-{number}"
        codes = race(cli, registry, seven, other, name, STATUS_UPDATE, chance.choice([0, 0, chance.random() / 5]))
        status, held = registry.held(name)
        assert_never_half(status, held, SEVEN, rival)
        if status == "Published":
            assert sorted(codes) == [0, 4], codes.said
            assert_published(registry, name, (SEVEN, rival)[codes.index(0)])
            assert "conflict" in codes.said or "leftover-assets" in codes.said
        else:
            # Each has put something in the other's way: both say so, and nobody sees a mixture.
            assert codes == (4, 4), codes.said
            assert codes.said.count("[leftover-assets]") == 2, codes.said
        tried["races of different bytes"] += 1


def test_a_publisher_beside_one_that_is_killed_converges(
    registry: Registry, seven: Path, cli: Cli, tried: Counter[str], version: str
) -> None:
    chance = random.Random("beside")
    for number in range(ROUNDS):
        name = f"{version}-{number}"
        finalize = (STATUS_UPDATE, LAST_ASSET)[number % 2]
        killed = cli.start(seven, registry.server, *apply_words(name, finalize))
        survivor = cli.start(seven, registry.server, *apply_words(name, finalize), other=True)
        time.sleep(chance.uniform(0.2, 0.5))
        killed.kill()
        killed.wait()
        assert survivor.wait() == 0, survivor.said
        assert_published(registry, name, SEVEN)
        tried["kills of one of two"] += 1
