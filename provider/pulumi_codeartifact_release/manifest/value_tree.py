"""The manifest as plain values with their positions, and the errors so far.

    tree.report(("packages", 0, "version"), "…")   # adds a Problem and marks the place as invalid
    tree.get_text(("packages", 0, "version"))          # None: checks that need this value skip it

Every pass works on the valid values only, so that one error never hides another and is never reported twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..errors import Problem
from ..remedies import Front, command_line
from .messages import escape
from .model import KeyPath, Position

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def format_path(path: KeyPath) -> str:
    """Return a key path as text: `environments.prod.pins["acme/api"].version`."""
    result = ""
    for key in path:
        if isinstance(key, int):
            result += f"[{key}]"
        elif _PLAIN_KEY.fullmatch(key):
            result += f".{key}" if result else key
        else:
            result += f'["{escape(key)}"]'
    return result


@dataclass
class ValueTree:
    """A document after substitution.

    Attributes:
        data: str, list and dict; int and bool where the schema declares them.
        keys: the position of each mapping's key.
        values: the position of each value.
        problems: the errors so far.
        notes: remarks that are not errors.
        warnings: what is probably a mistake, but is not an error.
        invalid: places whose value cannot be used, because its error is already reported.
        unquoted: by place, the value that other YAML readers see in a scalar without quotes that is read as text here.
        ignored_missing: missing keys that are not reported, because the cause is (such as a misspelled key).
        front: words for what the operator has to set, where errors are printed.
    """

    data: Any = None
    keys: dict[KeyPath, Position] = field(default_factory=dict)
    values: dict[KeyPath, Position] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    invalid: set[KeyPath] = field(default_factory=set)
    unquoted: dict[KeyPath, float | bool] = field(default_factory=dict)
    ignored_missing: set[KeyPath] = field(default_factory=set)
    front: Front = command_line

    def report(
        self, path: KeyPath, message: str, *, at_key: bool = False, invalidates: bool = True, more: int = 0
    ) -> None:
        """Add an error and mark its place as invalid.

        Args:
            path: the place.
            message: what is wrong, and what would be right.
            at_key: whether to point at the key (or the list item) instead of the value.
            invalidates: False if the value can still be used, or is missing.
            more: `Problem.more`.
        """
        line, column = self.position(path, at_key=at_key)
        self.problems.append(Problem(line, column, format_path(path), message, more))
        if invalidates:
            self.invalid.add(path)

    def note(self, path: KeyPath, message: str) -> None:
        """Add a remark that is not an error."""
        self.notes.append(Problem(*self.position(path), format_path(path), message))

    def warn(self, path: KeyPath, message: str) -> None:
        """Add a warning."""
        self.warnings.append(Problem(*self.position(path), format_path(path), message))

    def position(self, path: KeyPath, *, at_key: bool = False) -> Position:
        """Return line and column of a place, or of the closest place around it."""
        while path:
            position = self.keys.get(path, self.values.get(path)) if at_key else self.values.get(path)
            if position:
                return position
            path, at_key = path[:-1], True
        return (1, 1)

    def is_valid(self, path: KeyPath) -> bool:
        """Return whether neither the place nor anything around it is invalid."""
        return not any(path[:length] in self.invalid for length in range(len(path) + 1))

    def get(self, path: KeyPath) -> Any:
        """Return the value at a place; None if it does not exist or is invalid."""
        if not self.is_valid(path):
            return None
        value = self.data
        for key in path:
            if isinstance(key, int):
                if not isinstance(value, list) or key >= len(value):
                    return None
                value = value[key]
            else:
                if not isinstance(value, dict) or key not in value:
                    return None
                value = value[key]
        return value

    def get_text(self, path: KeyPath) -> str | None:
        """Return the text at a place; None if it does not exist, is invalid, or is not text."""
        value = self.get(path)
        return value if isinstance(value, str) else None

    def mappings(self, path: KeyPath) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
        """Yield the place and value of every valid mapping in the list or mapping at a place."""
        value = self.get(path)
        children: list[KeyPath] = []
        if isinstance(value, list):
            children = [(*path, index) for index in range(len(value))]
        elif isinstance(value, dict):
            children = [(*path, key) for key in value]
        for child in children:
            mapping = self.get(child)
            if isinstance(mapping, dict):
                yield child, mapping
