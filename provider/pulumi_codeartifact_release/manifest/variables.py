"""The values of variables, and their sources.

    values = VariableValues(variables, folder, tree)
    values.get("version", ("packages", 0, "version"))

The precedence is: `--var`, the environment variable RELEASE_VAR_<NAME>, the stack config, the manifest. The value of a
variable is not substituted again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import Problem
from ..remedies import Need
from .messages import did_you_mean, escape, quote
from .model import KeyPath
from .paths import CONTROL, BaseFolder, PathProblem
from .value_tree import ValueTree

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
NAME_RULE = "a variable's name consists of letters, digits, `_` and `-`, and starts with a letter or `_`"
_UNEXPANDED = re.compile(r"\$(\{[^{}]*\}?|\([^()]*\)?|[A-Za-z_][A-Za-z0-9_]*)")
"""A placeholder that a shell, a CI service or a build should have replaced."""


@dataclass(frozen=True)
class Variables:
    """Values of variables from outside the manifest.

    Attributes:
        command_line: `--var name=value`, parsed.
        environ: the process's environment. Only RELEASE_VAR_<NAME> is used: in upper case, `-` as `_`.
        stack: the stack config's `variables`. A value that is not a str is an error.
    """

    command_line: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    stack: Mapping[str, object] = field(default_factory=dict)


def environ_name(name: str) -> str:
    """Return the environment variable that sets a variable."""
    return "RELEASE_VAR_" + name.upper().replace("-", "_")


class VariableValues:
    """The value of every variable, and which ones the manifest uses.

    The tree must contain the manifest's `variables` before the first `get`.
    """

    def __init__(self, external: Variables, folder: BaseFolder, tree: ValueTree) -> None:
        self._external = external
        self._folder = folder
        self._tree = tree
        self._used: dict[str, str | None] = {}
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
        """Return a variable's value for the place that uses it. Without a value, returns None and makes it invalid."""
        if name not in self._used:
            self._used[name] = self._find(name)
        value = self._used[name]
        if value is None:
            self._tree.invalid.add(path)
            if not self._is_set(name):
                self._unset.setdefault(name, []).append(path)
        return value

    @property
    def external(self) -> dict[str, str]:
        """The used values that are from outside the manifest, by name."""
        external = self._external
        return {
            name: value
            for name, value in sorted(self._used.items())
            if value is not None
            and (name in external.command_line or name in external.stack or environ_name(name) in external.environ)
        }

    def check(self) -> None:
        """Report the errors of variables, after all values were substituted and validated."""
        if self._tree.is_valid(("variables",)) and ("variables",) not in self._tree.ignored_missing:
            for name, paths in self._unset.items():
                self._report_unset(name, paths)
        names = [*self._declared, *(name for name in self._used if name not in self._unset)]
        for name in self._declared:
            if name not in self._used:
                # A missing file is an error even if the variable is not used yet.
                self._find(name)
        for name, value in self._external.command_line.items():
            self._check(f"--var {escape(str(name))}", name, value, names)
        for name, setting in self._external.stack.items():
            self._check(f"variables.{escape(str(name))}", name, setting, names)
        for name in names:
            if (text := self._external.environ.get(environ_name(name))) is not None:
                self._check(environ_name(name), name, text, names)

    def _find(self, name: str) -> str | None:
        value: object = self._external.command_line.get(name, self._external.environ.get(environ_name(name)))
        if value is None and name in self._external.stack:
            value = self._external.stack[name]
        elif value is None:
            return self._manifest_value(name)
        # Anything else is an error, which `check` reports.
        return value if isinstance(value, str) and not CONTROL.search(value) and not _UNEXPANDED.search(value) else None

    def _is_set(self, name: str) -> bool:
        """Return whether any source sets the variable, even to an invalid value."""
        external = self._external
        return (
            any(name in source for source in (self._declared, external.command_line, external.stack))
            or environ_name(name) in external.environ
        )

    def _manifest_value(self, name: str) -> str | None:
        """Return the value in the manifest; None if it has none, or an invalid one."""
        path: KeyPath = ("variables", name)
        default, file = self._tree.get_text((*path, "default")), self._tree.get_text((*path, "file"))
        if default is not None or not file:
            return default
        try:
            line = self._folder.read_line(file)
        except PathProblem as problem:
            self._tree.report((*path, "file"), str(problem))
            return None
        if match := _UNEXPANDED.search(line):
            self._tree.report((*path, "file"), f"{quote(file)} contains {quote(match[0])}, which was not replaced")
            return None
        return line

    def _report_unset(self, name: str, paths: list[KeyPath]) -> None:
        places = f" (it is used in {len(paths)} places)" if len(paths) > 1 else ""
        suggestion = did_you_mean(name, self._declared)
        self._tree.report(
            paths[0],
            f"the variable {quote(name)} is not set{places}{suggestion or ';'} set it with "
            f"{self._tree.front(Need('variable', name))}, with {environ_name(name)} in the environment, or under "
            "`variables` here",
        )

    def _check(self, where: str, name: object, value: object, names: list[str]) -> None:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            message = f"{where}: {NAME_RULE}"
        elif name not in names:
            message = f"{where}: the manifest has no such variable{did_you_mean(name, names)}"
        elif not isinstance(value, str):
            command = self._tree.front(Need("variable", name))
            message = f"{where} {_kind(value)}: quote it, so that it stays text ({command})"
        elif CONTROL.search(value):
            message = f"{where}: the value {quote(value)} contains a line break or another control character"
        elif match := _UNEXPANDED.search(value):
            message = f"{where}: {quote(match[0])} was not replaced: set the value itself (shells need double quotes)"
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
