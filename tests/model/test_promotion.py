"""Promotions: the source moves, answers are lost, runs die; alone, beside another one, beside publishers.

The bound, every schedule within it, with 2 assets:
- one promotion by either route: one death, one lost answer and one stale read; two deaths; two lost answers
- and its source, which becomes anything: three moves; two and a lost answer or a death; one, a lost answer and a death
- and its destination, which somebody else changes: two changes; one and a lost answer or a death
- two promotions, or one and a publisher, of the same bytes: one lost answer, one stale read, one death (two of two by
  copy, or by copy and transfer), one move; of different bytes: one lost answer, one death, or one move
Beyond the bound: random schedules.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pulumi_codeartifact_release.publishing import Finalize, Route
from pulumi_codeartifact_release.registry import Status

from .core import impatient
from .declared import APPROVED, BECOMES, COPY, FEWER, FILES, MOVED, QUIET, TRANSFER, contents
from .explorer import Explored
from .model import EMPTY, Contents, Registry, Version
from .scenario import Scenario
from .spec import Spec

Holds = Callable[..., Explored]

SEIZED = (
    Version(Status.PUBLISHED, MOVED),
    Version(Status.ARCHIVED, APPROVED),
    Version(Status.UNFINISHED, APPROVED[:1]),
    Version(Status.UNFINISHED, MOVED),
    None,
)
"""What somebody makes of the destination."""

ROUTES = pytest.mark.parametrize("route", [COPY, TRANSFER])
STARTS = pytest.mark.parametrize(
    ("route", "starts"),
    [(COPY, EMPTY), (COPY, QUIET), (TRANSFER, EMPTY)],
    ids=["copy", "copy, answered with nothing", "transfer"],
)
PINNED = pytest.mark.parametrize("pinned", [False, True], ids=["judged at once", "chosen before"])
PAIRS = pytest.mark.parametrize(
    "routes",
    [(COPY, COPY), (COPY, TRANSFER), (TRANSFER, TRANSFER), (COPY, FILES), (TRANSFER, FILES)],
    ids=" and ".join,
)


def _promotion(name: str, *specs: Spec, **further: object) -> Scenario:
    """Return a scenario whose sources hold what each promotes."""
    sources = dict(sorted((spec.place, spec.contents) for spec in specs))
    return Scenario(name, specs, sources=tuple(sources.values()), **further)  # type: ignore[arg-type]


@PINNED
@ROUTES
def test_whatever_goes_wrong_it_ends_with_the_approved_bytes(holds: Holds, route: Route, pinned: bool) -> None:
    one = Spec(APPROVED, route=route, pinned=pinned)
    holds(_promotion(f"{route}, killed, lost, stale", one, killed=1, lost=1, stale=1, wins=1), impatient())
    holds(_promotion(f"{route}, killed twice", one, killed=2, wins=1))
    holds(_promotion(f"{route}, lost twice", one, lost=2, wins=1))


@ROUTES
def test_a_lost_answer_a_broken_download_and_a_stale_read_are_settled_within_the_run(
    holds: Holds, route: Route
) -> None:
    found = holds(_promotion(f"{route}, lasting", Spec(APPROVED, route=route), lost=1, stale=1, lasting=True, wins=1))
    assert found.kinds["lost"]
    assert bool(found.kinds["torn"]) == (route is TRANSFER)


@STARTS
@pytest.mark.parametrize(
    "held",
    [
        Version(Status.UNFINISHED, ()),
        Version(Status.UNFINISHED, APPROVED[:1]),
        Version(Status.UNFINISHED, APPROVED),
        Version(Status.UNLISTED, APPROVED),
        Version(Status.ARCHIVED, APPROVED),
    ],
    ids=lambda version: f"{version.status}, {len(version.contents)}",
)
def test_what_is_there_in_part_or_in_another_status_is_gone_on_with(
    holds: Holds, held: Version, route: Route, starts: Registry
) -> None:
    one = Spec(APPROVED, route=route)
    starts = starts._replace(version=held)
    holds(_promotion(f"{route}, begun", one, starts=starts, killed=1, lost=1, wins=1), impatient())
    holds(_promotion(f"{route}, begun, stale", one, starts=starts, stale=1, deletions=1, wins=1), impatient())


@pytest.mark.parametrize("status", [Status.UNLISTED, Status.ARCHIVED])
@ROUTES
def test_it_gets_the_declared_status(holds: Holds, route: Route, status: Status) -> None:
    one = Spec(APPROVED, status=status, route=route)
    holds(_promotion(f"{route}, {status}", one, killed=1, lost=1, wins=1), impatient())


def test_finished_by_the_last_asset(holds: Holds) -> None:
    one = Spec(APPROVED, Finalize.LAST_ASSET, route=TRANSFER)
    holds(_promotion("last-asset, moves", one, becomes=BECOMES, moves=1, wins=0), impatient())
    holds(_promotion("last-asset, killed, lost", one, killed=1, lost=1, wins=1), impatient())


# --- the source moves -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pinned", "faults"),
    [
        (False, {"moves": 2, "lost": 1}),
        (False, {"moves": 2, "killed": 1}),
        (True, {"moves": 1, "lost": 1, "killed": 1}),
        (True, {"moves": 1, "stale": 1}),
    ],
    ids=["moves, lost", "moves, killed", "chosen before, moves, lost, killed", "chosen before, moves, stale"],
)
@ROUTES
def test_a_source_that_moves_is_promoted_as_it_was_approved_or_refused(
    holds: Holds, route: Route, pinned: bool, faults: dict[str, int]
) -> None:
    one = Spec(APPROVED, route=route, pinned=pinned)
    becomes = FEWER if faults["moves"] == 2 else BECOMES
    found = holds(_promotion(f"{route}, moves", one, becomes=becomes, **faults), impatient())
    assert set(found.outcomes) == {("success",), ("refused",)}


@ROUTES
def test_a_source_that_moves_once_ends_no_run_undecided(holds: Holds, route: Route) -> None:
    one = Spec(APPROVED, route=route)
    holds(_promotion(f"{route}, moves", one, becomes=BECOMES, moves=1, lost=1, lasting=True), impatient())
    holds(_promotion(f"{route}, moves thrice", one, becomes=FEWER, moves=3), impatient())


@ROUTES
def test_a_source_that_is_only_published_anew_is_promoted(holds: Holds, route: Route) -> None:
    one = Spec(APPROVED, route=route)
    anew = (Version(Status.PUBLISHED, APPROVED),)
    holds(_promotion(f"{route}, anew", one, becomes=anew, moves=1, killed=1, lost=1, wins=1), impatient())
    holds(_promotion(f"{route}, anew twice", one, becomes=anew, moves=2, killed=1, wins=1), impatient())


# --- the destination is somebody else's, too ------------------------------------------------------------------


@STARTS
@pytest.mark.parametrize("faults", [{"moves": 2}, {"moves": 1, "lost": 1}, {"moves": 1, "killed": 1}], ids=", ".join)
def test_success_is_told_of_what_is_there(holds: Holds, route: Route, starts: Registry, faults: dict[str, int]) -> None:
    one = Spec(APPROVED, route=route)
    holds(_promotion(f"{route}, seized", one, starts=starts, seized=SEIZED, **faults), impatient())


# --- two at once ----------------------------------------------------------------------------------------------


@PAIRS
def test_of_the_same_bytes_both_succeed(holds: Holds, routes: tuple[Route, Route]) -> None:
    pair = [Spec(APPROVED, route=route) for route in routes]
    deaths = 2 if routes in ((COPY, COPY), (COPY, TRANSFER)) else 1
    for faults in ({"lost": 1}, {"stale": 1}, {"killed": deaths}):
        holds(_promotion(f"{routes}, same", *pair, wins=2, **faults), impatient())


@pytest.mark.parametrize("other", [COPY, TRANSFER, FILES])
def test_of_the_same_bytes_both_succeed_also_where_a_copy_of_them_is_answered_with_nothing(
    holds: Holds, other: Route
) -> None:
    pair = Spec(APPROVED, route=COPY), Spec(APPROVED, route=other)
    holds(_promotion(f"copy and {other}, quiet", *pair, starts=QUIET, wins=2, lost=1), impatient())


@PAIRS
def test_of_the_same_bytes_with_a_source_that_moves(holds: Holds, routes: tuple[Route, Route]) -> None:
    pair = [Spec(APPROVED, route=route) for route in routes]
    publishes = sum(not spec.promotes for spec in pair)
    holds(_promotion(f"{routes}, moves", *pair, becomes=BECOMES, moves=1, wins=publishes), impatient())


@pytest.mark.parametrize("fault", ["lost", "killed"])
@pytest.mark.parametrize(
    "others",
    [contents("a9", "b2"), MOVED, contents("a1")],
    ids=["the first asset differs", "the last asset differs", "the last asset is foreign"],
)
@PAIRS
def test_of_other_bytes_one_is_published_whole(
    holds: Holds, routes: tuple[Route, Route], others: Contents, fault: str
) -> None:
    pair = Spec(APPROVED, route=routes[0]), Spec(others, route=routes[1], place=1)
    found = holds(_promotion(f"{routes}, different bytes, {fault}", *pair, wins=1, **{fault: 1}), impatient())
    assert set(found.outcomes) == {("refused", "success")}


@PAIRS
def test_of_other_bytes_at_most_one_is_published_while_the_sources_move(
    holds: Holds, routes: tuple[Route, Route]
) -> None:
    pair = Spec(APPROVED, route=routes[0]), Spec(MOVED, route=routes[1], place=1)
    holds(_promotion(f"{routes}, different bytes, moves", *pair, becomes=BECOMES, moves=1), impatient())


@pytest.mark.parametrize("seed", range(3))
def test_random_schedules_of_three_and_many_faults(holds: Holds, seed: int) -> None:
    kinds = (COPY, FILES), (TRANSFER, COPY), (TRANSFER, FILES)
    one, other = kinds[seed]
    declared = contents("a1", "b2", "c3")
    three = (
        Spec(declared, route=one, pinned=True),
        Spec(declared, route=TRANSFER, parallel=2),
        Spec(contents("a1", "b2", "c9"), route=other, place=1),
    )
    scenario = _promotion("three", *three, becomes=BECOMES, moves=2, lost=3, killed=2, deletions=1)
    holds(scenario, impatient(), schedules=120, seed=seed)
