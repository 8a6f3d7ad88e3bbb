"""Resolves paths and globs to the files of a package version, for a manifest or for a resource's `assets`.

    entries = [AssetEntry("dist/*.tar.gz"), AssetEntry("app.zip", name="app-1.zip")]
    files, problems, *_ = resolve_assets(BaseFolder(base), entries)

It returns all errors at once, each with its entry. No file is opened.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .asset_names import NameTemplate, asset_name_problem
from .globs import check_pattern, is_glob, missing, select
from .messages import quote, quote_list
from .model import DeclaredFile
from .paths import BaseFolder, IsFolderProblem, MissingProblem, PathProblem, ResolvedPath
from .unintended import Unintended, find_unintended

_MAX_REPORTED = 10
"""The number of files of one entry that are reported with the same kind of error."""


@dataclass(frozen=True, slots=True)
class AssetEntry:
    """One entry of `assets`.

    Attributes:
        path: a path or a glob, relative to the folder.
        name: the asset's name; None for the name of the file.
        count: the number of files that must match; None for any number but 0.
        exclude: globs of files to leave out, relative to the folder.
        name_valid: False if an error of the name is already reported. Only the path is checked then.
    """

    path: str
    name: str | NameTemplate | None = None
    count: int | None = None
    exclude: tuple[str, ...] = ()
    name_valid: bool = True


class EntryProblem(NamedTuple):
    """An error in an entry: the entry's index, the key (`path`, `name`, `count`, `exclude`) and the message.

    Attributes:
        more: as in `Problem`.
        at: the index in `exclude`.
    """

    entry: int
    key: str
    message: str
    more: int = 0
    at: int | None = None


class ResolvedAssets(NamedTuple):
    """The files, sorted by the UTF-8 bytes of their names, and the errors, in the order of the entries.

    Attributes:
        notes: `exclude` patterns without an effect and without a similar file, which are not errors.
        unintended: files that nobody may have meant, with the indexes of their entries.
    """

    files: tuple[DeclaredFile, ...]
    problems: tuple[EntryProblem, ...]
    notes: tuple[EntryProblem, ...] = ()
    unintended: tuple[tuple[int, Unintended], ...] = ()


def resolve_assets(folder: BaseFolder, entries: Sequence[AssetEntry | None]) -> ResolvedAssets:
    """Find the files of a package version. Returns the errors of the entries instead of raising them.

    Args:
        folder: the folder that the paths are relative to.
        entries: the entries; None for one whose error is already reported, so that the others keep their index.
    """
    work = _Resolution(folder)
    for index, entry in enumerate(entries):
        if entry:
            work.add(index, entry)
    work.report_overlaps()
    # A file name may not be valid Unicode. It is an error, but must not break the sorting.
    files = sorted(work.files, key=lambda file: file.name.encode("utf-8", "surrogatepass"))
    problems = sorted(work.problems, key=lambda problem: problem.entry)
    return ResolvedAssets(tuple(files), tuple(problems), tuple(work.notes), tuple(work.unintended))


def check_entries(folder: BaseFolder, entries: Sequence[AssetEntry | None]) -> list[EntryProblem]:
    """Return the errors that show without the files, which may not be on this machine."""
    problems = []
    for index, entry in enumerate(entries):
        if not entry:
            continue
        try:
            check_pattern(folder, entry.path)
        except PathProblem as error:
            problems.append(EntryProblem(index, "path", str(error)))
        if entry.name_valid and isinstance(entry.name, str) and (problem := _name_problem(entry.name)):
            problems.append(EntryProblem(index, "name", problem))
    return problems


def _name_problem(name: str) -> str | None:
    problem = asset_name_problem(unicodedata.normalize("NFC", name))
    return f"CodeArtifact does not allow the name {quote(name)}: {problem}" if problem else None


@dataclass
class _Resolution:
    """The state while the entries of one package version are resolved."""

    folder: BaseFolder
    files: list[DeclaredFile] = field(default_factory=list)
    problems: list[EntryProblem] = field(default_factory=list)
    notes: list[EntryProblem] = field(default_factory=list)
    unintended: list[tuple[int, Unintended]] = field(default_factory=list)
    _entries: dict[int, AssetEntry] = field(default_factory=dict)
    _by_path: dict[str, int] = field(default_factory=dict)
    _by_name: dict[str, DeclaredFile] = field(default_factory=dict)
    _overlaps: dict[tuple[int, int], list[str]] = field(default_factory=dict)

    def add(self, index: int, entry: AssetEntry) -> None:
        """Find the files of one entry, and collect its errors."""
        self._entries[index] = entry
        try:
            paths, wrong, unused = select(self.folder, entry.path, entry.exclude)
        except PathProblem as problem:
            self._report(index, "path", str(problem))
            return
        self.problems += [EntryProblem(index, "exclude", message, at=at) for at, message in wrong.items()]
        for at in unused:
            message = f"{quote(entry.exclude[at])} excludes no file of {quote(entry.path)}"
            self.notes.append(EntryProblem(index, "exclude", message, at=at))
        if entry.count is not None and len(paths) != entry.count:
            self._report(
                index, "count", f"{quote(entry.path)} matches {len(paths)}, expected {entry.count}: {quote_list(paths)}"
            )
        if is_glob(entry.path) and (unintended := find_unintended(entry.path, paths)):
            self.unintended.append((index, unintended))
        self._add_files(index, self._without_duplicates(index, self._regular_files(index, paths)))

    def report_overlaps(self) -> None:
        """Report each pair of entries that match the same files, once."""
        for (first, second), paths in self._overlaps.items():
            verb, pronoun = ("is", "it") if len(paths) == 1 else ("are", "them")
            self._report(
                second,
                "path",
                f"{quote_list(paths)} {verb} matched twice: by assets[{first}] {quote(self._entries[first].path)} and "
                f"by assets[{second}] {quote(self._entries[second].path)}; exclude {pronoun} from one of the two",
            )

    def _report(self, index: int, key: str, message: str, more: int = 0) -> None:
        self.problems.append(EntryProblem(index, key, message, more))

    def _report_each(self, index: int, key: str, messages: list[str]) -> None:
        """Report the errors of an entry's files: the first ones, and the number of the others."""
        for message in messages[:_MAX_REPORTED]:
            self._report(index, key, message)
        if (more := len(messages) - _MAX_REPORTED) > 0:
            files = "1 more file of this entry has" if more == 1 else f"{more} more files of this entry have"
            self._report(index, key, f"{files} an error like this", more)

    def _regular_files(self, index: int, paths: list[str]) -> list[ResolvedPath]:
        regular, folders, messages = [], [], []
        for path in paths:
            try:
                located = self.folder.resolve(path)
                self.folder.check_file(located)
                regular.append(located)
            except IsFolderProblem:
                folders.append(path)
            except MissingProblem as problem:
                messages.append(f"{problem}{missing(self.folder, path)}")
            except PathProblem as problem:
                messages.append(str(problem))
        self._report_each(index, "path", messages)
        if len(folders) == 1:
            self._report(
                index,
                "path",
                f"{quote(folders[0])} is a folder; write {quote(f'{folders[0]}/**')} for the files in it",
            )
        elif folders:
            self._report(
                index, "path", f"{quote_list(folders)} are folders; exclude them, or write `**` for the files in them"
            )
        return regular

    def _without_duplicates(self, index: int, located: list[ResolvedPath]) -> list[ResolvedPath]:
        unique = []
        for path in located:
            first = self._by_path.setdefault(path.declared, index)
            if first == index:
                unique.append(path)
            else:
                self._overlaps.setdefault((first, index), []).append(path.declared)
        return unique

    def _add_files(self, index: int, located: list[ResolvedPath]) -> None:
        entry = self._entries[index]
        if not entry.name_valid:
            return
        if isinstance(entry.name, str) and (problem := _name_problem(entry.name)):
            self._report(index, "name", problem)
            return
        clashes: dict[str, list[str]] = {}
        problems = []
        for path in located:
            match entry.name:
                case None:
                    name = path.path.name
                case str():
                    name = entry.name
                case NameTemplate():
                    name = entry.name.render(path.path)
            name = unicodedata.normalize("NFC", name)
            if problem := _name_problem(name):
                problems.append(f"{problem} (the file {quote(path.declared)})")
                continue
            file = DeclaredFile(name, path.real, path.declared)
            if (first := self._by_name.setdefault(name, file)) is file:
                self.files.append(file)
            else:
                clashes.setdefault(name, [first.declared]).append(path.declared)
        key = "path" if entry.name is None else "name"
        self._report_each(index, key, problems)
        self._report_each(index, key, [_clash(name, paths) for name, paths in clashes.items()])


def _clash(name: str, paths: list[str]) -> str:
    return (
        f"{quote_list(paths)} get the same asset name {quote(name)}; "
        "set different names with `name`, for example ${file.parent}-${file.name}"
    )
