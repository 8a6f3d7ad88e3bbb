"""One publisher: dead at every step, answers lost, reads stale. It ends, and what it publishes is whole.

The bound, every schedule within it, with either way to finish:
- up to 4 assets: two deaths at any two steps; one lost answer; one stale read; one death and one lost answer
- up to 3 assets: one death, one lost answer and one stale read; two lost answers; two stale reads; an operator's
  deletion and one fault of any kind; two deletions by an operator
- 2 assets declared Unlisted or Archived: one death, one lost answer and one stale read
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pulumi_codeartifact_release.publishing import Finalize
from pulumi_codeartifact_release.registry import Status

from .core import impatient
from .declared import ABC, ABCD
from .explorer import Explored
from .model import Contents
from .scenario import Scenario
from .spec import Spec

Holds = Callable[..., Explored]
FINALIZE = pytest.mark.parametrize("finalize", list(Finalize))
ASSETS = pytest.mark.parametrize("declared", [ABCD[:count] for count in (1, 2, 3, 4)], ids=len)


@FINALIZE
@ASSETS
def test_killed_at_any_step_and_once_more_in_the_next_run_it_still_ends_whole(
    holds: Holds, finalize: Finalize, declared: Contents
) -> None:
    found = holds(Scenario("killed twice", (Spec(declared, finalize),), killed=2, wins=1))
    # Every state of a run is a crash point: before each request, and after each with its answer on the way.
    assert found.kinds["killed"] > 2 * len(declared)
    assert found.kinds["late"]


@FINALIZE
@ASSETS
def test_a_lost_answer_and_a_stale_read_are_settled_within_the_run(
    holds: Holds, finalize: Finalize, declared: Contents
) -> None:
    core = impatient() if len(declared) > 2 else None
    # Of four assets one of the two at a time: together they would take longer than all else here.
    for faults in [{"lost": 1, "stale": 1}] if len(declared) < 4 else [{"lost": 1}, {"stale": 1}]:
        holds(Scenario("lost and stale", (Spec(declared, finalize),), wins=1, lasting=True, **faults), core)  # type: ignore[arg-type]


@FINALIZE
def test_two_lost_answers_and_two_stale_reads_are_settled_within_the_run(holds: Holds, finalize: Finalize) -> None:
    holds(Scenario("lost twice", (Spec(ABC, finalize),), lost=2, wins=1, lasting=True))
    holds(Scenario("stale twice", (Spec(ABC, finalize),), stale=2, wins=1, lasting=True))


@FINALIZE
@pytest.mark.parametrize("declared", [ABCD[:count] for count in (1, 2, 3)], ids=len)
def test_killed_with_answers_lost_and_reads_stale_it_still_ends_whole(
    holds: Holds, finalize: Finalize, declared: Contents
) -> None:
    holds(Scenario("killed, lost, stale", (Spec(declared, finalize),), killed=1, lost=1, stale=1, wins=1), impatient())


@FINALIZE
def test_the_order_of_parallel_uploads_does_not_matter(holds: Holds, finalize: Finalize) -> None:
    for parallel in (1, 2):
        holds(Scenario("parallel", (Spec(ABCD, finalize, parallel=parallel),), killed=1, lost=1, wins=1), impatient())


@FINALIZE
@pytest.mark.parametrize("status", [Status.UNLISTED, Status.ARCHIVED])
def test_a_version_declared_unlisted_or_archived_gets_there(holds: Holds, finalize: Finalize, status: Status) -> None:
    holds(Scenario("status", (Spec(ABC[:2], finalize, status),), killed=1, lost=1, stale=1, wins=1), impatient())


@pytest.mark.parametrize("fault", ["lost", "stale", "killed"])
def test_an_operator_who_deletes_the_unfinished_version_in_the_middle_delays_it(holds: Holds, fault: str) -> None:
    # Guarded only: a last asset that follows the deletion publishes what is left, which the service cannot prevent.
    one = Spec(ABC)
    holds(Scenario(f"deleted, {fault}", (one,), deletions=1, wins=1, **{fault: 1}), impatient())  # type: ignore[arg-type]


def test_an_operator_who_deletes_twice_delays_it_twice(holds: Holds) -> None:
    holds(Scenario("deleted twice", (Spec(ABC),), deletions=2, wins=1), impatient())
