"""Two publishers of one version: every interleaving, with lost responses, stale reads and kills.

Every schedule within these bounds is explored: up to 3 assets each, and one fault. The fault is a lost response or a
stale read for the same bytes, and if the last asset differs. For other differences it is only the harder of the two;
`MODEL=all` explores both for three of them, three differences that only exchange the assets, and every pair of ways to
finalize. Kills: one with 3 assets of the same bytes, two with 2; one with 2 assets that differ. Beyond these bounds,
schedules are random.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pulumi_codeartifact_release.publishing import Finalize

from .core_variants import short_waits
from .declarations import ABC, EVERYTHING, LAST_ASSET, OTHERS, STATUS_UPDATE
from .explorer import Exploration
from .scenario import Scenario
from .spec import Spec

pytestmark = pytest.mark.slow

Holds = Callable[..., Exploration]
UNGUARDED = [(STATUS_UPDATE, LAST_ASSET)]
if EVERYTHING:
    UNGUARDED += [(LAST_ASSET, STATUS_UPDATE), (LAST_ASSET, LAST_ASSET)]
FAULTS = pytest.mark.parametrize("fault", ["lost", "stale"])

BOTH_FAULTS = {"the last asset differs"}
if EVERYTHING:
    BOTH_FAULTS |= {"the first asset differs", "the last asset is foreign"}
KINDS = [*OTHERS]
if not EVERYTHING:
    # The others differ from these in which of the assets it is.
    KINDS = ["the last asset differs", "two assets differ", "the first asset is foreign", "nothing is common"]


def _differences(otherwise: str) -> pytest.MarkDecorator:
    """Parametrize all differences, each with its faults; `otherwise` is the only fault of most."""
    faults = {kind: ("lost", "stale") if kind in BOTH_FAULTS else (otherwise,) for kind in KINDS}
    return pytest.mark.parametrize(("kind", "fault"), [(kind, fault) for kind in KINDS for fault in faults[kind]])


@FAULTS
@pytest.mark.parametrize(
    "finalize",
    [(STATUS_UPDATE, STATUS_UPDATE), (STATUS_UPDATE, LAST_ASSET), (LAST_ASSET, LAST_ASSET)],
    ids=lambda pair: " x ".join(map(str, pair)),
)
def test_two_publishers_of_the_same_bytes_both_succeed(
    holds: Holds, finalize: tuple[Finalize, Finalize], fault: str
) -> None:
    pair = (Spec(ABC, finalize[0]), Spec(ABC, finalize[1]))
    holds(Scenario(f"same bytes, {fault}", pair, wins=2, **{fault: 1}))  # type: ignore[arg-type]


@pytest.mark.parametrize("finalize", list(Finalize))
def test_uploads_of_a_killed_run_may_continue_during_the_next_run(holds: Holds, finalize: Finalize) -> None:
    # The killed run and the next one act as two publishers of the same bytes, and either is killed.
    holds(Scenario("orphan", (Spec(ABC[:2], finalize),) * 2, killed=2, wins=2), short_waits())
    holds(Scenario("orphan, 3 assets", (Spec(ABC, finalize),) * 2, killed=1, wins=2), short_waits())


@_differences("lost")
def test_of_two_publishers_of_different_bytes_at_most_one_succeeds(holds: Holds, kind: str, fault: str) -> None:
    one, other, wins = OTHERS[kind]
    pair = (Spec(one), Spec(other))
    holds(Scenario(f"{kind}, {fault}", pair, wins=wins, **{fault: 1}), short_waits())  # type: ignore[arg-type]


@_differences("stale")
@pytest.mark.parametrize("finalize", UNGUARDED, ids=" x ".join)
def test_last_asset_reports_success_only_for_the_declared_assets(
    holds: Holds, kind: str, finalize: tuple[Finalize, Finalize], fault: str
) -> None:
    """`finalize: last-asset` cannot prevent that two publishers publish a mixture, but must not report success."""
    one, other, _ = OTHERS[kind]
    pair = (Spec(one, finalize[0]), Spec(other, finalize[1]))
    holds(Scenario(f"{kind}, {fault}", pair, **{fault: 1}), short_waits())  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["the first asset differs", "the last asset differs", "two assets differ"])
def test_publishers_of_different_bytes_that_are_killed(holds: Holds, kind: str) -> None:
    one, other, wins = OTHERS[kind]
    holds(Scenario(f"{kind}, killed", (Spec(one[1:]), Spec(other[1:])), wins=wins, killed=1), short_waits())


@pytest.mark.parametrize("seed", range(4 if EVERYTHING else 2))
def test_random_schedules_of_three_publishers_and_many_faults(holds: Holds, seed: int) -> None:
    kinds = list(OTHERS.values())
    one, other, _ = kinds[seed]
    three = (Spec(one), Spec(other), Spec(one, parallel=2))
    holds(
        Scenario("three", three, lost=3, stale=4, killed=2, deletions=1),
        short_waits(),
        schedules=150 if EVERYTHING else 50,
        seed=seed,
    )
