"""Two publishers of one version: every interleaving, with lost answers, stale reads and deaths at every place.

The bound, every schedule within it: up to 3 assets each and one fault. Where the first or the last asset differs or the
last is foreign, and for the same bytes, that is a lost answer as well as a stale read; for other differences the one of
the two that is harder on this way to finish (every such search has all schedules without a fault, too). Deaths: one
with 3 assets of the same bytes, two with 2; one with 2 assets that differ. Beyond the bound: random schedules.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pulumi_codeartifact_release.publishing import Finalize

from .core import impatient
from .declared import ABC, LAST, OTHERS, STATUS_UPDATE
from .explorer import Explored
from .scenario import Scenario
from .spec import Spec

Holds = Callable[..., Explored]
FAULTS = pytest.mark.parametrize("fault", ["lost", "stale"])

TELLING = ("the first asset differs", "the last asset differs", "the last asset is foreign")


def _differences(otherwise: str) -> pytest.MarkDecorator:
    """Return all differences, each with the faults that it is tried with."""
    faults = {kind: ("lost", "stale") if kind in TELLING else (otherwise,) for kind in OTHERS}
    return pytest.mark.parametrize(("kind", "fault"), [(kind, fault) for kind in OTHERS for fault in faults[kind]])


@FAULTS
@pytest.mark.parametrize(
    "finalize",
    [(STATUS_UPDATE, STATUS_UPDATE), (STATUS_UPDATE, LAST), (LAST, LAST)],
    ids=lambda pair: " x ".join(map(str, pair)),
)
def test_of_the_same_bytes_both_succeed(holds: Holds, finalize: tuple[Finalize, Finalize], fault: str) -> None:
    pair = (Spec(ABC, finalize[0]), Spec(ABC, finalize[1]))
    holds(Scenario(f"same bytes, {fault}", pair, wins=2, **{fault: 1}))  # type: ignore[arg-type]


@pytest.mark.parametrize("finalize", list(Finalize))
def test_the_orphan_of_a_killed_run_that_goes_on_uploading_beside_the_next_one(
    holds: Holds, finalize: Finalize
) -> None:
    # The orphan and its successor are two publishers of the same bytes, and either of them dies in the middle.
    holds(Scenario("orphan", (Spec(ABC[:2], finalize),) * 2, killed=2, wins=2), impatient())
    holds(Scenario("orphan, 3 assets", (Spec(ABC, finalize),) * 2, killed=1, wins=2), impatient())


@_differences("lost")
def test_of_other_bytes_at_most_one_is_published_whole(holds: Holds, kind: str, fault: str) -> None:
    one, other, wins = OTHERS[kind]
    pair = (Spec(one), Spec(other))
    holds(Scenario(f"{kind}, {fault}", pair, wins=wins, **{fault: 1}), impatient())  # type: ignore[arg-type]


@_differences("stale")
@pytest.mark.parametrize("finalize", [(STATUS_UPDATE, LAST), (LAST, STATUS_UPDATE), (LAST, LAST)], ids=" x ".join)
def test_unguarded_success_still_means_that_the_registry_holds_what_is_declared(
    holds: Holds, kind: str, finalize: tuple[Finalize, Finalize], fault: str
) -> None:
    """`finalize: last-asset` cannot keep a rival from publishing a mixture; it must not call that a success."""
    one, other, _ = OTHERS[kind]
    pair = (Spec(one, finalize[0]), Spec(other, finalize[1]))
    holds(Scenario(f"{kind}, {fault}", pair, **{fault: 1}), impatient())  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["the first asset differs", "the last asset differs", "two assets differ"])
def test_of_other_bytes_with_a_death_in_the_middle(holds: Holds, kind: str) -> None:
    one, other, wins = OTHERS[kind]
    holds(Scenario(f"{kind}, killed", (Spec(one[1:]), Spec(other[1:])), wins=wins, killed=1), impatient())


@pytest.mark.parametrize("seed", range(4))
def test_random_schedules_of_three_publishers_and_many_faults(holds: Holds, seed: int) -> None:
    kinds = list(OTHERS.values())
    one, other, _ = kinds[seed]
    three = (Spec(one), Spec(other), Spec(one, parallel=2))
    holds(Scenario("three", three, lost=3, stale=4, killed=2, deletions=1), impatient(), schedules=150, seed=seed)
