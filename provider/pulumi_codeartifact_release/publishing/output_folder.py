"""The output folder of a download. Files get their final names only after they are complete and verified.

    with output_folder(Path("dist")) as folder:
        folder.refuse_unsafe(assets)
        missing = [name for name, asset in assets.items() if not folder.has(name, asset)]
        with folder.create("app.tar.gz") as file:
            file.write(b"...")
        folder.commit()

Files are written to a staging folder on the same file system, then renamed. Names come from a registry, so they are
not trusted: names that leave the folder, or that a file system would change, are refused. `subfolder` is for the
members of a bundle; they get their files together.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ..bundle_rules import PARTIAL_PREFIX, file_name_problem
from ..errors import FileError
from ..registry.interface import Asset

_SUFFIX = ".partial"
_BLOCK = 1 << 20
# Keep newer staging folders: a run creates its folder shortly before it locks it.
_ABANDONED_S = 60


class Folder:
    """An output folder and its staging folder.

    Attributes:
        path: absolute; it may not exist yet.
    """

    def __init__(self, path: Path, staging: Path) -> None:
        self.path = path
        self._staging = staging
        self._subfolders: dict[tuple[str, str], Folder] = {}

    def subfolder(self, namespace: str, package: str) -> Folder:
        """Return the folder NAMESPACE/PACKAGE, which gets its files when this folder does. Raises FileError."""
        if folder := self._subfolders.get((namespace, package)):
            return folder
        for name in (namespace, package):
            if problem := file_name_problem(name):
                raise _unusable(ascii(f"{namespace}/{package}"), self.path, problem)
        for path in (self.path / namespace, self.path / namespace / package):
            if (mode := _mode(path)) and not stat.S_ISDIR(mode):
                raise _unusable(ascii(f"{namespace}/{package}"), self.path, f"{path} is not a folder")
        staging = self._staging / namespace / package
        try:
            staging.parent.mkdir(exist_ok=True)
            # Exclusive, because a file system may ignore case: then two names are the same folder.
            staging.mkdir()
        except FileExistsError as error:
            problem = "another package has the same name on this file system"
            raise _unusable(ascii(f"{namespace}/{package}"), self.path, problem) from error
        except OSError as error:
            raise unwritable(self.path, error) from error
        folder = self._subfolders[namespace, package] = Folder(self.path / namespace / package, staging)
        return folder

    def refuse_unsafe(self, names: Iterable[str]) -> None:
        """Raise FileError for the first name that is unsafe, or that is already the name of a folder."""
        for name in names:
            problem = file_name_problem(name)
            if not problem and (mode := _mode(self.path / name)) and stat.S_ISDIR(mode):
                problem = f"{self.path / name} is a folder"
            if problem:
                raise FileError(
                    f"{name!a} cannot be the name of a file in {self.path}: {problem}",
                    hint="Nothing was downloaded. Write this asset to a file of your own: `--asset NAME --to -`.",
                )

    def has(self, name: str, asset: Asset) -> bool:
        """Return whether `name` is a regular file with the bytes of `asset`. Hashes the file."""
        try:
            descriptor = os.open(self.path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return False
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or (asset.size and status.st_size != asset.size):
                return False
            return hashlib.file_digest(file, "sha256").hexdigest() == asset.sha256

    def other_files(self, names: Iterable[str]) -> list[str]:
        """Return the sorted names in the folder that are not among `names`."""
        try:
            present = os.listdir(self.path)  # noqa: PTH208 - names, not paths
        except FileNotFoundError:
            return []
        return sorted(name for name in {*present} - {*names} if not name.startswith(PARTIAL_PREFIX))

    def other_folders(self) -> list[str]:
        """Return what the folder has beside its subfolders, sorted: `NAME`, or `NAMESPACE/NAME`."""
        packages: dict[str, list[str]] = {}
        for namespace, package in self._subfolders:
            packages.setdefault(namespace, []).append(package)
        others = self.other_files(packages)
        for namespace, names in packages.items():
            folder = Folder(self.path / namespace, self._staging / namespace)
            others += [f"{namespace}/{name}" for name in folder.other_files(names)]
        return sorted(others)

    @contextmanager
    def create(self, name: str) -> Iterator[BinaryIO]:
        """Create an empty file for an asset in the staging folder. Raises FileError."""
        try:
            # Exclusive, because a file system may ignore case: then two names are the same file.
            with (self._staging / name).open("xb") as file:
                yield file
        except FileExistsError as error:
            raise FileError(
                f"{name!a} and another asset have the same name on this file system",
                hint="Nothing was downloaded. Choose a folder on a case-sensitive file system.",
            ) from error
        except OSError as error:
            raise unwritable(self.path, error) from error

    def discard(self, name: str) -> None:
        """Remove a staged file, to write it again."""
        with suppress(FileNotFoundError):
            (self._staging / name).unlink()

    def commit(self) -> None:
        """Move the files into the output folder, and overwrite files and links of the same names. Raises FileError.

        If the output folder is missing or empty, all files appear at once.
        """
        try:
            if self._staging.parent != self.path and self._replaces_folder():
                return
            self.path.mkdir(parents=True, exist_ok=True)
            with _opened(self._staging) as source, _opened(self.path) as target:
                _move(source, target)
        except OSError as error:
            raise unwritable(self.path, error) from error

    def _replaces_folder(self) -> bool:
        """Rename the staging folder to the output folder; return False if the files must be moved one by one."""
        try:
            mode = stat.S_IMODE(self.path.stat().st_mode)
        except FileNotFoundError:
            pass
        else:
            if os.path.samefile(self.path, os.curdir) or os.listdir(self.path):  # noqa: PTH121, PTH208
                # Keep the working folder: a shell in it would not see a new folder.
                return False
            self._staging.chmod(mode)
        try:
            self._staging.rename(self.path)
        except OSError as error:
            if error.errno in (errno.EBUSY, errno.EXDEV, errno.ENOTEMPTY, errno.EEXIST, errno.EACCES, errno.EPERM):
                return False
            raise
        return True


@contextmanager
def output_folder(path: Path) -> Iterator[Folder]:
    """Yield the folder at `path`, which may not exist. Removes the staging folder at the end. Raises FileError."""
    try:
        # The operator chose this path, so links in it are trusted. Links inside the folder are never followed.
        real = path.resolve()
        if real.exists() and not real.is_dir():
            raise FileError(f"{path} is not a folder", hint="Name a folder; it need not exist yet.")
        staging = _staging_folder(real)
        lock = os.open(staging, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (OSError, RuntimeError, ValueError) as error:
        raise unwritable(path, error) from error
    try:
        # The system releases this lock when the process ends, however it ends.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield Folder(real, staging)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        os.close(lock)


@contextmanager
def _opened(path: Path | str, parent: int | None = None) -> Iterator[int]:
    """Open a folder, but no link in its place. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _move(source: int, target: int) -> None:
    """Move all files of an open folder into another one, and those of its subfolders. Raises OSError."""
    for name in sorted(os.listdir(source)):
        if not stat.S_ISDIR(os.stat(name, dir_fd=source, follow_symlinks=False).st_mode):
            os.replace(name, name, src_dir_fd=source, dst_dir_fd=target)
            continue
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=target)
        with _opened(name, source) as inner_source, _opened(name, target) as inner_target:
            _move(inner_source, inner_target)


def _unusable(name: str, path: Path, problem: str) -> FileError:
    return FileError(
        f"{name} cannot be the name of a folder in {path}: {problem}",
        hint="Nothing was downloaded. Download this member alone, into a folder of your own.",
    )


def unwritable(path: Path, error: Exception) -> FileError:
    """Return the error for a folder that cannot take the files."""
    reason = getattr(error, "strerror", None) or error
    return FileError(f"{path} cannot be written: {reason}", hint="Choose another folder with --to, or make room in it.")


def _staging_folder(path: Path) -> Path:
    """Create the staging folder beside `path`; inside it if the parent is read-only or on another file system."""
    parent = path.parent
    parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and (path.stat().st_dev != parent.stat().st_dev or not os.access(parent, os.W_OK | os.X_OK)):
        parent = path
    _remove_abandoned(parent)
    staging = parent / f"{PARTIAL_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"
    staging.mkdir()
    return staging


def _remove_abandoned(parent: Path) -> None:
    """Remove the staging folders of killed runs: they are not locked."""
    for staging in parent.glob(f"{PARTIAL_PREFIX}*{_SUFFIX}"):
        with suppress(OSError):
            if time.time() - staging.stat().st_mtime < _ABANDONED_S:
                continue
            lock = os.open(staging, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(staging, ignore_errors=True)
            finally:
                os.close(lock)


def _mode(path: Path) -> int | None:
    try:
        return path.lstat().st_mode
    except OSError:
        return None
