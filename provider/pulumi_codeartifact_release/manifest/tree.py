"""The manifest as plain values with positions, and the mistakes found in it so far.

    tree.report(("packages", 0, "version"), "…")   # collects a Problem and marks the place as spoiled
    tree.text(("packages", 0, "version"))          # None: whatever needs this value passes it by

Every pass works on what is sound, so that one mistake never hides another and is never told twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..errors import Problem
from ..remedies import Front, command_line
from .model import KeyPath, Position
from .words import shown

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def spelled(path: KeyPath) -> str:
    """Spell a key's place as a person would write it: `environments.prod.pins["acme/api"].version`."""
    result = ""
    for key in path:
        if isinstance(key, int):
            result += f"[{key}]"
        elif _PLAIN_KEY.fullmatch(key):
            result += f".{key}" if result else key
        else:
            result += f'["{shown(key)}"]'
    return result


@dataclass
class Tree:
    """A document after substitution.

    Attributes:
        data: str, list and dict; int and bool where the schema declares them.
        keys: where each mapping's key is.
        values: where each value begins.
        problems: the mistakes so far.
        notes: what is no mistake, and worth knowing.
        spoiled: places whose value cannot be used, because its mistake is already told.
        unquoted: what YAML makes of the scalar without quotes at a place that takes no such value: the text that is
            read there is not what other readers see.
        excused: keys that are missing for a reason already told (they are there, but misspelt).
        front: words what the operator has to set, for where mistakes are printed.
    """

    data: Any = None
    keys: dict[KeyPath, Position] = field(default_factory=dict)
    values: dict[KeyPath, Position] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    spoiled: set[KeyPath] = field(default_factory=set)
    unquoted: dict[KeyPath, float | bool] = field(default_factory=dict)
    excused: set[KeyPath] = field(default_factory=set)
    front: Front = command_line

    def report(self, path: KeyPath, message: str, *, at_key: bool = False, spoils: bool = True, more: int = 0) -> None:
        """Collect a mistake and mark its place as spoiled.

        Args:
            path: the place, by which the message's key is spelled.
            message: what is wrong and what would be right.
            at_key: point at the key (or the list item) instead of the value.
            spoils: False where the value can be used all the same, or is not there.
            more: `Problem.more`.
        """
        line, column = self.position(path, at_key=at_key)
        self.problems.append(Problem(line, column, spelled(path), message, more))
        if spoils:
            self.spoiled.add(path)

    def note(self, path: KeyPath, message: str) -> None:
        """Collect what is no mistake."""
        self.notes.append(Problem(*self.position(path), spelled(path), message))

    def position(self, path: KeyPath, *, at_key: bool = False) -> Position:
        """Line and column of a place, or of the closest one around it."""
        while path:
            found = self.keys.get(path, self.values.get(path)) if at_key else self.values.get(path)
            if found:
                return found
            path, at_key = path[:-1], True
        return (1, 1)

    def sound(self, path: KeyPath) -> bool:
        """Whether neither the place nor anything around it is spoiled."""
        return not any(path[:length] in self.spoiled for length in range(len(path) + 1))

    def at(self, path: KeyPath) -> Any:
        """Return the value at a place; None where there is none or it is spoiled."""
        if not self.sound(path):
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

    def text(self, path: KeyPath) -> str | None:
        """Return the text at a place, if it is sound and is text."""
        value = self.at(path)
        return value if isinstance(value, str) else None

    def mappings(self, path: KeyPath) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
        """Return the sound mappings in the list or mapping at a place, with their own places."""
        value = self.at(path)
        children: list[KeyPath] = []
        if isinstance(value, list):
            children = [(*path, index) for index in range(len(value))]
        elif isinstance(value, dict):
            children = [(*path, key) for key in value]
        for child in children:
            found = self.at(child)
            if isinstance(found, dict):
                yield child, found
