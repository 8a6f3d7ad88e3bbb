"""Counts what the simulation covered, and says so at the end: a green line alone does not tell how much was tried."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterator

import pytest

from pulumi_codeartifact_release import errors

from .explorer import CORE, Explored, explore, wander
from .scenario import Scenario
from .spec import Core

KINDS = ("killed", "lost", "torn", "late", "stale", "deleted", "moved")

_FOUND = pytest.StashKey[list[tuple[Scenario, Explored]]]()


@pytest.fixture(autouse=True, scope="package")
def _in_less_time() -> Iterator[None]:
    """Collect garbage seldom, and make one message printable once.

    The many states that a search keeps are no garbage, and each collection visits all of them; its runs raise the same
    few errors ten thousands of times.
    """
    before = gc.get_threshold()
    gc.set_threshold(200_000, 20, 100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(errors, "printable", functools.lru_cache(10_000)(errors.printable))
        yield
    gc.set_threshold(*before)


@pytest.fixture
def holds(request: pytest.FixtureRequest) -> Callable[..., Explored]:
    """Explore a scenario, count it, and fail with the shortest schedule that breaks an invariant."""

    def check(scenario: Scenario, core: Core | None = None, *, schedules: int = 0, seed: int = 0) -> Explored:
        core = core or CORE
        found = wander(scenario, core, schedules=schedules, seed=seed) if schedules else explore(scenario, core)
        request.config.stash.setdefault(_FOUND, []).append((scenario, found))
        if found.violation:
            pytest.fail(f"{scenario.name}: {found.violation}", pytrace=False)
        return found

    return check


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the counts, and the bound within which they are all that there is."""
    explored = config.stash.get(_FOUND, [])
    for way, found in (
        ("exhaustive", [one for _, one in explored if one.exhaustive]),
        ("at random", [one for _, one in explored if not one.exhaustive]),
    ):
        if not found:
            continue
        kinds = {kind: sum(one.kinds[kind] for one in found) for kind in KINDS}
        terminalreporter.write_line(
            f"simulation, {way}: {len(found)} scenarios, {sum(one.schedules for one in found):,} schedules"
            + (f" in {sum(one.states for one in found):,} states" if way == "exhaustive" else "")
            + f"; steps: {sum(one.steps for one in found):,}, of these "
            + ", ".join(f"{number:,} {kind}" for kind, number in kinds.items())
            + f"; {sum(one.seconds for one in found):.0f} s"
        )
    if bound := _bound([scenario for scenario, one in explored if one.exhaustive]):
        terminalreporter.write_line(f"simulation, bound of the exhaustive: {bound}")


def _bound(scenarios: list[Scenario]) -> str:
    """Return how many faults were tried at once, at most, by the numbers of publishers, promotions and assets."""
    most: dict[tuple[int, int, int], int] = {}
    for it in scenarios:
        promotions = sum(spec.promotes for spec in it.publishers)
        size = promotions, len(it.publishers) - promotions, max(len(spec.contents) for spec in it.publishers)
        most[size] = max(most.get(size, 0), it.lost + it.stale + it.killed + it.deletions + it.moves)
    return "; ".join(
        " and ".join(_counted(number, what) for number, what in ((n, "publisher"), (m, "promotion")) if number)
        + f" of {_counted(assets, 'asset')}, {_counted(faults, 'fault')}"
        for (m, n, assets), faults in sorted(most.items())
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
