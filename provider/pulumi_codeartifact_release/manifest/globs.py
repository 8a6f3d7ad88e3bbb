"""One path or glob -> the paths that it stands for.

    select(Folder(base), "build/**/*.zip", ("**/debug/**",)).paths     # ["build/linux/app.zip", …], or PathProblem

`*`, `?`, `[…]` and `**`; a leading dot is matched only where the pattern spells it; `**` does not enter symlinked
folders. A folder that cannot be listed is a mistake, never a smaller release.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from wcmatch import glob

from .listing import FLAGS
from .paths import CONTROL, Folder, PathProblem
from .resemblance import (
    bracket_twins,
    brackets_as_text,
    excluder,
    literally,
    lookalike_paths,
    lookalikes,
    resembling,
    resembling_path,
)
from .words import listed, quoted


class Selection(NamedTuple):
    """What a pattern stands for.

    Attributes:
        paths: sorted, relative to the folder; never empty.
        wrong: what is wrong with a pattern of `exclude`, by its index.
        unused: the indexes of patterns of `exclude` that remove nothing, and that nothing resembles.
    """

    paths: list[str]
    wrong: dict[int, str]
    unused: list[int]


def select(folder: Folder, pattern: str, exclude: Sequence[str] = ()) -> Selection:
    """Find the paths that a pattern stands for.

    A path without a wildcard stands for itself, there or not. Folders are among them unless the pattern has `**`.

    Raises:
        PathProblem: it matches nothing, leads outside, can mean two things, or cannot be read as a pattern.
    """
    if control := CONTROL.search(pattern):
        raise PathProblem(f"{quoted(pattern)} has the control character U+{ord(control[0]):04X} in it")
    try:
        excludes = _Excludes(exclude)
        found = _expanded(folder, pattern, excludes) if _is_glob(pattern) else [os.path.normpath(pattern)]
        if not found:
            raise PathProblem(_nothing(folder, pattern))
        if _is_glob(pattern):
            _refuse_second_meaning(folder, pattern, found)
        kept = [path for path in found if not excludes(path)]
        wrong, unused = excludes.judged(folder, found)
    except (re.error, OverflowError, RecursionError, OSError) as error:
        raise PathProblem(f"{quoted(pattern)} cannot be read as a glob: {error}") from None
    if not kept:
        number = "1 path" if len(found) == 1 else f"{len(found)} paths"
        raise PathProblem(f"{quoted(pattern)} matches {number}, and `exclude` leaves none")
    return Selection(kept, wrong, unused)


def missing(folder: Folder, path: str) -> str:
    """Say what was probably meant by a path that is not there: the end of a message, which may be empty."""
    if path.startswith("!"):
        return "; to leave files out, name them in the `exclude` of an entry"
    meant = resembling_path(path, folder)
    if not meant:
        return ""
    verb = "is" if len(meant.paths) == 1 else "are"
    each = ", each as an entry of its own" if len(meant.patterns) > 1 else ""
    return f", but {listed(meant.paths)} {verb} there: {meant.advice()}{each}"


def check_text(folder: Folder, pattern: str) -> None:
    """PathProblem where the text alone shows a mistake; for manifests whose files need not be on this machine."""
    start = _split(pattern)[0] if _is_glob(pattern) else pattern
    Folder(folder.base, outside=folder.outside, looks=False, front=folder.front).locate(start, spelled=pattern)


def _is_glob(pattern: str) -> bool:
    return bool(glob.is_magic(pattern, flags=FLAGS))


class _Excludes:
    """The patterns of an `exclude`, and which of them have removed something."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = patterns
        self._matchers = [excluder(pattern) for pattern in patterns]
        self._used: set[int] = set()

    def __call__(self, path: str) -> bool:
        """Whether a path is removed."""
        hits = [at for at, matches in enumerate(self._matchers) if matches(path)]
        self._used.update(hits)
        return bool(hits)

    def judged(self, folder: Folder, found: list[str]) -> tuple[dict[int, str], list[int]]:
        """Return what is wrong with patterns, and which remove nothing and resemble nothing, after all was asked.

        What was meant to stay out would be published for good.
        """
        wrong, unused = {}, []
        for at, pattern in enumerate(self._patterns):
            if meant := lookalikes(pattern, found) or (at in self._used and bracket_twins(pattern, found)):
                wrong[at] = f"{quoted(pattern)} does not remove {listed(meant.paths)}: {meant.advice('add')}"
            elif at in self._used:
                continue
            elif meant := resembling(pattern, folder, found):
                wrong[at] = (
                    f"{quoted(pattern)} removes nothing, but {listed(meant.paths)} may be meant: {meant.advice()}, "
                    "or delete the pattern"
                )
            else:
                unused.append(at)
        return wrong, unused


def _refuse_second_meaning(folder: Folder, pattern: str, found: list[str]) -> None:
    """PathProblem where the pattern leaves out a file that somebody may mean by it: it would be missing for good."""
    if meant := lookalike_paths(pattern, folder, found):
        raise PathProblem(f"{quoted(pattern)} does not match {listed(meant.paths)}: {meant.advice('add an entry')}")
    literal = brackets_as_text(pattern)
    if literal == pattern or "\\[" in pattern:
        return
    others = sorted(set(_expanded(folder, literal, _Excludes(()))) - set(found))
    if others:
        raise PathProblem(
            f"{quoted(pattern)} can mean two things: write {quoted(literal)} for {listed(others)}, or "
            f"{listed([literally(path) for path in found])} for what it matches as a pattern"
        )


def _split(pattern: str) -> tuple[str, list[str]]:
    """Return the folder that a glob begins in, and its parts from the first wildcard on."""
    parts = pattern.split("/")
    first = next(at for at, part in enumerate(parts) if _is_glob(part))
    start = "/".join(parts[:first]) or ("/" if pattern.startswith("/") else ".")
    return start, [part for part in parts[first:] if part != "."]


def _expanded(folder: Folder, pattern: str, excluded: Callable[[str], bool]) -> list[str]:
    start, parts = _split(pattern)
    if ".." in parts:
        raise PathProblem(f"{quoted(pattern)} has `..` after a wildcard; write it without")
    root = folder.locate(start, spelled=pattern)
    if not os.path.isdir(root.path):  # noqa: PTH112 - Path.is_dir raises for some paths
        raise PathProblem(
            f"{quoted(pattern)} matches nothing: there is no folder {quoted(root.declared)}{missing(folder, pattern)}"
        )
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
        literal = literally(pattern)
        return f"{quoted(pattern)} matches nothing, but a file of exactly this name is there: write {quoted(literal)}"
    meant = missing(folder, pattern)
    return f"{quoted(pattern)} matches nothing{meant or '; build the files first, or correct the path'}"
