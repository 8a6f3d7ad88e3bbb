"""What every simulation runs in, and the fixture that explores a scenario."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterator

import pytest

from pulumi_codeartifact_release import errors

from .counts import COUNTED, counts
from .explorer import CORE, Explored, explore, wander
from .scenario import Scenario
from .spec import Core


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
        request.node.user_properties.append((COUNTED, counts(scenario, found)))
        if found.violation:
            pytest.fail(f"{scenario.name}: {found.violation}", pytrace=False)
        return found

    return check
