"""Loads a manifest: runs all steps in order, and raises all errors at once.

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
from ..errors import ManifestError, Problem, UnintendedFilesError, UsageError
from ..location import Location
from ..remedies import Front, Need, command_line
from .asset_names import NameTemplate
from .bundle import check_bundle
from .consistency import check_environments, check_packages, inherited_value
from .document import MAX_BYTES, parse
from .files import AssetEntry, EntryProblem, ResolvedAssets, check_entries, resolve_assets
from .messages import did_you_mean, quote_list
from .model import Bundle, DeclaredFile, Environment, KeyPath, Manifest, Package, Pin, Retention, Withdrawal
from .paths import BaseFolder
from .schema_validation import validate
from .substitution import substitute
from .value_tree import ValueTree
from .variables import Variables, VariableValues

PERMISSIONS = ("outside", "endpoint", "delete", "local-source")
"""The permissions that an operator can give."""

_SOAK_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def load(
    path: Path,
    *,
    environment: str | None = None,
    variables: Variables | None = None,
    allow: frozenset[str] = frozenset(),
    with_files: bool | None = None,
    front: Front = command_line,
    content: bytes | None = None,
    strict: bool = False,
) -> Manifest:
    """Read a manifest.

    Args:
        path: the manifest's file.
        environment: the selected environment, which must exist; None to select none.
        variables: values from outside the manifest.
        allow: the operator's permissions, from PERMISSIONS.
        with_files: False checks only the text of globs, and every package's `files` is empty. By default, False for an
            environment that promotes, which needs no files.
        front: words for what the operator has to set, where errors are printed.
        strict: raise UnintendedFilesError instead of returning warnings.
        content: what to load instead of the content of the file, such as an edit of it.

    Raises:
        UnintendedFilesError: `strict`, and there are files that nobody may have meant.
        ManifestError: with all errors of the manifest, in its order.
        UsageError: the path cannot be read, or a permission is unknown.
    """
    option = "--allow" if front is command_line else "allow"
    for word in sorted(allow):
        if word not in PERMISSIONS:
            raise UsageError(
                f"{option} {word}: unknown{did_you_mean(word, PERMISSIONS)} (there are {quote_list(PERMISSIONS)})"
            )
    path = Path(path)
    outside = "outside" in allow
    if content is None:
        content = read_manifest(path, outside=outside)
    document = parse(content)
    tree = ValueTree(problems=document.problems, front=front)
    if document.root is None:
        raise ManifestError(path, tree.problems)
    folder = BaseFolder(_folder_of(path), outside=outside, front=front)
    values = VariableValues(variables or Variables(), folder, tree)
    templates = substitute(document.root, values, tree)
    validate(tree)
    values.check()
    check_packages(tree)
    check_bundle(tree)
    check_environments(tree, environment)
    if with_files is None:
        with_files = environment is None or not tree.get_text(("environments", environment, "promoteFrom"))
    files = _files(tree, folder, templates, with_files=with_files)
    if tree.problems:
        raise ManifestError(path, _deduplicate(tree.problems))
    warnings = _lines(path, tree.warnings)
    if strict and warnings:
        raise UnintendedFilesError(
            "there are files that may not be meant for a release:" + "".join(f"\n    {line}" for line in warnings),
            hint=(
                "Leave them out. If one is meant, exclude it there and name it in an entry of its own, or ",
                Need("without", "strict"),
                ".",
            ),
        )
    return Manifest(
        path,
        folder.base,
        _packages(tree, files),
        _environments(tree),
        _bundle(tree),
        {name: Withdrawal(**value) for name, value in tree.data.get("withdrawn", {}).items()},
        tree.keys,
        values.external,
        notes=_lines(path, tree.notes),
        warnings=warnings,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _lines(path: Path, remarks: list[Problem]) -> tuple[str, ...]:
    """Return remarks as lines with their places."""
    return tuple(f"{path}:{each.line}:{each.column}: {each.key}: {each.message}" for each in _deduplicate(remarks))


def _deduplicate(problems: list[Problem]) -> list[Problem]:
    """Remove duplicates: an error in an aliased value counts once."""
    first: dict[tuple[int, int, str], Problem] = {}
    for problem in problems:
        first.setdefault((problem.line, problem.column, problem.message), problem)
    return list(first.values())


def read_manifest(path: Path, *, outside: bool) -> bytes:
    """Return a manifest's content, at most one byte more than MAX_BYTES. A FIFO or a device is refused.

    A symlink may lead to another file in the same folder or checkout, or to any file if `outside` is true. Raises
    UsageError.
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
                f"{path}: leaves its folder and its checkout through a symlink to {real}",
                hint=("Name that file itself, or permit it with ", Need("allow", "outside"), "."),
            )
        return read_real(real, MAX_BYTES + 1)
    except FileNotFoundError:
        raise UsageError(
            f"{path}: there is no such file", hint="Name a manifest, or write one with `codeartifact-release init`."
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{path}: cannot be read: {reason}") from None


def _folder_of(path: Path) -> Path:
    """Return the folder that a manifest's paths are relative to. For a symlink, the folder of the link."""
    return Path(os.path.abspath(path)).parent  # noqa: PTH100 - symlinks stay


def _files(
    tree: ValueTree, folder: BaseFolder, templates: dict[KeyPath, NameTemplate], *, with_files: bool
) -> dict[KeyPath, tuple[DeclaredFile, ...]]:
    """Find the files of every package with valid `assets`, by the package's place."""
    files = {}
    for path, package in tree.mappings(("packages",)):
        items = tree.get((*path, "assets"))
        if "assets" not in package or not isinstance(items, list):
            continue
        entries = [_entry(tree, (*path, "assets", at), templates) for at in range(len(items))]
        if with_files:
            assets = resolve_assets(folder, entries)
        else:
            assets = ResolvedAssets((), tuple(check_entries(folder, entries)))
        files[path] = assets.files
        for problem in assets.problems:
            tree.report(_place(tree, path, problem), problem.message, invalidates=False, more=problem.more)
        for note in assets.notes:
            tree.note(_place(tree, path, note), note.message)
        for entry, unintended in assets.unintended:
            remedy = unintended.remedy(plain=isinstance(items[entry], str))
            tree.warn((*path, "assets", entry), f"{unintended}; {remedy}")
    return files


def _place(tree: ValueTree, package: KeyPath, problem: EntryProblem) -> KeyPath:
    place: KeyPath = (*package, "assets", problem.entry)
    if (*place, problem.key) in tree.values:
        place = (*place, problem.key)
    return place if problem.at is None else (*place, problem.at)


def _entry(tree: ValueTree, path: KeyPath, templates: dict[KeyPath, NameTemplate]) -> AssetEntry | None:
    """Return an entry of `assets`; None if its path is missing or invalid."""
    value = tree.get(path)
    if isinstance(value, str):
        return AssetEntry(value)
    pattern = tree.get_text((*path, "path"))
    if not isinstance(value, dict) or pattern is None:
        return None
    exclude = tree.get((*path, "exclude")) if "exclude" in value else []
    texts = (
        [tree.get_text((*path, "exclude", at)) for at in range(len(exclude))] if isinstance(exclude, list) else [None]
    )
    if None in texts:
        return None
    count = tree.get((*path, "count"))
    return AssetEntry(
        pattern,
        name=templates.get((*path, "name")) or tree.get_text((*path, "name")),
        count=count if isinstance(count, int) else None,
        exclude=tuple(text for text in texts if text is not None),
        name_valid=tree.is_valid((*path, "name")),
    )


def _packages(tree: ValueTree, files: dict[KeyPath, tuple[DeclaredFile, ...]]) -> tuple[Package, ...]:
    default = tree.get_text(("defaults", "status")) or "Published"
    return tuple(
        Package(
            namespace=inherited_value(tree, path, "namespace") or "",
            package=package["package"],
            version=inherited_value(tree, path, "version") or "",
            status=package.get("status", default),
            files=files.get(path, ()),
            after=tuple(package.get("after", ())),
        )
        for path, package in tree.mappings(("packages",))
    )


def _bundle(tree: ValueTree) -> Bundle | None:
    if "bundle" not in tree.data:
        return None
    path: KeyPath = ("bundle",)
    namespace, version = (inherited_value(tree, path, key) or "" for key in ("namespace", "version"))
    return Bundle(namespace, tree.data["bundle"]["package"], version)


def _environments(tree: ValueTree) -> dict[str, Environment]:
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
        retention=_retention(value["retention"]) if "retention" in value else None,
    )


def _retention(value: dict[str, Any]) -> Retention:
    return Retention(duration(value["newerThan"]), value.get("keep"), value.get("match", "*"))


def duration(text: str) -> timedelta:
    """Return a duration from a text that is valid by the schema: `1d12h`, `30m`."""
    return timedelta(**{_SOAK_UNITS[unit]: int(number) for number, unit in re.findall(r"([0-9]+)([dhms])", text)})
