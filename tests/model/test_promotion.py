"""Promotions with a changing source, lost responses and kills: alone, with another promotion, and with a publisher.

Every schedule within these bounds is explored, with 2 assets:
- one promotion by either route: one kill, one lost response and one stale read; two kills; two lost responses
- the same with any changes of its source: three changes; two, and a lost response or a kill; one, a lost response and a
  kill
- the same with changes of its destination: two changes; one, and a lost response or a kill
- two promotions, or one and a publisher, of the same bytes: one lost response, one stale read, one kill (two for two
  copies, or for a copy and a transfer), one change; of different bytes: one lost response or one change, with
  `MODEL=all` also one kill, and a difference in the first asset
Beyond these bounds, schedules are random.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pulumi_codeartifact_release.publishing import Finalize, Route
from pulumi_codeartifact_release.registry import Status

from .core_variants import short_waits
from .declarations import (
    APPROVED,
    CHANGED,
    COPY,
    EVERYTHING,
    FEWER_SOURCE_VERSIONS,
    FILES,
    QUIET,
    SOURCE_VERSIONS,
    TRANSFER,
    contents,
)
from .explorer import Exploration
from .model import EMPTY, Contents, Registry, Version
from .scenario import Scenario
from .spec import Spec

pytestmark = pytest.mark.slow

Holds = Callable[..., Exploration]

DESTINATION_VERSIONS = (
    Version(Status.PUBLISHED, CHANGED),
    Version(Status.ARCHIVED, APPROVED),
    Version(Status.UNFINISHED, APPROVED[:1]),
    Version(Status.UNFINISHED, CHANGED),
    None,
)
"""The versions that somebody may put into the destination."""

ROUTES = pytest.mark.parametrize("route", [COPY, TRANSFER])
STARTS = pytest.mark.parametrize(
    ("route", "starts"),
    [(COPY, EMPTY), (COPY, QUIET), (TRANSFER, EMPTY)],
    ids=["copy", "copy, with an empty response", "transfer"],
)
PINNED = pytest.mark.parametrize("pinned", [False, True], ids=["not pinned", "pinned"])
PAIRS = pytest.mark.parametrize(
    "routes",
    [(COPY, COPY), (COPY, TRANSFER), (TRANSFER, TRANSFER), (COPY, FILES), (TRANSFER, FILES)],
    ids=" and ".join,
)


def _promotion(name: str, *specs: Spec, **further: object) -> Scenario:
    """Return a scenario in which each source has the bytes that its promotions expect."""
    sources = dict(sorted((spec.repository, spec.contents) for spec in specs))
    return Scenario(name, specs, sources=tuple(sources.values()), **further)  # type: ignore[arg-type]


@PINNED
@ROUTES
def test_a_promotion_with_faults_ends_with_the_approved_bytes(holds: Holds, route: Route, pinned: bool) -> None:
    one = Spec(APPROVED, route=route, pinned=pinned)
    holds(_promotion(f"{route}, killed, lost, stale", one, killed=1, lost=1, stale=1, wins=1), short_waits())
    holds(_promotion(f"{route}, killed twice", one, killed=2, wins=1))
    holds(_promotion(f"{route}, lost twice", one, lost=2, wins=1))


@ROUTES
def test_a_run_survives_a_lost_response_a_broken_download_and_a_stale_read(holds: Holds, route: Route) -> None:
    result = holds(_promotion(f"{route}, lasting", Spec(APPROVED, route=route), lost=1, stale=1, lasting=True, wins=1))
    assert result.kinds["lost"]
    assert bool(result.kinds["torn"]) == (route is TRANSFER)


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
def test_an_incomplete_version_or_another_status_is_completed(
    holds: Holds, held: Version, route: Route, starts: Registry
) -> None:
    one = Spec(APPROVED, route=route)
    starts = starts._replace(version=held)
    holds(_promotion(f"{route}, incomplete", one, starts=starts, killed=1, lost=1, wins=1), short_waits())
    holds(_promotion(f"{route}, incomplete, stale", one, starts=starts, stale=1, deletions=1, wins=1), short_waits())


@pytest.mark.parametrize("status", [Status.UNLISTED, Status.ARCHIVED])
@ROUTES
def test_a_promoted_version_gets_the_declared_status(holds: Holds, route: Route, status: Status) -> None:
    one = Spec(APPROVED, status=status, route=route)
    holds(_promotion(f"{route}, {status}", one, killed=1, lost=1, wins=1), short_waits())


def test_a_transfer_with_last_asset(holds: Holds) -> None:
    one = Spec(APPROVED, Finalize.LAST_ASSET, route=TRANSFER)
    holds(
        _promotion("last-asset, changes", one, source_versions=SOURCE_VERSIONS, outside_changes=1, wins=0),
        short_waits(),
    )
    holds(_promotion("last-asset, killed, lost", one, killed=1, lost=1, wins=1), short_waits())


# --- the source changes ---


@pytest.mark.parametrize(
    ("pinned", "faults"),
    [
        (False, {"outside_changes": 2, "lost": 1}),
        (False, {"outside_changes": 2, "killed": 1}),
        (True, {"outside_changes": 1, "lost": 1, "killed": 1}),
        (True, {"outside_changes": 1, "stale": 1}),
    ],
    ids=["changes, lost", "changes, killed", "pinned, change, lost, killed", "pinned, change, stale"],
)
@ROUTES
def test_a_changing_source_is_promoted_as_approved_or_refused(
    holds: Holds, route: Route, pinned: bool, faults: dict[str, int]
) -> None:
    one = Spec(APPROVED, route=route, pinned=pinned)
    versions = FEWER_SOURCE_VERSIONS if faults["outside_changes"] == 2 else SOURCE_VERSIONS
    result = holds(_promotion(f"{route}, changes", one, source_versions=versions, **faults), short_waits())
    assert set(result.outcomes) == {("success",), ("refused",)}


@ROUTES
def test_a_change_of_the_source_is_settled_within_the_run(holds: Holds, route: Route) -> None:
    one = Spec(APPROVED, route=route)
    holds(
        _promotion(f"{route}, changes", one, source_versions=SOURCE_VERSIONS, outside_changes=1, lost=1, lasting=True),
        short_waits(),
    )
    holds(
        _promotion(f"{route}, three changes", one, source_versions=FEWER_SOURCE_VERSIONS, outside_changes=3),
        short_waits(),
    )


@ROUTES
def test_a_source_that_is_published_again_with_the_same_bytes_is_promoted(holds: Holds, route: Route) -> None:
    one = Spec(APPROVED, route=route)
    same_bytes = (Version(Status.PUBLISHED, APPROVED),)
    holds(
        _promotion(
            f"{route}, same bytes again", one, source_versions=same_bytes, outside_changes=1, killed=1, lost=1, wins=1
        ),
        short_waits(),
    )
    holds(
        _promotion(
            f"{route}, same bytes again twice", one, source_versions=same_bytes, outside_changes=2, killed=1, wins=1
        ),
        short_waits(),
    )


# --- somebody else changes the destination ---


@STARTS
@pytest.mark.parametrize(
    "faults",
    [{"outside_changes": 2}, {"outside_changes": 1, "lost": 1}, {"outside_changes": 1, "killed": 1}],
    ids=", ".join,
)
def test_success_is_reported_only_if_the_destination_is_right(
    holds: Holds, route: Route, starts: Registry, faults: dict[str, int]
) -> None:
    one = Spec(APPROVED, route=route)
    holds(
        _promotion(
            f"{route}, destination changes", one, starts=starts, destination_versions=DESTINATION_VERSIONS, **faults
        ),
        short_waits(),
    )


# --- two at the same time ---


@PAIRS
def test_two_promotions_of_the_same_bytes_both_succeed(holds: Holds, routes: tuple[Route, Route]) -> None:
    pair = [Spec(APPROVED, route=route) for route in routes]
    kills = 2 if routes in ((COPY, COPY), (COPY, TRANSFER)) else 1
    for faults in ({"lost": 1}, {"stale": 1}, {"killed": kills}):
        holds(_promotion(f"{routes}, same", *pair, wins=2, **faults), short_waits())


@pytest.mark.parametrize("other", [COPY, TRANSFER, FILES])
def test_both_succeed_if_a_copy_gets_an_empty_response(holds: Holds, other: Route) -> None:
    pair = Spec(APPROVED, route=COPY), Spec(APPROVED, route=other)
    holds(_promotion(f"copy and {other}, quiet", *pair, starts=QUIET, wins=2, lost=1), short_waits())


@PAIRS
def test_two_promotions_of_the_same_bytes_with_a_changing_source(holds: Holds, routes: tuple[Route, Route]) -> None:
    pair = [Spec(APPROVED, route=route) for route in routes]
    publishes = sum(not spec.promotes for spec in pair)
    holds(
        _promotion(f"{routes}, changes", *pair, source_versions=SOURCE_VERSIONS, outside_changes=1, wins=publishes),
        short_waits(),
    )


@pytest.mark.parametrize("fault", ["lost", "killed"] if EVERYTHING else ["lost"])
@pytest.mark.parametrize(
    "others",
    [CHANGED, contents("a1"), *([contents("a9", "b2")] if EVERYTHING else [])],
    ids=["the last asset differs", "the last asset is foreign", *(["the first asset differs"] if EVERYTHING else [])],
)
@PAIRS
def test_of_two_promotions_of_different_bytes_one_succeeds(
    holds: Holds, routes: tuple[Route, Route], others: Contents, fault: str
) -> None:
    pair = Spec(APPROVED, route=routes[0]), Spec(others, route=routes[1], repository=1)
    result = holds(_promotion(f"{routes}, different bytes, {fault}", *pair, wins=1, **{fault: 1}), short_waits())
    assert set(result.outcomes) == {("refused", "success")}


@PAIRS
def test_of_two_promotions_of_different_bytes_at_most_one_succeeds_with_changing_sources(
    holds: Holds, routes: tuple[Route, Route]
) -> None:
    pair = Spec(APPROVED, route=routes[0]), Spec(CHANGED, route=routes[1], repository=1)
    holds(
        _promotion(f"{routes}, different bytes, changes", *pair, source_versions=SOURCE_VERSIONS, outside_changes=1),
        short_waits(),
    )


@pytest.mark.parametrize("seed", range(3 if EVERYTHING else 1))
def test_random_schedules_of_three_promotions_and_many_faults(holds: Holds, seed: int) -> None:
    kinds = (COPY, FILES), (TRANSFER, COPY), (TRANSFER, FILES)
    one, other = kinds[seed]
    declared = contents("a1", "b2", "c3")
    three = (
        Spec(declared, route=one, pinned=True),
        Spec(declared, route=TRANSFER, parallel=2),
        Spec(contents("a1", "b2", "c9"), route=other, repository=1),
    )
    scenario = _promotion(
        "three", *three, source_versions=SOURCE_VERSIONS, outside_changes=2, lost=3, killed=2, deletions=1
    )
    holds(scenario, short_waits(), schedules=120 if EVERYTHING else 40, seed=seed)
