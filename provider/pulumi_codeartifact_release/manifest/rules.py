"""What no schema can say: keys that depend on each other. Every rule works on what is sound and reports the rest.

check_packages(tree)
check_environments(tree, selected="dev")
"""

from __future__ import annotations

from collections.abc import Mapping

from .model import KeyPath
from .tree import Tree, spelled
from .words import did_you_mean, listed, quoted

_INHERITED = ("namespace", "version")
_OF_PROMOTIONS = ("soak", "pinned", "pins", "stack")
_OF_ONE_VERSION = {
    "pinned": "what is `pinned` has a pin, which is about one version",
    "stack": "the outputs of a `stack` say one version of a package",
}
_MOST_LINES = 10


def inherited(tree: Tree, path: KeyPath, key: str) -> str | None:
    """Return a package's own value of a key, or that of `defaults`; None where there is none or it is spoiled."""
    package = tree.at(path)
    if isinstance(package, dict) and key in package:
        return tree.text((*path, key))
    return tree.text(("defaults", key))


def check_packages(tree: Tree) -> None:
    """Check that each package has a namespace and a version, and each version is there once.

    What knows a package by its name alone, of an environment, must not be about one with several versions.
    """
    seen: dict[tuple[str, str], dict[str, KeyPath]] = {}
    for path, _ in tree.mappings(("packages",)):
        for key in _INHERITED:
            _check_inherited(tree, path, key)
        namespace, name = inherited(tree, path, "namespace"), tree.text((*path, "package"))
        version = inherited(tree, path, "version")
        if namespace is None or name is None or version is None:
            continue
        if (first := seen.setdefault((namespace, name), {}).setdefault(version, path)) != path:
            line, _ = tree.position(first)
            tree.report(
                (*path, "package"),
                f"{quoted(f'{namespace}/{name}@{version}')} is declared twice: first on line {line}; "
                "declare each version of a package once",
                spoils=False,
            )
    several = {f"{namespace}/{name}": found for (namespace, name), found in seen.items() if len(found) > 1}
    if several:
        _check_one_version(tree, several)


def _check_one_version(tree: Tree, several: Mapping[str, Mapping[str, KeyPath]]) -> None:
    """Report the first key of each environment that cannot say which version it is about.

    `several` has, by `namespace/package`, where each of its versions is declared.
    """
    for path, environment in tree.mappings(("environments",)):
        if "promoteFrom" not in environment:
            # It is told already that these need one.
            continue
        keys: list[KeyPath] = [(key,) for key in _OF_ONE_VERSION if tree.at((*path, key))]
        pins = tree.at((*path, "pins"))
        keys += [("pins", name) for name in several if isinstance(pins, dict) and name in pins]
        for key in keys[:1]:
            name = str(key[-1]) if len(key) > 1 else next(iter(several))
            tree.report(
                (*path, *key),
                f"{_OF_ONE_VERSION.get(str(key[0]), 'a pin is about one version')}, and "
                f"{_versions_text(tree, name, several[name])}: give each version a manifest of its own",
                at_key=True,
                spoils=False,
            )


def _versions_text(tree: Tree, name: str, places: Mapping[str, KeyPath]) -> str:
    lines = [str(tree.position(path)[0]) for path in places.values()]
    shown = [*lines[:_MOST_LINES], "…"] if len(lines) > _MOST_LINES else lines
    return f"{quoted(name)} is declared with {len(lines)} (lines {', '.join(shown)})"


def _check_inherited(tree: Tree, path: KeyPath, key: str) -> None:
    package, defaults = tree.at(path), tree.data.get("defaults", {})
    told = {(*path, key), ("defaults", key), ("defaults",)} & (tree.excused | tree.spoiled)
    if key not in package and not told and key not in defaults:
        tree.report(
            path, f"the required key {quoted(key)} is missing, here and in `defaults`", at_key=True, spoils=False
        )


def check_environments(tree: Tree, selected: str | None) -> None:
    """Check that the selected environment is there, and that every `promoteFrom` leads to a beginning."""
    environments = tree.at(("environments",))
    if not isinstance(environments, dict) or not environments:
        return
    names = list(environments)
    if selected is not None and selected not in environments:
        tree.report(
            ("environments",),
            f"there is no environment {quoted(selected)}{did_you_mean(selected, names)} (there are {listed(names)})",
            at_key=True,
            spoils=False,
        )
    sources: dict[str, str] = {}
    for name in names:
        _check_needs_source(tree, name)
        path: KeyPath = ("environments", name, "promoteFrom")
        source = tree.text(path)
        if source is None:
            continue
        if source == name:
            tree.report(path, "an environment cannot promote from itself")
        elif source not in environments:
            tree.report(path, f"there is no environment {quoted(source)}{did_you_mean(source, names)}")
        else:
            sources[name] = source
    _check_circles(tree, sources)


def _check_needs_source(tree: Tree, name: str) -> None:
    """Report what is said about a promotion where there is none: ignored, it would look like a gate."""
    environment = tree.at(("environments", name))
    if not isinstance(environment, dict) or "promoteFrom" in environment:
        return
    for key in _OF_PROMOTIONS:
        path: KeyPath = ("environments", name, key)
        # A mistake in it is told already; one at a time.
        told = any(problem.key.startswith(spelled(path)) for problem in tree.problems)
        if environment.get(key) and not told:
            tree.report(
                path, f"{quoted(key)} is about what is promoted: it needs `promoteFrom`", at_key=True, spoils=False
            )


def _check_circles(tree: Tree, sources: dict[str, str]) -> None:
    done: set[str] = set()
    for start in sources:
        chain: dict[str, int] = {}
        name = start
        while name in sources and name not in done and name not in chain:
            chain[name] = len(chain)
            name = sources[name]
        if name in chain:
            circle = [each for each, at in chain.items() if at >= chain[name]]
            tree.report(
                ("environments", name, "promoteFrom"),
                f"the environments promote in a circle: {' -> '.join([*circle, name])}; one of them must publish files",
                spoils=False,
            )
        done.update(chain)
