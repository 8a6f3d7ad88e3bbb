"""A downloaded bundle: the files of all members, or none; nothing in a bundle leads out of the folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pulumi_codeartifact_release.errors import BundleError, FileError, MismatchError, UnreachableError, UsageError
from pulumi_codeartifact_release.publishing import digest
from pulumi_codeartifact_release.publishing.bundle import BUNDLE_ASSET, encode_bundle
from pulumi_codeartifact_release.publishing.download import DownloadResult, download
from pulumi_codeartifact_release.registry import Asset, Coordinates, Status
from support.fakes import FakeRegistry, InlineScheduler, asset, bundle_members

SUITE = Coordinates("acme", "dev", "acme", "suite", "1.0")
DB = replace(SUITE, package="db")
PACKAGES = {
    "acme/api": {"api.zip": b"api" * 100, "api.txt": b"notes"},
    "acme/db": {"db.sql": b"create"},
    "tools/db": {"db.sql": b"drop"},
}
TREE = {f"{member}/{name}": content for member, files in PACKAGES.items() for name, content in files.items()}


class Registry(FakeRegistry):
    """A registry that may act before it sends an asset, or send other bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.on_fetch: Callable[[Coordinates, str], bytes | None] = lambda _at, _name: None

    def fetch_asset(self, at: Coordinates, asset: Asset, write: Callable[[bytes], object]) -> None:
        other = self.on_fetch(at, asset.name)
        if other is None:
            super().fetch_asset(at, asset, write)
        else:
            write(other)


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.holds_bundle(SUITE, PACKAGES)
    return registry


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "parent" / "out"


def fetch(registry: Registry, out: Path, **options: object) -> DownloadResult:
    return download(SUITE, registry, out, InlineScheduler(), **options)  # type: ignore[arg-type]


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if not path.is_dir()}


def test_the_members_have_folders_with_their_files(registry: Registry, out: Path) -> None:
    result = fetch(registry, out)
    assert tree(out) == TREE
    assert (result.at, dict(result.files), result.other_files) == (SUITE, {}, ())
    assert [(part.at.name, sorted(part.files)) for part in result.members] == [
        ("acme/api@1.0", ["api.txt", "api.zip"]),
        ("acme/db@1.0", ["db.sql"]),
        ("tools/db@1.0", ["db.sql"]),
    ]
    assert list(out.parent.iterdir()) == [out]


def test_the_digest_of_the_bundle_is_the_one_that_is_expected(registry: Registry, out: Path) -> None:
    own = digest([asset(BUNDLE_ASSET, encode_bundle(bundle_members(PACKAGES)))])
    assert fetch(registry, out, digest=own).remote.digest == own
    with pytest.raises(MismatchError):
        fetch(registry, out.with_name("other"), digest="sha256:" + "0" * 64)
    assert list(out.parent.iterdir()) == [out]


def test_a_second_run_downloads_only_what_is_missing_or_wrong(registry: Registry, out: Path) -> None:
    fetch(registry, out)
    (out / "acme" / "api" / "api.txt").write_bytes(b"wrong")
    (out / "tools" / "db" / "db.sql").unlink()
    registry.calls.clear()
    result = fetch(registry, out)
    assert tree(out) == TREE
    assert {part.at.name: part.downloaded for part in result.members} == {
        "acme/api@1.0": ("api.txt",),
        "acme/db@1.0": (),
        "tools/db@1.0": ("db.sql",),
    }
    assert sorted(call for call in registry.calls if call.startswith("fetch")) == [
        "fetch api.txt",
        "fetch db.sql",
        f"fetch {BUNDLE_ASSET}",
    ]


def test_other_files_stay_and_are_named(registry: Registry, out: Path) -> None:
    for name in ("mine.txt", "acme/old/old.zip", "acme/api/api", "other/x"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(b"mine")
    result = fetch(registry, out)
    assert result.other_files == ("acme/old", "mine.txt", "other")
    assert [part.other_files for part in result.members] == [("api",), (), ()]
    assert tree(out) == TREE | dict.fromkeys(("mine.txt", "acme/old/old.zip", "acme/api/api", "other/x"), b"mine")


@pytest.mark.parametrize("status", [Status.ARCHIVED, Status.UNLISTED, None])
def test_of_a_partial_bundle_nothing_is_downloaded(registry: Registry, out: Path, status: Status | None) -> None:
    if status:
        registry.holds(PACKAGES["acme/db"], status, DB)
    else:
        del registry.versions[DB]
    with pytest.raises(BundleError, match=r"acme/db@1\.0"):
        fetch(registry, out)
    assert list(out.parent.iterdir()) == []
    assert [call for call in registry.calls if call.startswith("fetch")] == [f"fetch {BUNDLE_ASSET}"]


def test_a_failure_of_one_member_leaves_the_folder_as_it_was(registry: Registry, out: Path) -> None:
    def fail(at: Coordinates, _name: str) -> None:
        if at == replace(SUITE, namespace="tools", package="db"):
            raise UnreachableError("cut")

    registry.on_fetch = fail
    out.mkdir(parents=True)
    (out / "mine.txt").write_bytes(b"mine")
    with pytest.raises(UnreachableError):
        fetch(registry, out)
    assert tree(out) == {"mine.txt": b"mine"}
    assert list(out.parent.iterdir()) == [out]


def test_a_member_that_sends_other_bytes_fails_all(registry: Registry, out: Path) -> None:
    registry.on_fetch = lambda at, _name: b"evil!!" if at == DB else None
    with pytest.raises(MismatchError, match=r"acme/db@1\.0 in acme/dev sent different bytes than it lists"):
        fetch(registry, out)
    assert not out.exists()


def test_a_member_that_changes_meanwhile_makes_the_bundle_partial(registry: Registry, out: Path) -> None:
    def archive(at: Coordinates, name: str) -> None:
        if at == DB:
            registry.on_fetch = lambda _at, _name: None
            FakeRegistry.set_status(
                registry,
                DB,
                revision=str(registry.versions[DB].revision),
                expected=Status.PUBLISHED,
                target=Status.UNLISTED,
            )

    registry.on_fetch = archive
    with pytest.raises(BundleError, match="is Unlisted, not Published"):
        fetch(registry, out)
    assert not out.exists()


def test_some_assets_of_some_members(registry: Registry, out: Path) -> None:
    result = fetch(registry, out, select=lambda name: name.endswith(".sql"), packages=["acme/api", "acme/db"])
    assert tree(out) == {"acme/db/db.sql": b"create"}
    assert [part.at.name for part in result.members] == ["acme/db@1.0"]
    with pytest.raises(UsageError, match="no asset of the members of"):
        fetch(registry, out, select=lambda _name: False)
    with pytest.raises(UsageError, match="acme/web is not a member of"):
        fetch(registry, out, packages=["acme/web"])


def test_the_asset_of_the_bundle_itself(registry: Registry, out: Path) -> None:
    result = fetch(registry, out, bundles=False)
    assert tree(out) == {BUNDLE_ASSET: encode_bundle(bundle_members(PACKAGES))}
    assert (list(result.files), result.members) == ([BUNDLE_ASSET], ())


@pytest.mark.parametrize(
    "contents",
    [
        {BUNDLE_ASSET: b"{}"},
        {BUNDLE_ASSET: encode_bundle(bundle_members(PACKAGES)) + b"\n"},
        {BUNDLE_ASSET: encode_bundle(bundle_members(PACKAGES)), "more": b""},
    ],
)
def test_a_file_of_that_name_does_not_make_a_bundle(registry: Registry, out: Path, contents: dict[str, bytes]) -> None:
    registry.holds(contents, Status.PUBLISHED, SUITE)
    assert fetch(registry, out).members == ()
    assert tree(out) == contents


@pytest.mark.parametrize("place", ["acme", "acme/db"])
@pytest.mark.parametrize("kind", ["link", "file"])
def test_nothing_is_written_through_what_is_in_the_place_of_a_folder(
    registry: Registry, out: Path, tmp_path: Path, place: str, kind: str
) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (out / place).parent.mkdir(parents=True)
    if kind == "link":
        (out / place).symlink_to(target)
    else:
        (out / place).write_bytes(b"")
    with pytest.raises(FileError, match="is not a folder"):
        fetch(registry, out)
    assert list(target.iterdir()) == []
    assert [call for call in registry.calls if call.startswith("fetch")] == [f"fetch {BUNDLE_ASSET}"]


def test_a_link_that_appears_meanwhile_is_not_followed(registry: Registry, out: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    out.mkdir(parents=True)
    (out / "mine.txt").write_bytes(b"mine")

    def swap(at: Coordinates, _name: str) -> None:
        if at == DB:
            (out / "acme").symlink_to(target)

    registry.on_fetch = swap
    with pytest.raises(FileError, match="cannot be written"):
        fetch(registry, out)
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("name", ["CON/a", "a/nul.x", "a/b.", "a/x:y", ".codeartifact-release.x/a", "a/" + "ü" * 200])
def test_a_member_whose_name_cannot_be_a_folder_is_refused(out: Path, name: str) -> None:
    registry = Registry()
    registry.holds_bundle(SUITE, {"acme/fine": {"a": b"a"}, name: {"b": b"b"}})
    with pytest.raises(FileError, match="cannot be the name of a folder"):
        fetch(registry, out)
    assert not out.exists()
    assert [call for call in registry.calls if call.startswith("fetch")] == [f"fetch {BUNDLE_ASSET}"]


def test_members_that_are_one_folder_on_this_file_system_are_refused(
    registry: Registry, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a file system that ignores case."""
    registry.holds_bundle(SUITE, {"acme/API": {"a": b"a"}, "acme/api": {"a": b"b"}})
    make = Path.mkdir

    def mkdir(path: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        make(path.with_name(path.name.lower()) if path.name == "API" else path, mode, parents, exist_ok)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(FileError, match="another package has the same name on this file system"):
        fetch(registry, out)
    assert not out.exists()


def test_a_hostile_name_of_an_asset_of_a_member_is_refused(out: Path) -> None:
    registry = Registry()
    registry.holds_bundle(SUITE, {"acme/fine": {"a": b"a"}, "acme/evil": {"../../x": b"b"}})
    with pytest.raises(FileError, match="path separator"):
        fetch(registry, out)
    assert not out.exists()


def test_the_working_folder_can_take_a_bundle(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fetch(registry, Path())
    assert tree(tmp_path) == TREE
