"""Expands a path or glob to the paths that it matches.

    select(BaseFolder(base), "build/**/*.zip", ("**/debug/**",)).paths     # ["build/linux/app.zip", …], or PathProblem

The wildcards are `*`, `?`, `[…]` and `**`. They do not match a leading dot, and `**` does not enter symlinked folders.
A folder that cannot be listed is an error, never a smaller release.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from wcmatch import glob

from .dir_cache import FLAGS
from .messages import quote, quote_list
from .paths import CONTROL, BaseFolder, PathProblem
from .suggestions import (
    bracket_lookalikes,
    escape_brackets,
    escape_glob,
    exclude_matcher,
    lookalike_paths,
    lookalikes,
    suggest_for_exclude,
    suggest_for_path,
)


class Selection(NamedTuple):
    """The result of expanding a pattern.

    Attributes:
        paths: sorted, relative to the folder; never empty.
        wrong: the errors of `exclude` patterns, by index.
        unused: the indexes of `exclude` patterns without an effect and without a similar path.
    """

    paths: list[str]
    wrong: dict[int, str]
    unused: list[int]


def select(folder: BaseFolder, pattern: str, exclude: Sequence[str] = ()) -> Selection:
    """Find the paths that a pattern matches.

    A path without a wildcard is returned as it is, even if it does not exist. A pattern without `**` may match folders.

    Raises:
        PathProblem: the pattern matches nothing, leaves the folder, is ambiguous, or is not valid.
    """
    if control := CONTROL.search(pattern):
        raise PathProblem(f"{quote(pattern)} contains the control character U+{ord(control[0]):04X}")
    try:
        excludes = _Excludes(exclude)
        matches = _expanded(folder, pattern, excludes) if is_glob(pattern) else [os.path.normpath(pattern)]
        if not matches:
            raise PathProblem(_nothing(folder, pattern))
        if is_glob(pattern):
            _refuse_ambiguous(folder, pattern, matches)
        paths = [path for path in matches if not excludes(path)]
        wrong, unused = excludes.check(folder, matches)
    except (re.error, OverflowError, RecursionError, OSError) as error:
        raise PathProblem(f"{quote(pattern)} is not a valid glob: {error}") from None
    if not paths:
        number = "1 path" if len(matches) == 1 else f"{len(matches)} paths"
        raise PathProblem(f"{quote(pattern)} matches {number}, but `exclude` excludes all of them")
    return Selection(paths, wrong, unused)


def missing(folder: BaseFolder, path: str) -> str:
    """Return a suggestion for a path that does not exist, for the end of a message; "" if there is none."""
    if path.startswith("!"):
        return "; to exclude files, list them in the `exclude` of an entry"
    suggestion = suggest_for_path(path, folder)
    if not suggestion:
        return ""
    verb = "exists" if len(suggestion.paths) == 1 else "exist"
    entries = ", each as its own entry" if len(suggestion.patterns) > 1 else ""
    return f", but {quote_list(suggestion.paths)} {verb}: {suggestion.advice()}{entries}"


def check_pattern(folder: BaseFolder, pattern: str) -> None:
    """Raise PathProblem for an error that shows without the files, which may not be on this machine."""
    start = _split(pattern)[0] if is_glob(pattern) else pattern
    unchecked = BaseFolder(folder.base, outside=folder.outside, follow_links=False, front=folder.front)
    unchecked.resolve(start, display=pattern)


def is_glob(pattern: str) -> bool:
    """Return whether a pattern contains a wildcard."""
    return bool(glob.is_magic(pattern, flags=FLAGS))


class _Excludes:
    """The patterns of an `exclude`, and which of them have excluded a path."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = patterns
        self._matchers = [exclude_matcher(pattern) for pattern in patterns]
        self._used: set[int] = set()

    def __call__(self, path: str) -> bool:
        """Return whether a path is excluded."""
        hits = [at for at, matches in enumerate(self._matchers) if matches(path)]
        self._used.update(hits)
        return bool(hits)

    def check(self, folder: BaseFolder, matches: list[str]) -> tuple[dict[int, str], list[int]]:
        """Return the errors of patterns by index, and the indexes of patterns without an effect or a similar path.

        Called after all paths were tested. An ineffective pattern is an error, because published files are permanent.
        """
        wrong, unused = {}, []
        for at, pattern in enumerate(self._patterns):
            if suggestion := lookalikes(pattern, matches) or (
                at in self._used and bracket_lookalikes(pattern, matches)
            ):
                wrong[at] = (
                    f"{quote(pattern)} does not exclude {quote_list(suggestion.paths)}: {suggestion.advice('add')}"
                )
            elif at in self._used:
                continue
            elif suggestion := suggest_for_exclude(pattern, folder, matches):
                wrong[at] = (
                    f"{quote(pattern)} excludes nothing, but {quote_list(suggestion.paths)} may be meant: "
                    f"{suggestion.advice()}, or delete the pattern"
                )
            else:
                unused.append(at)
        return wrong, unused


def _refuse_ambiguous(folder: BaseFolder, pattern: str, matches: list[str]) -> None:
    """Raise PathProblem if the pattern can be read in a second way that matches further files."""
    if suggestion := lookalike_paths(pattern, folder, matches):
        raise PathProblem(
            f"{quote(pattern)} does not match {quote_list(suggestion.paths)}: {suggestion.advice('add an entry')}"
        )
    literal = escape_brackets(pattern)
    if literal == pattern or "\\[" in pattern:
        return
    others = sorted(set(_expanded(folder, literal, _Excludes(()))) - set(matches))
    if others:
        raise PathProblem(
            f"{quote(pattern)} is ambiguous: write {quote(literal)} for {quote_list(others)}, or "
            f"{quote_list([escape_glob(path) for path in matches])} for what it matches as a pattern"
        )


def _split(pattern: str) -> tuple[str, list[str]]:
    """Return the folder before the first wildcard of a glob, and the parts from there on."""
    parts = pattern.split("/")
    first = next(at for at, part in enumerate(parts) if is_glob(part))
    start = "/".join(parts[:first]) or ("/" if pattern.startswith("/") else ".")
    return start, [part for part in parts[first:] if part != "."]


def _expanded(folder: BaseFolder, pattern: str, excluded: Callable[[str], bool]) -> list[str]:
    start, parts = _split(pattern)
    if ".." in parts:
        raise PathProblem(f"{quote(pattern)} has `..` after a wildcard; write the path without it")
    root = folder.resolve(start, display=pattern)
    if not os.path.isdir(root.path):  # noqa: PTH112 - Path.is_dir raises for some paths
        raise PathProblem(
            f"{quote(pattern)} matches nothing: there is no folder {quote(root.declared)}{missing(folder, pattern)}"
        )
    base, prefix = str(root.path).rstrip("/") + "/", "" if root.declared == "." else f"{root.declared}/"

    def declared(path: str) -> str:
        return prefix + path[len(base) :] if path.startswith(base) else root.declared

    def refuse_unlisted(path: str) -> None:
        if not excluded(declared(path)):
            raise PathProblem(
                f"{quote(pattern)} cannot be matched: the folder {quote(declared(path))} cannot be listed"
            )

    matches = folder.dir_cache.glob(str(root.path), [part for part in parts if part], refuse_unlisted)
    if not parts[-1]:
        matches = (entry for entry in matches if entry.is_folder)
    if "**" in parts:
        matches = (entry for entry in matches if not entry.is_folder)
    return sorted({declared(entry.path) for entry in matches})


def _nothing(folder: BaseFolder, pattern: str) -> str:
    if os.path.lexists(folder.base / pattern):
        literal = escape_glob(pattern)
        return f"{quote(pattern)} matches nothing, but a file with exactly this name exists: write {quote(literal)}"
    suggestion = missing(folder, pattern)
    return f"{quote(pattern)} matches nothing{suggestion or '; build the files first, or correct the path'}"
