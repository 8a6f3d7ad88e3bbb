"""From a path to a Manifest, or to all of its mistakes: the straight way through the other modules.

manifest = load(Path("release.yaml"), environment="dev", variables=Variables({"version": "1.4.2"}))
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

from ..checkout import is_within, read_real, top_of
from ..errors import ManifestError, Problem, UsageError
from ..location import Location
from ..remedies import Front, Need, command_line
from .document import MAX_BYTES, parse
from .files import AssetEntry, Declared, EntryProblem, check_texts, declare
from .model import DeclaredFile, Environment, KeyPath, Manifest, Package, Pin
from .names import NameTemplate
from .paths import Folder
from .rules import check_environments, check_packages, inherited
from .substitution import substitute
from .tree import Tree
from .validation import validate
from .variables import Values, Variables
from .words import did_you_mean, listed

ALLOWED = ("outside", "endpoint", "delete", "local-source")
"""What an operator may permit."""

_SOAK_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def load(
    path: Path,
    *,
    environment: str | None = None,
    variables: Variables | None = None,
    allow: frozenset[str] = frozenset(),
    with_files: bool | None = None,
    front: Front = command_line,
) -> Manifest:
    """Read a manifest.

    Args:
        path: the manifest's file.
        environment: the environment that will be used; it must be there. None selects none.
        variables: values from outside.
        allow: what the operator permits: words of ALLOWED.
        with_files: False validates the globs as text and leaves every package's `files` empty. Unless said
            otherwise, files are looked for where they are needed: not if the environment promotes.
        front: words what the operator has to set, for where mistakes are printed.

    Raises:
        ManifestError: with every mistake of the manifest, in its order.
        UsageError: the path cannot be read, or a word of `allow` is unknown.
    """
    option = "--allow" if front is command_line else "allow"
    for word in sorted(allow):
        if word not in ALLOWED:
            raise UsageError(f"{option} {word}: unknown{did_you_mean(word, ALLOWED)} (there are {listed(ALLOWED)})")
    path = Path(path)
    outside = "outside" in allow
    content = content_of(path, outside=outside)
    document = parse(content)
    tree = Tree(problems=document.problems, front=front)
    if document.root is None:
        raise ManifestError(path, tree.problems)
    folder = Folder(_folder_of(path), outside=outside, front=front)
    values = Values(variables or Variables(), folder, tree)
    templates = substitute(document.root, values, tree)
    validate(tree)
    values.finish()
    check_packages(tree)
    check_environments(tree, environment)
    if with_files is None:
        with_files = environment is None or not tree.text(("environments", environment, "promoteFrom"))
    files = _files(tree, folder, templates, with_files=with_files)
    if tree.problems:
        raise ManifestError(path, _once(tree.problems))
    return Manifest(
        path,
        folder.base,
        _packages(tree, files),
        _environments(tree),
        tree.keys,
        values.given,
        notes=tuple(f"{path}:{note.line}:{note.column}: {note.key}: {note.message}" for note in _once(tree.notes)),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _once(problems: list[Problem]) -> list[Problem]:
    """Leave out what an alias only repeats: one line that is wrong is one mistake, wherever it is used."""
    first: dict[tuple[int, int, str], Problem] = {}
    for problem in problems:
        first.setdefault((problem.line, problem.column, problem.message), problem)
    return list(first.values())


def content_of(path: Path, *, outside: bool) -> bytes:
    """Return a manifest's bytes, one more than allowed at most; a FIFO or a device is refused, never waited for.

    A symlink may lead to another file of the same folder or checkout, and any elsewhere where `outside` permits it.
    Raises UsageError.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise UsageError(f"{path}: is a folder", hint="Name the manifest in it, such as release.yaml.")
        if not stat.S_ISREG(mode):
            raise UsageError(f"{path}: is not a regular file", hint="Name a manifest, such as release.yaml.")
        real = os.path.realpath(path)
        if not outside and not is_within(real, top_of(str(_folder_of(path)))):
            raise UsageError(
                f"{path}: leads out of its folder, and of its checkout, through a symlink to {real}",
                hint=("Name that file itself, or permit it with ", Need("allow", "outside"), "."),
            )
        return read_real(real, MAX_BYTES + 1)
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no such file", hint="Name a manifest, such as release.yaml.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{path}: cannot be read: {reason}") from None


def _folder_of(path: Path) -> Path:
    """Return the folder that a manifest's paths are relative to: a symlink's own."""
    return Path(os.path.abspath(path)).parent  # noqa: PTH100 - symlinks stay


def _files(
    tree: Tree, folder: Folder, templates: dict[KeyPath, NameTemplate], *, with_files: bool
) -> dict[KeyPath, tuple[DeclaredFile, ...]]:
    """Find the files of every package that says clearly what they are, by the package's place."""
    files = {}
    for path, package in tree.mappings(("packages",)):
        assets = tree.at((*path, "assets"))
        if "assets" not in package or not isinstance(assets, list):
            continue
        entries = [_entry(tree, (*path, "assets", at), templates) for at in range(len(assets))]
        found = declare(folder, entries) if with_files else Declared((), tuple(check_texts(folder, entries)))
        files[path] = found.files
        for problem in found.problems:
            tree.report(_place(tree, path, problem), problem.message, spoils=False, more=problem.more)
        for note in found.notes:
            tree.note(_place(tree, path, note), note.message)
    return files


def _place(tree: Tree, package: KeyPath, problem: EntryProblem) -> KeyPath:
    place: KeyPath = (*package, "assets", problem.entry)
    if (*place, problem.key) in tree.values:
        place = (*place, problem.key)
    return place if problem.at is None else (*place, problem.at)


def _entry(tree: Tree, path: KeyPath, templates: dict[KeyPath, NameTemplate]) -> AssetEntry | None:
    """Return an entry of `assets`; None where its path cannot be told."""
    value = tree.at(path)
    if isinstance(value, str):
        return AssetEntry(value)
    where = tree.text((*path, "path"))
    if not isinstance(value, dict) or where is None:
        return None
    exclude = tree.at((*path, "exclude")) if "exclude" in value else []
    texts = [tree.text((*path, "exclude", at)) for at in range(len(exclude))] if isinstance(exclude, list) else [None]
    if None in texts:
        return None
    count = tree.at((*path, "count"))
    return AssetEntry(
        where,
        name=templates.get((*path, "name")) or tree.text((*path, "name")),
        count=count if isinstance(count, int) else None,
        exclude=tuple(text for text in texts if text is not None),
        named=tree.sound((*path, "name")),
    )


def _packages(tree: Tree, files: dict[KeyPath, tuple[DeclaredFile, ...]]) -> tuple[Package, ...]:
    default = tree.text(("defaults", "status")) or "Published"
    return tuple(
        Package(
            namespace=inherited(tree, path, "namespace") or "",
            package=package["package"],
            version=inherited(tree, path, "version") or "",
            status=package.get("status", default),
            files=files.get(path, ()),
        )
        for path, package in tree.mappings(("packages",))
    )


def _environments(tree: Tree) -> dict[str, Environment]:
    return {name: _environment(name, value) for name, value in tree.data["environments"].items()}


def _environment(name: str, value: dict[str, Any]) -> Environment:
    return Environment(
        name=name,
        location=Location.from_properties({**value, "domain_owner": value.get("domainOwner")}),
        promote_from=value.get("promoteFrom"),
        soak=duration(value["soak"]) if "soak" in value else None,
        pinned=value.get("pinned", False),
        pins={package: Pin(pin["version"], pin["digest"]) for package, pin in value.get("pins", {}).items()},
        on_destroy=value.get("onDestroy", "retain"),
        on_supersede=value.get("onSupersede", "keep"),
        finalize=value.get("finalize", "status-update"),
        stack=value.get("stack"),
    )


def duration(text: str) -> timedelta:
    """Return a duration that the schema has accepted: `1d12h`, `30m`."""
    return timedelta(**{_SOAK_UNITS[unit]: int(number) for number, unit in re.findall(r"([0-9]+)([dhms])", text)})
