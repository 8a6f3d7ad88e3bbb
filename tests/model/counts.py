"""Counts what the simulation covered, and says so at the end: a green line alone does not tell how much was tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .explorer import Explored
    from .scenario import Scenario

KINDS = ("killed", "lost", "torn", "late", "stale", "deleted", "moved")

COUNTED = "simulation"
"""The property of a test's report that has its counts: reports come back from the processes that tests run in."""


def counts(scenario: Scenario, found: Explored) -> dict[str, Any]:
    """Return what one exploration covered, as a report can carry it."""
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


def summarize(terminalreporter: pytest.TerminalReporter) -> None:
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
