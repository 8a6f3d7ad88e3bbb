"""A publisher that hashes its files while it sends them: what holds of one that hashes first holds of it.

The bound, every schedule within it, with either way to finish: up to 3 assets, one death and one lost answer (with 2
assets one stale read, too); two deaths; an operator's deletion and a death. Beside a rival: 2 assets each, the same or
other bytes, that are hashed first or not, and one lost answer, stale read or death.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pulumi_codeartifact_release.publishing import Finish
from pulumi_codeartifact_release.registry import Status

from .core import SHORT, impatient, variant
from .declared import ABC, GUARDED, LAST, contents
from .explorer import Explored, explore
from .model import Contents
from .scenario import Scenario
from .spec import Spec

Holds = Callable[..., Explored]
FINISH = pytest.mark.parametrize("finish", list(Finish))
_BESIDE = Scenario("ahead: beside a rival", (Spec(ABC[:2], ahead=True), Spec(contents("a9", "b2"))))
FAULTS = pytest.mark.parametrize("fault", ["lost", "stale", "killed"])


@FINISH
@pytest.mark.parametrize("declared", [ABC[:count] for count in (1, 2, 3)], ids=len)
def test_killed_with_answers_lost_and_reads_stale_it_still_ends_whole(
    holds: Holds, finish: Finish, declared: Contents
) -> None:
    one = Spec(declared, finish, ahead=True)
    few = {"lost": 1} if len(declared) > 2 else {"lost": 1, "stale": 1}
    holds(Scenario("ahead: killed, lost, stale", (one,), killed=1, wins=1, **few), impatient())  # type: ignore[arg-type]
    found = holds(Scenario("ahead: killed twice", (one,), killed=2, wins=1), impatient())
    assert found.kinds["killed"] > len(declared)


def test_a_version_declared_archived_gets_there(holds: Holds) -> None:
    one = Spec(ABC[:2], GUARDED, Status.ARCHIVED, ahead=True)
    holds(Scenario("ahead: status", (one,), killed=1, lost=1, wins=1), impatient())


def test_an_operator_who_deletes_the_unfinished_version_in_the_middle_delays_it(holds: Holds) -> None:
    holds(Scenario("ahead: deleted, killed", (Spec(ABC, ahead=True),), deletions=1, killed=1, wins=1), impatient())


@FAULTS
@pytest.mark.parametrize("finish", [(GUARDED, GUARDED), (GUARDED, LAST), (LAST, LAST)], ids=" x ".join)
@pytest.mark.parametrize("both", [True, False], ids=["both ahead", "one ahead"])
def test_beside_another_publisher_of_the_same_bytes(
    holds: Holds, finish: tuple[Finish, Finish], fault: str, *, both: bool
) -> None:
    pair = (Spec(ABC[:2], finish[0], ahead=True), Spec(ABC[:2], finish[1], ahead=both))
    holds(Scenario(f"ahead: same bytes, {fault}", pair, wins=2, **{fault: 1}), impatient())  # type: ignore[arg-type]


@FAULTS
@pytest.mark.parametrize(
    ("rival", "wins"), [(contents("a9", "b2"), 1), (contents("a1", "b9"), 1), (contents("a1", "c3"), 0)], ids=str
)
@pytest.mark.parametrize("both", [True, False], ids=["both ahead", "one ahead"])
def test_beside_a_rival_at_most_one_is_published_whole(
    holds: Holds, rival: Contents, wins: int, fault: str, *, both: bool
) -> None:
    pair = (Spec(ABC[:2], ahead=True), Spec(rival, ahead=both))
    wins = 0 if fault == "killed" else wins
    holds(Scenario(f"ahead: other bytes, {fault}", pair, wins=wins, **{fault: 1}), impatient())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scenario", "changes", "ahead", "finds"),
    [
        pytest.param(
            _BESIDE, (), (("unfinished=True, emit", "unfinished=False, emit"),), ": published", id="publishes at once"
        ),
        pytest.param(
            _BESIDE, (), (("run(jobs[:1], limit=1)", "run(jobs, limit=8)"),), "first asset is another's", id="not alone"
        ),
        pytest.param(
            Scenario("ahead: deleted", (Spec(ABC[:2], ahead=True),), deletions=1, wins=1, lasting=True),
            (("        planned = ahead = None\n", "        planned = None\n"),),
            (),
            "RegistryConflictError",
            id="believes for ever what it sent",
        ),
    ],
)
def test_what_is_broken_on_purpose_is_found(
    scenario: Scenario, changes: tuple[tuple[str, str], ...], ahead: tuple[tuple[str, str], ...], finds: str
) -> None:
    assert explore(scenario, impatient()).violation is None
    found = explore(scenario, variant(*changes, ahead=ahead, SETTLE_WAITS=SHORT))
    assert found.violation, "nothing was found"
    assert finds in found.violation.what, found.violation.what
