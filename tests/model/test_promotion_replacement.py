"""A permitted replacement by a promotion: it gives up what was named, and no more, whatever goes wrong.

The bound, every schedule within it, with 2 assets: one promotion by either route, from every status to Published,
with one lost answer, stale read, death or move of its source; two, or one and a publisher, without a fault, and two by
copy with one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pulumi_codeartifact_release.publishing import Route
from pulumi_codeartifact_release.registry import Status
from support import fakes

from .core import impatient
from .declared import APPROVED, BECOMES, COPY, FILES, TRANSFER, contents
from .explorer import Explored
from .model import Registry, Version
from .scenario import Scenario
from .spec import Spec

Holds = Callable[..., Explored]

OLD = contents("a7", "b2")
OTHERS = contents("a5", "b2")
PERMITTED = (("replace_digest", fakes.release(dict(OLD)).digest),)

HELD = (Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED, Status.UNFINISHED)
PAIRS = ((COPY, COPY), (COPY, TRANSFER), (TRANSFER, TRANSFER), (COPY, FILES), (TRANSFER, FILES))


def _alone() -> Iterator[Any]:
    for held in HELD:
        for route in (COPY, TRANSFER):
            for fault in ("lost", "stale", "killed", "moves"):
                yield held, route, fault


def _together() -> Iterator[Any]:
    for held in (Status.PUBLISHED, Status.UNFINISHED):
        for routes in PAIRS:
            for same in (True, False):
                yield held, routes, same


def _replacing(held: Status, *specs: Spec, **further: Any) -> Scenario:
    sources = dict(sorted((spec.place, spec.contents) for spec in specs))
    starts = Registry(0, Version(held, OLD))
    name = " and ".join(spec.route for spec in specs)
    return Scenario(name, specs, starts, sources=tuple(sources.values()), replaceable=(OLD,), **further)


@pytest.mark.parametrize(("held", "route", "fault"), list(_alone()))
def test_it_ends_with_the_approved_bytes_whatever_goes_wrong_once(
    holds: Holds, held: Status, route: Route, fault: str
) -> None:
    one = Spec(APPROVED, route=route, permitted=PERMITTED)
    moves = fault == "moves"
    scenario = _replacing(held, one, wins=0 if moves else 1, becomes=BECOMES if moves else (), **{fault: 1})
    found = holds(scenario, impatient())
    assert set(found.outcomes) == ({("success",), ("refused",)} if moves else {("success",)})


@pytest.mark.parametrize("declared", [Status.UNLISTED, Status.ARCHIVED])
@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("route", [COPY, TRANSFER])
def test_what_is_not_declared_published_replaces_nothing_although_it_is_permitted(
    holds: Holds, route: Route, held: Status, declared: Status
) -> None:
    one = Spec(APPROVED, status=declared, route=route, permitted=PERMITTED)
    found = holds(_replacing(held, one, lost=1), impatient())
    assert set(found.outcomes) == {("refused",)}


@pytest.mark.parametrize(("held", "routes", "same"), list(_together()))
def test_of_two_that_replace_the_same_one_succeeds_and_the_other_if_it_is_by_the_same(
    holds: Holds, held: Status, routes: tuple[Route, Route], same: bool
) -> None:
    one = Spec(APPROVED, route=routes[0], permitted=PERMITTED)
    other = Spec(APPROVED if same else OTHERS, route=routes[1], place=0 if same else 1, permitted=PERMITTED)
    found = holds(_replacing(held, one, other, wins=2 if same else 1), impatient())
    assert set(found.outcomes) == {("success" if same else "refused", "success")}


@pytest.mark.parametrize("fault", ["lost", "killed"])
@pytest.mark.parametrize("held", [Status.PUBLISHED, Status.UNFINISHED])
def test_of_two_by_copy_and_by_other_bytes_one_succeeds_whatever_goes_wrong_once(
    holds: Holds, held: Status, fault: str
) -> None:
    one = Spec(APPROVED, route=COPY, permitted=PERMITTED)
    other = Spec(OTHERS, route=COPY, place=1, permitted=PERMITTED)
    holds(_replacing(held, one, other, wins=1, **{fault: 1}), impatient())


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("route", [COPY, TRANSFER])
def test_one_that_is_not_permitted_changes_nothing_and_the_other_succeeds(
    holds: Holds, route: Route, held: Status
) -> None:
    for rival in (COPY, FILES):
        one = Spec(APPROVED, route=route, permitted=PERMITTED)
        other = Spec(OTHERS, route=rival, place=1)
        holds(_replacing(held, one, other), impatient())


@pytest.mark.parametrize("route", [COPY, TRANSFER])
def test_leftover_assets_that_somebody_finishes_meanwhile_are_not_given_up(holds: Holds, route: Route) -> None:
    leftover = OLD[:1]
    one = Spec(APPROVED, route=route, permitted=(("replace_digest", fakes.release(dict(leftover)).digest),))
    starts = Registry(0, Version(Status.UNFINISHED, leftover))
    finished = Version(Status.PUBLISHED, OLD)
    scenario = Scenario("leftover", (one,), starts, sources=(APPROVED,), seized=(finished,), moves=1, lost=1)
    found = holds(scenario, impatient())
    assert set(found.outcomes) == {("refused",), ("success",)}
