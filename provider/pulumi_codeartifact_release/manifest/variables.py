"""Variables: where their values come from.

    values = Values(outside, folder, tree)
    values.get("version", ("packages", 0, "version"))

By precedence: `--var` > the environment variable RELEASE_VAR_<NAME> > the stack config > the manifest's own. What a
variable holds is never substituted again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import Problem
from ..remedies import Need
from .model import KeyPath
from .paths import CONTROL, Folder, PathProblem
from .tree import Tree
from .words import did_you_mean, quoted, shown

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
NAME_RULE = "a variable's name is letters, digits, `_` and `-`, and starts with a letter or `_`"
_UNEXPANDED = re.compile(r"\$(\{[^{}]*\}?|\([^()]*\)?|[A-Za-z_][A-Za-z0-9_]*)")
"""What a shell, a CI service or a build should have replaced: nobody names a version so."""


@dataclass(frozen=True)
class Variables:
    """Values from outside the manifest.

    Attributes:
        command_line: `--var name=value`, parsed.
        environ: the process's environment; only RELEASE_VAR_<NAME> is looked at, upper-case, `-` as `_`.
        stack: the stack config's `variables`; a value that is not a str is a mistake.
    """

    command_line: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    stack: Mapping[str, object] = field(default_factory=dict)


def environ_name(name: str) -> str:
    """Return the environment variable that sets a variable."""
    return "RELEASE_VAR_" + name.upper().replace("-", "_")


class Values:
    """The value of every variable, and which of them the manifest uses.

    The tree must hold the manifest's own `variables` before the first `get`.
    """

    def __init__(self, outside: Variables, folder: Folder, tree: Tree) -> None:
        self._outside = outside
        self._folder = folder
        self._tree = tree
        self._known: dict[str, str | None] = {}
        self._unset: dict[str, list[KeyPath]] = {}

    @property
    def _declared(self) -> Mapping[str, object]:
        declared = self._tree.data.get("variables")
        return declared if isinstance(declared, dict) else {}

    @property
    def names(self) -> list[str]:
        """The names of the variables that the manifest declares."""
        return list(self._declared)

    def get(self, name: str, path: KeyPath) -> str | None:
        """Return a variable's value for the place that uses it; None where there is none, and the place is spoiled."""
        if name not in self._known:
            self._known[name] = self._find(name)
        found = self._known[name]
        if found is None:
            self._tree.spoiled.add(path)
            if not self._is_set(name):
                self._unset.setdefault(name, []).append(path)
        return found

    @property
    def given(self) -> dict[str, str]:
        """The values in use that came from outside the manifest, by name."""
        outside = self._outside
        return {
            name: value
            for name, value in sorted(self._known.items())
            if value is not None
            and (name in outside.command_line or name in outside.stack or environ_name(name) in outside.environ)
        }

    def finish(self) -> None:
        """Tell what is wrong with the variables as a whole, once every value has been seen and validated."""
        if self._tree.sound(("variables",)) and ("variables",) not in self._tree.excused:
            for name, paths in self._unset.items():
                self._tell_unset(name, paths)
        names = [*self._declared, *(name for name in self._known if name not in self._unset)]
        for name in self._declared:
            if name not in self._known:
                # Not used, and wrong all the same: a file that is not there is a mistake now, not when it is used.
                self._find(name)
        for name, value in self._outside.command_line.items():
            self._check(f"--var {shown(str(name))}", name, value, names)
        for name, setting in self._outside.stack.items():
            self._check(f"variables.{shown(str(name))}", name, setting, names)
        for name in names:
            if (text := self._outside.environ.get(environ_name(name))) is not None:
                self._check(environ_name(name), name, text, names)

    def _find(self, name: str) -> str | None:
        value: object = self._outside.command_line.get(name, self._outside.environ.get(environ_name(name)))
        if value is None and name in self._outside.stack:
            value = self._outside.stack[name]
        elif value is None:
            return self._own(name)
        # Anything else is a mistake, and `finalize` tells it.
        return value if isinstance(value, str) and not CONTROL.search(value) and not _UNEXPANDED.search(value) else None

    def _is_set(self, name: str) -> bool:
        """Whether any source speaks of a variable, well or badly."""
        outside = self._outside
        return (
            any(name in source for source in (self._declared, outside.command_line, outside.stack))
            or environ_name(name) in outside.environ
        )

    def _own(self, name: str) -> str | None:
        """Return what the manifest itself says; None where it does not, or says it badly."""
        path: KeyPath = ("variables", name)
        default, file = self._tree.text((*path, "default")), self._tree.text((*path, "file"))
        if default is not None or not file:
            return default
        try:
            line = self._folder.read_line(file)
        except PathProblem as problem:
            self._tree.report((*path, "file"), str(problem))
            return None
        if found := _UNEXPANDED.search(line):
            self._tree.report((*path, "file"), f"{quoted(file)} holds {quoted(found[0])}, which nobody has replaced")
            return None
        return line

    def _tell_unset(self, name: str, paths: list[KeyPath]) -> None:
        places = f" (it is used in {len(paths)} places)" if len(paths) > 1 else ""
        meant = did_you_mean(name, self._declared)
        self._tree.report(
            paths[0],
            f"the variable {quoted(name)} is not set{places}{meant or ';'} set it with "
            f"{self._tree.front(Need('variable', name))}, with {environ_name(name)} in the environment, or under "
            "`variables` here",
        )

    def _check(self, where: str, name: object, value: object, names: list[str]) -> None:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            message = f"{where}: {NAME_RULE}"
        elif name not in names:
            message = f"{where}: the manifest has no such variable{did_you_mean(name, names)}"
        elif not isinstance(value, str):
            remedy = self._tree.front(Need("variable", name))
            message = f"{where} {_kind(value)}: quote it, so that it stays the text that you wrote ({remedy})"
        elif CONTROL.search(value):
            message = f"{where}: the value {quoted(value)} has a line break or another control character in it"
        elif found := _UNEXPANDED.search(value):
            message = f"{where}: {quoted(found[0])} was not replaced: set the value itself (shells need double quotes)"
        else:
            return
        self._tree.problems.append(Problem(0, 0, "", message))


def _kind(value: object) -> str:
    match value:
        case bool():
            return f"is the boolean {str(value).lower()}"
        case int() | float():
            return f"is the number {value}"
        case None:
            return "is empty"
        case list() | tuple():
            return "is a list"
        case _:
            return "is an object"
