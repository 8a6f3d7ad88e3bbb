"""Rule 2: the state of the registry decides."""

from __future__ import annotations

import pytest

from pulumi_codeartifact_release.errors import ConflictError, DisposedError, LeftoverAssetsError
from pulumi_codeartifact_release.publishing import Action, RemoteVersion, make_plan
from pulumi_codeartifact_release.registry import Asset, AssetListing, Status, VersionState
from support.fakes import asset, release

ABC = {"a.txt": b"aaa", "b.txt": b"bb", "c.txt": b"c"}


def remote(contents: dict[str, bytes], status: Status) -> RemoteVersion:
    listing = AssetListing("r1", {name: asset(name, content) for name, content in contents.items()})
    return RemoteVersion.of(VersionState(status, "r1"), listing)


def test_a_missing_version_is_published_completely() -> None:
    plan = make_plan(release(ABC), None)
    assert plan.action is Action.PUBLISH
    assert [a.name for a in plan.uploads] == ["a.txt", "b.txt", "c.txt"]
    assert plan.upload_bytes == 6
    assert plan.changes


def test_an_unfinished_version_is_resumed_with_the_missing_assets() -> None:
    plan = make_plan(release(ABC), remote({"b.txt": b"bb"}, Status.UNFINISHED))
    assert plan.action is Action.RESUME
    assert [a.name for a in plan.uploads] == ["a.txt", "c.txt"]
    assert [a.name for a in plan.present] == ["b.txt"]


def test_a_complete_unfinished_version_is_only_published() -> None:
    plan = make_plan(release(ABC), remote(ABC, Status.UNFINISHED))
    assert (plan.action, plan.uploads) == (Action.RESUME, ())


@pytest.mark.parametrize("status", [Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED])
def test_the_same_bytes_in_the_declared_status_are_adopted_without_a_write(status: Status) -> None:
    plan = make_plan(release(ABC, status=status), remote(ABC, status))
    assert plan.action is Action.KEEP
    assert not plan.changes


@pytest.mark.parametrize("found", [Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED])
@pytest.mark.parametrize("declared", [Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED])
def test_the_same_bytes_in_another_status_change_only_the_status(found: Status, declared: Status) -> None:
    plan = make_plan(release(ABC, status=declared), remote(ABC, found))
    assert plan.action is (Action.KEEP if found == declared else Action.SET_STATUS)
    assert plan.uploads == ()


@pytest.mark.parametrize("status", [Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED])
@pytest.mark.parametrize(
    "held",
    [
        pytest.param({**ABC, "a.txt": b"AAA"}, id="different bytes"),
        pytest.param({"a.txt": b"aaa", "b.txt": b"bb"}, id="an asset fewer"),
        pytest.param({**ABC, "d.txt": b"d"}, id="an asset more"),
    ],
)
def test_anything_else_under_a_published_version_is_a_conflict(held: dict[str, bytes], status: Status) -> None:
    plan = make_plan(release(ABC), remote(held, status))
    assert isinstance(plan.refusal, ConflictError)
    assert plan.refusal.exit_code == 4
    assert (plan.action, plan.uploads) == (Action.REFUSE, ())


def test_a_conflict_names_every_differing_asset_with_both_hashes_and_sizes() -> None:
    held = remote({"a.txt": b"AAAA", "c.txt": b"c", "x.txt": b"x"}, Status.PUBLISHED)
    plan = make_plan(release(ABC), held)
    assert str(plan.refusal) == (
        "tools/app@1.0 in acme/dev is already Published, and 3 assets differ:\n"
        "  a.txt\n"
        f"    declared   sha256:{asset('', b'aaa').sha256} (3 bytes)\n"
        f"    published  sha256:{asset('', b'AAAA').sha256} (4 bytes)\n"
        "  b.txt\n"
        f"    declared   sha256:{asset('', b'bb').sha256} (2 bytes)\n"
        "    published  nothing\n"
        "  x.txt\n"
        "    declared   nothing\n"
        f"    published  sha256:{asset('', b'x').sha256} (1 byte)\n"
        "A published version never changes. Release these files under a new version, or replace the published version "
        f"with --replace tools/app@1.0={held.digest}"
    )


@pytest.mark.parametrize("held", [{"a.txt": b"AAA"}, {"foreign.txt": b"x"}])
def test_an_unfinished_version_with_wrong_or_undeclared_assets_is_refused(held: dict[str, bytes]) -> None:
    plan = make_plan(release(ABC), remote(held, Status.UNFINISHED))
    assert isinstance(plan.refusal, LeftoverAssetsError)
    assert next(iter(held)) in str(plan.refusal)


def test_a_disposed_version_is_refused_as_irreversible() -> None:
    plan = make_plan(release(ABC), remote({}, Status.DISPOSED))
    assert isinstance(plan.refusal, DisposedError)
    assert "cannot be undone" in str(plan.refusal)


def test_names_are_compared_in_nfc() -> None:
    declared = release({"caf\u00e9": b"x"})
    assert make_plan(declared, remote({"cafe\u0301": b"x"}, Status.PUBLISHED)).action is Action.KEEP


def test_a_registry_that_reports_no_size_does_not_look_different() -> None:
    held = AssetListing("r", {"a": Asset("a", 0, asset("a", b"xyz").sha256)})
    assert (
        make_plan(release({"a": b"xyz"}), RemoteVersion.of(VersionState(Status.PUBLISHED, "r"), held)).refusal is None
    )


@pytest.mark.parametrize("status", [Status.UNFINISHED, Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED])
def test_a_permission_with_the_current_digest_replaces_the_version(status: Status) -> None:
    held = remote({"a.txt": b"AAA"}, status)
    plan = make_plan(release(ABC), held, replace_digest=held.digest)
    assert (plan.action, plan.refusal) == (Action.REPLACE, None)
    assert plan.uploads == release(ABC).assets
    assert plan.changes


@pytest.mark.parametrize("held", [Status.UNFINISHED, Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED])
@pytest.mark.parametrize("declared", [Status.UNLISTED, Status.ARCHIVED])
def test_only_a_release_declared_published_replaces(held: Status, declared: Status) -> None:
    there = remote({"a.txt": b"AAA"}, held)
    plan = make_plan(release(ABC, status=declared), there, replace_digest=there.digest)
    assert (plan.action, plan.changes) == (Action.REFUSE, False)
    assert isinstance(plan.refusal, LeftoverAssetsError if held is Status.UNFINISHED else ConflictError)
    assert "Only a release that is declared Published can replace a version" in str(plan.refusal)
    assert f"`status: {declared}` in the next" in str(plan.refusal)


@pytest.mark.parametrize("declared", [Status.UNLISTED, Status.ARCHIVED])
def test_a_permission_that_has_served_its_turn_hinders_no_change_of_status(declared: Status) -> None:
    before, now = remote({"a.txt": b"AAA"}, Status.PUBLISHED), remote(ABC, Status.PUBLISHED)
    assert make_plan(release(ABC, status=declared), now, replace_digest=before.digest).action is Action.SET_STATUS


def test_a_permission_expires_when_something_else_is_held() -> None:
    before, now = remote({"a.txt": b"AAA"}, Status.PUBLISHED), remote({"a.txt": b"BBB"}, Status.PUBLISHED)
    assert make_plan(release(ABC), now, replace_digest=before.digest).action is Action.REFUSE


def test_a_permission_replaces_nothing_that_is_as_declared() -> None:
    held = remote(ABC, Status.PUBLISHED)
    assert make_plan(release(ABC), held, replace_digest=held.digest).action is Action.KEEP


def test_nothing_permits_replacing_a_disposed_version() -> None:
    held = remote({}, Status.DISPOSED)
    assert make_plan(release(ABC), held, replace_digest=held.digest).action is Action.REFUSE


def test_the_first_of_many_differences_are_listed_and_all_are_counted() -> None:
    contents = {f"{number:03}": b"new" for number in range(150)}
    plan = make_plan(release(contents), remote(dict.fromkeys(contents, b"old"), Status.PUBLISHED))
    text = str(plan.refusal)
    assert "and 150 assets differ:" in text
    assert text.count("\n    declared   sha256:") == 20
    assert "\n  … and 130 more (`plan --json`, with the same arguments, has all)\n" in text
    assert len(plan.differences) == 150
