"""Rule 6: nothing published is deleted unless the operator allowed it, and then only what the plan showed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO

import pytest

from pulumi_codeartifact_release.errors import (
    ChangedError,
    ConflictError,
    FileChangedError,
    InconsistentReadError,
    LeftoverAssetsError,
    NotPermittedError,
    RefusedError,
    ReleaseError,
    StatusRefusedError,
    UnreachableError,
    UsageError,
)
from pulumi_codeartifact_release.publishing import AssetContent, Finalize, Permission, Retirement, apply, digest, retire
from pulumi_codeartifact_release.publishing.retire import ExpectedVersion
from pulumi_codeartifact_release.registry import Coordinates, Status
from support.fakes import AT, FakeRegistry, InlineScheduler, asset, asset_contents, release

OLD = {"a": b"old", "b": b"bb"}
NEW = {"a": b"new", "b": b"bb"}


def digest_of(contents: dict[str, bytes]) -> str:
    return digest(asset(name, content) for name, content in contents.items())


def replace(registry: FakeRegistry, replace_digest: str | None) -> None:
    list(apply(release(NEW), asset_contents(NEW), registry, InlineScheduler(), replace_digest=replace_digest))


# --- replacement ------------------------------------------------------------------------------------------------------


def test_a_listed_version_is_archived_under_its_revision_then_deleted_then_published_again() -> None:
    registry = FakeRegistry()
    registry.holds(OLD, Status.PUBLISHED)
    replace(registry, digest_of(OLD))
    assert registry.writes == [
        "status Published -> Archived",
        "delete Archived",
        "publish a unfinished",
        "publish b unfinished",
        "status Unfinished -> Published",
    ]
    assert registry.versions[AT].assets == NEW


@pytest.mark.parametrize(
    ("found", "removal"),
    [
        (Status.PUBLISHED, ["status Published -> Archived", "delete Archived"]),
        (Status.UNLISTED, ["status Unlisted -> Archived", "delete Archived"]),
        (Status.ARCHIVED, ["delete Archived"]),
    ],
)
def test_a_deleted_version_has_a_status_that_the_new_one_never_has(found: Status, removal: list[str]) -> None:
    registry = FakeRegistry()
    registry.holds(OLD, found)
    replace(registry, digest_of(OLD))
    assert registry.writes[: len(removal)] == removal
    assert registry.versions[AT].status is Status.PUBLISHED


@pytest.mark.parametrize("declared", [Status.UNLISTED, Status.ARCHIVED])
@pytest.mark.parametrize("found", [Status.UNFINISHED, Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED])
def test_only_a_release_that_is_declared_published_replaces_a_version(found: Status, declared: Status) -> None:
    registry = FakeRegistry()
    registry.holds(OLD, found)
    new = release(NEW, status=declared)
    with pytest.raises(RefusedError, match="Only a release that is declared Published can replace"):
        list(apply(new, asset_contents(NEW), registry, InlineScheduler(), replace_digest=digest_of(OLD)))
    assert registry.writes == []


def test_a_replacement_is_always_published_by_a_status_update() -> None:
    registry = FakeRegistry()
    registry.holds(OLD, Status.PUBLISHED)
    new = release(NEW, finalize=Finalize.LAST_ASSET)
    list(apply(new, asset_contents(NEW), registry, InlineScheduler(), replace_digest=digest_of(OLD)))
    assert registry.writes[-1] == "status Unfinished -> Published"


def test_leftover_assets_are_deleted_as_unfinished() -> None:
    registry = FakeRegistry()
    registry.holds({"foreign": b"x"}, Status.UNFINISHED)
    replace(registry, digest_of({"foreign": b"x"}))
    assert registry.writes[0] == "delete Unfinished"
    assert registry.versions[AT].assets == NEW


@pytest.mark.parametrize("replace_digest", [None, digest_of(NEW), digest_of({"a": b"another"})])
def test_without_permission_for_just_that_nothing_is_written(replace_digest: str | None) -> None:
    for status, error in ((Status.PUBLISHED, ConflictError), (Status.UNFINISHED, LeftoverAssetsError)):
        registry = FakeRegistry()
        registry.holds(OLD, status)
        with pytest.raises(error):
            replace(registry, replace_digest)
        assert registry.writes == []


def test_a_version_that_changes_after_the_look_is_not_deleted() -> None:
    registry = FakeRegistry()
    registry.holds(OLD, Status.PUBLISHED)

    def rival(call: str) -> None:
        if call == "status Published -> Archived":
            registry.holds({"a": b"rival"}, Status.PUBLISHED)

    registry.before = rival
    with pytest.raises(ConflictError):
        replace(registry, digest_of(OLD))
    assert registry.versions[AT].assets == {"a": b"rival"}


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_call_of_a_replacement_the_next_run_with_the_permission_finishes(when: str) -> None:
    class Killed(BaseException):
        pass

    crashes = 0
    for crash_at in range(50):
        registry = FakeRegistry()
        registry.holds(OLD, Status.PUBLISHED)
        count = iter(range(1000))

        def kill(_call: str, crash_at: int = crash_at, count: object = count) -> None:
            if next(count) == crash_at:  # type: ignore[call-overload]
                raise Killed

        setattr(registry, when, kill)
        try:
            replace(registry, digest_of(OLD))
        except Killed:
            crashes += 1
        else:
            break
        registry.before = registry.after = lambda _call: None
        replace(registry, digest_of(OLD))
        assert (registry.versions[AT].status, registry.versions[AT].assets) == (Status.PUBLISHED, NEW)
    assert crashes >= 5


def test_a_permission_names_package_version_and_digest() -> None:
    permission = Permission.parse(f"tools/app@1.0={digest_of(OLD)}")
    assert permission == Permission("tools/app", "1.0", digest_of(OLD))
    assert permission.covers(AT)
    assert not permission.covers(Coordinates("acme", "dev", "tools", "app", "1.1"))
    assert Permission.parse(str(permission)) == permission
    odd = Permission.parse(f"@scope/a=b@1=2={digest_of(OLD)}")
    assert (odd.package, odd.version) == ("@scope/a=b", "1=2")


@pytest.mark.parametrize(
    "text", ["", "tools/app@1.0", "app@1.0=sha256:" + "a" * 64, "tools/app@1.0=sha256:ABC", "x/y=z"]
)
def test_a_malformed_permission_is_one_clear_line(text: str) -> None:
    with pytest.raises(UsageError, match="Write NAMESPACE/PACKAGE@VERSION=sha256:DIGEST"):
        Permission.parse(text)


# --- retirement -------------------------------------------------------------------------------------------------------


def retired(
    registry: FakeRegistry, policy: Retirement, *, permitted: bool = True, known: ExpectedVersion | None = None
) -> list[str]:
    registry.calls.clear()
    version = registry.versions.get(AT)
    known = known or ExpectedVersion(str(version.revision) if version else "?", digest_of(OLD))
    list(retire(AT, policy, known, registry, InlineScheduler(), permitted=permitted))
    return registry.writes


def holding(status: Status) -> FakeRegistry:
    registry = FakeRegistry()
    registry.holds({} if status is Status.DISPOSED else OLD, status)
    return registry


@pytest.mark.parametrize(
    ("policy", "found", "writes"),
    [
        (Retirement.RETAIN, Status.PUBLISHED, []),
        (Retirement.KEEP, Status.PUBLISHED, []),
        (Retirement.UNLIST, Status.PUBLISHED, ["status Published -> Unlisted"]),
        (Retirement.UNLIST, Status.UNLISTED, []),
        (Retirement.UNLIST, Status.ARCHIVED, []),
        (Retirement.UNLIST, Status.UNFINISHED, []),
        (Retirement.ARCHIVE, Status.PUBLISHED, ["status Published -> Archived"]),
        (Retirement.ARCHIVE, Status.UNLISTED, ["status Unlisted -> Archived"]),
        (Retirement.ARCHIVE, Status.ARCHIVED, []),
        (Retirement.DISPOSE, Status.PUBLISHED, ["dispose Published"]),
        (Retirement.DISPOSE, Status.ARCHIVED, ["dispose Archived"]),
        (Retirement.DISPOSE, Status.DISPOSED, []),
        (Retirement.DISPOSE, Status.UNFINISHED, []),
        (Retirement.DELETE, Status.PUBLISHED, ["status Published -> Archived", "delete Archived"]),
        (Retirement.DELETE, Status.UNLISTED, ["status Unlisted -> Archived", "delete Archived"]),
        (Retirement.DELETE, Status.ARCHIVED, ["delete Archived"]),
        (Retirement.DELETE, Status.UNFINISHED, ["delete Unfinished"]),
        (Retirement.DELETE, Status.DISPOSED, ["delete Disposed"]),
    ],
)
def test_a_policy_takes_the_shortest_way(policy: Retirement, found: Status, writes: list[str]) -> None:
    registry = holding(found)
    assert retired(registry, policy) == writes
    assert retired(registry, policy) == []


@pytest.mark.parametrize("policy", [Retirement.DISPOSE, Retirement.DELETE])
def test_bytes_are_lost_only_with_permission(policy: Retirement) -> None:
    registry = holding(Status.PUBLISHED)
    with pytest.raises(NotPermittedError, match="CODEARTIFACT_RELEASE_ALLOW=delete"):
        retired(registry, policy, permitted=False)
    assert registry.calls == []


@pytest.mark.parametrize("policy", [Retirement.DISPOSE, Retirement.DELETE])
def test_bytes_are_lost_only_of_the_revision_that_state_knows(policy: Retirement) -> None:
    registry = holding(Status.PUBLISHED)
    with pytest.raises(ChangedError, match="pulumi refresh"):
        retired(registry, policy, known=ExpectedVersion("an older one", digest_of(OLD)))
    assert registry.writes == []


@pytest.mark.parametrize("policy", [Retirement.UNLIST, Retirement.ARCHIVE])
def test_a_version_with_different_bytes_is_not_retired(policy: Retirement) -> None:
    registry = holding(Status.PUBLISHED)
    with pytest.raises(ChangedError):
        retired(registry, policy, known=ExpectedVersion("1", digest_of(NEW)))
    # A revision that moved with the same bytes is still ours.
    assert len(retired(registry, policy, known=ExpectedVersion("an older one", digest_of(OLD)))) == 1


def test_a_version_that_is_gone_already_is_success() -> None:
    for policy in Retirement:
        assert retired(FakeRegistry(), policy) == []


@pytest.mark.parametrize("policy", [Retirement.UNLIST, Retirement.ARCHIVE, Retirement.DISPOSE, Retirement.DELETE])
@pytest.mark.parametrize("number", [0, 1])
def test_a_response_lost_after_the_commit_is_settled_by_reading(policy: Retirement, number: int) -> None:
    registry = holding(Status.PUBLISHED)
    count = iter(range(100))

    def lose(_call: str) -> None:
        if next(count) == number:
            raise UnreachableError("lost")

    registry.after = lose
    retired(registry, policy)
    expected = {Retirement.UNLIST: Status.UNLISTED, Retirement.ARCHIVE: Status.ARCHIVED}
    version = registry.versions.get(AT)
    if policy is Retirement.DELETE:
        assert version is None
    else:
        assert version
        assert version.status is expected.get(policy, Status.DISPOSED)


def failing_with(error: ReleaseError) -> Callable[[str], None]:
    def fail(call: str) -> None:
        if call.startswith(("status", "delete", "dispose")):
            raise error

    return fail


def test_a_refusal_per_version_is_a_failure() -> None:
    registry = holding(Status.PUBLISHED)
    registry.before = failing_with(StatusRefusedError("not allowed", reason="NOT_ALLOWED"))
    for policy in (Retirement.ARCHIVE, Retirement.DISPOSE, Retirement.DELETE):
        with pytest.raises(StatusRefusedError):
            retired(registry, policy)
    assert registry.versions[AT].status is Status.PUBLISHED


def test_nothing_is_deleted_for_files_that_have_changed() -> None:
    class Changed:
        sha256 = asset_contents(NEW)["a"].sha256
        size = len(NEW["a"])

        @contextmanager
        def open(self) -> Iterator[BinaryIO]:
            yield BytesIO(NEW["a"])
            raise FileChangedError("a changed after it was hashed")

        cached = False

        def rehash(self) -> None:
            """It stays."""

        def verify_unchanged(self) -> None:
            """Not reached."""

    registry = FakeRegistry()
    registry.holds(OLD, Status.PUBLISHED)
    changed: dict[str, AssetContent] = {**asset_contents(NEW), "a": Changed()}
    with pytest.raises(FileChangedError):
        list(apply(release(NEW), changed, registry, InlineScheduler(), replace_digest=digest_of(OLD)))
    assert registry.writes == []


def test_a_version_that_comes_back_after_every_deletion_is_reported() -> None:
    class Undead(FakeRegistry):
        def delete(self, at: Coordinates, *, expected: Status) -> None:
            self.calls.append("delete")

    registry = Undead()
    registry.holds(OLD, Status.PUBLISHED)
    scheduler = InlineScheduler()
    with pytest.raises(InconsistentReadError, match="still exists"):
        list(apply(release(NEW), asset_contents(NEW), registry, scheduler, replace_digest=digest_of(OLD)))
    assert registry.calls.count("delete") < 10
    assert scheduler.slept > 1
