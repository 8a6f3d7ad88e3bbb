"""Two publishers of one version: every interleaving, with lost answers, stale reads and deaths at every place.

The bound, every schedule within it: 3 assets each without a fault, or 2 assets and one lost answer, stale read or
death, two deaths for the same bytes. `MODEL=all`: 3 assets and one fault. Where the first or the last asset differs or
the last is foreign, and for the same bytes, that is a lost answer as well as a stale read; for other differences the
one of the two that is harder on this way to finish. Beyond the bound: random schedules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pulumi_codeartifact_release.publishing import Finalize

from .core import impatient
from .declared import ABC, LAST, MODEL_ALL, MODEL_TEST, OTHERS, OTHERS_OF_TWO, RANDOM, STATUS_UPDATE
from .explorer import Explored
from .model import Contents
from .scenario import Scenario
from .spec import Spec

Holds = Callable[..., Explored]
Faults = Mapping[str, Any]
FAULTS = ("lost", "stale")
TELLING = ("the first asset differs", "the last asset differs", "the last asset is foreign")

Pair = tuple[Contents, Contents, int]


def _differences(otherwise: str) -> pytest.MarkDecorator:
    """Return pairs that differ, each with what goes wrong; of three assets `otherwise` is enough for some."""
    params = [pytest.param(pair, {}, id=kind) for kind, pair in OTHERS.items()]
    for kind, pair in OTHERS_OF_TWO.items():
        params += [pytest.param(pair, {fault: 1}, id=f"{kind}, {fault}", marks=MODEL_TEST) for fault in FAULTS]
    for kind, pair in OTHERS.items():
        for fault in FAULTS if kind in TELLING else (otherwise,):
            if kind not in OTHERS_OF_TWO or pair != OTHERS_OF_TWO[kind]:
                params.append(pytest.param(pair, {fault: 1}, id=f"{kind}, 3 assets, {fault}", marks=MODEL_ALL))
    return pytest.mark.parametrize(("pair", "faults"), params)


@pytest.mark.parametrize(
    ("assets", "faults"),
    [
        pytest.param(ABC, {}, id="3 assets"),
        *(pytest.param(ABC[:2], {fault: 1}, id=fault, marks=MODEL_TEST) for fault in FAULTS),
        *(pytest.param(ABC, {fault: 1}, id=f"3 assets, {fault}", marks=MODEL_ALL) for fault in FAULTS),
    ],
)
@pytest.mark.parametrize(
    "finalize",
    [(STATUS_UPDATE, STATUS_UPDATE), (STATUS_UPDATE, LAST), (LAST, LAST)],
    ids=lambda pair: " x ".join(map(str, pair)),
)
def test_of_the_same_bytes_both_succeed(
    holds: Holds, finalize: tuple[Finalize, Finalize], assets: Contents, faults: Faults
) -> None:
    pair = (Spec(assets, finalize[0]), Spec(assets, finalize[1]))
    holds(Scenario("same bytes", pair, wins=2, **faults))


@pytest.mark.parametrize(
    ("assets", "deaths"), [pytest.param(ABC[:2], 2, marks=MODEL_TEST), pytest.param(ABC, 1, marks=MODEL_ALL)]
)
@pytest.mark.parametrize("finalize", list(Finalize))
def test_the_orphan_of_a_killed_run_that_goes_on_uploading_beside_the_next_one(
    holds: Holds, finalize: Finalize, assets: Contents, deaths: int
) -> None:
    # The orphan and its successor are two publishers of the same bytes, and either of them dies in the middle.
    holds(Scenario("orphan", (Spec(assets, finalize),) * 2, killed=deaths, wins=2), impatient())


@_differences("lost")
def test_of_other_bytes_at_most_one_is_published_whole(holds: Holds, pair: Pair, faults: Faults) -> None:
    one, other, wins = pair
    holds(Scenario("other bytes", (Spec(one), Spec(other)), wins=wins, **faults), impatient())


@_differences("stale")
@pytest.mark.parametrize("finalize", [(STATUS_UPDATE, LAST), (LAST, STATUS_UPDATE), (LAST, LAST)], ids=" x ".join)
def test_unguarded_success_still_means_that_the_registry_holds_what_is_declared(
    holds: Holds, finalize: tuple[Finalize, Finalize], pair: Pair, faults: Faults
) -> None:
    """`finalize: last-asset` cannot keep a rival from publishing a mixture; it must not call that a success."""
    one, other, _ = pair
    holds(Scenario("unguarded", (Spec(one, finalize[0]), Spec(other, finalize[1])), **faults), impatient())


@pytest.mark.parametrize("kind", ["the first asset differs", "the last asset differs", "two assets differ"])
def test_of_other_bytes_with_a_death_in_the_middle(holds: Holds, kind: str) -> None:
    one, other, wins = OTHERS[kind]
    holds(Scenario(f"{kind}, killed", (Spec(one[1:]), Spec(other[1:])), wins=wins, killed=1), impatient())


@MODEL_TEST
@pytest.mark.parametrize("seed", range(4))
def test_random_schedules_of_three_publishers_and_many_faults(holds: Holds, seed: int) -> None:
    kinds = list(OTHERS.values())
    one, other, _ = kinds[seed]
    three = (Spec(one), Spec(other), Spec(one, parallel=2))
    holds(Scenario("three", three, lost=3, stale=4, killed=2, deletions=1), impatient(), schedules=RANDOM, seed=seed)
