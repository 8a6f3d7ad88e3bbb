"""Tests of the simulation: each mutant has one deliberate bug in bundles, and the explorer must find it."""

from __future__ import annotations

import pytest

from pulumi_codeartifact_release.registry import Status

from .declarations import TRANSFER, contents
from .model import Registry, Version
from .mutants import Mutant, assert_found
from .scenario import Scenario
from .spec import BundleSpec, Spec

A, B, FOREIGN = (contents(text) for text in ("a1", "b1", "x8"))
OTHER_A = contents("a9")
ONE, TWO = BundleSpec((A,)), BundleSpec((A, B))


def _with_publisher(version: int) -> Scenario:
    """Return a scenario in which somebody adds an asset to a version that the bundle needs."""
    return Scenario("two", (ONE, Spec(FOREIGN, version=version)))


PROMOTION = BundleSpec((A,), route=TRANSFER)
CHANGING_SOURCE = Scenario(
    "promotion",
    (PROMOTION,),
    sources=tuple(one.contents for one in PROMOTION.versions.values()),
    outside_changes=1,
    source_versions=(Version(Status.ARCHIVED, A),),
    lost=1,
)

# --- texts of bundle_workflow.py and apply.py that mutants replace ----------------------------------------------------

MEMBERS = """    for group in (*groups, unchanged):
        jobs = [_commit(by_name[name], connect, scheduler, staged[name]) for name in group]
        yield from scheduler.run(jobs, limit=PARALLEL_COMMITS)
"""
BUNDLE = """    own = staged[prepared.request.name]
    if own.plan.action is Action.KEEP and own.plan.remote:
        yield Finished(own.plan.remote.state, own.sent)
        return
    yield from _unwrap(scheduler.run([_commit(prepared, connect, scheduler, own)], limit=1), prepared.request.name)
"""
STAGED = "                staged[name] = event\n"
COMPARED = """    listing = _await_assets(plan.release, plan.release.assets, registry, scheduler)
    remote = RemoteVersion.of(VersionState(Status.UNFINISHED, listing.revision), listing)
    return replace(make_plan(plan.release, remote, route=plan.route), staged=True)
"""
NOT_COMPARED = """    listing = registry.list_assets(plan.release.at)
    remote = RemoteVersion.of(VersionState(Status.UNFINISHED, listing.revision), listing)
    return replace(plan, action=Action.RESUME, uploads=(), remote=remote, staged=True)
"""
OF_BUNDLE = '    if plan.release.assets[0].name == "release-bundle.json":\n'

MUTANTS = [
    # The order of publication.
    Mutant(
        "the bundle is published before its members",
        Scenario("one", (TWO,)),
        "published the bundle, and member 1",
        bundle_workflow=((MEMBERS + BUNDLE, BUNDLE + MEMBERS),),
    ),
    Mutant(
        "the bundle is published with its last members",
        Scenario("one", (TWO,)),
        "published the bundle, and member",
        bundle_workflow=(
            (
                MEMBERS + BUNDLE,
                MEMBERS.replace(
                    "        yield",
                    '        jobs.append(_commit(prepared, connect, scheduler, staged["tools/app"]))\n        yield',
                ),
            ),
        ),
    ),
    Mutant(
        "the order of members is ignored",
        Scenario("order", (BundleSpec((A, B), ((1, 2),)),)),
        "published before member 2",
        bundle_workflow=(("publication_order(by_name, after)", "publication_order(by_name, {})"),),
    ),
    # Published before all are staged.
    Mutant(
        "each member is published when it is staged",
        Scenario("one", (TWO,)),
        "published before all are staged",
        bundle_workflow=(
            (
                STAGED,
                f"{STAGED}                if not item.members:\n"
                "                    _commit(item, connect, scheduler, event)(emit)\n",
            ),
        ),
    ),
    Mutant(
        "what was sent is not compared",
        _with_publisher(1),
        "published Version(",
        ((COMPARED, NOT_COMPARED),),
    ),
    Mutant(
        "the bundle itself is not compared",
        _with_publisher(0),
        "published Version(",
        ((COMPARED, OF_BUNDLE + "".join(f"    {line}\n" for line in NOT_COMPARED.splitlines()) + COMPARED),),
    ),
    Mutant(
        "a staged version is published at any revision",
        _with_publisher(1),
        "published Version(",
        (
            (
                "    return registry.set_status(release.at, revision=revision,",
                "    return registry.set_status(release.at, revision=None,",
            ),
        ),
    ),
    # Refusals, and two publishers.
    Mutant(
        "the refusal of a member is found only while staging",
        Scenario("refused", (TWO,), members=(Registry(0, Version(Status.PUBLISHED, OTHER_A)),)),
        "although a version is refused",
        bundle_workflow=(("    raise_refusals(prepared)\n", ""),),
    ),
    Mutant(
        "the bundle is not staged before its members",
        Scenario("two", (ONE, BundleSpec((OTHER_A,))), wins=1),
        "although another publisher sent its first asset",
        bundle_workflow=(("            return 0\n", "            return 1\n"),),
    ),
    Mutant(
        "the source is checked again after the first member is published",
        CHANGING_SOURCE,
        "after it published a part of its bundle",
        ((" and not completes:\n", ":\n"),),
    ),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.what)
def test_the_explorer_finds_the_bug(mutant: Mutant) -> None:
    assert_found(mutant)
