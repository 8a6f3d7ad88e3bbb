"""Paths and globs -> the files of a package version. Knows nothing of manifests: a resource's `assets=` comes here too.

    files, problems, _ = declare(Folder(base), [AssetEntry("dist/*.tar.gz"), AssetEntry("app.zip", name="app-1.zip")])

All mistakes come back at once, each with the entry that it is in. No file is opened.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .globs import check_text, missing, select
from .model import DeclaredFile
from .names import NameTemplate, asset_name_problem
from .paths import Folder, IsFolderProblem, Located, MissingProblem, PathProblem
from .words import listed, quoted

_MOST_TOLD = 10
"""How many files of one entry are told one by one to have the same mistake."""


@dataclass(frozen=True, slots=True)
class AssetEntry:
    """One entry of `assets`.

    Attributes:
        path: a path or a glob, relative to the folder.
        name: the asset's name; None for the file's own.
        count: how many files must match; None for any number but 0.
        exclude: globs of files that are not meant, relative to the folder.
        named: False where the name is known to be wrong already: then only the path is judged.
    """

    path: str
    name: str | NameTemplate | None = None
    count: int | None = None
    exclude: tuple[str, ...] = ()
    named: bool = True


class EntryProblem(NamedTuple):
    """A mistake in an entry: its index, the key (`path`, `name`, `count`, `exclude`) and what is wrong.

    Attributes:
        more: as in `Problem`.
        at: the index in `exclude`.
    """

    entry: int
    key: str
    message: str
    more: int = 0
    at: int | None = None


class Declared(NamedTuple):
    """The files, sorted by the UTF-8 bytes of their names, and the mistakes, in the order of the entries.

    Attributes:
        notes: what is no mistake: patterns of `exclude` that remove nothing, and that nothing resembles.
    """

    files: tuple[DeclaredFile, ...]
    problems: tuple[EntryProblem, ...]
    notes: tuple[EntryProblem, ...] = ()


def declare(folder: Folder, entries: Sequence[AssetEntry | None]) -> Declared:
    """Find the files of a package version. Never raises for what the entries say.

    Args:
        folder: what the paths are relative to, and whether they may lead out of it.
        entries: the entries; None stands for one whose mistake is told already, so that the others keep their index.
    """
    work = _Declaration(folder)
    for index, entry in enumerate(entries):
        if entry:
            work.take(index, entry)
    work.tell_overlaps()
    # A name can hold what UTF-8 cannot, if the file system does; it is refused above, and sorts all the same.
    files = sorted(work.files, key=lambda file: file.name.encode("utf-8", "surrogatepass"))
    return Declared(tuple(files), tuple(sorted(work.problems, key=lambda problem: problem.entry)), tuple(work.notes))


def check_texts(folder: Folder, entries: Sequence[AssetEntry | None]) -> list[EntryProblem]:
    """Find the mistakes that the entries' texts alone show; the files need not be on this machine."""
    problems = []
    for index, entry in enumerate(entries):
        if not entry:
            continue
        try:
            check_text(folder, entry.path)
        except PathProblem as problem:
            problems.append(EntryProblem(index, "path", str(problem)))
        if entry.named and isinstance(entry.name, str) and (refused := _refused(entry.name)):
            problems.append(EntryProblem(index, "name", refused))
    return problems


def _refused(name: str) -> str | None:
    problem = asset_name_problem(unicodedata.normalize("NFC", name))
    return f"the service would refuse the name {quoted(name)}: {problem}" if problem else None


@dataclass
class _Declaration:
    """The entries of one package version, one after the other."""

    folder: Folder
    files: list[DeclaredFile] = field(default_factory=list)
    problems: list[EntryProblem] = field(default_factory=list)
    notes: list[EntryProblem] = field(default_factory=list)
    _entries: dict[int, AssetEntry] = field(default_factory=dict)
    _by_path: dict[str, int] = field(default_factory=dict)
    _by_name: dict[str, DeclaredFile] = field(default_factory=dict)
    _overlaps: dict[tuple[int, int], list[str]] = field(default_factory=dict)

    def take(self, index: int, entry: AssetEntry) -> None:
        """Find one entry's files and note its mistakes."""
        self._entries[index] = entry
        try:
            paths, wrong, unused = select(self.folder, entry.path, entry.exclude)
        except PathProblem as problem:
            self._note(index, "path", str(problem))
            return
        self.problems += [EntryProblem(index, "exclude", message, at=at) for at, message in wrong.items()]
        for at in unused:
            message = f"{quoted(entry.exclude[at])} removes no file of {quoted(entry.path)}"
            self.notes.append(EntryProblem(index, "exclude", message, at=at))
        if entry.count is not None and len(paths) != entry.count:
            self._note(
                index, "count", f"{quoted(entry.path)} matches {len(paths)} and not {entry.count}: {listed(paths)}"
            )
        self._name(index, self._seen_once(index, self._good(index, paths)))

    def tell_overlaps(self) -> None:
        """Note each pair of entries that match the same files, once."""
        for (first, second), paths in self._overlaps.items():
            verb, them = ("is", "it") if len(paths) == 1 else ("are", "them")
            self._note(
                second,
                "path",
                f"{listed(paths)} {verb} matched twice: by assets[{first}] {quoted(self._entries[first].path)} and by "
                f"assets[{second}] {quoted(self._entries[second].path)}; exclude {them} from one of the two",
            )

    def _note(self, index: int, key: str, message: str, more: int = 0) -> None:
        self.problems.append(EntryProblem(index, key, message, more))

    def _note_each(self, index: int, key: str, messages: list[str]) -> None:
        """Note the mistakes of an entry's files; of very many, the first ones and how many more there are."""
        for message in messages[:_MOST_TOLD]:
            self._note(index, key, message)
        if (more := len(messages) - _MOST_TOLD) > 0:
            files = "1 more file of this entry has" if more == 1 else f"{more} more files of this entry have"
            self._note(index, key, f"{files} such a mistake", more)

    def _good(self, index: int, paths: list[str]) -> list[Located]:
        good, folders, messages = [], [], []
        for path in paths:
            try:
                located = self.folder.locate(path)
                self.folder.check_file(located)
                good.append(located)
            except IsFolderProblem:
                folders.append(path)
            except MissingProblem as problem:
                messages.append(f"{problem}{missing(self.folder, path)}")
            except PathProblem as problem:
                messages.append(str(problem))
        self._note_each(index, "path", messages)
        if len(folders) == 1:
            self._note(
                index,
                "path",
                f"{quoted(folders[0])} is a folder; write {quoted(f'{folders[0]}/**')} for the files in it",
            )
        elif folders:
            self._note(
                index, "path", f"{listed(folders)} are folders; exclude them, or write `**` for the files in them"
            )
        return good

    def _seen_once(self, index: int, located: list[Located]) -> list[Located]:
        fresh = []
        for each in located:
            first = self._by_path.setdefault(each.declared, index)
            if first == index:
                fresh.append(each)
            else:
                self._overlaps.setdefault((first, index), []).append(each.declared)
        return fresh

    def _name(self, index: int, located: list[Located]) -> None:
        entry = self._entries[index]
        if not entry.named:
            return
        if isinstance(entry.name, str) and (refused := _refused(entry.name)):
            self._note(index, "name", refused)
            return
        clashes: dict[str, list[str]] = {}
        refusals = []
        for each in located:
            match entry.name:
                case None:
                    name = each.path.name
                case str():
                    name = entry.name
                case NameTemplate():
                    name = entry.name.of(each.path)
            name = unicodedata.normalize("NFC", name)
            if refused := _refused(name):
                refusals.append(f"{refused} (the file {quoted(each.declared)})")
                continue
            file = DeclaredFile(name, each.real, each.declared)
            if (first := self._by_name.setdefault(name, file)) is file:
                self.files.append(file)
            else:
                clashes.setdefault(name, [first.declared]).append(each.declared)
        key = "path" if entry.name is None else "name"
        self._note_each(index, key, refusals)
        self._note_each(index, key, [_clash(name, paths) for name, paths in clashes.items()])


def _clash(name: str, paths: list[str]) -> str:
    return (
        f"{listed(paths)} would have the same asset name {quoted(name)}; "
        "tell them apart with `name`, for example ${file.parent}-${file.name}"
    )
