"""The state of a package: the reads, and the comparison with manifest and upstream."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pulumi_codeartifact_release.errors import UnreachableError
from pulumi_codeartifact_release.publishing import ThreadScheduler, digest
from pulumi_codeartifact_release.publishing.drift import (
    AvailableVersion,
    CurrentVersion,
    DesiredVersion,
    DriftReport,
    DriftState,
    PackageState,
    SyncState,
    Upstream,
    check_drift,
    read_package,
)
from pulumi_codeartifact_release.registry import Status, VersionSummary
from support.fakes import AT, FakeRegistry, asset

OLD = replace(AT, version="0.9")
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
UNREAD = PackageState(problem=UnreachableError("no answer"))
NOTHING = PackageState()


def found(version: str = "1.0", digest: str | None = A, status: Status = Status.PUBLISHED) -> PackageState:
    return PackageState(CurrentVersion(version, status, "r1", digest, SINCE))


def looked(registry: FakeRegistry, version: str | None = "1.0") -> PackageState:
    return read_package(registry, replace(AT, version=""), version, ThreadScheduler())


# --- reading ---


@pytest.mark.parametrize("status", [Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED])
def test_the_declared_version_takes_three_reads(status: Status) -> None:
    registry = FakeRegistry()
    registry.holds({"a": b"a"}, status)
    registry.holds({"a": b"old"}, Status.PUBLISHED, OLD)
    holds = looked(registry).current
    assert holds
    assert (holds.version, holds.status, holds.digest) == ("1.0", status, digest([asset("a", b"a")]))
    assert (holds.published_time, holds.read_at, holds.complete) == (registry.now, registry.now, True)
    assert registry.calls == ["describe", "list", "versions"]


def test_without_the_declared_version_the_last_published_one_is_current() -> None:
    registry = FakeRegistry()
    registry.holds({"a": b"old"}, Status.PUBLISHED, OLD)
    here = looked(registry)
    assert here.current
    assert (here.current.version, here.in_progress) == ("0.9", False)
    assert registry.calls == ["describe", "versions", "describe", "list"]
    assert registry.writes == []


def test_while_it_is_unfinished_the_last_published_version_is_current() -> None:
    registry = FakeRegistry()
    registry.holds({"a": b"a"}, Status.UNFINISHED)
    registry.holds({"a": b"old"}, Status.PUBLISHED, OLD)
    here = looked(registry)
    assert here.current
    assert (here.current.version, here.in_progress) == ("0.9", True)


def test_a_single_unfinished_version_has_no_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = FakeRegistry()
    registry.holds({"a": b"a"}, Status.UNFINISHED)
    registry.versions.pop(OLD, None)
    here = looked(registry)
    assert here.current
    assert (here.current.version, here.current.status, here.current.digest, here.in_progress) == (
        "1.0",
        Status.UNFINISHED,
        None,
        True,
    )


def test_the_other_published_versions_are_named_the_last_published_first() -> None:
    registry = FakeRegistry()
    for version in ("1.0", "0.5", "0.6", "0.7"):
        registry.now += timedelta(days=1)
        registry.holds({"a": b"a"}, Status.PUBLISHED, replace(AT, version=version))
    state = looked(registry)
    assert (state.others, state.more_others) == (("0.7", "0.6", "0.5"), False)
    registry.now += timedelta(days=1)
    registry.holds({"a": b"a"}, Status.PUBLISHED, replace(AT, version="0.8"))
    registry.holds({"a": b"a"}, Status.ARCHIVED, replace(AT, version="0.9"))
    state = looked(registry)
    assert (state.others, state.more_others) == (("0.8", "0.7", "0.6"), True)
    # Without the declared version, the newest is the current one.
    state = looked(registry, "2.0")
    assert state.current
    assert (state.current.version, state.others, state.more_others) == ("0.8", ("0.7", "0.6", "0.5"), True)


def test_a_withdrawn_version_has_its_reason() -> None:
    desired = DesiredVersion("1.0", Status.ARCHIVED, withdrawn="loses orders")
    report = check_drift(desired, found(status=Status.ARCHIVED), None)
    assert (report.drift, report.reasons) == (DriftState.AS_DECLARED, ("1.0 was withdrawn: loses orders",))
    report = check_drift(desired, found(), None)
    assert report.drift is DriftState.DRIFTED
    assert report.reasons == ("1.0 was withdrawn: loses orders", "Published, declared Archived")


def test_a_disposed_version_has_no_digest() -> None:
    registry = FakeRegistry()
    registry.holds({}, Status.DISPOSED)
    holds = looked(registry).current
    assert holds
    assert (holds.status, holds.digest, holds.complete) == (Status.DISPOSED, None, False)


def test_an_empty_repository_has_no_current_version() -> None:
    assert looked(FakeRegistry()) == NOTHING
    assert looked(FakeRegistry(), None) == NOTHING


def test_without_a_declaration_the_last_published_version_is_current() -> None:
    registry = FakeRegistry()
    registry.holds({"a": b"old"}, Status.PUBLISHED, OLD)
    holds = looked(registry, None).current
    assert holds
    assert holds.version == "0.9"


@pytest.mark.parametrize("begun", [False, True])
def test_a_version_published_between_two_reads_is_the_declared_one(begun: bool) -> None:
    registry = FakeRegistry()
    if begun:
        registry.holds({"a": b"a"}, Status.UNFINISHED)

    def publish(call: str) -> None:
        if call == "versions":
            registry.holds({"a": b"a"}, Status.PUBLISHED)

    registry.before = publish
    here = looked(registry)
    assert here.current
    assert (here.current.version, here.in_progress) == ("1.0", False)


def test_a_version_deleted_between_two_reads_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = FakeRegistry()
    monkeypatch.setattr(
        registry, "list_versions", lambda _at, **_more: iter([VersionSummary("0.9", Status.PUBLISHED, "r")])
    )
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
        (DesiredVersion("1.0"), found(), DriftState.AS_DECLARED, ()),
        (DesiredVersion("1.0", digest=A), found(), DriftState.AS_DECLARED, ()),
        (DesiredVersion("1.0", Status.ARCHIVED), found(status=Status.ARCHIVED), DriftState.AS_DECLARED, ()),
        (DesiredVersion("1.0"), NOTHING, DriftState.PENDING, ("1.0 does not exist here yet",)),
        (DesiredVersion("1.0"), found("0.9"), DriftState.PENDING, ("1.0 does not exist here yet",)),
        (DesiredVersion("1.0"), found(status=Status.UNFINISHED), DriftState.PENDING, ("1.0 is Unfinished here",)),
        (
            DesiredVersion("1.0"),
            replace(found("0.9"), in_progress=True),
            DriftState.PENDING,
            ("1.0 is Unfinished here",),
        ),
        (DesiredVersion("1.0"), found(status=Status.ARCHIVED), DriftState.DRIFTED, ("Archived, declared Published",)),
        (
            DesiredVersion("1.0", Status.UNLISTED),
            found(),
            DriftState.DRIFTED,
            ("Published, declared Unlisted",),
        ),
        (
            DesiredVersion("1.0"),
            found("1.0", None, Status.DISPOSED),
            DriftState.DRIFTED,
            ("Disposed, declared Published",),
        ),
        (DesiredVersion("1.0", digest=B), found(), DriftState.DRIFTED, (f"its digest differs from its pin, {B}",)),
        (
            DesiredVersion("1.0", digest=B),
            found(status=Status.UNLISTED),
            DriftState.DRIFTED,
            ("Unlisted, declared Published", f"its digest differs from its pin, {B}"),
        ),
        (None, found(), DriftState.UNDECLARED, ()),
        (None, NOTHING, DriftState.UNDECLARED, ()),
        (DesiredVersion("1.0"), UNREAD, DriftState.UNKNOWN, ()),
    ],
)
def test_against_the_manifest(
    wanted: DesiredVersion | None, here: PackageState, declared: DriftState, reasons: tuple[str, ...]
) -> None:
    standing = check_drift(wanted, here, None)
    assert (standing.drift, standing.reasons) == (declared, reasons)


def test_different_bytes_than_the_source_are_drift_without_a_pin() -> None:
    before = Upstream("dev", found("1.0", B))
    standing = check_drift(DesiredVersion("1.0"), found("1.0", A), before)
    assert standing == DriftReport(
        DriftState.DRIFTED,
        SyncState.BEHIND,
        AvailableVersion("dev", "1.0", B, SINCE),
        (f"its digest differs from 1.0 in dev, {B}",),
    )
    pinned = check_drift(DesiredVersion("1.0", digest=A, pinned=True), found("1.0", A), before)
    assert (pinned.drift, pinned.sync) == (DriftState.AS_DECLARED, SyncState.BEHIND)


@pytest.mark.parametrize(
    "there", [found("0.9", B), found("1.0", None, Status.UNFINISHED), found("1.0", None, Status.DISPOSED), NOTHING]
)
def test_bytes_are_compared_only_with_a_complete_version_of_that_name(there: PackageState) -> None:
    assert check_drift(DesiredVersion("1.0"), found(), Upstream("dev", there)).drift is DriftState.AS_DECLARED


# --- in sync ---


@pytest.mark.parametrize(
    ("here", "step"),
    [
        (found(), SyncState.IN_SYNC),
        (found(status=Status.ARCHIVED), SyncState.IN_SYNC),
        (found("0.9"), SyncState.BEHIND),
        (found("1.0", None, Status.UNFINISHED), SyncState.BEHIND),
        (found("1.0", None, Status.DISPOSED), SyncState.BEHIND),
        (NOTHING, SyncState.BEHIND),
        (UNREAD, SyncState.UNKNOWN),
    ],
)
def test_the_first_environment_is_in_sync_with_the_manifest(here: PackageState, step: SyncState) -> None:
    standing = check_drift(DesiredVersion("1.0", digest=A), here, None)
    assert standing.sync is step
    assert standing.available == (AvailableVersion(None, "1.0", A) if step is SyncState.BEHIND else None)


def test_without_a_declaration_the_first_environment_has_no_sync_state() -> None:
    assert check_drift(None, found(), None).sync is SyncState.NONE


@pytest.mark.parametrize(
    ("there", "here", "step"),
    [
        (found(), found(), SyncState.IN_SYNC),
        (found(), found(status=Status.ARCHIVED), SyncState.IN_SYNC),
        (found(status=Status.UNLISTED), found(), SyncState.IN_SYNC),
        (found(), found("0.9"), SyncState.BEHIND),
        (found(), found("1.0", B), SyncState.BEHIND),
        (found(), NOTHING, SyncState.BEHIND),
        (found(), found("1.0", None, Status.UNFINISHED), SyncState.BEHIND),
        (found("0.9"), found("1.0"), SyncState.BEHIND),
        (NOTHING, found(), SyncState.NONE),
        (NOTHING, NOTHING, SyncState.NONE),
        (found("1.0", None, Status.UNFINISHED), found("0.9"), SyncState.NONE),
        (found(status=Status.UNLISTED), found("0.9"), SyncState.NONE),
        (found(), UNREAD, SyncState.UNKNOWN),
        (UNREAD, found(), SyncState.UNKNOWN),
    ],
)
def test_other_environments_are_in_sync_with_their_source(
    there: PackageState, here: PackageState, step: SyncState
) -> None:
    standing = check_drift(DesiredVersion("1.0"), here, Upstream("dev", there))
    assert standing.sync is step
    assert (standing.available is not None) is (step is SyncState.BEHIND)
    if standing.available and there.current:
        assert standing.available == AvailableVersion("dev", there.current.version, there.current.digest, SINCE)


def test_an_upstream_that_could_not_be_read_is_a_reason() -> None:
    standing = check_drift(DesiredVersion("1.0"), found(), Upstream("dev", UNREAD))
    assert (standing.drift, standing.reasons) == (DriftState.AS_DECLARED, ("dev could not be read",))


def test_pinned_at_an_older_version_is_as_declared_and_behind() -> None:
    standing = check_drift(
        DesiredVersion("0.9", digest=B, pinned=True), found("0.9", B), Upstream("staging", found("1.0", A))
    )
    assert (standing.drift, standing.sync, standing.reasons) == (DriftState.AS_DECLARED, SyncState.BEHIND, ())
    assert standing.available == AvailableVersion("staging", "1.0", A, SINCE)
