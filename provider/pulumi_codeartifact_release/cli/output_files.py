"""Writes the output files of the command line atomically, reads its inputs; follows no symlinks in a checkout.

    refuse_unwritable(Path("plan.json"), "-o", {"the manifest": manifest}, manifest=manifest)
    write_atomically(Path("plan.json"), text, "-o", manifest=manifest)

A checkout may contain malicious symlinks that lead an output to another file of the user. So no link is followed in the
checkout of the working folder, nor in that of `manifest`. Links elsewhere belong to the system or the user:
`/tmp` may be a link, and `/dev/stdout` is one.
"""

# ruff: noqa: PTH100, PTH109, PTH115, PTH118, PTH120 - pathlib would follow or normalize links

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

from ..checkout import is_within, read_real, real_folder, top_of
from ..errors import FileChangedError, UsageError

if TYPE_CHECKING:
    from ..manifest import Manifest

_MAX_LINKS = 40


def release_files(manifest: Manifest) -> dict[str, Path | None]:
    """Return the files of a release, for `refuse_unwritable`."""
    return {
        f"a file of the release ({file.declared})": file.path for package in manifest.packages for file in package.files
    }


@dataclass(frozen=True)
class _ResolvedPath:
    """A path after its links were followed.

    Attributes:
        folder: absolute, without symlinks.
        mode: its file mode; None if it does not exist.
        descriptor: the file descriptor of this process that the path names, as `/dev/stdout` does; else None.
    """

    folder: str
    name: str
    mode: int | None
    descriptor: int | None = None

    @property
    def is_special(self) -> bool:
        """Whether this exists and is not a regular file."""
        return self.descriptor is not None or (self.mode is not None and not stat.S_ISREG(self.mode))


def refuse_unwritable(
    path: Path, option: str, others: Mapping[str, Path | None], *, manifest: Path | None = None
) -> None:
    """Raise UsageError if a file cannot be written, or is one of `others` (description -> path).

    Call this before the command changes anything.
    """
    if str(path) == "-":
        raise UsageError(f"{option} - is not a file", hint=_hint(option))
    try:
        # Outside of the loop, because a release may have thousands of files.
        exists, target = path.exists(), path.resolve()
        for what, other in others.items():
            if other and (path.samefile(other) if exists and other.exists() else target == other.resolve()):
                raise UsageError(f"{option} {path} is {what}", hint=_hint(option))
        resolved = _resolve(path, manifest)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _unwritable(path, option, "its folder does not exist or is not writable") from error
    except (OSError, RuntimeError, ValueError) as error:
        raise _unwritable(path, option, error) from error
    if resolved.mode is not None and stat.S_ISDIR(resolved.mode):
        raise _unwritable(path, option, "it is a folder")
    if not resolved.is_special and not os.access(resolved.folder, os.W_OK | os.X_OK):
        raise _unwritable(path, option, "its folder does not exist or is not writable")


def write_atomically(
    path: Path, text: str, option: str, *, manifest: Path | None = None, mode: int = 0o666
) -> os.stat_result:
    """Write a file by renaming a temporary one, and return its stat.

    If the path is not a regular file, such as /dev/null or a pipe, write to it. `mode` is that of a new file before the
    umask. Raises UsageError, which names `option`.
    """
    try:
        resolved = _resolve(path, manifest)
        return _write(_open(resolved, os.O_WRONLY), text) if resolved.is_special else _replace(resolved, text, mode)
    except (OSError, ValueError) as error:
        raise _unwritable(path, option, error) from error


def rewrite(path: Path, before: bytes, after: bytes, option: str, *, manifest: Path | None = None) -> None:
    """Replace the content of a regular file by renaming a temporary one. Its permissions stay.

    Raises UsageError; FileChangedError if the file does not contain `before`.
    """
    try:
        resolved = _resolve(path, manifest)
        if read_real(os.path.join(resolved.folder, resolved.name), len(before) + 1) != before:
            raise FileChangedError(f"{path} changed while it was edited", hint="Nothing was written. Run again.")
        _replace(resolved, after.decode("utf-8"), 0o600, keep_mode=True)
    except (OSError, ValueError) as error:
        raise _unwritable(path, option, error) from error


def read_input(path: Path, limit: int, *, manifest: Path) -> bytes:
    """Return the content of a file that an option names, of at most `limit` bytes.

    Raises OSError for a symlink in a checkout, for a file that is neither regular nor a descriptor of this process (as
    `<(command)` is), and for a larger file. A link could lead to any file, and its text into a message.
    """
    resolved = _resolve(path, manifest)
    if resolved.mode is not None and not stat.S_ISREG(resolved.mode):
        raise OSError(0, "it is not a regular file")
    with os.fdopen(_open(resolved, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(0, f"it is larger than {limit:,} bytes")
    return content


def create_file(path: Path, text: str) -> bool:
    """Write a new file, and its missing folders. Returns False if something has that name. Raises UsageError."""
    path = Path(os.path.abspath(path))
    if os.path.lexists(path):
        return False
    try:
        for folder in (*reversed(path.parents), path):
            resolved = _resolve(folder, path)
            if resolved.mode is not None:
                continue
            with real_folder(resolved.folder) as descriptor:
                if folder != path:
                    os.mkdir(resolved.name, dir_fd=descriptor)
                    continue
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                _write(os.open(resolved.name, flags, 0o666, dir_fd=descriptor), text)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}") from error
    return True


def append(path: Path, text: str, option: str, *, manifest: Path | None = None) -> None:
    """Append to a file; create it if it is missing. Raises UsageError."""
    try:
        _write(_open(_resolve(path, manifest), os.O_WRONLY | os.O_APPEND | os.O_CREAT), text)
    except (OSError, ValueError) as error:
        raise _unwritable(path, option, error) from error


def remove_if_same(path: Path, written: os.stat_result) -> None:
    """Remove a file if it is still the one that `write_atomically` wrote."""
    if not stat.S_ISREG(written.st_mode):
        return
    with suppress(OSError):
        resolved = _resolve(path, None)
        with real_folder(resolved.folder) as folder:
            if os.path.samestat(os.stat(resolved.name, dir_fd=folder, follow_symlinks=False), written):
                os.unlink(resolved.name, dir_fd=folder)


def _hint(option: str) -> str:
    return f"Choose another file for {option}."


def _unwritable(path: Path, option: str, reason: Exception | str) -> UsageError:
    return UsageError(f"{path} cannot be written: {getattr(reason, 'strerror', None) or reason}", hint=_hint(option))


def _resolve(path: Path, manifest: Path | None) -> _ResolvedPath:
    """Follow the links of a path. Raises OSError, also for a symlink in a checkout."""
    tops = {top_of(os.getcwd()), *([top_of(os.path.dirname(os.path.abspath(manifest)))] if manifest else ())}
    # The root folder is not a checkout, but a container may start in it.
    tops.discard("/")
    todo = os.path.join(os.getcwd(), path).split("/")[::-1]
    folder, name, mode, links = "/", "", None, 0
    while todo:
        part = todo.pop()
        if part in ("", "."):
            continue
        if name:
            # More parts follow, so `name` must be a folder.
            if mode is None or not stat.S_ISDIR(mode):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR if mode else errno.ENOENT))
            folder, name, mode = os.path.join(folder, name), "", None
        if part == "..":
            folder = os.path.dirname(folder)
            continue
        current = os.path.join(folder, part)
        if not any(todo) and part.isdecimal() and folder in ("/dev/fd", f"/proc/{os.getpid()}/fd"):
            return _ResolvedPath(folder, part, None, int(part))
        mode = _mode(current)
        if mode is None or not stat.S_ISLNK(mode):
            name = part
            continue
        if any(is_within(folder, top) for top in tops):
            raise OSError(0, f"{current} is a symbolic link in a checkout, which might lead anywhere")
        links += 1
        if links > _MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        target = os.readlink(current)
        folder = "/" if target.startswith("/") else folder
        todo += target.split("/")[::-1]
    return _ResolvedPath(folder, name, mode if name else stat.S_IFDIR)


def _mode(path: str) -> int | None:
    try:
        return os.lstat(path).st_mode
    except FileNotFoundError:
        return None


def _open(resolved: _ResolvedPath, flags: int) -> int:
    if resolved.descriptor is not None:
        # Keep the order of the output: flush the buffer first.
        sys.stdout.flush()
        return os.dup(resolved.descriptor)
    with real_folder(resolved.folder) as folder:
        return os.open(resolved.name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666, dir_fd=folder)


def _write(descriptor: int, text: str) -> os.stat_result:
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        return os.fstat(file.fileno())


def _replace(resolved: _ResolvedPath, text: str, mode: int, *, keep_mode: bool = False) -> os.stat_result:
    temporary = f".{resolved.name}.{secrets.token_hex(8)}"
    with real_folder(resolved.folder) as folder:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=folder)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
                if keep_mode and resolved.mode is not None:
                    os.fchmod(descriptor, stat.S_IMODE(resolved.mode) & 0o777)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
                written = os.fstat(file.fileno())
            os.replace(temporary, resolved.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            os.unlink(temporary, dir_fd=folder)
            raise
    return written
