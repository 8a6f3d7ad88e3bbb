"""Files that the command line writes: whole or not at all, and never through a symlink that a checkout may hold.

    refuse_unwritable(Path("plan.json"), "-o", {"the manifest": manifest}, beside=manifest)
    write_whole(Path("plan.json"), text, "-o", beside=manifest)

Whoever wrote the checkout may have put a link in the place of an output, or of a folder on its way, and it would be
followed with the rights of whoever runs this. So in a checkout none is followed: in that of the working folder, and in
that of `beside`, which is the manifest. Elsewhere links are the machine's, or the operator's: `/tmp` may be one, and
`/dev/stdout` is.
"""

# ruff: noqa: PTH100, PTH109, PTH115, PTH118, PTH120 - of texts, whose links are followed by hand

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..checkout import is_within, real_folder, top_of
from ..errors import UsageError

if TYPE_CHECKING:
    from ..manifest import Manifest

_MOST_LINKS = 40


def released_files(manifest: Manifest) -> dict[str, Path | None]:
    """Return the files of a release, for `refuse_unwritable`."""
    return {
        f"a file of the release ({file.declared})": file.path for package in manifest.packages for file in package.files
    }


@dataclass(frozen=True)
class _Place:
    """Where a path leads.

    Attributes:
        folder: absolute, without symlinks.
        mode: of what is there; None where nothing is.
        descriptor: of this process, where the path names one, as `/dev/stdout` does; else None.
    """

    folder: str
    name: str
    mode: int | None
    descriptor: int | None = None

    @property
    def is_special(self) -> bool:
        """Whether this is neither a file nor a place for one."""
        return self.descriptor is not None or (self.mode is not None and not stat.S_ISREG(self.mode))


def refuse_unwritable(
    path: Path, option: str, others: Mapping[str, Path | None], *, beside: Path | None = None
) -> None:
    """Raise UsageError if a file cannot be written, or is one of the `others` (what it is -> its path).

    Asked before anything is done: what would be lost is not lost then.
    """
    if str(path) == "-":
        raise UsageError(f"{option} - is not a file", hint=_hint(option))
    try:
        # A release may have thousands of files: what is asked of this one is asked once.
        there, target = path.exists(), path.resolve()
        for what, other in others.items():
            if other and (path.samefile(other) if there and other.exists() else target == other.resolve()):
                raise UsageError(f"{option} {path} is {what}", hint=_hint(option))
        place = _place(path, beside)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _unwritable(path, option, "its folder does not exist or is not writable") from error
    except (OSError, RuntimeError, ValueError) as error:
        raise _unwritable(path, option, error) from error
    if place.mode is not None and stat.S_ISDIR(place.mode):
        raise _unwritable(path, option, "it is a folder")
    if not place.is_special and not os.access(place.folder, os.W_OK | os.X_OK):
        raise _unwritable(path, option, "its folder does not exist or is not writable")


def write_whole(path: Path, text: str, option: str, *, beside: Path | None = None, mode: int = 0o666) -> os.stat_result:
    """Write a file whole or not at all: whoever has the old one open keeps reading that. Return its stat.

    What is no file, such as /dev/null or a pipe, is written to and stays what it is. `mode` is that of a file that is
    made, before the umask. Raises UsageError, naming the `option` that says where.
    """
    try:
        place = _place(path, beside)
        return _write(_opened(place, os.O_WRONLY), text) if place.is_special else _replace(place, text, mode)
    except (OSError, ValueError) as error:
        raise _unwritable(path, option, error) from error


def append(path: Path, text: str, option: str, *, beside: Path | None = None) -> None:
    """Add to the end of a file, which is made where it is missing. Raises UsageError."""
    try:
        _write(_opened(_place(path, beside), os.O_WRONLY | os.O_APPEND | os.O_CREAT), text)
    except (OSError, ValueError) as error:
        raise _unwritable(path, option, error) from error


def remove_written(path: Path, written: os.stat_result) -> None:
    """Remove a file if it is still the one that `write_whole` wrote."""
    if not stat.S_ISREG(written.st_mode):
        return
    with suppress(OSError):
        place = _place(path, None)
        with real_folder(place.folder) as folder:
            if os.path.samestat(os.stat(place.name, dir_fd=folder, follow_symlinks=False), written):
                os.unlink(place.name, dir_fd=folder)


def _hint(option: str) -> str:
    return f"Choose another file for {option}."


def _unwritable(path: Path, option: str, reason: Exception | str) -> UsageError:
    return UsageError(f"{path} cannot be written: {getattr(reason, 'strerror', None) or reason}", hint=_hint(option))


def _place(path: Path, beside: Path | None) -> _Place:
    """Follow a path by hand. Raises OSError, also for a symlink that a checkout may hold."""
    tops = {top_of(os.getcwd()), *([top_of(os.path.dirname(os.path.abspath(beside)))] if beside else ())}
    # Nobody checks out the whole machine; a container may start in its root.
    tops.discard("/")
    todo = os.path.join(os.getcwd(), path).split("/")[::-1]
    folder, name, mode, links = "/", "", None, 0
    while todo:
        part = todo.pop()
        if part in ("", "."):
            continue
        if name:
            # There is more: what was found is a folder on the way.
            if mode is None or not stat.S_ISDIR(mode):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR if mode else errno.ENOENT))
            folder, name, mode = os.path.join(folder, name), "", None
        if part == "..":
            folder = os.path.dirname(folder)
            continue
        there = os.path.join(folder, part)
        if not any(todo) and part.isdecimal() and folder in ("/dev/fd", f"/proc/{os.getpid()}/fd"):
            return _Place(folder, part, None, int(part))
        mode = _mode(there)
        if mode is None or not stat.S_ISLNK(mode):
            name = part
            continue
        if any(is_within(folder, top) for top in tops):
            raise OSError(0, f"{there} is a symbolic link in a checkout, which might lead anywhere")
        links += 1
        if links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        target = os.readlink(there)
        folder = "/" if target.startswith("/") else folder
        todo += target.split("/")[::-1]
    return _Place(folder, name, mode if name else stat.S_IFDIR)


def _mode(path: str) -> int | None:
    try:
        return os.lstat(path).st_mode
    except FileNotFoundError:
        return None


def _opened(place: _Place, flags: int) -> int:
    if place.descriptor is not None:
        # What was printed there before comes before.
        sys.stdout.flush()
        return os.dup(place.descriptor)
    with real_folder(place.folder) as folder:
        return os.open(place.name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666, dir_fd=folder)


def _write(descriptor: int, text: str) -> os.stat_result:
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        return os.fstat(file.fileno())


def _replace(place: _Place, text: str, mode: int) -> os.stat_result:
    temporary = f".{place.name}.{secrets.token_hex(8)}"
    with real_folder(place.folder) as folder:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=folder)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
                written = os.fstat(file.fileno())
            os.replace(temporary, place.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            os.unlink(temporary, dir_fd=folder)
            raise
    return written
