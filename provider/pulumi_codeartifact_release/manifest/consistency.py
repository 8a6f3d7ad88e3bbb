"""Checks of keys that depend on each other, which the JSON Schema cannot express. They use only valid values.

check_packages(tree)
check_environments(tree, selected="dev")
"""

from __future__ import annotations

from collections.abc import Mapping

from .messages import did_you_mean, quote, quote_list
from .model import KeyPath
from .value_tree import ValueTree, format_path

_INHERITED = ("namespace", "version")
_PROMOTION_KEYS = ("soak", "pinned", "pins", "stack")
_ONE_VERSION_KEYS = {
    "pinned": "`pinned` requires pins, and a pin names one version",
    "stack": "the outputs of a `stack` name one version of a package",
}
_MAX_LINES = 10


def inherited_value(tree: ValueTree, path: KeyPath, key: str) -> str | None:
    """Return the value of a package or the bundle, or else that of `defaults`; None if it is missing or invalid."""
    package = tree.get(path)
    if isinstance(package, dict) and key in package:
        return tree.get_text((*path, key))
    return tree.get_text(("defaults", key))


def check_packages(tree: ValueTree) -> None:
    """Check that each package has a namespace and a version, and that each version is declared once.

    Environments with keys that need one version per package must not be used with several versions.
    """
    seen: dict[tuple[str, str], dict[str, KeyPath]] = {}
    for path, _ in tree.mappings(("packages",)):
        for key in _INHERITED:
            check_inherited(tree, path, key)
        namespace, name = inherited_value(tree, path, "namespace"), tree.get_text((*path, "package"))
        version = inherited_value(tree, path, "version")
        if namespace is None or name is None or version is None:
            continue
        if (first := seen.setdefault((namespace, name), {}).setdefault(version, path)) != path:
            line, _ = tree.position(first)
            tree.report(
                (*path, "package"),
                f"{quote(f'{namespace}/{name}@{version}')} is declared twice: first on line {line}; "
                "declare each version of a package once",
                invalidates=False,
            )
    several = {f"{namespace}/{name}": versions for (namespace, name), versions in seen.items() if len(versions) > 1}
    if several and "bundle" not in tree.data:
        _check_one_version(tree, several)


def _check_one_version(tree: ValueTree, several: Mapping[str, Mapping[str, KeyPath]]) -> None:
    """Report the first key of each environment that needs one version per package.

    `several` has, by `namespace/package`, the place of each declared version.
    """
    for path, environment in tree.mappings(("environments",)):
        if "promoteFrom" not in environment:
            # Already reported: these keys need `promoteFrom`.
            continue
        keys: list[KeyPath] = [(key,) for key in _ONE_VERSION_KEYS if tree.get((*path, key))]
        pins = tree.get((*path, "pins"))
        keys += [("pins", name) for name in several if isinstance(pins, dict) and name in pins]
        for key in keys[:1]:
            name = str(key[-1]) if len(key) > 1 else next(iter(several))
            tree.report(
                (*path, *key),
                f"{_ONE_VERSION_KEYS.get(str(key[0]), 'a pin names one version')}, and "
                f"{_versions_text(tree, name, several[name])}; give each version its own manifest",
                at_key=True,
                invalidates=False,
            )


def _versions_text(tree: ValueTree, name: str, places: Mapping[str, KeyPath]) -> str:
    lines = [str(tree.position(path)[0]) for path in places.values()]
    first_lines = [*lines[:_MAX_LINES], "…"] if len(lines) > _MAX_LINES else lines
    return f"{quote(name)} has {len(lines)} versions (lines {', '.join(first_lines)})"


def check_inherited(tree: ValueTree, path: KeyPath, key: str) -> None:
    """Report a key that is missing in a package or the bundle, and in `defaults`."""
    package, defaults = tree.get(path), tree.data.get("defaults", {})
    reported = {(*path, key), ("defaults", key), ("defaults",)} & (tree.ignored_missing | tree.invalid)
    if key not in package and not reported and key not in defaults:
        tree.report(
            path, f"the required key {quote(key)} is missing here and in `defaults`", at_key=True, invalidates=False
        )


def check_environments(tree: ValueTree, selected: str | None) -> None:
    """Check that the selected environment exists, and that no `promoteFrom` is unknown or in a circle."""
    environments = tree.get(("environments",))
    if not isinstance(environments, dict) or not environments:
        return
    names = list(environments)
    if selected is not None and selected not in environments:
        tree.report(
            ("environments",),
            f"there is no environment {quote(selected)}{did_you_mean(selected, names)} (there are {quote_list(names)})",
            at_key=True,
            invalidates=False,
        )
    sources: dict[str, str] = {}
    for name in names:
        _check_needs_source(tree, name)
        path: KeyPath = ("environments", name, "promoteFrom")
        source = tree.get_text(path)
        if source is None:
            continue
        if source == name:
            tree.report(path, "an environment cannot promote from itself")
        elif source not in environments:
            tree.report(path, f"there is no environment {quote(source)}{did_you_mean(source, names)}")
        else:
            sources[name] = source
    _check_circles(tree, sources)


def _check_needs_source(tree: ValueTree, name: str) -> None:
    """Report keys of a promotion in an environment without one. Ignored, they would look like a gate."""
    environment = tree.get(("environments", name))
    if not isinstance(environment, dict) or "promoteFrom" in environment:
        return
    for key in _PROMOTION_KEYS:
        path: KeyPath = ("environments", name, key)
        # One error per key.
        reported = any(problem.key.startswith(format_path(path)) for problem in tree.problems)
        if environment.get(key) and not reported:
            tree.report(
                path, f"{quote(key)} applies only to promotions: it needs `promoteFrom`", at_key=True, invalidates=False
            )


def _check_circles(tree: ValueTree, sources: dict[str, str]) -> None:
    done: set[str] = set()
    for start in sources:
        chain: dict[str, int] = {}
        name = start
        while name in sources and name not in done and name not in chain:
            chain[name] = len(chain)
            name = sources[name]
        if name in chain:
            circle = [member for member, at in chain.items() if at >= chain[name]]
            tree.report(
                ("environments", name, "promoteFrom"),
                f"the environments promote in a circle: {' -> '.join([*circle, name])}; one of them must publish files",
                invalidates=False,
            )
        done.update(chain)
