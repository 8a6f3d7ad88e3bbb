"""From the document to plain values: `${…}` replaced, booleans and integers converted, everything else text.

    substitute(document.root, Values(…), tree)      # fills tree.data

`${name}` is a variable's value, `$$` a literal `$`, and in an asset's `name` `${file.stem}` and its like are kept for
later as a NameTemplate. Any other `$` is a mistake. Keys are never substituted, nor are the values of `variables`.
"""

from __future__ import annotations

import re
from typing import Any

from ..remedies import Need
from .document import Node
from .model import KeyPath
from .names import FILE_PARTS, FilePart, NameTemplate
from .paths import CONTROL
from .scalars import BOOLEANS, unquoted
from .schema import UNQUOTED, Schema, child, strict
from .tree import Tree
from .variables import NAME, NAME_RULE, Values
from .words import closest, listed, quoted

_PLACEHOLDER = re.compile(r"\$\$|\$\{(?:([^{}]*)\})?|\$(?:\([^()]*\)|[A-Za-z_][A-Za-z0-9_]*)?")
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,8})")
_STRUCTURES = ("array", "object")
_TYPES: dict[type, str] = {bool: "boolean", int: "number", float: "number"}
UNUSABLE = ""
"""Stands in for a value whose mistake is told; its place is spoiled."""


def substitute(root: Node, values: Values, tree: Tree) -> dict[KeyPath, NameTemplate]:
    """Fill the tree with plain values; returns the names that depend on the file, by their places."""
    work = _Substitution(values, tree)
    if not root.usable:
        tree.spoiled.add(())
    if not isinstance(root.value, dict):
        if root.usable:
            tree.report((), "a manifest is a mapping of `schemaVersion`, `packages` and `environments`")
        tree.data = {}
        return {}
    tree.values[()] = (1, 1)
    tree.data = {}
    # The manifest's own variables come first: everything else may use them.
    for key in sorted(root.value, key=lambda key: key != "variables"):
        tree.keys[(key,)] = root.keys[key]
        tree.data[key] = work.plain(root.value[key], (key,), child(strict(), key))
    return work.templates


class _Substitution:
    def __init__(self, values: Values, tree: Tree) -> None:
        self.templates: dict[KeyPath, NameTemplate] = {}
        self._values = values
        self._tree = tree

    def plain(self, node: Node, path: KeyPath, schema: Schema) -> Any:
        """Return a node's value, and note its places in the tree."""
        tree = self._tree
        tree.values[path] = node.position
        if not node.usable:
            tree.spoiled.add(path)
            return UNUSABLE
        if isinstance(node.value, list):
            return [self.plain(item, (*path, at), child(schema, at)) for at, item in enumerate(node.value)]
        if isinstance(node.value, dict):
            result = {}
            for key, value in node.value.items():
                place = (*path, key)
                tree.keys[place] = node.keys[key]
                result[key] = self.plain(value, place, child(schema, key))
            return result
        text = node.value
        if not schema:
            # Nothing is known of this place, which is the mistake to tell; what stands there does not matter.
            return text
        if node.plain and unquoted(text) is None:
            if schema.get("type") in _STRUCTURES:
                # The schema says what is expected here.
                return ""
            tree.report(path, "there is no value (null in YAML); write one, in quotes if it is meant as text")
            return UNUSABLE
        if path[-1] != "description" and (found := CONTROL.search(text)):
            what = "a line break" if found[0] in "\r\n" else f"the control character U+{ord(found[0]):04X}"
            tree.report(path, f"{quoted(text)} has {what} in it")
            return UNUSABLE
        if "$" in text:
            text = self._literal(text, path) if path[0] == "variables" else self._substituted(text, path)
            if path in tree.spoiled:
                return UNUSABLE
        return self._converted(text, node, path, schema)

    def _converted(self, text: str, node: Node, path: KeyPath, schema: Schema) -> str | int | bool:
        """Convert to the boolean or integer that the schema declares; what is neither stays text, and is told later."""
        kind, others = schema.get("type"), schema.get(UNQUOTED, ())
        value = unquoted(text) if node.plain and text == node.value else text
        if kind == "boolean":
            return BOOLEANS.get(text, text)
        whole = value if isinstance(value, int) and not isinstance(value, bool) else None
        if kind == "integer":
            return whole if whole is not None else int(text) if _INTEGER.fullmatch(text) else text
        if whole is not None and "integer" in others and re.search(schema["pattern"], str(whole)):
            return str(whole)
        if isinstance(value, bool | int | float) and _TYPES[type(value)] not in others:
            self._tree.unquoted[path] = value
        return text

    def _literal(self, text: str, path: KeyPath) -> str:
        """Return a value of `variables`: `$$` is a literal `$`, and a placeholder is a mistake."""
        if path[-1] == "description":
            return text
        found = [match[0] for match in _PLACEHOLDER.finditer(text) if match[0] != "$$"]
        if any(each.startswith("${") for each in found):
            self._tree.report(path, "variables are not substituted within `variables`; write `$${` for a literal `${`")
        elif found:
            self._tree.report(
                path,
                f"{quoted(found[0])} is not replaced here: write a value, set the variable from outside, or write "
                "`$$` for a literal `$`",
            )
        return text.replace("$$", "$")

    def _substituted(self, text: str, path: KeyPath) -> str:
        """Return the text with every placeholder replaced; one mistake is told, and spoils the place."""
        parts: list[str | FilePart] = []
        end = 0
        for match in _PLACEHOLDER.finditer(text):
            parts.append(text[end : match.start()])
            parts.append("$" if match[0] == "$$" else self._part(match, path))
            end = match.end()
        parts.append(text[end:])
        if any(isinstance(part, FilePart) for part in parts) and path not in self._tree.spoiled:
            self.templates[path] = NameTemplate(tuple(part for part in parts if part))
        # The schema judges a name that depends on the file by everything else in it.
        return "".join(part if isinstance(part, str) else "x" for part in parts)

    def _part(self, match: re.Match[str], path: KeyPath) -> str | FilePart:
        name = match[1]
        if path in self._tree.spoiled:
            return ""
        if not match[0].startswith("${"):
            self._tree.report(path, self._bare(match[0]))
        elif name is None and match.string.startswith("{", match.end()):
            self._tree.report(path, f"`${{{{` is not known here: write `${{name}}`, and set it with {self._set}")
        elif name is None:
            self._tree.report(path, "`${` is never closed: write `${name}`, or `$${` for a literal `${`")
        elif name == "file" and _is_name(path):
            self._tree.report(path, f"`${{file}}` is not known in a name; there are {_FILE_PLACEHOLDERS}")
        elif name.startswith("file."):
            return self._file_part(name.removeprefix("file."), path)
        elif not NAME.fullmatch(name):
            self._tree.report(path, f"{quoted(match[0])} is no variable: {NAME_RULE}; write `$${{` for a literal `${{`")
        else:
            return self._values.get(name, path) or ""
        return ""

    @property
    def _set(self) -> str:
        return self._tree.front(Need("variable", "name"))

    def _bare(self, text: str) -> str:
        """Say what is wrong with a `$` that is no `${…}`."""
        if text.startswith("$("):
            return f"{quoted(text)} is not run: write `${{name}}`, and set it with {self._set}; `$$` is a literal `$`"
        if name := text.removeprefix("$"):
            meant = closest(name, self._values.names) or name
            return f"{quoted(text)} is not replaced: write {quoted('${' + meant + '}')}, or `$$` for a literal `$`"
        return "a `$` that is no `${name}`: write `$$` for a literal `$`"

    def _file_part(self, part: str, path: KeyPath) -> str | FilePart:
        if not _is_name(path):
            self._tree.report(path, f"{quoted('${file.' + part + '}')} is known in an asset's `name` only")
        elif part not in FILE_PARTS:
            meant = closest(part, FILE_PARTS)
            hint = f"did you mean {quoted('${file.' + meant + '}')}?" if meant else f"there are {_FILE_PLACEHOLDERS}"
            self._tree.report(path, f"{quoted('${file.' + part + '}')} is not known; {hint}")
        else:
            return FilePart(part)
        return ""


_FILE_PLACEHOLDERS = listed([f"${{file.{part}}}" for part in FILE_PARTS])


def _is_name(path: KeyPath) -> bool:
    """Whether a place is the `name` of an asset entry: `packages[0].assets[1].name`."""
    return len(path) == 5 and path[0] == "packages" and path[2] == "assets" and path[4] == "name"
