"""A cache of directory listings: each folder is listed once for all globs of a manifest.

    dir_cache = DirCache()
    for entry in dir_cache.glob("/app/dist", ["**", "*.zip"]):
        print(entry.path, entry.is_folder)

wcmatch translates each part of a pattern, so its rules apply: wildcards do not match a leading dot, and `**` does not
enter symlinked folders. Names are sorted, so that a pattern is compared only with names with its prefix or suffix: many
packages may take their files from one folder.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, lru_cache
from typing import NamedTuple

from wcmatch import glob

FLAGS = glob.GLOBSTAR | glob.CASE
_PLAIN = r"[^*?\[\]\\]*"


class DirEntry(NamedTuple):
    """A directory entry.

    Attributes:
        path: absolute, symbolic links not resolved.
        is_folder: true for a symbolic link to a folder, too.
        is_file: true for a regular file only.
        is_link: true for a symbolic link.
    """

    name: str
    path: str
    is_folder: bool
    is_file: bool
    is_link: bool


class SortedEntries:
    """Entries sorted by name, and by reversed name."""

    def __init__(self, entries: Iterable[DirEntry]) -> None:
        self.entries = sorted(entries)
        self._names = [entry.name for entry in self.entries]

    @cached_property
    def _reversed(self) -> tuple[list[str], list[DirEntry]]:
        pairs = sorted((entry.name[::-1], entry) for entry in self.entries)
        return [name for name, _ in pairs], [entry for _, entry in pairs]

    def matching(self, part: str) -> Iterator[DirEntry]:
        """Yield the entries that match one part of a pattern."""
        fits, prefix, suffix = _matcher(part)
        if prefix or not suffix:
            names, entries, start = self._names, self.entries, prefix
        else:
            names, entries = self._reversed
            start = suffix[::-1]
        first = bisect_left(names, start)
        last = bisect_right(names, start, lo=first, key=lambda name: name[: len(start)])
        return (entry for entry in entries[first:last] if fits(entry.name))


@lru_cache(maxsize=1024)
def _matcher(part: str) -> tuple[Callable[[str], object], str, str]:
    """Return a match function, and the literal prefix and suffix of matching names."""
    (expression,), _ = glob.translate(part, flags=FLAGS)
    begin, end = re.match(_PLAIN, part), re.search(_PLAIN + r"\Z", part)
    return re.compile(expression).fullmatch, begin[0] if begin else "", end[0] if end else ""


class DirCache:
    """Lists each folder once. `refuse` is called with a folder that cannot be listed, and may raise."""

    def __init__(self) -> None:
        self._folders: dict[str, SortedEntries | None] = {}
        self._by_path: dict[str, DirEntry] = {}
        self._below: dict[str, tuple[SortedEntries, list[str]]] = {}

    def get(self, path: str) -> DirEntry | None:
        """Return the entry of a path; None if its folder was not listed."""
        return self._by_path.get(path)

    def list_dir(self, folder: str) -> list[DirEntry]:
        """Return what is in a folder; nothing where it cannot be listed."""
        return self._entries_in(folder, lambda _folder: None).entries

    def glob(self, folder: str, parts: list[str], refuse: Callable[[str], None]) -> Iterator[DirEntry]:
        """Yield the entries in a folder that match the parts of a pattern. `**` matches any depth."""
        part, *rest = parts
        while part == "**" and rest[:1] == ["**"]:
            part, *rest = rest
        if part == "**":
            names = self._entries_below(folder, refuse)
            part, *rest = rest or ("",)
            matches = names.matching(part) if part else (entry for entry in names.entries if entry.name[0] != ".")
        else:
            matches = self._entries_in(folder, refuse).matching(part)
        for entry in matches:
            if not rest:
                yield entry
            elif entry.is_folder:
                yield from self.glob(entry.path, rest, refuse)

    def _entries_in(self, folder: str, refuse: Callable[[str], None]) -> SortedEntries:
        if folder not in self._folders:
            self._folders[folder] = self._scan(folder)
        names = self._folders[folder]
        if names is None:
            refuse(folder)
        return names or SortedEntries(())

    def _entries_below(self, folder: str, refuse: Callable[[str], None]) -> SortedEntries:
        """Return the entries below a folder, without those in hidden or symlinked folders."""
        if folder not in self._below:
            entries: list[DirEntry] = []
            unlisted: list[str] = []
            pending = [folder]
            while pending:
                children = self._entries_in(pending.pop(), unlisted.append).entries
                entries += children
                pending += [e.path for e in children if e.is_folder and not e.is_link and e.name[0] != "."]
            self._below[folder] = SortedEntries(entries), unlisted
        names, unlisted = self._below[folder]
        for path in unlisted:
            refuse(path)
        return names

    def _scan(self, folder: str) -> SortedEntries | None:
        if not os.access(folder, os.R_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            return None
        try:
            with os.scandir(folder) as children:
                entries = [_entry(child) for child in children]
        except OSError:
            return None
        self._by_path.update({entry.path: entry for entry in entries})
        return SortedEntries(entries)


def _entry(child: os.DirEntry[str]) -> DirEntry:
    try:
        is_folder = child.is_dir()
    except OSError:
        is_folder = False
    return DirEntry(child.name, child.path, is_folder, child.is_file(follow_symlinks=False), child.is_symlink())
