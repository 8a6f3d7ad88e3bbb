"""Settings of all simulations, and the fixture that explores a scenario."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterator

import pytest

from pulumi_codeartifact_release import errors

from .counts import COUNTS_PROPERTY, counts
from .explorer import CORE, Exploration, explore, explore_random
from .scenario import Scenario
from .spec import Core


@pytest.fixture(autouse=True, scope="package")
def _in_less_time() -> Iterator[None]:
    """Collect garbage rarely, and cache `printable`.

    A search keeps its many states, and each collection visits all of them. Its runs raise the same few errors tens of
    thousands of times.
    """
    before = gc.get_threshold()
    gc.set_threshold(200_000, 20, 100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(errors, "printable", functools.lru_cache(10_000)(errors.printable))
        yield
    gc.set_threshold(*before)


@pytest.fixture
def holds(request: pytest.FixtureRequest) -> Callable[..., Exploration]:
    """Explore a scenario, count it, and fail with the shortest schedule that breaks an invariant."""

    def check(scenario: Scenario, core: Core | None = None, *, schedules: int = 0, seed: int = 0) -> Exploration:
        core = core or CORE
        result = (
            explore_random(scenario, core, schedules=schedules, seed=seed) if schedules else explore(scenario, core)
        )
        request.node.user_properties.append((COUNTS_PROPERTY, counts(scenario, result)))
        if result.violation:
            pytest.fail(f"{scenario.name}: {result.violation}", pytrace=False)
        return result

    return check
