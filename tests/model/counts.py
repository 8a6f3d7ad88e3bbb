"""Counts what the simulation covered, and prints it at the end: a passed test does not say how much was tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .explorer import Exploration
    from .scenario import Scenario

KINDS = ("killed", "lost", "torn", "late", "stale", "deleted", "moved")

COUNTS_PROPERTY = "simulation"
"""The property of a test's report with its counts. Reports come back from the processes that run the tests."""


def counts(scenario: Scenario, result: Exploration) -> dict[str, Any]:
    """Return what one exploration covered, as JSON values for a report."""
    promotions = sum(spec.promotes for spec in scenario.publishers)
    members = max(len(spec.versions) - 1 for spec in scenario.publishers)
    assets = max(len(one.contents) for spec in scenario.publishers for one in spec.versions.values())
    return {
        "exhaustive": result.exhaustive,
        "schedules": result.schedules,
        "states": result.states,
        "steps": result.steps,
        "seconds": result.seconds,
        "kinds": {kind: result.kinds[kind] for kind in KINDS},
        "size": [promotions, len(scenario.publishers) - promotions, members, assets],
        "faults": scenario.lost + scenario.stale + scenario.killed + scenario.deletions + scenario.outside_changes,
    }


def summarize(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the counts, and the bounds within which the search was exhaustive."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    explored = [
        counts
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, counts in report.user_properties
        if name == COUNTS_PROPERTY
    ]
    for way, results in (
        ("exhaustive", [item for item in explored if item["exhaustive"]]),
        ("at random", [item for item in explored if not item["exhaustive"]]),
    ):
        if not results:
            continue
        total = {name: sum(item[name] for item in results) for name in ("schedules", "states", "steps", "seconds")}
        kinds = {kind: sum(item["kinds"][kind] for item in results) for kind in KINDS}
        terminalreporter.write_line(
            f"simulation, {way}: {len(results)} scenarios, {total['schedules']:,} schedules"
            + (f" in {total['states']:,} states" if way == "exhaustive" else "")
            + f"; steps: {total['steps']:,}, of these "
            + ", ".join(f"{number:,} {kind}" for kind, number in kinds.items())
            + f"; {total['seconds']:.0f} s"
        )
    if bound := _bound([item for item in explored if item["exhaustive"]]):
        terminalreporter.write_line(f"simulation, bound of the exhaustive: {bound}")


def _bound(explored: list[dict[str, Any]]) -> str:
    """Return the maximum number of faults in one schedule, by the numbers of publishers, promotions and assets."""
    bounds: dict[tuple[int, ...], int] = {}
    for item in explored:
        size = tuple(item["size"])
        bounds[size] = max(bounds.get(size, 0), item["faults"])
    return "; ".join(
        " and ".join(_count_text(number, what) for number, what in ((n, "publisher"), (m, "promotion")) if number)
        + (f" of {_count_text(members, 'member')}" if members else "")
        + f" of {_count_text(assets, 'asset')}, {_count_text(faults, 'fault')}"
        for (m, n, members, assets), faults in sorted(bounds.items())
    )


def _count_text(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
