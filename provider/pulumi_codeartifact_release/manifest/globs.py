"""One path or glob -> the paths that it stands for.

    matched(Folder(base), "build/**/*.zip", ("**/debug/**",))     # ["build/linux/app.zip", …], or PathProblem

`*`, `?`, `[…]` and `**`; a leading dot is matched only where the pattern spells it; `**` does not enter symlinked
folders. A folder that cannot be listed is a mistake, never a smaller release.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence

from wcmatch import glob

from .listing import FLAGS
from .paths import CONTROL, Folder, PathProblem
from .words import quoted

_EXCLUDE_FLAGS = FLAGS | glob.DOTGLOB

Excluded = Callable[[str], bool]


def matched(folder: Folder, pattern: str, exclude: Sequence[str] = ()) -> list[str]:
    """Return the paths that a pattern stands for, sorted, relative to the folder; never empty.

    A path without a wildcard stands for itself, there or not. Folders are among them unless the pattern has `**`.

    Raises:
        PathProblem: it matches nothing, leads outside, or cannot be read as a pattern.
    """
    if control := CONTROL.search(pattern):
        raise PathProblem(f"{quoted(pattern)} has the control character U+{ord(control[0]):04X} in it")
    try:
        excluded = _excluding(exclude)
        found = _expanded(folder, pattern, excluded) if _is_glob(pattern) else [os.path.normpath(pattern)]
        if not found:
            raise PathProblem(_nothing(folder, pattern))
        kept = [path for path in found if not excluded(path)]
    except (re.error, OverflowError, RecursionError, OSError) as error:
        raise PathProblem(f"{quoted(pattern)} cannot be read as a glob: {error}") from None
    if not kept:
        number = "1 path" if len(found) == 1 else f"{len(found)} paths"
        raise PathProblem(f"{quoted(pattern)} matches {number}, and `exclude` leaves none")
    return kept


def check_text(folder: Folder, pattern: str) -> None:
    """PathProblem where the text alone shows a mistake; for manifests whose files need not be on this machine."""
    start = _split(pattern)[0] if _is_glob(pattern) else pattern
    Folder(folder.base, outside=folder.outside, looks=False).locate(start, spelled=pattern)


def _is_glob(pattern: str) -> bool:
    return bool(glob.is_magic(pattern, flags=FLAGS))


def _excluding(patterns: Sequence[str]) -> Excluded:
    if not patterns:
        return lambda _path: False
    matcher = glob.compile([pattern.removeprefix("./") for pattern in patterns], flags=_EXCLUDE_FLAGS, limit=0)
    return lambda path: bool(matcher.match(path) or matcher.match(f"{path}/"))


def _split(pattern: str) -> tuple[str, list[str]]:
    """Return the folder that a glob begins in, and its parts from the first wildcard on."""
    parts = pattern.split("/")
    first = next(at for at, part in enumerate(parts) if _is_glob(part))
    start = "/".join(parts[:first]) or ("/" if pattern.startswith("/") else ".")
    return start, [part for part in parts[first:] if part != "."]


def _expanded(folder: Folder, pattern: str, excluded: Excluded) -> list[str]:
    start, parts = _split(pattern)
    if ".." in parts:
        raise PathProblem(f"{quoted(pattern)} has `..` after a wildcard; write it without")
    root = folder.locate(start, spelled=pattern)
    if not os.path.isdir(root.path):  # noqa: PTH112 - Path.is_dir raises for some paths
        raise PathProblem(f"{quoted(pattern)} matches nothing: there is no folder {quoted(root.declared)}")
    base, prefix = str(root.path).rstrip("/") + "/", "" if root.declared == "." else f"{root.declared}/"

    def declared(path: str) -> str:
        return prefix + path[len(base) :] if path.startswith(base) else root.declared

    def refuse(path: str) -> None:
        if not excluded(declared(path)):
            raise PathProblem(
                f"{quoted(pattern)} cannot be matched: the folder {quoted(declared(path))} may not be listed"
            )

    found = folder.listings.matching(str(root.path), [part for part in parts if part], refuse)
    if not parts[-1]:
        found = (entry for entry in found if entry.is_folder)
    if "**" in parts:
        found = (entry for entry in found if not entry.is_folder)
    return sorted({declared(entry.path) for entry in found})


def _nothing(folder: Folder, pattern: str) -> str:
    if os.path.lexists(folder.base / pattern):
        literal = re.sub(r"([*?\[])", r"[\1]", pattern)
        return f"{quoted(pattern)} matches nothing, but a file of exactly this name is there: write {quoted(literal)}"
    return f"{quoted(pattern)} matches nothing; build the files first, or correct the path"
