"""Where a package stands: what is read for it, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from fakes import AT, FakeRegistry, asset
from pulumi_codeartifact_release.errors import UnreachableError
from pulumi_codeartifact_release.publishing import ThreadScheduler, digest
from pulumi_codeartifact_release.publishing.standing import (
    Before,
    Behind,
    Declared,
    Found,
    Holding,
    Standing,
    Step,
    Wanted,
    judge,
    read,
)
from pulumi_codeartifact_release.registry import Status

OLD = replace(AT, version="0.9")
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
UNREAD = Found(problem=UnreachableError("no answer"))
NOTHING = Found()


def found(version: str = "1.0", digest: str | None = A, status: Status = Status.PUBLISHED) -> Found:
    return Found(Holding(version, status, "r1", digest, SINCE))


def looked(registry: FakeRegistry, version: str | None = "1.0") -> Found:
    return read(registry, replace(AT, version=""), version, ThreadScheduler())


# --- reading ---


@pytest.mark.parametrize("status", [Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED])
def test_the_declared_version_takes_two_reads(status: Status) -> None:
    registry = FakeRegistry()
    registry.holds({"a": b"a"}, status)
    registry.holds({"a": b"old"}, Status.PUBLISHED, OLD)
    holds = looked(registry).holds
    assert holds
    assert (holds.version, holds.status, holds.digest) == ("1.0", status, digest([asset("a", b"a")]))
    assert (holds.since, holds.read_at, holds.whole) == (registry.now, registry.now, True)
    assert registry.calls == ["describe", "list"]


def test_without_it_what_was_published_last_is_held() -> None:
    registry = FakeRegistry()
    registry.holds({"a": b"old"}, Status.PUBLISHED, OLD)
    here = looked(registry)
    assert here.holds
    assert (here.holds.version, here.in_progress) == ("0.9", False)
    assert registry.calls == ["describe", "newest", "describe", "list"]
    assert registry.writes == []


def test_while_it_is_unfinished_what_was_published_last_is_held() -> None:
    registry = FakeRegistry()
    registry.holds({"a": b"a"}, Status.UNFINISHED)
    registry.holds({"a": b"old"}, Status.PUBLISHED, OLD)
    here = looked(registry)
    assert here.holds
    assert (here.holds.version, here.in_progress) == ("0.9", True)


def test_unfinished_alone_is_shown_as_it_is_without_a_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = FakeRegistry()
    registry.holds({"a": b"a"}, Status.UNFINISHED)
    monkeypatch.setattr(registry, "newest_version", lambda _at: None)
    here = looked(registry)
    assert here.holds
    assert (here.holds.version, here.holds.status, here.holds.digest, here.in_progress) == (
        "1.0",
        Status.UNFINISHED,
        None,
        True,
    )


def test_disposed_has_no_digest_since_its_bytes_are_gone() -> None:
    registry = FakeRegistry()
    registry.holds({}, Status.DISPOSED)
    holds = looked(registry).holds
    assert holds
    assert (holds.status, holds.digest, holds.whole) == (Status.DISPOSED, None, False)


def test_nothing_there_is_nothing() -> None:
    assert looked(FakeRegistry()) == NOTHING
    assert looked(FakeRegistry(), None) == NOTHING


def test_where_nothing_is_declared_what_was_published_last_is_held() -> None:
    registry = FakeRegistry()
    registry.holds({"a": b"old"}, Status.PUBLISHED, OLD)
    holds = looked(registry, None).holds
    assert holds
    assert holds.version == "0.9"


@pytest.mark.parametrize("begun", [False, True])
def test_published_between_two_looks_it_is_the_declared_version(begun: bool) -> None:
    registry = FakeRegistry()
    if begun:
        registry.holds({"a": b"a"}, Status.UNFINISHED)

    def publish(call: str) -> None:
        if call == "newest":
            registry.holds({"a": b"a"}, Status.PUBLISHED)

    registry.before = publish
    here = looked(registry)
    assert here.holds
    assert (here.holds.version, here.in_progress) == ("1.0", False)


def test_deleted_between_two_looks_it_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = FakeRegistry()
    monkeypatch.setattr(registry, "newest_version", lambda _at: "0.9")
    assert looked(registry) == NOTHING


def test_any_other_error_is_raised() -> None:
    registry = FakeRegistry()

    def fail(_call: str) -> None:
        raise UnreachableError("no answer")

    registry.before = fail
    with pytest.raises(UnreachableError):
        looked(registry)


# --- against the manifest ---


@pytest.mark.parametrize(
    ("wanted", "here", "declared", "reasons"),
    [
        (Wanted("1.0"), found(), Declared.AS_DECLARED, ()),
        (Wanted("1.0", digest=A), found(), Declared.AS_DECLARED, ()),
        (Wanted("1.0", Status.ARCHIVED), found(status=Status.ARCHIVED), Declared.AS_DECLARED, ()),
        (Wanted("1.0"), NOTHING, Declared.PENDING, ("1.0 is not there yet",)),
        (Wanted("1.0"), found("0.9"), Declared.PENDING, ("1.0 is not there yet",)),
        (Wanted("1.0"), found(status=Status.UNFINISHED), Declared.PENDING, ("1.0 is Unfinished here",)),
        (Wanted("1.0"), replace(found("0.9"), in_progress=True), Declared.PENDING, ("1.0 is Unfinished here",)),
        (Wanted("1.0"), found(status=Status.ARCHIVED), Declared.DRIFTED, ("Archived, declared Published",)),
        (
            Wanted("1.0", Status.UNLISTED),
            found(),
            Declared.DRIFTED,
            ("Published, declared Unlisted",),
        ),
        (Wanted("1.0"), found("1.0", None, Status.DISPOSED), Declared.DRIFTED, ("Disposed, declared Published",)),
        (Wanted("1.0", digest=B), found(), Declared.DRIFTED, (f"other bytes than its pin, {B}",)),
        (
            Wanted("1.0", digest=B),
            found(status=Status.UNLISTED),
            Declared.DRIFTED,
            ("Unlisted, declared Published", f"other bytes than its pin, {B}"),
        ),
        (None, found(), Declared.UNDECLARED, ()),
        (None, NOTHING, Declared.UNDECLARED, ()),
        (Wanted("1.0"), UNREAD, Declared.UNKNOWN, ()),
    ],
)
def test_against_the_manifest(wanted: Wanted | None, here: Found, declared: Declared, reasons: tuple[str, ...]) -> None:
    standing = judge(wanted, here, None)
    assert (standing.declared, standing.reasons) == (declared, reasons)


def test_other_bytes_than_the_environment_before_are_drift_where_no_pin_decides() -> None:
    before = Before("dev", found("1.0", B))
    standing = judge(Wanted("1.0"), found("1.0", A), before)
    assert standing == Standing(
        Declared.DRIFTED,
        Step.BEHIND,
        Behind("dev", "1.0", B, SINCE),
        (f"other bytes than dev holds as 1.0, {B}",),
    )
    pinned = judge(Wanted("1.0", digest=A, pinned=True), found("1.0", A), before)
    assert (pinned.declared, pinned.step) == (Declared.AS_DECLARED, Step.BEHIND)


@pytest.mark.parametrize(
    "there", [found("0.9", B), found("1.0", None, Status.UNFINISHED), found("1.0", None, Status.DISPOSED), NOTHING]
)
def test_bytes_are_compared_with_a_whole_version_of_that_name_alone(there: Found) -> None:
    assert judge(Wanted("1.0"), found(), Before("dev", there)).declared is Declared.AS_DECLARED


# --- in step ---


@pytest.mark.parametrize(
    ("here", "step"),
    [
        (found(), Step.IN_STEP),
        (found(status=Status.ARCHIVED), Step.IN_STEP),
        (found("0.9"), Step.BEHIND),
        (found("1.0", None, Status.UNFINISHED), Step.BEHIND),
        (found("1.0", None, Status.DISPOSED), Step.BEHIND),
        (NOTHING, Step.BEHIND),
        (UNREAD, Step.UNKNOWN),
    ],
)
def test_the_first_environment_is_in_step_with_the_manifest(here: Found, step: Step) -> None:
    standing = judge(Wanted("1.0", digest=A), here, None)
    assert standing.step is step
    assert standing.behind == (Behind(None, "1.0", A) if step is Step.BEHIND else None)


def test_where_nothing_is_declared_the_first_environment_has_nothing_to_be_in_step_with() -> None:
    assert judge(None, found(), None).step is Step.NONE


@pytest.mark.parametrize(
    ("there", "here", "step"),
    [
        (found(), found(), Step.IN_STEP),
        (found(), found(status=Status.ARCHIVED), Step.IN_STEP),
        (found(status=Status.UNLISTED), found(), Step.IN_STEP),
        (found(), found("0.9"), Step.BEHIND),
        (found(), found("1.0", B), Step.BEHIND),
        (found(), NOTHING, Step.BEHIND),
        (found(), found("1.0", None, Status.UNFINISHED), Step.BEHIND),
        (found("0.9"), found("1.0"), Step.BEHIND),
        (NOTHING, found(), Step.NONE),
        (NOTHING, NOTHING, Step.NONE),
        (found("1.0", None, Status.UNFINISHED), found("0.9"), Step.NONE),
        (found(status=Status.UNLISTED), found("0.9"), Step.NONE),
        (found(), UNREAD, Step.UNKNOWN),
        (UNREAD, found(), Step.UNKNOWN),
    ],
)
def test_the_others_are_in_step_with_the_one_before(there: Found, here: Found, step: Step) -> None:
    standing = judge(Wanted("1.0"), here, Before("dev", there))
    assert standing.step is step
    assert (standing.behind is not None) is (step is Step.BEHIND)
    if standing.behind and there.holds:
        assert standing.behind == Behind("dev", there.holds.version, there.holds.digest, SINCE)


def test_an_environment_before_that_could_not_be_read_is_told() -> None:
    standing = judge(Wanted("1.0"), found(), Before("dev", UNREAD))
    assert (standing.declared, standing.reasons) == (Declared.AS_DECLARED, ("dev could not be read",))


def test_pinned_at_an_older_version_is_as_declared_and_behind() -> None:
    standing = judge(Wanted("0.9", digest=B, pinned=True), found("0.9", B), Before("staging", found("1.0", A)))
    assert (standing.declared, standing.step, standing.reasons) == (Declared.AS_DECLARED, Step.BEHIND, ())
    assert standing.behind == Behind("staging", "1.0", A, SINCE)
