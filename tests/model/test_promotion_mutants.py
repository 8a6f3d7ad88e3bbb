"""Tests of the simulation: each mutant has one deliberate bug in promotions, and the explorer must find it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pulumi_codeartifact_release.publishing import Plan, Release, Route, make_plan
from pulumi_codeartifact_release.publishing.plan import Action, RemoteVersion
from pulumi_codeartifact_release.registry import Status
from support import fakes

from .declarations import APPROVED, CHANGED, COPY, FILES, QUIET, SOURCE_VERSIONS, TRANSFER, contents
from .model import EMPTY, Contents, Registry, Version
from .mutants import Mutant, assert_found, swallow
from .scenario import Scenario
from .spec import Spec

OLD = contents("a7", "b2")


def _one(route: Route, *, starts: Registry = EMPTY, **further: Any) -> Scenario:
    spec = {name: further.pop(name) for name in ("pinned", "status", "permitted") if name in further}
    return Scenario("one", (Spec(APPROVED, route=route, **spec),), starts, sources=(APPROVED,), **further)


def _changing_source(route: Route, *versions: Version | None, **further: Any) -> Scenario:
    return _one(route, outside_changes=1, source_versions=versions or SOURCE_VERSIONS, **further)


def _changing_destination(*versions: Version | None, **further: Any) -> Scenario:
    return _one(COPY, outside_changes=1, destination_versions=versions, **further)


def _with_publisher(declared: Contents, starts: Registry = EMPTY) -> Scenario:
    return Scenario("two", (Spec(APPROVED, route=COPY), Spec(declared, route=FILES)), starts, sources=(APPROVED,))


def _replace_digest(held: Contents) -> tuple[tuple[str, Any], ...]:
    return (("replace_digest", fakes.release(dict(held)).digest),)


# --- lines of apply.py and promotion_source.py that mutants replace -----------------------------------------------

REVISION = "        revision=promotion_source.verify(release, scheduler),\n"
OVERWRITE = "        allow_overwrite=False,\n"
REPLACED = "            if plan.action is Action.REPLACE and plan.remote:\n"
COPIED = f"""    response = registry.copy(
        release.at,
        source_repository=promotion_source.repository,
{REVISION}        # An overwrite is not guarded by a status, as a deletion is.
{OVERWRITE}    )
"""
VERIFIED = "        if remote and not compare(release, remote) and remote.state.status is not Status.UNFINISHED:\n"
AT_ITS_REVISION = "    if response and listing and response.revision == listing.revision:\n"
DECLARED = "            if state.status is not release.status:\n"
INVALIDATED = "            if promotion_source and not completes:\n                promotion_source.invalidate()\n"
VERIFIED_SOURCE = "        promotion_source.verify(plan.release, scheduler)\n"
INVALIDATED_FOR_REPLACEMENT = "            promotion_source.invalidate()\n        promotion_source.verify"

PLANNED = '            self.check_gates(remote, Pin(release.digest, "the plan"))\n'
COMPLETE = "        if not writer.complete:\n"
CHOSEN = "    promotion_source.check_gates(remote)\n    if remote is None:\n"
ALREADY_PROMOTED = "    if destination and published and pin and destination.digest == pin.digest:\n"

SUCCESS = "return VersionState(Status.PUBLISHED, '')"


# --- wrong plans ---


class _CopiesTheRest(Plan):
    @property
    def copies(self) -> bool:
        return self.route is Route.COPY and self.action in (Action.PUBLISH, Action.RESUME, Action.REPLACE)


def _planned(kind: type[Plan]) -> Any:
    def make(release: Release, remote: RemoteVersion | None, replace_digest: str | None, route: Route) -> Plan:
        plan = make_plan(release, remote, replace_digest, route)
        return kind(**{field.name: getattr(plan, field.name) for field in dataclasses.fields(plan)})

    return make


MUTANTS = [
    # The source is not what was approved.
    Mutant("the copy has no revision", _changing_source(COPY), "took", ((REVISION, "        revision=None,\n"),)),
    Mutant(
        "the gates are checked, but not the planned digest",
        _changing_source(COPY, Version(Status.PUBLISHED, CHANGED)),
        "was not verified",
        promotion_source=((PLANNED, "            self.check_gates(remote)\n"),),
    ),
    Mutant(
        "the source is read, but its gates are not checked",
        _changing_source(COPY, Version(Status.UNLISTED, APPROVED)),
        "was not verified",
        promotion_source=(
            (PLANNED, "            self._verified_revision = remote.state.revision if remote else ''\n"),
        ),
    ),
    Mutant(
        "the gates of the candidate are not checked",
        _changing_source(COPY, Version(Status.PUBLISHED, CHANGED), pinned=True),
        "was not verified",
        promotion_source=(
            (
                CHOSEN,
                "    promotion_source._verified_revision = remote.state.revision if remote else ''\n"
                "    if remote is None:\n",
            ),
        ),
    ),
    Mutant(
        "assets of a source without a check of its gates",
        _one(TRANSFER),
        "was not verified",
        ((VERIFIED_SOURCE, "        pass\n"),),
    ),
    Mutant(
        "a changed source is not verified again",
        _changing_source(COPY, lasting=True),
        "not after an ambiguous response",
        ((INVALIDATED, ""),),
    ),
    Mutant(
        "the source is not verified again before a replacement",
        _one(
            COPY,
            pinned=True,
            permitted=_replace_digest(OLD),
            starts=Registry(0, Version(Status.PUBLISHED, OLD)),
            replaceable=(OLD,),
        ),
        "not verified after the destination was read",
        ((INVALIDATED_FOR_REPLACEMENT, "            pass\n        promotion_source.verify"),),
    ),
    Mutant(
        "a download is not verified, and the source changed",
        _changing_source(TRANSFER),
        "different bytes than its hash says",
        promotion_source=((COMPLETE, "        if None:\n"),),
    ),
    Mutant(
        "a download is not verified, and it ended early",
        _one(TRANSFER, lost=1, lasting=True),
        "a run failed with FileChangedError",
        promotion_source=((COMPLETE, "        if None:\n"),),
    ),
    # The meaning of responses.
    Mutant(
        "a copy without a response is treated as success",
        _one(COPY, lost=1),
        "reports success",
        (swallow(COPIED, "UnreachableError", SUCCESS),),
    ),
    Mutant(
        "a refused copy is treated as success",
        _with_publisher(CHANGED),
        "reports success",
        (swallow(COPIED, "StatusRefusedError", SUCCESS),),
    ),
    Mutant(
        "a copy that is with an empty response is taken for success",
        _with_publisher(APPROVED, QUIET),
        "reports success",
        ((COPIED, f"{COPIED}    if not response:\n        {SUCCESS}\n"),),
    ),
    Mutant(
        "the copy is not compared",
        _changing_destination(Version(Status.PUBLISHED, CHANGED)),
        "reports success",
        ((VERIFIED, VERIFIED.replace("not compare(release, remote) and ", "")),),
    ),
    Mutant(
        "any listing is treated as that of the copy",
        _changing_destination(Version(Status.ARCHIVED, APPROVED)),
        "reports success",
        ((AT_ITS_REVISION, "    if response and listing:\n"),),
    ),
    Mutant(
        "any published version is treated as the pinned one",
        _one(COPY, pinned=True, starts=Registry(0, Version(Status.PUBLISHED, CHANGED))),
        "reports success",
        promotion_source=((ALREADY_PROMOTED, "    if destination and published and pin:\n"),),
    ),
    Mutant(
        "a copy keeps the status of its source",
        _one(COPY, status=Status.UNLISTED),
        "Unlisted is declared",
        ((DECLARED, "            if None:\n"),),
    ),
    # Versions that a copy replaces.
    Mutant(
        "every copy overwrites",
        _with_publisher(CHANGED),
        "overwrote",
        ((OVERWRITE, "        allow_overwrite=True,\n"),),
    ),
    Mutant(
        "leftover assets are overwritten, not deleted",
        _changing_destination(
            Version(Status.PUBLISHED, OLD),
            permitted=_replace_digest(OLD[:1]),
            starts=Registry(0, Version(Status.UNFINISHED, OLD[:1])),
        ),
        "overwrote",
        (
            (REPLACED, REPLACED.replace(" and ", " and not plan.copies and ")),
            (OVERWRITE, "        allow_overwrite=True,\n"),
        ),
    ),
    Mutant(
        "an incomplete version is copied over",
        _one(COPY, starts=Registry(0, Version(Status.UNFINISHED, APPROVED[:1])), lasting=True),
        "a run failed with StatusRefusedError",
        names=(("make_plan", _planned(_CopiesTheRest)),),
    ),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.what)
def test_the_explorer_finds_the_bug(mutant: Mutant) -> None:
    assert_found(mutant)
