"""What no schema can say: keys that depend on each other. Every rule works on what is sound and reports the rest.

check_packages(tree)
check_environments(tree, selected="dev")
"""

from __future__ import annotations

from .model import KeyPath
from .tree import Tree
from .words import did_you_mean, listed, quoted

_INHERITED = ("namespace", "version")


def inherited(tree: Tree, path: KeyPath, key: str) -> str | None:
    """Return a package's own value of a key, or that of `defaults`; None where there is none or it is spoiled."""
    package = tree.at(path)
    if isinstance(package, dict) and key in package:
        return tree.text((*path, key))
    return tree.text(("defaults", key))


def check_packages(tree: Tree) -> None:
    """Check that each package has a namespace and a version, and is there once."""
    seen: dict[tuple[str, str], KeyPath] = {}
    for path, _ in tree.mappings(("packages",)):
        for key in _INHERITED:
            _check_inherited(tree, path, key)
        namespace, name = inherited(tree, path, "namespace"), tree.text((*path, "package"))
        if namespace is None or name is None:
            continue
        if (first := seen.setdefault((namespace, name), path)) != path:
            line, _ = tree.position(first)
            tree.report(
                (*path, "package"),
                f"{quoted(f'{namespace}/{name}')} is declared twice: first on line {line}; "
                "a manifest releases one version of a package",
                spoils=False,
            )


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
