"""Counts what the simulation covered, and says so at the end: a green line alone does not tell how much was tried."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pulumi_codeartifact_release import errors

from .explorer import CORE, Explored, explore, wander
from .scenario import Scenario
from .spec import Core

KINDS = ("killed", "lost", "torn", "late", "stale", "deleted", "moved")

COUNTED = "simulation"
"""The property of a test's report that has its counts: reports come back from the processes that tests run in."""


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
        request.node.user_properties.append((COUNTED, _counts(scenario, found)))
        if found.violation:
            pytest.fail(f"{scenario.name}: {found.violation}", pytrace=False)
        return found

    return check


def _counts(scenario: Scenario, found: Explored) -> dict[str, Any]:
    promotions = sum(spec.promotes for spec in scenario.publishers)
    assets = max(len(spec.contents) for spec in scenario.publishers)
    return {
        "exhaustive": found.exhaustive,
        "schedules": found.schedules,
        "states": found.states,
        "steps": found.steps,
        "seconds": found.seconds,
        "kinds": {kind: found.kinds[kind] for kind in KINDS},
        "size": [promotions, len(scenario.publishers) - promotions, assets],
        "faults": scenario.lost + scenario.stale + scenario.killed + scenario.deletions + scenario.moves,
    }


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the counts, and the bound within which they are all that there is."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    explored = [
        counts
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, counts in report.user_properties
        if name == COUNTED
    ]
    for way, found in (
        ("exhaustive", [one for one in explored if one["exhaustive"]]),
        ("at random", [one for one in explored if not one["exhaustive"]]),
    ):
        if not found:
            continue
        total = {name: sum(one[name] for one in found) for name in ("schedules", "states", "steps", "seconds")}
        kinds = {kind: sum(one["kinds"][kind] for one in found) for kind in KINDS}
        terminalreporter.write_line(
            f"simulation, {way}: {len(found)} scenarios, {total['schedules']:,} schedules"
            + (f" in {total['states']:,} states" if way == "exhaustive" else "")
            + f"; steps: {total['steps']:,}, of these "
            + ", ".join(f"{number:,} {kind}" for kind, number in kinds.items())
            + f"; {total['seconds']:.0f} s"
        )
    if bound := _bound([one for one in explored if one["exhaustive"]]):
        terminalreporter.write_line(f"simulation, bound of the exhaustive: {bound}")


def _bound(explored: list[dict[str, Any]]) -> str:
    """Return how many faults were tried at once, at most, by the numbers of publishers, promotions and assets."""
    most: dict[tuple[int, ...], int] = {}
    for one in explored:
        size = tuple(one["size"])
        most[size] = max(most.get(size, 0), one["faults"])
    return "; ".join(
        " and ".join(_counted(number, what) for number, what in ((n, "publisher"), (m, "promotion")) if number)
        + f" of {_counted(assets, 'asset')}, {_counted(faults, 'fault')}"
        for (m, n, assets), faults in sorted(most.items())
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
