"""A permitted replacement by a promotion. It replaces only the named version, whatever goes wrong.

Every schedule within these bounds is explored, with 2 assets: one promotion by either route, from every status to
Published, with one lost response, stale read, kill or change of its source; two promotions, or one and a publisher,
without a fault; two by copy with one fault. `MODEL=all` explores two by every pair of routes for an Unfinished version,
too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pulumi_codeartifact_release.publishing import Route
from pulumi_codeartifact_release.registry import Status
from support import fakes

from .core_variants import short_waits
from .declarations import APPROVED, COPY, EVERYTHING, FILES, SOURCE_VERSIONS, TRANSFER, contents
from .explorer import Exploration
from .model import Registry, Version
from .scenario import Scenario
from .spec import Spec

pytestmark = pytest.mark.slow

Holds = Callable[..., Exploration]

OLD = contents("a7", "b2")
OTHERS = contents("a5", "b2")
PERMITTED = (("replace_digest", fakes.release(dict(OLD)).digest),)

HELD = (Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED, Status.UNFINISHED)
PAIRS = ((COPY, COPY), (COPY, TRANSFER), (TRANSFER, TRANSFER), (COPY, FILES), (TRANSFER, FILES))


def _alone() -> Iterator[Any]:
    for held in HELD:
        for route in (COPY, TRANSFER):
            for fault in ("lost", "stale", "killed", "outside_changes"):
                yield held, route, fault


def _together() -> Iterator[Any]:
    for held in (Status.PUBLISHED, Status.UNFINISHED):
        for routes in PAIRS if EVERYTHING or held == Status.PUBLISHED else PAIRS[::4]:
            for same in (True, False):
                yield held, routes, same


def _replacing(held: Status, *specs: Spec, **further: Any) -> Scenario:
    sources = dict(sorted((spec.repository, spec.contents) for spec in specs))
    starts = Registry(0, Version(held, OLD))
    name = " and ".join(spec.route for spec in specs)
    return Scenario(name, specs, starts, sources=tuple(sources.values()), replaceable=(OLD,), **further)


@pytest.mark.parametrize(("held", "route", "fault"), list(_alone()))
def test_a_replacement_survives_one_fault(holds: Holds, held: Status, route: Route, fault: str) -> None:
    one = Spec(APPROVED, route=route, permitted=PERMITTED)
    changes = fault == "outside_changes"
    scenario = _replacing(
        held, one, wins=0 if changes else 1, source_versions=SOURCE_VERSIONS if changes else (), **{fault: 1}
    )
    result = holds(scenario, short_waits())
    assert set(result.outcomes) == ({("success",), ("refused",)} if changes else {("success",)})


@pytest.mark.parametrize("declared", [Status.UNLISTED, Status.ARCHIVED])
@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("route", [COPY, TRANSFER])
def test_a_release_that_is_not_declared_published_replaces_nothing(
    holds: Holds, route: Route, held: Status, declared: Status
) -> None:
    one = Spec(APPROVED, status=declared, route=route, permitted=PERMITTED)
    result = holds(_replacing(held, one, lost=1), short_waits())
    assert set(result.outcomes) == {("refused",)}


@pytest.mark.parametrize(("held", "routes", "same"), list(_together()))
def test_of_two_replacements_both_succeed_only_with_the_same_bytes(
    holds: Holds, held: Status, routes: tuple[Route, Route], same: bool
) -> None:
    one = Spec(APPROVED, route=routes[0], permitted=PERMITTED)
    other = Spec(APPROVED if same else OTHERS, route=routes[1], repository=0 if same else 1, permitted=PERMITTED)
    result = holds(_replacing(held, one, other, wins=2 if same else 1), short_waits())
    assert set(result.outcomes) == {("success" if same else "refused", "success")}


@pytest.mark.parametrize("fault", ["lost", "killed"])
@pytest.mark.parametrize("held", [Status.PUBLISHED, Status.UNFINISHED])
def test_of_two_copies_with_different_bytes_one_survives_one_fault(holds: Holds, held: Status, fault: str) -> None:
    one = Spec(APPROVED, route=COPY, permitted=PERMITTED)
    other = Spec(OTHERS, route=COPY, repository=1, permitted=PERMITTED)
    holds(_replacing(held, one, other, wins=1, **{fault: 1}), short_waits())


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("route", [COPY, TRANSFER])
def test_only_the_permitted_replacement_succeeds(holds: Holds, route: Route, held: Status) -> None:
    for rival in (COPY, FILES):
        one = Spec(APPROVED, route=route, permitted=PERMITTED)
        other = Spec(OTHERS, route=rival, repository=1)
        holds(_replacing(held, one, other), short_waits())


@pytest.mark.parametrize("route", [COPY, TRANSFER])
def test_leftover_assets_are_not_deleted_after_somebody_published_them(holds: Holds, route: Route) -> None:
    leftover = OLD[:1]
    one = Spec(APPROVED, route=route, permitted=(("replace_digest", fakes.release(dict(leftover)).digest),))
    starts = Registry(0, Version(Status.UNFINISHED, leftover))
    finished = Version(Status.PUBLISHED, OLD)
    scenario = Scenario(
        "leftover", (one,), starts, sources=(APPROVED,), destination_versions=(finished,), outside_changes=1, lost=1
    )
    result = holds(scenario, short_waits())
    assert set(result.outcomes) == {("refused",), ("success",)}
