"""A permitted replacement: of a published version, of an archived one, of leftover assets. It gives up no more.

The bound, every schedule within it: one publisher of two assets, from every status to Published, either way to finish,
with one lost answer, stale read or death; two publishers of two assets without a fault. Who declares Archived or
Unlisted replaces nothing: beside one who does, nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pulumi_codeartifact_release.publishing import Finalize
from pulumi_codeartifact_release.registry import Status
from support import fakes

from .core import impatient
from .declared import contents
from .explorer import Explored
from .model import Registry, Version
from .scenario import Scenario
from .spec import Spec

Holds = Callable[..., Explored]

OLD = contents("a7", "b2")
NEW = contents("a1", "b2")
PERMITTED = (("replace_digest", fakes.release(dict(OLD)).digest),)

HELD = pytest.mark.parametrize("held", [Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED, Status.UNFINISHED])
NOT_PUBLISHED = pytest.mark.parametrize("declared", [Status.UNLISTED, Status.ARCHIVED])
FINALIZE = pytest.mark.parametrize("finalize", list(Finalize))


@pytest.mark.parametrize("fault", ["lost", "stale", "killed"])
@FINALIZE
@HELD
def test_it_ends_with_the_new_bytes_whatever_goes_wrong_once(
    holds: Holds, held: Status, finalize: Finalize, fault: str
) -> None:
    one = Spec(NEW, finalize, permitted=PERMITTED)
    starts = Registry(0, Version(held, OLD))
    holds(
        Scenario(f"{held}, {fault}", (one,), starts=starts, replaceable=(OLD,), wins=1, **{fault: 1}),  # type: ignore[arg-type]
        impatient(),
    )


@FINALIZE
@HELD
def test_two_that_replace_the_same_by_the_same_both_succeed(holds: Holds, held: Status, finalize: Finalize) -> None:
    one = Spec(NEW, finalize, permitted=PERMITTED)
    starts = Registry(0, Version(held, OLD))
    holds(Scenario(f"two replace {held}", (one, one), starts=starts, replaceable=(OLD,), wins=2), impatient())


@HELD
def test_one_that_is_not_permitted_changes_nothing_and_the_other_succeeds(holds: Holds, held: Status) -> None:
    starts = Registry(0, Version(held, OLD))
    pair = (Spec(NEW, permitted=PERMITTED), Spec(contents("a5", "b2")))
    holds(Scenario(f"one permitted, {held}", pair, starts=starts, replaceable=(OLD,)), impatient())


@HELD
def test_of_two_that_replace_the_same_by_other_bytes_one_succeeds_and_the_other_is_refused(
    holds: Holds, held: Status
) -> None:
    starts = Registry(0, Version(held, OLD))
    pair = (Spec(NEW, permitted=PERMITTED), Spec(contents("a5", "b2"), permitted=PERMITTED))
    found = holds(
        Scenario(f"two replace {held} by different bytes", pair, starts=starts, replaceable=(OLD,), wins=1), impatient()
    )
    assert set(found.outcomes) == {("refused", "success")}


@NOT_PUBLISHED
@HELD
def test_what_is_not_declared_published_replaces_nothing_although_it_is_permitted(
    holds: Holds, held: Status, declared: Status
) -> None:
    one = Spec(NEW, status=declared, permitted=PERMITTED)
    found = holds(Scenario(f"{declared} for {held}", (one,), Registry(0, Version(held, OLD)), lost=1), impatient())
    assert set(found.outcomes) == {("refused",)}


@NOT_PUBLISHED
@HELD
def test_of_two_that_may_replace_the_same_the_one_that_declares_published_does(
    holds: Holds, held: Status, declared: Status
) -> None:
    starts = Registry(0, Version(held, OLD))
    pair = (Spec(NEW, permitted=PERMITTED), Spec(NEW, status=declared, permitted=PERMITTED))
    holds(Scenario(f"{held}, {declared} is declared", pair, starts=starts, replaceable=(OLD,)), impatient())


@NOT_PUBLISHED
@HELD
def test_of_two_that_may_replace_the_same_by_other_bytes_one_succeeds_at_most(
    holds: Holds, held: Status, declared: Status
) -> None:
    starts = Registry(0, Version(held, OLD))
    pair = (Spec(NEW, permitted=PERMITTED), Spec(contents("a5", "b2"), status=declared, permitted=PERMITTED))
    found = holds(Scenario(f"{held}, {declared} is declared", pair, starts=starts, replaceable=(OLD,)), impatient())
    assert ("success", "success") not in found.outcomes
