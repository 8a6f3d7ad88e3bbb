"""A permitted replacement: of a published version, of an archived one, of debris. It gives up that, and no more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import fakes
from pulumi_codeartifact_release.publishing import Finish
from pulumi_codeartifact_release.registry import Status

from .core import impatient
from .declared import contents
from .explorer import Explored, Scenario
from .model import Registry, Version
from .publisher import Spec

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


@FINISH
@DECLARED
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
