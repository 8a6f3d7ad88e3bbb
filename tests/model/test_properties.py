"""Properties of plan and apply over any assets and anything that the registry may hold, without a fault."""

from __future__ import annotations

import copy
import random
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from pulumi_codeartifact_release.errors import DisposedError, RefusedError
from pulumi_codeartifact_release.publishing import (
    Finalize,
    Finished,
    Planned,
    Release,
    apply,
    digest,
    make_plan,
    read_version,
)
from pulumi_codeartifact_release.publishing.plan import Action, Plan
from pulumi_codeartifact_release.registry import Status
from support import fakes
from support.fakes import AT, FakeRegistry, InlineScheduler

pytestmark = pytest.mark.slow

THOROUGHLY = settings(
    derandomize=True, deadline=None, max_examples=300, database=None, suppress_health_check=[HealthCheck.too_slow]
)

# Letters with two Unicode forms, a letter that sorts first only in UTF-16, and characters around the separators.
LETTERS = st.sampled_from(
    [*"aBz09-._ ~", "\u0301", "\u00e9", "\u212b", "\ud55c", "\u0390", "\u00df", "\U0001d4b3", "\uff5e"]
)
NAMES = st.text(LETTERS, min_size=1, max_size=6).map(lambda name: unicodedata.normalize("NFC", name))
CONTENT = st.one_of(st.just(b""), st.sampled_from([b"1", b"22"]), st.binary(max_size=40))
DECLARED = st.dictionaries(NAMES, CONTENT, min_size=1, max_size=6)
FINAL = [Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED]
CHANGES = ["same", "subset", "wrong", "foreign", "all", "nothing"]


@dataclass(frozen=True)
class Case:
    """A declaration, the content of the registry (None for nothing), and whether its replacement is permitted."""

    contents: Mapping[str, bytes]
    status: Status
    finalize: Finalize
    held: Mapping[str, bytes] | None
    held_status: Status
    permitted: bool

    @property
    def release(self) -> Release:
        return fakes.release(dict(self.contents), status=self.status, finalize=self.finalize)

    @property
    def replace_digest(self) -> str | None:
        if not self.permitted or self.held is None:
            return None
        return fakes.release(dict(self.held)).digest

    def registry(self) -> FakeRegistry:
        registry = FakeRegistry()
        if self.held is not None:
            registry.holds(dict(self.held), self.held_status)
        return registry


@st.composite
def cases(draw: st.DrawFn) -> Case:
    contents = draw(DECLARED)
    held: dict[str, bytes] | None = None
    held_status = draw(st.sampled_from([Status.UNFINISHED, *FINAL, Status.DISPOSED]))
    if held_status is Status.DISPOSED:
        held = {}
    elif draw(st.integers(0, 5)):
        kept = draw(st.sets(st.sampled_from(sorted(contents)))) if draw(st.booleans()) else set(contents)
        held = {name: contents[name] for name in sorted(kept)}
        if held and draw(st.integers(0, 3)) == 0:
            name = draw(st.sampled_from(sorted(held)))
            held[name] = draw(CONTENT)
        if draw(st.integers(0, 3)) == 0:
            held |= draw(st.dictionaries(NAMES, CONTENT, max_size=2))
        if not held and held_status is not Status.UNFINISHED:
            held = None
    return Case(
        contents,
        draw(st.sampled_from(FINAL)),
        draw(st.sampled_from(list(Finalize))),
        held,
        held_status,
        draw(st.booleans()),
    )


def _plan(case: Case, registry: FakeRegistry) -> Plan:
    return make_plan(case.release, read_version(registry, AT, InlineScheduler()), case.replace_digest)


def _content_of(registry: FakeRegistry) -> tuple[Status, dict[str, bytes]] | None:
    version = registry.versions.get(AT)
    return (version.status, dict(version.assets)) if version else None


@THOROUGHLY
@given(cases())
def test_apply_publishes_the_declared_release_or_refuses_without_a_write(case: Case) -> None:
    registry = case.registry()
    before = _content_of(registry)
    plan = _plan(case, registry)
    event(plan.action)
    registry.calls.clear()
    events = apply(
        case.release,
        fakes.asset_contents(dict(case.contents)),
        registry,
        InlineScheduler(),
        replace_digest=case.replace_digest,
    )

    if plan.refusal:
        with pytest.raises(RefusedError) as refused:
            list(events)
        assert (type(refused.value), refused.value.message) == (type(plan.refusal), plan.refusal.message)
        assert not registry.writes
        assert _content_of(registry) == before
        assert len(registry.calls) == plan.requests
        return

    emitted = list(events)
    assert isinstance(emitted[-1], Finished)
    assert emitted[-1].state.status is case.status
    assert _content_of(registry) == (case.status, case.contents)
    assert len(registry.calls) == plan.requests, registry.calls
    assert bool(registry.writes) == plan.changes
    assert {asset.name for asset in emitted[-1].sent} - {asset.name for asset in plan.uploads} <= {
        asset.name for asset in case.release.assets if case.finalize is Finalize.LAST_ASSET
    }
    assert next(item.plan.action for item in emitted if isinstance(item, Planned)) is plan.action

    # A second run has nothing to do, and the old permission has no effect.
    again = _plan(case, registry)
    assert (again.action, again.uploads, again.changes) == (Action.KEEP, (), False)
    registry.calls.clear()
    list(
        apply(
            case.release,
            fakes.asset_contents(dict(case.contents)),
            registry,
            InlineScheduler(),
            replace_digest=case.replace_digest,
        )
    )
    assert len(registry.calls) == again.requests
    assert not registry.writes


@THOROUGHLY
@given(cases())
def test_the_plan_says_what_is_there_what_is_missing_and_why_it_refuses(case: Case) -> None:
    plan = _plan(case, case.registry())
    declared = {asset.name for asset in case.release.assets}
    sent, present = [asset.name for asset in plan.uploads], [asset.name for asset in plan.present]
    held = case.held or {}
    differs = case.held_status in FINAL and held != case.contents
    foreign = any(case.contents.get(name) != content for name, content in held.items())

    assert sent == sorted(sent, key=str.encode)
    assert present == sorted(present, key=str.encode)
    assert not set(sent) & set(present)
    if plan.action in (Action.PUBLISH, Action.RESUME, Action.REPLACE):
        assert set(sent) | set(present) == declared
    if case.held is None:
        assert plan.action is Action.PUBLISH
    elif case.held_status is Status.DISPOSED:
        assert isinstance(plan.refusal, DisposedError)
    elif foreign or differs:
        replaces = case.permitted and case.status is Status.PUBLISHED
        assert plan.action is (Action.REPLACE if replaces else Action.REFUSE)
        if plan.refusal:
            wrong = {name for name in declared | held.keys() if held.get(name) != case.contents.get(name)}
            wrong -= set() if case.held_status in FINAL else declared - held.keys()
            assert all(f"\n  {name}\n" in plan.refusal.message for name in wrong)
    elif case.held_status is Status.UNFINISHED:
        assert plan.action is Action.RESUME
        assert set(sent) == declared - held.keys()
    else:
        assert plan.action is (Action.KEEP if case.held_status is case.status else Action.SET_STATUS)


@THOROUGHLY
@given(cases())
def test_a_plan_depends_only_on_its_inputs_and_does_not_change_them(case: Case) -> None:
    remote = read_version(case.registry(), AT, InlineScheduler())
    release = case.release
    kept = copy.deepcopy((release, remote))

    one, other = make_plan(release, remote, case.replace_digest), make_plan(release, remote, case.replace_digest)

    def summary(plan: Plan) -> tuple[Plan, str, str]:
        refusal = plan.refusal
        return replace(plan, refusal=None), repr(type(refusal)), str(refusal)

    assert summary(one) == summary(other)
    assert (release, remote) == kept


@THOROUGHLY
@given(DECLARED, st.sampled_from(["NFC", "NFD"]), st.integers())
def test_the_digest_depends_on_neither_order_nor_normal_form(contents: dict[str, bytes], form: str, seed: int) -> None:
    assets = [fakes.asset(name, content) for name, content in contents.items()]
    expected = digest(assets)

    random.Random(seed).shuffle(assets)
    respelled = [replace(one, name=unicodedata.normalize(form, one.name)) for one in assets]  # type: ignore[arg-type]

    assert digest(respelled) == expected
    assert fakes.release(dict(reversed(contents.items()))).digest == expected


@THOROUGHLY
@given(DECLARED, DECLARED)
def test_different_assets_have_different_digests(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    assert (fakes.release(one).digest == fakes.release(other).digest) == (one == other)


@THOROUGHLY
@given(cases())
def test_decomposed_names_in_the_registry_are_the_same_assets(case: Case) -> None:
    """Names are declared in NFC. A name in another form is the same asset, not an undeclared one."""
    held = {unicodedata.normalize("NFD", name): content for name, content in (case.held or {}).items()}
    respelled = replace(case, held=None if case.held is None else held)

    plan, other = _plan(case, case.registry()), _plan(respelled, respelled.registry())

    assert (plan.action, plan.uploads) == (other.action, other.uploads)
