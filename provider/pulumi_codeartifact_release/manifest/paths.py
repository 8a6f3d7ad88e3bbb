"""Resolves paths of a manifest on this machine, and checks that they are inside its folder and readable.

    located = BaseFolder(base, outside=False).resolve("dist/app.zip")     # or PathProblem
    located.declared, located.path

The only file that is opened here is the small one with a variable's value. A FIFO never blocks.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from ..checkout import is_within, read_real
from ..remedies import Front, Need, command_line
from .dir_cache import DirCache
from .messages import quote

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Characters that no value of a manifest may contain: they break messages, plans and the service's rules."""

_MAX_LINE = 4096
_KINDS = (
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISBLK, "a block device"),
    (stat.S_ISCHR, "a character device"),
)


class PathProblem(ValueError):  # noqa: N818 - it becomes a Problem
    """A path cannot be used. The text says why and what to do."""


class IsFolderProblem(PathProblem):
    """A path is a folder instead of a file."""


class MissingProblem(PathProblem):
    """A path does not exist."""


@dataclass(frozen=True, slots=True)
class ResolvedPath:
    """A path inside the folder, or permitted outside of it.

    Attributes:
        path: absolute, symbolic links not resolved.
        declared: relative to the folder, with `/`.
        real: absolute, without links. This path was checked, so this is the one to open (`checkout.open_real`).
    """

    path: Path
    declared: str
    real: Path


@dataclass
class BaseFolder:
    """The folder that a manifest's paths are relative to.

    Attributes:
        base: the folder, absolute.
        outside: whether the operator permits paths outside of it.
        follow_links: False to check only the text of paths, for files that are not on this machine.
        front: words for what the operator has to set, where errors are printed.
        dir_cache: listings of the folders that globs match in.
    """

    base: Path
    outside: bool = False
    follow_links: bool = True
    front: Front = command_line
    _real: dict[str, str] = field(default_factory=dict, repr=False)
    dir_cache: DirCache = field(default_factory=DirCache, repr=False)

    def resolve(self, text: str, *, display: str = "") -> ResolvedPath:
        """Resolve a path, which may not exist.

        Args:
            text: the path, relative to the folder or absolute.
            display: the text for messages, if it is not `text`.

        Raises:
            PathProblem: it leaves the folder by `..`, an absolute path or a symlink, and that is not permitted.
        """
        if match := CONTROL.search(text):
            raise PathProblem(f"{quote(text)} contains the control character U+{ord(match[0]):04X}")
        base = str(self.base)
        path = os.path.normpath(os.path.join(base, text))  # noqa: PTH118 - Path does not fold `..`
        below = base.rstrip("/") + "/"
        declared = path[len(below) :] if path.startswith(below) else os.path.relpath(path, base)
        if not self.outside and (declared == ".." or declared.startswith("../")):
            through = "an absolute path" if text.startswith("/") else "`..`"
            raise PathProblem(self._refusal(display or text, through))
        if not self.follow_links:
            return ResolvedPath(Path(path), declared, Path(path))
        try:
            real = self._resolved(path)
        except OSError as error:
            # Such as a link that is replaced while it is resolved.
            raise PathProblem(f"{quote(display or text)} cannot be resolved: {error.strerror}") from None
        if not self.outside and not is_within(real, self._real_folder(base)):
            raise PathProblem(self._refusal(display or text, f"a symlink to {quote(real)}"))
        located = Path(path)
        return ResolvedPath(located, declared, located if real == path else Path(real))

    def _refusal(self, text: str, through: str) -> str:
        return (
            f"{quote(text)} leaves the manifest's folder through {through}; "
            f"move it inside, or permit it with {self.front(Need('allow', 'outside'))}"
        )

    def _resolved(self, path: str) -> str:
        """Return a path with symlinks resolved."""
        if self._is_link(path):
            return os.path.realpath(path)
        folder, name = os.path.split(path)
        return os.path.join(self._real_folder(folder), name)  # noqa: PTH118 - a hot path

    def _is_link(self, path: str) -> bool:
        if entry := self.dir_cache.get(path):
            return entry.is_link
        try:
            return stat.S_ISLNK(os.lstat(path).st_mode)
        except OSError:
            return False

    def _real_folder(self, folder: str) -> str:
        if folder not in self._real:
            self._real[folder] = os.path.realpath(folder)
        return self._real[folder]

    def check_file(self, located: ResolvedPath) -> None:
        """Raise PathProblem unless it is a regular file that this process may read."""
        entry = self.dir_cache.get(str(located.path))
        if entry and entry.is_file and is_readable(located.path):
            return
        try:
            mode = os.stat(located.path).st_mode  # noqa: PTH116 - a hot path
        except FileNotFoundError:
            raise self._missing(located) from None
        except OSError as error:
            raise PathProblem(f"{quote(located.declared)} cannot be read: {error.strerror}") from None
        if stat.S_ISDIR(mode):
            raise IsFolderProblem(f"{quote(located.declared)} is a folder")
        if not stat.S_ISREG(mode):
            kind = next((name for test, name in _KINDS if test(mode)), "something else")
            raise PathProblem(f"{quote(located.declared)} is not a regular file: it is {kind}")
        if not is_readable(located.path):
            raise PathProblem(
                f"{quote(located.declared)} cannot be read: permission denied; change its mode or its owner"
            )

    def _missing(self, located: ResolvedPath) -> PathProblem:
        if located.path.is_symlink():
            return PathProblem(
                f"{quote(located.declared)} is a dangling symlink: its target "
                f"{quote(os.readlink(located.path))} does not exist"  # noqa: PTH115 - the text as it is
            )
        return MissingProblem(f"there is no file {quote(located.declared)}")

    def read_line(self, text: str) -> str:
        """Return the only line of a small UTF-8 file, without its line end. Raises PathProblem."""
        located = self.resolve(text)
        self.check_file(located)
        try:
            content = read_real(str(located.real), _MAX_LINE + 3)
        except OSError as error:
            raise PathProblem(f"{quote(text)} cannot be read: {error.strerror}") from None
        if len(content) > _MAX_LINE:
            raise PathProblem(f"{quote(text)} is larger than 4 KiB: it must contain one short line")
        try:
            line = content.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError as error:
            raise PathProblem(f"{quote(text)} is not UTF-8 (at offset {error.start})") from None
        if not line:
            raise PathProblem(f"{quote(text)} is empty: it must contain one line, the value")
        if "\n" in line or "\r" in line:
            raise PathProblem(f"{quote(text)} has more than one line: it must contain one line, the value")
        if match := CONTROL.search(line):
            raise PathProblem(f"{quote(text)} contains the control character U+{ord(match[0]):04X}")
        return line


def is_readable(path: Path | str, mode: int = os.R_OK) -> bool:
    """Return whether this process may read a file, by its effective user if the system supports that."""
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)
