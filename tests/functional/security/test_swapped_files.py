"""Files that are swapped during a run: the opened file is the checked one, even if a symlink replaces it."""

from __future__ import annotations

import hashlib
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pulumi_codeartifact_release.errors import FileChangedError, FileError, ManifestError, ReleaseError, UsageError
from pulumi_codeartifact_release.hashing import NullCache, hash_files
from pulumi_codeartifact_release.manifest import BaseFolder, load
from pulumi_codeartifact_release.manifest.paths import PathProblem, ResolvedPath
from pulumi_codeartifact_release.plugin.declaration import Declaration
from support.command_line import Run, run  # noqa: F401 - a fixture

SECRET = b"the credentials of somebody else\n"
MANIFEST = """\
schemaVersion: 1
packages:
  - {namespace: acme, package: app, version: "1.0", assets: [dist/a, dist/b]}
environments:
  dev: {domain: acme, repository: dev, endpoint: "file:.registry"}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout, with files beside it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in "ab":
        (outside / name).write_bytes(SECRET)
    checkout = tmp_path / "checkout"
    (checkout / "dist").mkdir(parents=True)
    for name in "ab":
        (checkout / "dist" / name).write_text(f"{name}\n")
    (checkout / "release.yaml").write_text(MANIFEST)
    monkeypatch.chdir(checkout)
    return checkout


def file_becomes_link(folder: Path) -> None:
    (folder / "dist" / "a").unlink()
    (folder / "dist" / "a").symlink_to(folder.parent / "outside" / "a")


def folder_becomes_link(folder: Path) -> None:
    (folder / "dist").rename(folder / "before")
    (folder / "dist").symlink_to(folder.parent / "outside")


def checkout_becomes_link(folder: Path) -> None:
    folder.rename(folder.parent / "before")
    (folder.parent / "other" / "dist").mkdir(parents=True)
    for name in "ab":
        (folder.parent / "other" / "dist" / name).write_bytes(SECRET)
    folder.symlink_to(folder.parent / "other")


Swap = Callable[[Path], None]
SWAPS = [file_becomes_link, folder_becomes_link, checkout_becomes_link]
swaps = pytest.mark.parametrize("swap", SWAPS, ids=lambda swap: swap.__name__)


def files_of(folder: Path, allow: frozenset[str] = frozenset()) -> dict[str, Path]:
    (package,) = load(folder / "release.yaml", allow=allow).packages
    return {file.name: file.path for file in package.files}


# --- after the manifest was loaded ------------------------------------------------------------------------------------


@swaps
def test_a_symlink_that_appears_after_the_manifest_was_loaded_is_not_followed(folder: Path, swap: Swap) -> None:
    files = files_of(folder)
    swap(folder)
    with pytest.raises(FileChangedError, match="changed after it was declared"):
        hash_files(files.values())
    with pytest.raises(FileChangedError):
        Declaration(files={name: str(path) for name, path in files.items()}).hash(NullCache())


@swaps
def test_a_symlink_that_appears_after_hashing_is_not_followed(folder: Path, swap: Swap) -> None:
    files = files_of(folder)
    hashed = hash_files(files.values())[files["a"]]
    swap(folder)
    with pytest.raises(FileChangedError), hashed.open() as body:
        assert body.read() != SECRET
    with pytest.raises(FileChangedError):
        hashed.verify_unchanged()


@swaps
def test_a_cached_hash_of_a_file_outside_is_not_shown(folder: Path, swap: Swap) -> None:
    class Knowing(NullCache):
        def get_many(self, identities):  # type: ignore[no-untyped-def]
            return dict.fromkeys(identities, hashlib.sha256(SECRET).hexdigest())

    files = files_of(folder)
    (folder.parent / "outside" / "b").unlink()
    swap(folder)
    try:
        hashed = hash_files(files.values(), cache=Knowing())
    except FileError:
        return
    # lstat of the link is allowed: it differs from the declared file, and cannot be opened.
    for file in hashed.values():
        if file.path.is_symlink():
            with pytest.raises(FileChangedError), file.open():
                pass


@swaps
def test_a_release_sends_no_swapped_file(
    run: Run,  # noqa: F811
    folder: Path,
    swap: Swap,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pulumi_codeartifact_release.cli import apply
    from pulumi_codeartifact_release.cli.make_plans import make_plans

    def planned(*words: Any) -> object:
        made = make_plans(*words)
        if swap is not checkout_becomes_link:
            swap(folder)
        else:
            # The registry is in the checkout, too.
            swap(folder / "dist")
        return made

    monkeypatch.setattr(apply, "make_plans", planned)
    outcome = run("apply", "release.yaml", "-e", "dev", "--yes")
    assert outcome.code == 1
    assert "error[file-changed]" in outcome.err
    kept = [path.read_bytes() for path in (folder / ".registry").rglob("*") if path.is_file()]
    assert not [content for content in kept if SECRET in content]


@pytest.mark.slow
def test_no_byte_from_outside_is_read_at_any_moment_of_a_swap(folder: Path) -> None:
    place, real, link = folder / "dist" / "a", folder / "real", folder / "link"
    real.write_text("a\n")
    link.symlink_to(folder.parent / "outside" / "a")
    wrong = hashlib.sha256(SECRET).hexdigest()
    stop = threading.Event()

    def exchange() -> None:
        for number in itertools.count():
            if stop.is_set():
                return
            spare = folder / f"spare{number}"
            if number % 2:
                spare.symlink_to(folder.parent / "outside" / "a")
            else:
                spare.write_text("a\n")
            spare.replace(place)

    thread = threading.Thread(target=exchange)
    thread.start()
    good = 0
    try:
        for _ in range(300):
            try:
                files = files_of(folder)
                hashed = hash_files([files["a"]])[files["a"]]
                assert hashed.sha256 != wrong
                with hashed.open() as body:
                    assert body.read() != SECRET
                good += 1
            except (FileError, ManifestError):
                pass
    finally:
        stop.set()
        thread.join()
    assert good


# --- while the manifest is loaded -------------------------------------------------------------------------------------


@pytest.fixture
def after_the_check(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Callable[[], None]]]:
    """Functions that run between the check of a path and its use."""
    todo: list[Callable[[], None]] = []
    check_file = BaseFolder.check_file

    def checked(self: BaseFolder, located: ResolvedPath) -> None:
        check_file(self, located)
        while todo:
            todo.pop()()

    monkeypatch.setattr(BaseFolder, "check_file", checked)
    yield todo
    assert not todo


def test_a_variables_file_is_the_one_that_was_checked(folder: Path, after_the_check: list[Callable[[], None]]) -> None:
    after_the_check.append(lambda: file_becomes_link(folder))
    with pytest.raises(PathProblem, match="cannot be read") as caught:
        BaseFolder(folder).read_line("dist/a")
    assert SECRET.decode().strip() not in str(caught.value)


@pytest.mark.timeout(20)
def test_a_variables_file_that_becomes_a_fifo_does_not_block(
    folder: Path, after_the_check: list[Callable[[], None]]
) -> None:
    def exchange() -> None:
        (folder / "dist" / "a").unlink()
        os.mkfifo(folder / "dist" / "a")

    after_the_check.append(exchange)
    with pytest.raises(PathProblem, match="not a regular file"):
        BaseFolder(folder).read_line("dist/a")


@pytest.mark.parametrize("where", ["outside/other.yaml", "outside"])
def test_a_manifest_that_is_a_symlink_out_of_the_checkout_is_refused(folder: Path, where: str) -> None:
    (folder.parent / "outside" / "other.yaml").write_text(MANIFEST)
    (folder / "release.yaml").unlink()
    if where == "outside":
        (folder / "linked").symlink_to(folder.parent / where)
        (folder / "release.yaml").symlink_to("linked/other.yaml")
    else:
        (folder / "release.yaml").symlink_to(folder.parent / where)
    with pytest.raises(UsageError, match="leaves its folder and its checkout through a symlink to"):
        load(folder / "release.yaml")
    assert set(files_of(folder, frozenset({"outside"}))) == {"a", "b"}


def test_a_manifest_may_be_a_symlink_within_its_checkout(folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / "shared").mkdir()
    (folder / "service").mkdir()
    (folder / "shared" / "release.yaml").write_text(MANIFEST.replace("dist/", ""))
    (folder / "service" / "release.yaml").symlink_to("../shared/release.yaml")
    for name in "ab":
        (folder / "service" / name).write_text(name)
    assert files_of(folder / "service")["a"] == (folder / "service" / "a").resolve()


@pytest.mark.timeout(20)
def test_a_manifest_that_becomes_a_fifo_does_not_block(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stat = Path.stat

    def exchanged(self: Path, **more: bool) -> os.stat_result:
        found = stat(self, **more)
        if self.name == "release.yaml":
            self.unlink()
            os.mkfifo(self)
        return found

    monkeypatch.setattr(Path, "stat", exchanged)
    with pytest.raises(UsageError, match="not a regular file"):
        load(folder / "release.yaml")


# --- what goes on working ---------------------------------------------------------------------------------------------


def test_symlinks_within_the_checkout_are_followed(folder: Path) -> None:
    (folder / "builds" / "7").mkdir(parents=True)
    (folder / "builds" / "7" / "app-7.zip").write_text("7")
    (folder / "current").symlink_to("builds/7")
    (folder / "app.zip").symlink_to("current/app-7.zip")
    text = MANIFEST.replace("dist/a, dist/b", "app.zip, current/app-7.zip")
    (folder / "release.yaml").write_text(text)
    files = files_of(folder)
    assert set(files) == {"app.zip", "app-7.zip"}
    assert {each.sha256 for each in hash_files(files.values()).values()} == {hashlib.sha256(b"7").hexdigest()}
    # A new build does not change the declared file.
    (folder / "builds" / "8").mkdir()
    (folder / "builds" / "8" / "app-7.zip").write_text("8")
    (folder / "current").unlink()
    (folder / "current").symlink_to("builds/8")
    assert {each.sha256 for each in hash_files(files.values()).values()} == {hashlib.sha256(b"7").hexdigest()}


def test_a_checkout_behind_a_symlink_works(folder: Path) -> None:
    (folder.parent / "way").symlink_to(folder)
    files = files_of(folder.parent / "way")
    assert {each.sha256 for each in hash_files(files.values()).values()} == {
        hashlib.sha256(f"{name}\n".encode()).hexdigest() for name in "ab"
    }


def test_permitted_files_outside_are_read_and_cannot_be_swapped(folder: Path) -> None:
    (folder / "release.yaml").write_text(MANIFEST.replace("dist/b", "../outside/b"))
    file_becomes_link(folder)
    with pytest.raises(ManifestError, match="leaves the manifest's folder"):
        files_of(folder)
    files = files_of(folder, frozenset({"outside"}))
    assert {each.sha256 for each in hash_files(files.values()).values()} == {hashlib.sha256(SECRET).hexdigest()}
    (folder.parent / "outside" / "b").unlink()
    (folder.parent / "outside" / "b").symlink_to("/etc/hostname")
    with pytest.raises(ReleaseError):
        hash_files(files.values())


def test_a_folder_without_read_permission_can_be_traversed(folder: Path) -> None:
    files = files_of(folder)
    (folder / "dist").chmod(0o111)
    try:
        assert len(hash_files(files.values())) == 2
    finally:
        (folder / "dist").chmod(0o755)
