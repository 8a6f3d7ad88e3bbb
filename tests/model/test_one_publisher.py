"""One publisher: killed at every step, with lost responses and stale reads. It ends with a complete version.

Every schedule within these bounds is explored, with both values of `finalize`:
- up to 4 assets: two kills at any two steps; one lost response; one stale read; one kill and one lost response
- up to 3 assets: one kill, one lost response and one stale read; two lost responses; two stale reads; an operator's
  deletion and one fault of any kind; two deletions by an operator
- 2 assets declared Unlisted or Archived: one kill, one lost response and one stale read
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pulumi_codeartifact_release.publishing import Finalize
from pulumi_codeartifact_release.registry import Status

from .core_variants import short_waits
from .declarations import ABC, ABCD
from .explorer import Exploration
from .model import Contents
from .scenario import Scenario
from .spec import Spec

Holds = Callable[..., Exploration]
FINALIZE = pytest.mark.parametrize("finalize", list(Finalize))
ASSETS = pytest.mark.parametrize("declared", [ABCD[:count] for count in (1, 2, 3, 4)], ids=len)


@FINALIZE
@ASSETS
def test_a_publisher_killed_twice_completes_the_version(holds: Holds, finalize: Finalize, declared: Contents) -> None:
    result = holds(Scenario("killed twice", (Spec(declared, finalize),), killed=2, wins=1))
    # The publisher is killed before each request, and after each request before its response.
    assert result.kinds["killed"] > 2 * len(declared)
    assert result.kinds["late"]


@FINALIZE
@ASSETS
def test_a_run_survives_a_lost_response_and_a_stale_read(holds: Holds, finalize: Finalize, declared: Contents) -> None:
    core = short_waits() if len(declared) > 2 else None
    # With four assets one fault at a time: both would take longer than all other tests here.
    for faults in [{"lost": 1, "stale": 1}] if len(declared) < 4 else [{"lost": 1}, {"stale": 1}]:
        holds(Scenario("lost and stale", (Spec(declared, finalize),), wins=1, lasting=True, **faults), core)  # type: ignore[arg-type]


@FINALIZE
def test_a_run_survives_two_lost_responses_or_two_stale_reads(holds: Holds, finalize: Finalize) -> None:
    holds(Scenario("lost twice", (Spec(ABC, finalize),), lost=2, wins=1, lasting=True))
    holds(Scenario("stale twice", (Spec(ABC, finalize),), stale=2, wins=1, lasting=True))


@pytest.mark.slow
@FINALIZE
@pytest.mark.parametrize("declared", [ABCD[:count] for count in (1, 2, 3)], ids=len)
def test_a_publisher_with_all_kinds_of_faults_completes_the_version(
    holds: Holds, finalize: Finalize, declared: Contents
) -> None:
    holds(
        Scenario("killed, lost, stale", (Spec(declared, finalize),), killed=1, lost=1, stale=1, wins=1), short_waits()
    )


@pytest.mark.slow
@FINALIZE
def test_the_order_of_parallel_uploads_does_not_matter(holds: Holds, finalize: Finalize) -> None:
    for parallel in (1, 2):
        holds(Scenario("parallel", (Spec(ABCD, finalize, parallel=parallel),), killed=1, lost=1, wins=1), short_waits())


@pytest.mark.slow
@FINALIZE
@pytest.mark.parametrize("status", [Status.UNLISTED, Status.ARCHIVED])
def test_the_version_gets_the_declared_status(holds: Holds, finalize: Finalize, status: Status) -> None:
    holds(Scenario("status", (Spec(ABC[:2], finalize, status),), killed=1, lost=1, stale=1, wins=1), short_waits())


@pytest.mark.parametrize("fault", ["lost", "stale", "killed"])
def test_a_publisher_recovers_from_the_deletion_of_the_unfinished_version(holds: Holds, fault: str) -> None:
    # Not with last-asset: after a deletion, the last asset publishes an incomplete version, which nothing prevents.
    one = Spec(ABC)
    holds(Scenario(f"deleted, {fault}", (one,), deletions=1, wins=1, **{fault: 1}), short_waits())  # type: ignore[arg-type]


def test_a_publisher_recovers_from_two_deletions(holds: Holds) -> None:
    holds(Scenario("deleted twice", (Spec(ABC),), deletions=2, wins=1), short_waits())
