"""What is in folders, each listed once for all globs of a manifest.

    listings = Listings()
    for entry in listings.matching("/app/dist", ["**", "*.zip"]):
        print(entry.path, entry.is_folder)

The rules of wcmatch, whose translation of a part is what names are held against: a leading dot is matched only where
the pattern spells it, and `**` does not enter symlinked folders. Many packages pick their files from the same folders:
so names are kept in order, and a pattern is compared with those that begin, or end, as it does.
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


class Entry(NamedTuple):
    """Something in a folder.

    Attributes:
        path: absolute, as it was reached.
        is_folder: or a symbolic link to one.
        is_file: a regular file, no link to one.
        is_link: a symbolic link.
    """

    name: str
    path: str
    is_folder: bool
    is_file: bool
    is_link: bool


class Names:
    """Entries in the order of their names, and of their names read backwards."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = sorted(entries)
        self._names = [entry.name for entry in self.entries]

    @cached_property
    def _backwards(self) -> tuple[list[str], list[Entry]]:
        pairs = sorted((entry.name[::-1], entry) for entry in self.entries)
        return [name for name, _ in pairs], [entry for _, entry in pairs]

    def matching(self, part: str) -> Iterator[Entry]:
        """Yield what one part of a pattern matches."""
        fits, prefix, suffix = _matcher(part)
        if prefix or not suffix:
            names, entries, start = self._names, self.entries, prefix
        else:
            names, entries = self._backwards
            start = suffix[::-1]
        first = bisect_left(names, start)
        last = bisect_right(names, start, lo=first, key=lambda name: name[: len(start)])
        return (entry for entry in entries[first:last] if fits(entry.name))


@lru_cache(maxsize=1024)
def _matcher(part: str) -> tuple[Callable[[str], object], str, str]:
    """Return what tells whether a name matches, and how such a name begins and ends."""
    (expression,), _ = glob.translate(part, flags=FLAGS)
    begin, end = re.match(_PLAIN, part), re.search(_PLAIN + r"\Z", part)
    return re.compile(expression).fullmatch, begin[0] if begin else "", end[0] if end else ""


class Listings:
    """Folders, listed when they are first asked for; `refuse` is told of one that may not be listed, and may raise."""

    def __init__(self) -> None:
        self._folders: dict[str, Names | None] = {}
        self._by_path: dict[str, Entry] = {}
        self._below: dict[str, tuple[Names, list[str]]] = {}

    def known(self, path: str) -> Entry | None:
        """Return what a listing has said of a path; None where it is in no folder that was listed."""
        return self._by_path.get(path)

    def entries(self, folder: str) -> list[Entry]:
        """Return what is in a folder; nothing where it may not be listed."""
        return self._names(folder, lambda _folder: None).entries

    def matching(self, folder: str, parts: list[str], refuse: Callable[[str], None]) -> Iterator[Entry]:
        """Yield what a pattern's parts match in a folder: of `**`, also as the last part, every depth."""
        part, *rest = parts
        while part == "**" and rest[:1] == ["**"]:
            part, *rest = rest
        if part == "**":
            names = self._deep(folder, refuse)
            part, *rest = rest or ("",)
            found = names.matching(part) if part else (entry for entry in names.entries if entry.name[0] != ".")
        else:
            found = self._names(folder, refuse).matching(part)
        for entry in found:
            if not rest:
                yield entry
            elif entry.is_folder:
                yield from self.matching(entry.path, rest, refuse)

    def _names(self, folder: str, refuse: Callable[[str], None]) -> Names:
        if folder not in self._folders:
            self._folders[folder] = self._listed(folder)
        names = self._folders[folder]
        if names is None:
            refuse(folder)
        return names or Names(())

    def _deep(self, folder: str, refuse: Callable[[str], None]) -> Names:
        """Return what is in a folder and below, in no hidden or symlinked folder."""
        if folder not in self._below:
            entries: list[Entry] = []
            unlisted: list[str] = []
            waiting = [folder]
            while waiting:
                here = self._names(waiting.pop(), unlisted.append).entries
                entries += here
                waiting += [each.path for each in here if each.is_folder and not each.is_link and each.name[0] != "."]
            self._below[folder] = Names(entries), unlisted
        names, unlisted = self._below[folder]
        for each in unlisted:
            refuse(each)
        return names

    def _listed(self, folder: str) -> Names | None:
        if not os.access(folder, os.R_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            return None
        try:
            with os.scandir(folder) as found:
                entries = [_entry(each) for each in found]
        except OSError:
            return None
        self._by_path.update({entry.path: entry for entry in entries})
        return Names(entries)


def _entry(found: os.DirEntry[str]) -> Entry:
    try:
        is_folder = found.is_dir()
    except OSError:
        is_folder = False
    return Entry(found.name, found.path, is_folder, found.is_file(follow_symlinks=False), found.is_symlink())
