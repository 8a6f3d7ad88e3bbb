"""A permitted replacement of a published version, an archived one, or leftover assets. It replaces nothing else.

Every schedule within these bounds is explored: one publisher of two assets, from every status to Published, with both
values of `finalize`, and one lost response, stale read or kill; two publishers of two assets without a fault. A release
that is declared Archived or Unlisted replaces nothing, also beside a publisher that may.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pulumi_codeartifact_release.publishing import Finalize
from pulumi_codeartifact_release.registry import Status
from support import fakes

from .core_variants import short_waits
from .declarations import contents
from .explorer import Exploration
from .model import Registry, Version
from .scenario import Scenario
from .spec import Spec

pytestmark = pytest.mark.slow

Holds = Callable[..., Exploration]

OLD = contents("a7", "b2")
NEW = contents("a1", "b2")
PERMITTED = (("replace_digest", fakes.release(dict(OLD)).digest),)

HELD = pytest.mark.parametrize("held", [Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED, Status.UNFINISHED])
NOT_PUBLISHED = pytest.mark.parametrize("declared", [Status.UNLISTED, Status.ARCHIVED])
FINALIZE = pytest.mark.parametrize("finalize", list(Finalize))


@pytest.mark.parametrize("fault", ["lost", "stale", "killed"])
@FINALIZE
@HELD
def test_a_replacement_survives_one_fault(holds: Holds, held: Status, finalize: Finalize, fault: str) -> None:
    one = Spec(NEW, finalize, permitted=PERMITTED)
    starts = Registry(0, Version(held, OLD))
    holds(
        Scenario(f"{held}, {fault}", (one,), starts=starts, replaceable=(OLD,), wins=1, **{fault: 1}),  # type: ignore[arg-type]
        short_waits(),
    )


@FINALIZE
@HELD
def test_two_identical_replacements_both_succeed(holds: Holds, held: Status, finalize: Finalize) -> None:
    one = Spec(NEW, finalize, permitted=PERMITTED)
    starts = Registry(0, Version(held, OLD))
    holds(Scenario(f"two replace {held}", (one, one), starts=starts, replaceable=(OLD,), wins=2), short_waits())


@HELD
def test_only_the_permitted_replacement_succeeds(holds: Holds, held: Status) -> None:
    starts = Registry(0, Version(held, OLD))
    pair = (Spec(NEW, permitted=PERMITTED), Spec(contents("a5", "b2")))
    holds(Scenario(f"one permitted, {held}", pair, starts=starts, replaceable=(OLD,)), short_waits())


@HELD
def test_of_two_replacements_with_different_bytes_one_succeeds_and_one_is_refused(holds: Holds, held: Status) -> None:
    starts = Registry(0, Version(held, OLD))
    pair = (Spec(NEW, permitted=PERMITTED), Spec(contents("a5", "b2"), permitted=PERMITTED))
    result = holds(
        Scenario(f"two replace {held} by different bytes", pair, starts=starts, replaceable=(OLD,), wins=1),
        short_waits(),
    )
    assert set(result.outcomes) == {("refused", "success")}


@NOT_PUBLISHED
@HELD
def test_a_release_that_is_not_declared_published_replaces_nothing(
    holds: Holds, held: Status, declared: Status
) -> None:
    one = Spec(NEW, status=declared, permitted=PERMITTED)
    result = holds(Scenario(f"{declared} for {held}", (one,), Registry(0, Version(held, OLD)), lost=1), short_waits())
    assert set(result.outcomes) == {("refused",)}


@NOT_PUBLISHED
@HELD
def test_of_two_permitted_releases_only_the_one_declared_published_replaces(
    holds: Holds, held: Status, declared: Status
) -> None:
    starts = Registry(0, Version(held, OLD))
    pair = (Spec(NEW, permitted=PERMITTED), Spec(NEW, status=declared, permitted=PERMITTED))
    holds(Scenario(f"{held}, {declared} is declared", pair, starts=starts, replaceable=(OLD,)), short_waits())


@NOT_PUBLISHED
@HELD
def test_of_two_permitted_releases_with_different_bytes_at_most_one_succeeds(
    holds: Holds, held: Status, declared: Status
) -> None:
    starts = Registry(0, Version(held, OLD))
    pair = (Spec(NEW, permitted=PERMITTED), Spec(contents("a5", "b2"), status=declared, permitted=PERMITTED))
    result = holds(Scenario(f"{held}, {declared} is declared", pair, starts=starts, replaceable=(OLD,)), short_waits())
    assert ("success", "success") not in result.outcomes
