"""A path of the manifest on this machine: whether it is inside, what it is, and whether it may be read.

    located = Folder(base, outside=False).locate("dist/app.zip")     # or PathProblem
    located.declared, located.path

Nothing is opened here but the one small file that holds a variable's value; a FIFO never blocks.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from ..checkout import is_within, read_real
from ..remedies import Front, Need, command_line
from .listing import Listings
from .words import quoted

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Characters that no key of a manifest takes: they would break messages, plans and the service's own rules."""

_MAX_LINE = 4096
_KINDS = (
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISBLK, "a block device"),
    (stat.S_ISCHR, "a character device"),
)


class PathProblem(ValueError):  # noqa: N818 - it becomes a Problem
    """A path cannot be used; the text says why and what to do."""


class IsFolderProblem(PathProblem):
    """A path is a folder, and no file."""


class MissingProblem(PathProblem):
    """There is nothing at a path."""


@dataclass(frozen=True, slots=True)
class Located:
    """A path inside the folder, or permitted outside of it.

    Attributes:
        path: absolute, as it is spelled.
        declared: relative to the folder, with `/`.
        real: absolute, without links: what was judged, and so what is to be opened (`checkout.open_real`).
    """

    path: Path
    declared: str
    real: Path


@dataclass
class Folder:
    """The folder that a manifest's paths are relative to.

    Attributes:
        base: the folder, absolute.
        outside: whether the operator permitted paths out of it.
        looks: False to judge paths by their text alone; symlinks are not seen then.
        front: words what the operator has to set, for where mistakes are printed.
        listings: what is in the folders that globs have looked into.
    """

    base: Path
    outside: bool = False
    looks: bool = True
    front: Front = command_line
    _real: dict[str, str] = field(default_factory=dict, repr=False)
    listings: Listings = field(default_factory=Listings, repr=False)

    def locate(self, text: str, *, spelled: str = "") -> Located:
        """Return the place of a path, which need not exist.

        Args:
            text: the path, relative to the folder or absolute.
            spelled: what messages call it, where that is more than the path itself.

        Raises:
            PathProblem: it is outside by `..`, by an absolute path or through a symlink, and that is not permitted.
        """
        if found := CONTROL.search(text):
            raise PathProblem(f"{quoted(text)} has the control character U+{ord(found[0]):04X} in it")
        base = str(self.base)
        path = os.path.normpath(os.path.join(base, text))  # noqa: PTH118 - Path does not fold `..`
        below = base.rstrip("/") + "/"
        declared = path[len(below) :] if path.startswith(below) else os.path.relpath(path, base)
        if not self.outside and (declared == ".." or declared.startswith("../")):
            through = "an absolute path" if text.startswith("/") else "`..`"
            raise PathProblem(self._refusal(spelled or text, through))
        if not self.looks:
            return Located(Path(path), declared, Path(path))
        try:
            real = self._resolved(path)
        except OSError as error:
            # A link that is exchanged while it is resolved.
            raise PathProblem(f"{quoted(spelled or text)} cannot be resolved: {error.strerror}") from None
        if not self.outside and not is_within(real, self._real_folder(base)):
            raise PathProblem(self._refusal(spelled or text, f"a symlink to {quoted(real)}"))
        return Located(Path(path), declared, Path(real))

    def _refusal(self, text: str, through: str) -> str:
        return (
            f"{quoted(text)} leads out of the manifest's folder through {through}; "
            f"move it inside, or let the operator permit it with {self.front(Need('allow', 'outside'))}"
        )

    def _resolved(self, path: str) -> str:
        """Return a path, symlinks resolved."""
        if self._is_link(path):
            return os.path.realpath(path)
        folder, name = os.path.split(path)
        return os.path.join(self._real_folder(folder), name)  # noqa: PTH118 - a hot path

    def _is_link(self, path: str) -> bool:
        if entry := self.listings.known(path):
            return entry.is_link
        try:
            return stat.S_ISLNK(os.lstat(path).st_mode)
        except OSError:
            return False

    def _real_folder(self, folder: str) -> str:
        if folder not in self._real:
            self._real[folder] = os.path.realpath(folder)
        return self._real[folder]

    def check_file(self, located: Located) -> None:
        """PathProblem unless it is a regular file that this process may read."""
        entry = self.listings.known(str(located.path))
        if entry and entry.is_file and readable(located.path):
            return
        try:
            mode = os.stat(located.path).st_mode  # noqa: PTH116 - a hot path
        except FileNotFoundError:
            raise self._missing(located) from None
        except OSError as error:
            raise PathProblem(f"{quoted(located.declared)} cannot be read: {error.strerror}") from None
        if stat.S_ISDIR(mode):
            raise IsFolderProblem(f"{quoted(located.declared)} is a folder")
        if not stat.S_ISREG(mode):
            kind = next((name for test, name in _KINDS if test(mode)), "something else")
            raise PathProblem(f"{quoted(located.declared)} is not a regular file: it is {kind}")
        if not readable(located.path):
            raise PathProblem(
                f"{quoted(located.declared)} cannot be read: permission denied; change its mode or its owner"
            )

    def _missing(self, located: Located) -> PathProblem:
        if located.path.is_symlink():
            return PathProblem(
                f"{quoted(located.declared)} is a dangling symlink: its target "
                f"{quoted(os.readlink(located.path))} does not exist"  # noqa: PTH115 - the text as it is
            )
        return MissingProblem(f"there is no file {quoted(located.declared)}")

    def read_line(self, text: str) -> str:
        """Return the single line of a small UTF-8 file, its line end stripped; PathProblem where it is not one."""
        located = self.locate(text)
        self.check_file(located)
        try:
            content = read_real(str(located.real), _MAX_LINE + 3)
        except OSError as error:
            raise PathProblem(f"{quoted(text)} cannot be read: {error.strerror}") from None
        if len(content) > _MAX_LINE:
            raise PathProblem(f"{quoted(text)} is larger than 4 KiB: it must hold a single short line")
        try:
            line = content.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError as error:
            raise PathProblem(f"{quoted(text)} is not UTF-8 (at offset {error.start})") from None
        if not line:
            raise PathProblem(f"{quoted(text)} is empty: it must hold a single line, the value")
        if "\n" in line or "\r" in line:
            raise PathProblem(f"{quoted(text)} has more than one line: it must hold a single line, the value")
        if found := CONTROL.search(line):
            raise PathProblem(f"{quoted(text)} has the control character U+{ord(found[0]):04X} in it")
        return line


def readable(path: Path | str, mode: int = os.R_OK) -> bool:
    """Whether this process may read a file, judged by its effective user where the system can say."""
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)
