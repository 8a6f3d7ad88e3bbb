"""Tests of the simulation: each mutant has one deliberate bug in the publishing core, and the explorer must find it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pulumi_codeartifact_release.publishing import Finalize, Plan, Release, Route, make_plan
from pulumi_codeartifact_release.publishing.plan import Action, RemoteVersion, final_asset
from pulumi_codeartifact_release.registry import Status
from support import fakes

from .declarations import LAST_ASSET, STATUS_UPDATE, contents
from .model import Contents, Registry, Version
from .mutants import Mutant, assert_found, swallow
from .scenario import Scenario
from .spec import Spec

A, AB, ABC = (contents("a1", "b2", "c3")[:count] for count in (1, 2, 3))
OLD = contents("a7", "b2")
PERMITTED = (("replace_digest", fakes.release(dict(OLD)).digest),)


def _one(declared: Contents = AB, finalize: Finalize = STATUS_UPDATE, **faults: int) -> Scenario:
    return Scenario("one", (Spec(declared, finalize),), wins=1, **faults)  # type: ignore[arg-type]


def _lasting(*specs: Spec, **faults: int) -> Scenario:
    return Scenario("lasting", specs, lasting=True, wins=len(specs), **faults)  # type: ignore[arg-type]


def _two(one: Contents, other: Contents, finalize: Finalize = STATUS_UPDATE) -> Scenario:
    return Scenario("two", (Spec(one, finalize), Spec(other, finalize)))


def _replacing(*declared: Spec, held: Status = Status.PUBLISHED, wins: int | None = None, **faults: int) -> Scenario:
    publishers = tuple(dataclasses.replace(one, permitted=PERMITTED) for one in declared)
    wins = len(publishers) if wins is None else wins
    starts = Registry(0, Version(held, OLD))
    return Scenario("replacing", publishers, starts, replaceable=(OLD,), wins=wins, **faults)  # type: ignore[arg-type]


# --- texts of apply.py that mutants replace -------------------------------------------------------------------

SENT = "    yield from _send(plan, uploader, scheduler, parallel)\n"
FINALIZE = """    if last := final_asset(release):
        return (yield from _publish_by_last_asset(last, release, uploader, registry, scheduler))
    listing = _await_assets(release, release.assets, registry, scheduler)
    return (yield from _publish_by_status_update(release, listing.revision, registry, scheduler))
"""
FINISHED = """    if last := final_asset(release):
        state = yield from _publish_by_last_asset(last, release, uploader, registry, scheduler)
    else:
        listing = _await_assets(release, release.assets, registry, scheduler)
        state = yield from _publish_by_status_update(release, listing.revision, registry, scheduler)
"""
RETURNED = "    return state\n"
UPLOADS = "    yield from scheduler.run(jobs[:1], limit=1)\n    yield from scheduler.run(jobs[1:], limit=parallel)\n"
JOBS = "    jobs = [uploader.job(asset) for asset in plan.uploads]\n"
FIRST, OTHERS = UPLOADS.splitlines(keepends=True)
AWAITED = "            missing = [d.declared for d in differences if d.declared in expected and d.declared]\n"
COMPARED = "            if any(d.remote is not None for d in differences):\n"
AWAIT_OTHERS = "    if others:\n        _await_assets(release, others, registry, scheduler)\n"
PUBLISHING = (
    "    return registry.set_status(release.at, revision=revision, expected=Status.UNFINISHED, "
    "target=Status.PUBLISHED)\n"
)
SEND = "                state = self._registry.publish_asset(self._at, asset, reader, unfinished=unfinished)\n"
IMPORTS = (
    "import Asset, Coordinates, Registry, VersionState\n",
    "import Asset, Coordinates, Registry, Status, VersionState\n"
    "from ..errors import RegistryConflictError, UnreachableError\n",
)
MARK = "registry.set_status(at, revision=state.revision, expected=state.status, target=PRE_DELETE_STATUS)"
ARCHIVED_FIRST = """    if expected not in (Status.UNFINISHED, PRE_DELETE_STATUS):
        _set_pre_delete_status(plan, remote, registry, scheduler)
        expected = PRE_DELETE_STATUS
"""
DELETE = "registry.delete(plan.release.at, expected=expected)"
AT_ONE_REVISION = "(state.status is Status.UNFINISHED or listing.revision == state.revision)"
READ_AGAIN = "            if compare(release, remote):\n"
AMBIGUOUS = "        except _AMBIGUOUS_ERRORS as error:"

NOTHING_MISSING = (AWAITED, AWAITED.replace("[d.", "[] and [d."))
NOTHING_WRONG = (COMPARED, COMPARED.replace("if any", "if None and any"))


def _still_raised(error: str) -> tuple[str, str]:
    """Return a change: `error` is raised without another read."""
    return AMBIGUOUS, f"        except {error}:\n            raise\n{AMBIGUOUS}"


# --- wrong plans ---


def _plan_sends_all(release: Release, remote: RemoteVersion | None, replace_digest: str | None, route: Route) -> Plan:
    plan = make_plan(release, remote, replace_digest, route)
    return dataclasses.replace(plan, uploads=release.assets) if plan.action is Action.RESUME else plan


def _plan_sends_all_but_one(
    release: Release, remote: RemoteVersion | None, replace_digest: str | None, route: Route
) -> Plan:
    plan = make_plan(release, remote, replace_digest, route)
    return dataclasses.replace(plan, uploads=plan.uploads[:-1])


def _plan_keeps_finalize(
    release: Release, remote: RemoteVersion | None, replace_digest: str | None, route: Route
) -> Plan:
    return dataclasses.replace(make_plan(release, remote, replace_digest, route), release=release)


def _plan_replaces_by_any_status(
    release: Release, remote: RemoteVersion | None, replace_digest: str | None, route: Route
) -> Plan:
    plan = make_plan(release, remote, replace_digest, route)
    if remote is None or replace_digest != remote.digest or plan.action is not Action.REFUSE:
        return plan
    published = make_plan(dataclasses.replace(release, status=Status.PUBLISHED), remote, replace_digest, route)
    return dataclasses.replace(published, release=plan.release)


def _plan_replaces_anything(
    release: Release, remote: RemoteVersion | None, replace_digest: str | None, route: Route
) -> Plan:
    return make_plan(release, remote, remote.digest if remote and replace_digest else None, route)


def _plan_keeps_other_bytes(
    release: Release, remote: RemoteVersion | None, replace_digest: str | None, route: Route
) -> Plan:
    plan = make_plan(release, remote, replace_digest, route)
    if plan.action is Action.REFUSE and remote and remote.state.status is release.status:
        return dataclasses.replace(plan, action=Action.KEEP, refusal=None)
    return plan


def _plan_refuses_nothing(
    release: Release, remote: RemoteVersion | None, replace_digest: str | None, route: Route
) -> Plan:
    plan = make_plan(release, remote, replace_digest, route)
    if plan.action is Action.REFUSE and remote and remote.state.status is Status.UNFINISHED:
        return dataclasses.replace(plan, action=Action.RESUME, refusal=None)
    return plan


def _largest(release: Release) -> Any:
    return next(
        asset
        for asset in reversed(release.assets)
        if asset != final_asset(dataclasses.replace(release, finalize=Finalize.LAST_ASSET))
    )


SUCCESS = "return VersionState(Status.PUBLISHED, '')"

MUTANTS = [
    # Published too early.
    Mutant(
        "publishes before the other uploads, without a check for missing assets",
        _one(),
        "published",
        (
            (SENT + FINALIZE, JOBS + FIRST + FINISHED + OTHERS + RETURNED),
            NOTHING_MISSING,
        ),
    ),
    Mutant(
        "publishes before the other uploads, so the check for missing assets never passes",
        _lasting(Spec(AB)),
        "a run failed with RegistryConflictError",
        ((SENT + FINALIZE, FINISHED + SENT + RETURNED),),
    ),
    Mutant(
        "one upload is omitted, without a check for missing assets",
        _one(),
        "published",
        (NOTHING_MISSING,),
        (("make_plan", _plan_sends_all_but_one),),
    ),
    Mutant("no check for missing assets", _one(deletions=1), "published", (NOTHING_MISSING,)),
    Mutant(
        "last-asset: the final asset is sent first",
        _one(finalize=LAST_ASSET),
        "published",
        ((SENT + FINALIZE, FINISHED + SENT + RETURNED), (AWAIT_OTHERS, "")),
    ),
    Mutant(
        "last-asset: one upload is omitted, without a check for missing assets",
        _one(ABC, LAST_ASSET),
        "published",
        (NOTHING_MISSING,),
        (("make_plan", _plan_sends_all_but_one),),
    ),
    # A version that is not as declared is published.
    Mutant("no comparison before publication", _two(A, AB), "published", (NOTHING_WRONG,)),
    Mutant(
        "leftover assets are treated as an upload to resume",
        _two(A, AB),
        "published",
        (NOTHING_WRONG,),
        (("make_plan", _plan_refuses_nothing),),
    ),
    Mutant(
        "any published version is treated as the declared one",
        _two(A, AB),
        "reports success",
        names=(("make_plan", _plan_keeps_other_bytes),),
    ),
    # Conditions of the publishing call.
    Mutant(
        "the publishing call has no revision",
        _two(A, AB),
        "published",
        ((PUBLISHING, PUBLISHING.replace("=revision", "=None")),),
    ),
    Mutant(
        "the publishing call has no expected status",
        Scenario("archived", (Spec(A, STATUS_UPDATE, Status.ARCHIVED),) * 2),
        "to an undeclared one",
        ((PUBLISHING, PUBLISHING.replace("Status.UNFINISHED", "None")),),
    ),
    # The meaning of responses.
    Mutant(
        "a conflict is treated as success",
        _two(contents("a1", "b2"), contents("a9", "b2")),
        "although another publisher sent its first asset",
        upload=(IMPORTS, swallow(SEND, "RegistryConflictError", "state = self._registry.describe(self._at)")),
    ),
    Mutant(
        "a publishing call without a response is treated as success",
        _one(lost=1),
        "reports success",
        (swallow(PUBLISHING, "UnreachableError", SUCCESS),),
    ),
    Mutant(
        "a refused publishing call is treated as success",
        _two(A, AB),
        "reports success",
        (swallow(PUBLISHING, "StatusRefusedError", SUCCESS),),
    ),
    Mutant(
        "an upload without a response is treated as success, without a check for missing assets",
        _one(lost=1),
        "published",
        (NOTHING_MISSING,),
        upload=(IMPORTS, swallow(SEND, "UnreachableError", "state = VersionState(Status.UNFINISHED, '')")),
    ),
    Mutant(
        "no read after a lost response",
        _lasting(Spec(AB), lost=1),
        "a run failed with UnreachableError",
        (_still_raised("UnreachableError"),),
    ),
    Mutant(
        "no read after a refused publishing call",
        _lasting(Spec(AB), Spec(AB)),
        "a run failed with StatusRefusedError",
        (_still_raised("StatusRefusedError"),),
    ),
    Mutant(
        "no read after a conflict",
        Scenario("lasting", (Spec(AB), Spec(contents("a9", "b2"))), lasting=True, wins=1),
        "a run failed with RegistryConflictError",
        (_still_raised("RegistryConflictError"),),
    ),
    # The order of uploads.
    Mutant(
        "the first asset is not sent alone",
        _two(contents("a1", "b2"), contents("a9", "b2")),
        "although another publisher sent its first asset",
        ((UPLOADS, "    yield from scheduler.run(jobs, limit=parallel)\n"),),
    ),
    Mutant(
        "a resumed run sends everything again",
        _one(killed=1),
        "again, although it was acknowledged",
        names=(("make_plan", _plan_sends_all),),
    ),
    # last-asset reads its result again.
    Mutant(
        "last-asset: the result is not compared",
        _two(A, AB, LAST_ASSET),
        "reports success",
        ((READ_AGAIN, READ_AGAIN.replace("if ", "if None and ")),),
    ),
    Mutant(
        "last-asset: status and assets of different revisions are combined (bug 1)",
        Scenario("two", (Spec(AB, LAST_ASSET), Spec(ABC)), stale=1),
        "reports success",
        read_version=((AT_ONE_REVISION, "state"),),
    ),
    # Replacement.
    Mutant(
        "replaced: deleted without the guarded change of status",
        _replacing(Spec(AB), lost=1),
        "deleted",
        ((ARCHIVED_FIRST, ""),),
    ),
    Mutant(
        "replaced: the change of status has no revision",
        _replacing(Spec(AB), Spec(AB)),
        "to an undeclared one",
        ((MARK, MARK.replace("state.revision", "None")),),
    ),
    Mutant(
        "replaced: the deletion has no expected status",
        _replacing(Spec(AB), lost=1),
        "deleted",
        ((DELETE, DELETE.replace("=expected", "=None")),),
    ),
    Mutant(
        "replaced: archived although the declared status is Archived (bug 2)",
        _replacing(Spec(AB, STATUS_UPDATE, Status.ARCHIVED), lost=1, wins=0),
        "deleted",
        names=(("make_plan", _plan_replaces_by_any_status),),
    ),
    Mutant(
        "replaced: published by the last asset (bug 3)",
        _replacing(Spec(AB, LAST_ASSET), held=Status.UNFINISHED, lost=1),
        "published",
        names=(("make_plan", _plan_keeps_finalize),),
    ),
    Mutant(
        "replaced: another version than the permitted one",
        _replacing(Spec(AB), Spec(contents("a5", "b2")), wins=0),
        "to an undeclared one",
        names=(("make_plan", _plan_replaces_anything),),
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.what)
def test_the_explorer_finds_the_bug(mutant: Mutant) -> None:
    assert_found(mutant)
