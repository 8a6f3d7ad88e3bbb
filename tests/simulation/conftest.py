"""Counts what the simulation covered, and says so at the end: a green line alone does not tell how much was tried."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .explorer import CORE, Explored, Scenario, explore, wander
from .publisher import Apply

_FOUND = pytest.StashKey[list[Explored]]()


@pytest.fixture
def holds(request: pytest.FixtureRequest) -> Callable[..., Explored]:
    """Explore a scenario, count it, and fail with the shortest schedule that breaks an invariant."""

    def check(scenario: Scenario, core: Apply | None = None, *, schedules: int = 0, seed: int = 0) -> Explored:
        core = core or CORE
        found = wander(scenario, core, schedules=schedules, seed=seed) if schedules else explore(scenario, core)
        request.config.stash.setdefault(_FOUND, []).append(found)
        if found.violation:
            pytest.fail(f"{scenario.name}: {found.violation}", pytrace=False)
        return found

    return check


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the counts."""
    for way, found in (
        ("exhaustive", [one for one in config.stash.get(_FOUND, []) if one.exhaustive]),
        ("at random", [one for one in config.stash.get(_FOUND, []) if not one.exhaustive]),
    ):
        if not found:
            continue
        kinds = {kind: sum(one.kinds[kind] for one in found) for kind in ("killed", "lost", "late", "stale", "deleted")}
        terminalreporter.write_line(
            f"simulation, {way}: {len(found)} scenarios, {sum(one.schedules for one in found):,} schedules"
            + (f" in {sum(one.states for one in found):,} states" if way == "exhaustive" else "")
            + f"; steps: {sum(one.steps for one in found):,}, of these "
            + ", ".join(f"{number:,} {kind}" for kind, number in kinds.items())
            + f"; {sum(one.seconds for one in found):.0f} s"
        )
