"""Tests of the test: promotions are broken on purpose, in one place each, and the explorer has to find it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pulumi_codeartifact_release.publishing import Plan, Release, Route, make_plan
from pulumi_codeartifact_release.publishing.plan import Action, RemoteVersion
from pulumi_codeartifact_release.registry import Status
from support import fakes

from .declared import APPROVED, BECOMES, COPY, FILES, MOVED, QUIET, TRANSFER, contents
from .model import EMPTY, Contents, Registry, Version
from .mutants import Mutant, assert_found, caught
from .scenario import Scenario
from .spec import Spec

OLD = contents("a7", "b2")


def _one(route: Route, *, starts: Registry = EMPTY, **further: Any) -> Scenario:
    spec = {name: further.pop(name) for name in ("pinned", "status", "permitted") if name in further}
    return Scenario("one", (Spec(APPROVED, route=route, **spec),), starts, sources=(APPROVED,), **further)


def _moving(route: Route, *becomes: Version | None, **further: Any) -> Scenario:
    return _one(route, moves=1, becomes=becomes or BECOMES, **further)


def _seized(*seized: Version | None, **further: Any) -> Scenario:
    return _one(COPY, moves=1, seized=seized, **further)


def _beside(declared: Contents, starts: Registry = EMPTY) -> Scenario:
    return Scenario("two", (Spec(APPROVED, route=COPY), Spec(declared, route=FILES)), starts, sources=(APPROVED,))


def _replace_digest(held: Contents) -> tuple[tuple[str, Any], ...]:
    return (("replace_digest", fakes.release(dict(held)).digest),)


# --- lines of apply.py and promotion_source.py that mutants replace -----------------------------------------------

REVISION = "        revision=promotion_source.verify(release, scheduler),\n"
OVERWRITE = "        allow_overwrite=False,\n"
REMOVED = "            if plan.action is Action.REPLACE and plan.remote:\n"
COPIED = f"""    response = registry.copy(
        release.at,
        source_repository=promotion_source.repository,
{REVISION}        # An overwrite is not guarded by a status, as a deletion is.
{OVERWRITE}    )
"""
VERIFIED = "        if remote and not compare(release, remote) and remote.state.status is not Status.UNFINISHED:\n"
AT_ITS_REVISION = "    if response and listing and response.revision == listing.revision:\n"
DECLARED = "            if state.status is not release.status:\n"
DOUBTED = "            if promotion_source:\n                promotion_source.invalidate()\n"
ASSURED = "        promotion_source.verify(plan.release, scheduler)\n"
ANEW = "            promotion_source.invalidate()\n        promotion_source.verify"

PLANNED = '            self.check_gates(remote, Pin(release.digest, "the plan"))\n'
COMPLETE = "        if not writer.complete:\n"
CHOSEN = "    promotion_source.check_gates(remote)\n    if remote is None:\n"
MADE = "    if destination and published and pin and destination.digest == pin.digest:\n"

SUCCESS = "return VersionState(Status.PUBLISHED, '')"


# --- what is put in the place of the plan ---------------------------------------------------------------------


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
    Mutant("the copy names no revision", _moving(COPY), "took", ((REVISION, "        revision=None,\n"),)),
    Mutant(
        "the source is judged, but not whether it is what was planned",
        _moving(COPY, Version(Status.PUBLISHED, MOVED)),
        "was not judged",
        promotion_source=((PLANNED, "            self.check_gates(remote)\n"),),
    ),
    Mutant(
        "the source is looked at, and not judged",
        _moving(COPY, Version(Status.UNLISTED, APPROVED)),
        "was not judged",
        promotion_source=(
            (PLANNED, "            self._verified_revision = remote.state.revision if remote else ''\n"),
        ),
    ),
    Mutant(
        "what is chosen is not judged",
        _moving(COPY, Version(Status.PUBLISHED, MOVED), pinned=True),
        "was not judged",
        promotion_source=(
            (
                CHOSEN,
                "    promotion_source._verified_revision = remote.state.revision if remote else ''\n"
                "    if remote is None:\n",
            ),
        ),
    ),
    Mutant("assets of a source that was not judged", _one(TRANSFER), "was not judged", ((ASSURED, "        pass\n"),)),
    Mutant(
        "a source that moved is not judged again",
        _moving(COPY, lasting=True),
        "not since it was in doubt",
        ((DOUBTED, ""),),
    ),
    Mutant(
        "a source that is about to replace something is not judged again",
        _one(
            COPY,
            pinned=True,
            permitted=_replace_digest(OLD),
            starts=Registry(0, Version(Status.PUBLISHED, OLD)),
            replaceable=(OLD,),
        ),
        "not judged since the destination was seen",
        ((ANEW, "            pass\n        promotion_source.verify"),),
    ),
    Mutant(
        "a download is not verified, and the source moved",
        _moving(TRANSFER),
        "different bytes than its hash says",
        promotion_source=((COMPLETE, "        if None:\n"),),
    ),
    Mutant(
        "a download is not verified, and it ended too early",
        _one(TRANSFER, lost=1, lasting=True),
        "a run failed with FileChangedError",
        promotion_source=((COMPLETE, "        if None:\n"),),
    ),
    # What an answer means.
    Mutant(
        "a copy without an answer is taken for success",
        _one(COPY, lost=1),
        "reports success",
        (caught(COPIED, "UnreachableError", SUCCESS),),
    ),
    Mutant(
        "a refused copy is taken for success",
        _beside(MOVED),
        "reports success",
        (caught(COPIED, "StatusRefusedError", SUCCESS),),
    ),
    Mutant(
        "a copy that is answered with nothing is taken for success",
        _beside(APPROVED, QUIET),
        "reports success",
        ((COPIED, f"{COPIED}    if not response:\n        {SUCCESS}\n"),),
    ),
    Mutant(
        "what was copied is not compared",
        _seized(Version(Status.PUBLISHED, MOVED)),
        "reports success",
        ((VERIFIED, VERIFIED.replace("not compare(release, remote) and ", "")),),
    ),
    Mutant(
        "whatever is listed is taken for the copy",
        _seized(Version(Status.ARCHIVED, APPROVED)),
        "reports success",
        ((AT_ITS_REVISION, "    if response and listing:\n"),),
    ),
    Mutant(
        "whatever is published is taken for what the pin names",
        _one(COPY, pinned=True, starts=Registry(0, Version(Status.PUBLISHED, MOVED))),
        "reports success",
        promotion_source=((MADE, "    if destination and published and pin:\n"),),
    ),
    Mutant(
        "a copy keeps the status of its source",
        _one(COPY, status=Status.UNLISTED),
        "Unlisted is declared",
        ((DECLARED, "            if None:\n"),),
    ),
    # What a copy takes the place of.
    Mutant("every copy overwrites", _beside(MOVED), "overwrote", ((OVERWRITE, "        allow_overwrite=True,\n"),)),
    Mutant(
        "leftover assets are overwritten, not deleted",
        _seized(
            Version(Status.PUBLISHED, OLD),
            permitted=_replace_digest(OLD[:1]),
            starts=Registry(0, Version(Status.UNFINISHED, OLD[:1])),
        ),
        "overwrote",
        (
            (REMOVED, REMOVED.replace(" and ", " and not plan.copies and ")),
            (OVERWRITE, "        allow_overwrite=True,\n"),
        ),
    ),
    Mutant(
        "what is there in part is copied over",
        _one(COPY, starts=Registry(0, Version(Status.UNFINISHED, APPROVED[:1])), lasting=True),
        "a run failed with StatusRefusedError",
        names=(("make_plan", _planned(_CopiesTheRest)),),
    ),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.what)
def test_it_is_caught(mutant: Mutant) -> None:
    assert_found(mutant)
