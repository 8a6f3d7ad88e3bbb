"""A downloaded version: verified before a file appears, complete, of one revision, whatever the names are."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pulumi_codeartifact_release.errors import (
    FileError,
    InconsistentReadError,
    MismatchError,
    ReleaseError,
    UnreachableError,
    UsageError,
    VersionNotFoundError,
)
from pulumi_codeartifact_release.publishing import ThreadScheduler, digest
from pulumi_codeartifact_release.publishing.download import DownloadResult, download, download_to
from pulumi_codeartifact_release.publishing.output_folder import output_folder
from pulumi_codeartifact_release.registry import Asset, AssetListing, Coordinates, Status
from support.fakes import AT, FakeRegistry, InlineScheduler, asset

FILES = {"a.txt": b"alpha", "b.txt": b"beta" * 1000, "empty": b""}
DIGEST = digest(asset(name, content) for name, content in FILES.items())


class Registry(FakeRegistry):
    """A registry that may send different bytes than it lists, and act while it sends.

    Attributes:
        lies: content in place of an asset's.
        on_fetch: called with the name before the bytes of an asset.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lies: dict[str, bytes] = {}
        self.on_fetch: Callable[[str], None] = lambda _name: None

    def fetch_asset(self, at: Coordinates, asset: Asset, write: Callable[[bytes], object]) -> None:
        self.on_fetch(asset.name)
        if asset.name in self.lies:
            write(self.lies[asset.name])
        else:
            super().fetch_asset(at, asset, write)


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.holds(FILES, Status.PUBLISHED)
    return registry


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "parent" / "out"


def fetch(registry: Registry, out: Path, **options: object) -> DownloadResult:
    return download(AT, registry, out, InlineScheduler(), **options)  # type: ignore[arg-type]


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def nothing_left(out: Path) -> bool:
    """Whether neither the folder nor a staging folder beside it exists."""
    return not out.parent.exists() or list(out.parent.iterdir()) == []


# --- what arrives ---


@pytest.mark.parametrize("exists", [False, True], ids=["absent", "empty"])
def test_all_assets_are_in_the_folder(registry: Registry, out: Path, exists: bool) -> None:
    if exists:
        out.mkdir(parents=True, mode=0o750)
    result = fetch(registry, out, digest=DIGEST)
    assert content(out) == FILES
    assert sorted(result.downloaded) == sorted(FILES)
    assert result.files == {name: out / name for name in FILES}
    assert result.other_files == ()
    assert list(out.parent.iterdir()) == [out]
    assert not exists or out.stat().st_mode & 0o777 == 0o750


def test_nothing_is_written_to_the_registry(registry: Registry, out: Path) -> None:
    fetch(registry, out)
    assert registry.writes == []


def test_the_folder_appears_in_one_step(registry: Registry, out: Path) -> None:
    def not_yet(_name: str) -> None:
        assert not out.exists()

    registry.on_fetch = not_yet
    fetch(registry, out)
    assert content(out) == FILES


def test_correct_files_are_not_downloaded_again_and_wrong_ones_are_replaced(registry: Registry, out: Path) -> None:
    out.mkdir(parents=True)
    (out / "a.txt").write_bytes(FILES["a.txt"])
    (out / "b.txt").write_bytes(b"older")
    (out / "mine.txt").write_bytes(b"mine")
    before = (out / "a.txt").stat()
    result = fetch(registry, out)
    assert content(out) == {**FILES, "mine.txt": b"mine"}
    assert sorted(result.downloaded) == ["b.txt", "empty"]
    assert result.other_files == ("mine.txt",)
    assert (out / "a.txt").stat() == before
    assert "fetch a.txt" not in registry.calls


def test_a_second_run_downloads_nothing(registry: Registry, out: Path) -> None:
    fetch(registry, out)
    registry.calls.clear()
    assert fetch(registry, out).downloaded == ()
    assert registry.calls == ["describe", "list"]


def test_other_files_stay_until_the_download_is_complete(registry: Registry, out: Path) -> None:
    out.mkdir(parents=True)
    (out / "b.txt").write_bytes(b"older")

    def no_change(_name: str) -> None:
        assert content(out) == {"b.txt": b"older"}

    registry.on_fetch = no_change
    fetch(registry, out)
    assert content(out) == FILES


def test_only_the_wanted_assets_are_downloaded(registry: Registry, out: Path) -> None:
    result = fetch(registry, out, select=lambda name: name.endswith(".txt"))
    assert content(out) == {"a.txt": FILES["a.txt"], "b.txt": FILES["b.txt"]}
    assert set(result.files) == {"a.txt", "b.txt"}


def test_a_download_of_no_asset_is_a_mistake(registry: Registry, out: Path) -> None:
    with pytest.raises(UsageError, match=r"no asset of .* matches\nIt has a\.txt, b\.txt, empty"):
        fetch(registry, out, select=lambda _name: False)
    assert nothing_left(out)


def test_the_working_folder_is_kept(registry: Registry, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out.mkdir(parents=True)
    monkeypatch.chdir(out)
    inode = out.stat().st_ino
    fetch(registry, Path())
    assert out.stat().st_ino == inode
    assert content(Path()) == FILES


def test_the_folder_may_be_a_link_of_the_operator(registry: Registry, out: Path, tmp_path: Path) -> None:
    out.mkdir(parents=True)
    (tmp_path / "link").symlink_to(out)
    fetch(registry, tmp_path / "link")
    assert content(out) == FILES
    assert (tmp_path / "link").is_symlink()


# --- what is refused ---


def test_another_digest_is_refused_before_anything_is_downloaded(registry: Registry, out: Path) -> None:
    with pytest.raises(MismatchError) as caught:
        fetch(registry, out, digest="sha256:" + "0" * 64)
    assert DIGEST in str(caught.value)
    assert "sha256:" + "0" * 64 in str(caught.value)
    assert registry.calls == ["describe", "list"]
    assert nothing_left(out)


@pytest.mark.parametrize("sent", [b"ALPHA", b"alph", b"alpha and more", b""])
def test_different_bytes_leave_nothing(registry: Registry, out: Path, sent: bytes) -> None:
    registry.lies["a.txt"] = sent
    with pytest.raises(MismatchError, match=r"sent different bytes than it lists:\n    a\.txt") as caught:
        fetch(registry, out)
    assert caught.value.exit_code == 4
    assert nothing_left(out)


def test_different_bytes_leave_the_existing_files(registry: Registry, out: Path) -> None:
    out.mkdir(parents=True)
    (out / "b.txt").write_bytes(b"older")
    registry.lies["a.txt"] = b"ALPHA"
    with pytest.raises(MismatchError):
        fetch(registry, out)
    assert content(out) == {"b.txt": b"older"}
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize("status", [Status.UNFINISHED, Status.ARCHIVED, Status.DISPOSED])
def test_only_published_and_unlisted_versions_are_downloaded(registry: Registry, out: Path, status: Status) -> None:
    registry.holds(FILES, status)
    with pytest.raises(MismatchError, match=f"is {status}"):
        fetch(registry, out)
    assert nothing_left(out)


def test_an_unlisted_version_is_downloaded(registry: Registry, out: Path) -> None:
    registry.holds(FILES, Status.UNLISTED)
    fetch(registry, out)
    assert content(out) == FILES


def test_a_version_that_does_not_exist(registry: Registry, out: Path) -> None:
    registry.versions.clear()
    with pytest.raises(VersionNotFoundError, match="does not exist"):
        fetch(registry, out)
    assert nothing_left(out)


def test_a_folder_that_is_a_file(registry: Registry, out: Path) -> None:
    out.parent.mkdir()
    out.write_bytes(b"mine")
    with pytest.raises(FileError, match="is not a folder"):
        fetch(registry, out)
    assert out.read_bytes() == b"mine"


def test_an_asset_with_the_name_of_a_folder(registry: Registry, out: Path) -> None:
    (out / "a.txt").mkdir(parents=True)
    with pytest.raises(FileError, match="is a folder"):
        fetch(registry, out)
    assert list(out.iterdir()) == [out / "a.txt"]


# --- names that attack ---

UNSAFE = [
    "..",
    ".",
    "../evil",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "..\\evil",
    "nul",
    "CON.txt",
    "com1",
    "lpt9.log",
    "aux .txt",
    "C:evil",
    "a.txt:stream",
    "a\nb",
    "a\x1b[2J",
    "a\x00b",
    "a\u202egnp.exe",
    "dot.",
    " space",
    "space ",
    "n" * 256,
    "é" * 128,
    ".codeartifact-release.0.partial",
]


@pytest.mark.parametrize("name", UNSAFE, ids=ascii)
def test_an_unsafe_name_is_refused_before_anything_is_downloaded(registry: Registry, out: Path, name: str) -> None:
    registry.holds({"a.txt": b"alpha", name: b"evil"}, Status.PUBLISHED)
    with pytest.raises(FileError, match="cannot be the name of a file"):
        fetch(registry, out)
    assert not any(call.startswith("fetch") for call in registry.calls)
    assert nothing_left(out)


def test_a_link_in_the_folder_is_replaced_and_never_followed(registry: Registry, out: Path, tmp_path: Path) -> None:
    out.mkdir(parents=True)
    precious, right = tmp_path / "precious", tmp_path / "right"
    precious.write_bytes(b"precious")
    right.write_bytes(FILES["b.txt"])
    (out / "a.txt").symlink_to(precious)
    # A link to the right bytes may point to others tomorrow.
    (out / "b.txt").symlink_to(right)
    fetch(registry, out)
    assert precious.read_bytes() == b"precious"
    assert content(out) == FILES
    assert not any(path.is_symlink() for path in out.iterdir())


def test_a_pipe_in_the_folder_is_replaced_and_never_waited_for(registry: Registry, out: Path) -> None:
    out.mkdir(parents=True)
    os.mkfifo(out / "a.txt")
    fetch(registry, out)
    assert content(out) == FILES


def test_two_names_that_are_the_same_on_this_file_system(
    registry: Registry, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.holds({"Readme": b"1", "README": b"2"}, Status.PUBLISHED)
    real_open = Path.open

    def folds_case(path: Path, mode: str = "r", *args: object) -> object:
        return real_open(path.with_name(path.name.lower()), mode, *args)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", folds_case)
    with pytest.raises(FileError, match="have the same name on this file system"):
        fetch(registry, out)
    assert nothing_left(out)


# --- changes and failures under way ---


def test_a_version_that_changes_during_the_download_is_read_again(registry: Registry, out: Path) -> None:
    newer = {**FILES, "a.txt": b"ALPHA"}

    def change(_name: str) -> None:
        registry.on_fetch = lambda _name: None
        registry.holds(newer, Status.PUBLISHED)

    registry.on_fetch = change
    fetch(registry, out)
    assert content(out) == newer


def test_a_version_that_keeps_changing(registry: Registry, out: Path) -> None:
    registry.on_fetch = lambda _name: registry.holds(FILES, Status.PUBLISHED)
    with pytest.raises(InconsistentReadError, match="keeps changing"):
        fetch(registry, out)
    assert nothing_left(out)


def test_a_version_that_is_replaced_during_the_download_is_refused(registry: Registry, out: Path) -> None:
    registry.on_fetch = lambda _name: registry.holds({"a.txt": b"evil"}, Status.PUBLISHED)
    with pytest.raises(MismatchError):
        fetch(registry, out, digest=DIGEST)
    assert nothing_left(out)


def test_a_cut_download_starts_over(registry: Registry, out: Path) -> None:
    cuts = iter([UnreachableError("cut"), UnreachableError("cut")])

    def cut(at: Coordinates, asset: Asset, write: Callable[[bytes], object]) -> None:
        error = next(cuts, None)
        if error:
            write(b"al")
            raise error
        FakeRegistry.fetch_asset(registry, at, asset, write)

    registry.fetch_asset = cut  # type: ignore[method-assign]
    fetch(registry, out)
    assert content(out) == FILES


def test_a_failure_leaves_nothing(registry: Registry, out: Path) -> None:
    def fail(name: str) -> None:
        if name == "b.txt":
            raise ReleaseError("stopped")

    registry.on_fetch = fail
    with pytest.raises(ReleaseError, match="stopped"):
        fetch(registry, out)
    assert nothing_left(out)


def test_a_full_disk_is_one_line(registry: Registry, out: Path) -> None:
    def full(at: Coordinates, asset: Asset, write: Callable[[bytes], object]) -> None:
        raise OSError(28, "No space left on device")

    registry.fetch_asset = full  # type: ignore[method-assign]
    with pytest.raises(FileError, match="cannot be written: No space left on device"):
        fetch(registry, out)
    assert nothing_left(out)


def test_a_folder_on_another_file_system_is_filled_file_by_file(
    registry: Registry, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out.mkdir(parents=True)

    def refuses_folders(path: Path, target: Path) -> Path:
        assert path.is_dir()
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(Path, "rename", refuses_folders)
    fetch(registry, out)
    assert content(out) == FILES
    assert list(out.parent.iterdir()) == [out]


KILLED = """
import os, signal, sys
from pathlib import Path
from pulumi_codeartifact_release.publishing.output_folder import output_folder
with output_folder(Path(sys.argv[1])) as folder:
    with folder.create("a.txt") as file:
        file.write(b"half")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_staging_folder_of_a_killed_run_is_removed_by_a_later_one(registry: Registry, out: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(out)], check=False)
    assert killed.returncode == -signal.SIGKILL
    [staging] = out.parent.iterdir()
    assert not out.exists()
    os.utime(staging, times=(time.time() - 120, time.time() - 120))
    fetch(registry, out)
    assert list(out.parent.iterdir()) == [out]


def test_the_staging_folder_of_a_running_process_is_kept(registry: Registry, out: Path) -> None:
    with output_folder(out) as other:
        with other.create("a.txt") as file:
            file.write(b"half")
        [staging] = out.parent.iterdir()
        os.utime(staging, times=(time.time() - 120, time.time() - 120))
        fetch(registry, out.with_name("second"))
        assert content(staging) == {"a.txt": b"half"}


# --- one asset to a file ---


def test_one_asset_is_written_to_a_file(registry: Registry) -> None:
    file = io.BytesIO()
    assert download_to(AT, registry, "b.txt", file, InlineScheduler(), digest=DIGEST).digest == DIGEST
    assert file.getvalue() == FILES["b.txt"]


def test_an_unsafe_name_can_be_written_to_a_file(registry: Registry) -> None:
    registry.holds({"../evil": b"evil"}, Status.PUBLISHED)
    file = io.BytesIO()
    download_to(AT, registry, "../evil", file, InlineScheduler())
    assert file.getvalue() == b"evil"


def test_different_bytes_for_a_file_are_refused(registry: Registry) -> None:
    registry.lies["b.txt"] = b"evil"
    with pytest.raises(MismatchError):
        download_to(AT, registry, "b.txt", io.BytesIO(), InlineScheduler())


# --- several threads ---


def test_many_assets_in_parallel(registry: Registry, out: Path) -> None:
    many = {f"{number}.bin": os.urandom(3000) for number in range(60)}
    registry.holds(many, Status.PUBLISHED)
    download(AT, registry, out, ThreadScheduler())
    assert content(out) == many


def test_an_asset_whose_size_is_not_listed(registry: Registry, out: Path) -> None:
    class Sizeless(Registry):
        def list_assets(self, at: Coordinates) -> AssetListing:
            listing = super().list_assets(at)
            assets = {name: Asset(name, 0, each.sha256) for name, each in listing.assets.items()}
            return AssetListing(listing.revision, assets)

    registry = Sizeless()
    registry.holds(FILES, Status.PUBLISHED)
    fetch(registry, out)
    assert {name: hashlib.sha256(data).hexdigest() for name, data in content(out).items()} == {
        name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()
    }
    registry.calls.clear()
    assert fetch(registry, out).downloaded == ()
