"""A permitted replacement: of a published version, of an archived one, of debris. It gives up that, and no more.

The bound, every schedule within it: one publisher of two assets, from every status to every status, either way to
finish, with one lost answer, stale read or death; two publishers of two assets without a fault, whose statuses are the
same or Published and Unlisted. Where one declares Archived and the other does not, it does not hold: see the last test.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

import fakes
from pulumi_codeartifact_release.publishing import Finish
from pulumi_codeartifact_release.registry import Status

from .core import impatient
from .declared import contents
from .explorer import Explored
from .model import Registry, Version
from .scenario import Scenario
from .spec import Spec

Holds = Callable[..., Explored]

OLD = contents("a7", "b2")
NEW = contents("a1", "b2")
PERMITTED = (("give_up", fakes.release(dict(OLD)).digest),)

HELD = pytest.mark.parametrize("held", [Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED, Status.UNFINISHED])
DECLARED = pytest.mark.parametrize("declared", [Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED])
FINISH = pytest.mark.parametrize("finish", list(Finish))


@pytest.mark.parametrize("fault", ["lost", "stale", "killed"])
@FINISH
@DECLARED
@HELD
def test_it_ends_with_the_new_bytes_whatever_goes_wrong_once(
    holds: Holds, held: Status, declared: Status, finish: Finish, fault: str
) -> None:
    one = Spec(NEW, finish, declared, permitted=PERMITTED)
    starts = Registry(0, Version(held, OLD))
    holds(
        Scenario(f"{held}, {fault}", (one,), starts=starts, replaceable=(OLD,), wins=1, **{fault: 1}),  # type: ignore[arg-type]
        impatient(),
    )


@pytest.mark.parametrize(
    ("declared", "finish"),
    # A replacement is always finished guarded: what `finish` says changes the plan alone, so once is enough for it.
    [
        *((status, Finish.GUARDED) for status in (Status.PUBLISHED, Status.ARCHIVED)),
        (Status.PUBLISHED, Finish.LAST_ASSET),
    ],
)
@HELD
def test_two_that_replace_the_same_by_the_same_both_succeed(
    holds: Holds, held: Status, declared: Status, finish: Finish
) -> None:
    one = Spec(NEW, finish, declared, permitted=PERMITTED)
    starts = Registry(0, Version(held, OLD))
    holds(Scenario(f"two replace {held}", (one, one), starts=starts, replaceable=(OLD,), wins=2), impatient())


@HELD
def test_one_that_is_not_permitted_changes_nothing_and_the_other_succeeds(holds: Holds, held: Status) -> None:
    starts = Registry(0, Version(held, OLD))
    pair = (Spec(NEW, permitted=PERMITTED), Spec(contents("a5", "b2")))
    holds(Scenario(f"one permitted, {held}", pair, starts=starts, replaceable=(OLD,)), impatient())


@pytest.mark.parametrize("statuses", [(Status.PUBLISHED, Status.PUBLISHED), (Status.PUBLISHED, Status.UNLISTED)])
@HELD
def test_of_two_that_replace_the_same_by_other_bytes_one_succeeds_and_the_other_is_refused(
    holds: Holds, held: Status, statuses: tuple[Status, Status]
) -> None:
    starts = Registry(0, Version(held, OLD))
    pair = (
        Spec(NEW, status=statuses[0], permitted=PERMITTED),
        Spec(contents("a5", "b2"), status=statuses[1], permitted=PERMITTED),
    )
    found = holds(
        Scenario(f"two replace {held} by other bytes", pair, starts=starts, replaceable=(OLD,), wins=1), impatient()
    )
    assert set(found.outcomes) == {("refused", "success")}


@pytest.mark.xfail(
    strict=True,
    reason="deletion takes no revision: where one's mark is what the other declares, it may delete the other's version",
)
@pytest.mark.parametrize("held", [Status.PUBLISHED, Status.ARCHIVED])
def test_two_that_replace_the_same_and_declare_published_and_archived(holds: Holds, held: Status) -> None:
    starts = Registry(0, Version(held, OLD))
    pair = (Spec(NEW, permitted=PERMITTED), Spec(NEW, status=Status.ARCHIVED, permitted=PERMITTED))
    holds(Scenario(f"{held}, Archived is declared", pair, starts=starts, replaceable=(OLD,)), impatient())
