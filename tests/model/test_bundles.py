"""Bundles: alone and with a second publisher, killed at every step, with lost responses and stale reads.

Every schedule within these bounds is explored, with one asset for each member:
- one publisher of up to 2 members: two kills; of 2 members that are Published and Archived, or with `MODEL=all` of any
  2: one kill, and one lost response, stale read or deletion by an operator
- one publisher of 3 members: one lost response, also with an order; one stale read; one kill, if the members are
  staged and published one after the other, with `MODEL=all` also at once
- two publishers of the same member: one kill; with `MODEL=all` one lost response; one stale read; 2 members without a
  fault
- two publishers of other bytes of one member: one kill; of 2 members, of which one has other bytes or is another: one
  stale read; one lost response, with `MODEL=all` also for other bytes, and one kill
- a bundle of 2 members, and a publisher of one of its members, or of the version of the bundle
- one promotion of 2 members by either route: one kill; one lost response; one stale read; one change of a source, with
  `MODEL=all` and one lost response; two promotions, or one and a publisher, of 1 member without a fault

A run that has published a member completes its bundle, unless somebody else changes a version that is staged. If the
run is killed and the source of a promotion changes, the gates refuse the next run.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pulumi_codeartifact_release.publishing import Route
from pulumi_codeartifact_release.registry import Status

from .core_variants import short_waits
from .declarations import COPY, EVERYTHING, FILES, TRANSFER, contents
from .explorer import Exploration
from .model import Registry, Version
from .scenario import Scenario
from .spec import AnySpec, BundleSpec, Spec

Holds = Callable[..., Exploration]

A, B, C = (contents(text) for text in ("a1", "b1", "c1"))
OTHER_A = contents("a9")
FOREIGN = contents("x8")
TWO, THREE = BundleSpec((A, B)), BundleSpec((A, B, C))
OTHER_BYTES = BundleSpec((OTHER_A, B))
OTHER_MEMBERS = BundleSpec((A, None, C))

ROUTES = pytest.mark.parametrize("route", [COPY, TRANSFER])
FAULTS = pytest.mark.parametrize("fault", ["lost", "stale"])
# A scenario that costs several seconds.
ALL = pytest.mark.skipif(not EVERYTHING, reason="takes long: MODEL=all")


def _promotion(*specs: AnySpec, **further: object) -> Scenario:
    """Return a scenario in which the source has the bundle of the first promotion."""
    sources = tuple(one.contents for one in specs[0].versions.values())
    return Scenario("promotion", specs, sources=sources, **further)  # type: ignore[arg-type]


# --- one publisher ---


@pytest.mark.parametrize("spec", [BundleSpec((A,)), TWO], ids=["1 member", "2 members"])
def test_a_publisher_that_is_killed_completes_the_bundle(holds: Holds, spec: BundleSpec) -> None:
    result = holds(Scenario("killed", (spec,), killed=1, wins=1), short_waits())
    assert result.kinds["late"]


@pytest.mark.slow
@pytest.mark.parametrize("parallel", [1, pytest.param(8, marks=ALL)])
def test_a_publisher_of_three_members_that_is_killed_completes_the_bundle(holds: Holds, parallel: int) -> None:
    spec = BundleSpec((A, B, C), parallel=parallel)
    holds(Scenario("killed", (spec,), killed=1, wins=1), short_waits())


@pytest.mark.slow
def test_a_publisher_that_is_killed_twice_completes_the_bundle(holds: Holds) -> None:
    for spec in (BundleSpec((A,)), TWO):
        holds(Scenario("killed twice", (spec,), killed=2, wins=1), short_waits())


@FAULTS
def test_a_run_survives_a_lost_response_or_a_stale_read(holds: Holds, fault: str) -> None:
    holds(Scenario(fault, (THREE,), wins=1, lasting=True, **{fault: 1}), short_waits())  # type: ignore[arg-type]


@pytest.mark.parametrize("after", [((1, 2),), ((3, 1), (1, 2))], ids=["a pair", "a chain"])
def test_members_are_published_in_their_order(holds: Holds, after: tuple[tuple[int, int], ...]) -> None:
    members = (A, B, C)[: max(map(max, after))]
    faults = {"killed": 1} if len(members) == 2 else {"lost": 1}
    holds(Scenario("after", (BundleSpec(members, after),), wins=1, **faults), short_waits())  # type: ignore[arg-type]


def test_a_bundle_with_a_member_of_other_bytes_is_refused(holds: Holds) -> None:
    members = (Registry(0, Version(Status.PUBLISHED, OTHER_A)),)
    result = holds(Scenario("refused", (TWO,), members=members, lost=1), short_waits())
    assert set(result.outcomes) == {("refused",)}


def test_members_that_are_published_already_or_archived(holds: Holds) -> None:
    members = (Registry(0, Version(Status.PUBLISHED, A)), Registry(0, Version(Status.ARCHIVED, B)))
    holds(Scenario("members", (TWO,), members=members, killed=1, lost=1, wins=1), short_waits())


def test_a_published_bundle_whose_members_are_missing_is_completed(holds: Holds) -> None:
    starts = Registry(0, Version(Status.PUBLISHED, TWO.versions[0].contents))
    holds(Scenario("partial", (TWO,), starts, killed=1, wins=1), short_waits())


def test_a_publisher_recovers_from_the_deletion_of_an_unfinished_version(holds: Holds) -> None:
    holds(Scenario("deleted", (TWO,), deletions=1, wins=1), short_waits())


@pytest.mark.slow
@ALL
@pytest.mark.parametrize(
    "faults",
    [{"killed": 1, "lost": 1}, {"killed": 1, "stale": 1}, {"lost": 1, "stale": 1}, {"killed": 1, "deletions": 1}],
)
def test_a_publisher_with_two_kinds_of_faults(holds: Holds, faults: dict[str, int]) -> None:
    holds(Scenario("two faults", (TWO,), wins=1, **faults), short_waits())  # type: ignore[arg-type]


# --- two publishers ---


@pytest.mark.slow
def test_two_publishers_of_the_same_bundle_both_succeed(holds: Holds) -> None:
    holds(Scenario("same", (BundleSpec((A,)),) * 2, killed=1, wins=2), short_waits())


@pytest.mark.slow
@ALL
def test_two_publishers_of_the_same_bundle_with_a_fault_or_two_members(holds: Holds) -> None:
    pair = (BundleSpec((A,)),) * 2
    holds(Scenario("same, lost", pair, wins=2, lasting=True, lost=1), short_waits())
    holds(Scenario("same, stale", pair, wins=2, stale=1), short_waits())
    holds(Scenario("same, 2 members", (BundleSpec((A, B), parallel=1),) * 2, wins=2), short_waits())


@pytest.mark.parametrize(
    ("other", "fault"),
    [
        (OTHER_MEMBERS, "lost"),
        (OTHER_MEMBERS, "stale"),
        (OTHER_BYTES, "stale"),
        pytest.param(OTHER_BYTES, "lost", marks=ALL),
    ],
    ids=["other members, lost", "other members, stale", "other bytes, stale", "other bytes, lost"],
)
@pytest.mark.slow
def test_of_two_different_bundles_one_is_published(holds: Holds, other: BundleSpec, fault: str) -> None:
    result = holds(Scenario("different", (TWO, other), wins=1, **{fault: 1}), short_waits())  # type: ignore[arg-type]
    assert set(result.outcomes) == {("refused", "success")}


def test_of_two_different_bundles_one_is_published_if_one_is_killed(holds: Holds) -> None:
    pair = (BundleSpec((A,)), BundleSpec((OTHER_A,)))
    result = holds(Scenario("different, killed", pair, wins=1, killed=1), short_waits())
    assert set(result.outcomes) == {("refused", "success")}


@pytest.mark.slow
@ALL
@pytest.mark.parametrize("other", [OTHER_BYTES, OTHER_MEMBERS], ids=["other bytes", "other members"])
def test_of_two_different_bundles_of_two_members_one_is_published_if_one_is_killed(
    holds: Holds, other: BundleSpec
) -> None:
    holds(Scenario("different, killed", (TWO, other), wins=1, killed=1), short_waits())


@pytest.mark.parametrize("version", [0, 1], ids=["of the bundle", "of a member"])
@pytest.mark.parametrize("declared", [A, OTHER_A, FOREIGN], ids=["the same", "other bytes", "another asset"])
def test_a_publisher_of_one_version_makes_no_mixture(
    holds: Holds, declared: tuple[tuple[str, bytes], ...], version: int
) -> None:
    """If it spoils a version after all are staged, the bundle is never Published."""
    result = holds(Scenario("one version", (TWO, Spec(declared, version=version))), short_waits())
    assert ("success", "success") not in result.outcomes or (declared, version) == (A, 1)


# --- promotions ---


@pytest.mark.parametrize(
    "faults", [pytest.param({"killed": 1}, marks=pytest.mark.slow), {"lost": 1}, {"stale": 1}], ids=", ".join
)
@ROUTES
def test_a_promotion_with_a_fault_is_completed(holds: Holds, route: Route, faults: dict[str, int]) -> None:
    holds(_promotion(BundleSpec((A, B), route=route), wins=1, **faults), short_waits())


@ROUTES
def test_a_promotion_survives_a_lost_response_or_a_broken_download(holds: Holds, route: Route) -> None:
    result = holds(_promotion(BundleSpec((A,), route=route), wins=1, lost=1, lasting=True), short_waits())
    assert result.kinds["torn"]


@pytest.mark.parametrize(
    "change",
    [Version(Status.PUBLISHED, OTHER_A), Version(Status.ARCHIVED, A), Version(Status.UNLISTED, B), None],
    ids=str,
)
@ROUTES
def test_a_promotion_of_a_source_that_changes(holds: Holds, route: Route, change: Version | None) -> None:
    spec = BundleSpec((A, B), ((1, 2),), route=route)
    result = holds(_promotion(spec, outside_changes=1, lost=int(EVERYTHING), source_versions=(change,)), short_waits())
    assert set(result.outcomes) == {("success",), ("refused",)}


@pytest.mark.slow
@pytest.mark.parametrize(
    "routes",
    [(COPY, COPY), (COPY, TRANSFER), (TRANSFER, TRANSFER), (COPY, FILES), (TRANSFER, FILES)],
    ids=" and ".join,
)
def test_two_promotions_of_the_same_bundle_both_succeed(holds: Holds, routes: tuple[Route, Route]) -> None:
    holds(_promotion(*(BundleSpec((A,), route=route) for route in routes), wins=2), short_waits())
