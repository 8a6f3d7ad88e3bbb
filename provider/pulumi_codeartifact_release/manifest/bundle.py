"""Checks of `bundle` and `after`. They use only valid values.

check_bundle(tree)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from ..bundle_rules import MAX_MEMBERS, file_name_problem, is_member_name, same_folders
from .consistency import check_inherited, inherited_value
from .messages import did_you_mean, quote
from .model import KeyPath
from .value_tree import ValueTree

_BUNDLE: KeyPath = ("bundle",)
_MAX_SUGGESTIONS = 100
"""The number of unknown names that get a suggestion."""


def check_bundle(tree: ValueTree) -> None:
    """Check that the packages can be members of the bundle, and that there is an order to publish them in."""
    packages = dict(tree.mappings(("packages",)))
    if "bundle" not in tree.data:
        for path, package in packages.items():
            if "after" in package:
                message = "`after` is the order of publication in a bundle: it has no effect without `bundle`"
                tree.report((*path, "after"), message, at_key=True, invalidates=False)
        return
    bundle_id = _check_name(tree)
    _check_statuses(tree, packages)
    members = _check_members(tree, packages, bundle_id)
    _check_environments(tree, members, bundle_id)
    if len(packages) > MAX_MEMBERS:
        tree.report(
            ("packages",),
            f"a bundle has at most {MAX_MEMBERS} packages; there are {len(packages)}",
            at_key=True,
            invalidates=False,
        )
    elif tree.is_valid(("packages",)):
        _check_order(tree, members)


def _check_name(tree: ValueTree) -> str | None:
    """Check the bundle's own name. Returns `namespace/package`; None if it is not valid."""
    if isinstance(tree.get(_BUNDLE), dict):
        for key in ("namespace", "version"):
            check_inherited(tree, _BUNDLE, key)
        _check_folder_names(tree, _BUNDLE)
    return _id(tree, _BUNDLE)


def _id(tree: ValueTree, path: KeyPath) -> str | None:
    namespace, name = inherited_value(tree, path, "namespace"), tree.get_text((*path, "package"))
    return f"{namespace}/{name}" if namespace is not None and name is not None else None


def _check_folder_names(tree: ValueTree, path: KeyPath) -> None:
    for key in ("namespace", "package", "version"):
        value = inherited_value(tree, path, key) if key != "package" else tree.get_text((*path, key))
        if value is None:
            continue
        # `download` makes folders of the namespace and the package.
        problem = file_name_problem(value) if key != "version" else ""
        if problem or not is_member_name(value):
            place = (*path, key) if (*path, key) in tree.keys else ("defaults", key)
            but = f", but {problem}" if problem else ""
            tree.report(place, f"{quote(value)} cannot be in a bundle: it must be usable as the name of a folder{but}")


def _check_statuses(tree: ValueTree, packages: Mapping[KeyPath, object]) -> None:
    for path in (("defaults",), *packages):
        status = tree.get_text((*path, "status"))
        if status not in (None, "Published"):
            tree.report(
                (*path, "status"),
                f"a bundle needs every member to be Published, not {quote(str(status))}; remove the status, or give "
                "the package its own manifest",
                invalidates=False,
            )


def _check_members(tree: ValueTree, packages: Mapping[KeyPath, object], bundle_id: str | None) -> dict[str, KeyPath]:
    """Check the names of the packages. Returns the place of each member, by `namespace/package`."""
    members: dict[str, KeyPath] = {}
    versions: dict[str, str | None] = {}
    for path in packages:
        name = _id(tree, path)
        if name is None:
            continue
        _check_folder_names(tree, path)
        version = inherited_value(tree, path, "version")
        if name == bundle_id:
            tree.report(
                (*path, "package"),
                f"{quote(name)} is the bundle, and a bundle cannot be its own member; give the bundle another name",
                invalidates=False,
            )
        elif name not in members:
            members[name], versions[name] = path, version
        elif version is not None and version != versions[name]:
            line, _ = tree.position(members[name])
            tree.report(
                (*path, "package"),
                f"a bundle has one version of each package, but {quote(name)} is also on line {line}; "
                "give each version its own manifest",
                invalidates=False,
            )
    for name, earlier in same_folders(members).items():
        line, _ = tree.position(members[earlier])
        tree.report(
            (*members[name], "package"),
            f"{quote(name)} and {quote(earlier)} on line {line} cannot be in one bundle: on some systems, their "
            "folders are the same; use another name",
            invalidates=False,
        )
    return members


def _check_environments(tree: ValueTree, members: Mapping[str, KeyPath], bundle_id: str | None) -> None:
    for path, _ in tree.mappings(("environments",)):
        if tree.get((*path, "finalize")) == "last-asset":
            tree.report(
                (*path, "finalize"),
                "`last-asset` cannot stage the members of a bundle; use `status-update`",
                invalidates=False,
            )
        pins = tree.get((*path, "pins"))
        for name in pins if isinstance(pins, dict) and bundle_id else ():
            if name in members:
                tree.report(
                    (*path, "pins", name),
                    f"{quote(name)} is a member of the bundle {quote(str(bundle_id))}; pin the bundle instead",
                    at_key=True,
                    invalidates=False,
                )


def _check_order(tree: ValueTree, members: Mapping[str, KeyPath]) -> None:
    """Check the names in `after`, and that they form no circle."""
    after: dict[str, list[str]] = {}
    unknown = 0
    for name, path in members.items():
        items = tree.get((*path, "after"))
        after[name] = []
        for at in range(len(items) if isinstance(items, list) else 0):
            place: KeyPath = (*path, "after", at)
            earlier = tree.get_text(place)
            if earlier is None:
                continue
            if earlier == name:
                tree.report(place, "a package cannot be published after itself")
            elif earlier in members:
                after[name].append(earlier)
            else:
                suggestion = did_you_mean(earlier, members) if unknown < _MAX_SUGGESTIONS else ""
                unknown += 1
                tree.report(place, f"there is no package {quote(earlier)} in this bundle{suggestion}")
    if circle := _circle(after):
        tree.report(
            (*members[circle[0]], "after"),
            f"the packages wait for each other: {' after '.join(map(quote, circle))}; remove one `after`",
            at_key=True,
            invalidates=False,
        )


def _circle(after: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a circle, each name after the next, from the first of them in the manifest to itself; [] if none."""
    try:
        TopologicalSorter(after).prepare()
    except CycleError as error:
        # Each name in the error's list is before the next, and the last is the first.
        names = error.args[1][:0:-1]
        start = min(range(len(names)), key=lambda at: list(after).index(names[at]))
        return [*names[start:], *names[: start + 1]]
    return []
