"""Converts the document to plain values: substitutes `${…}`, converts booleans and integers, keeps the rest as text.

    substitute(document.root, VariableValues(…), tree)      # fills tree.data

`${name}` is a variable's value, and `$$` a literal `$`. In an asset's `name`, `${file.stem}` and the like become a
NameTemplate. Any other `$` is an error. Keys and the values of `variables` are not substituted.
"""

from __future__ import annotations

import re
from typing import Any

from ..remedies import Need
from .asset_names import FILE_PARTS, FilePart, NameTemplate
from .document import Node
from .messages import closest_match, quote, quote_list
from .model import KeyPath
from .paths import CONTROL
from .scalars import BOOLEANS, unquoted
from .schema import UNQUOTED, Schema, child, strict_schema
from .value_tree import ValueTree
from .variables import NAME, NAME_RULE, VariableValues

_PLACEHOLDER = re.compile(r"\$\$|\$\{(?:([^{}]*)\})?|\$(?:\([^()]*\)|[A-Za-z_][A-Za-z0-9_]*)?")
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,8})")
_STRUCTURES = ("array", "object")
_TYPES: dict[type, str] = {bool: "boolean", int: "number", float: "number"}
UNUSABLE = ""
"""Replaces a value whose error is reported. Its place is invalid."""


def substitute(root: Node, values: VariableValues, tree: ValueTree) -> dict[KeyPath, NameTemplate]:
    """Fill the tree with plain values. Returns the asset names that depend on the file, by their places."""
    work = _Substitution(values, tree)
    if not root.valid:
        tree.invalid.add(())
    if not isinstance(root.value, dict):
        if root.valid:
            tree.report((), "a manifest is a mapping of `schemaVersion`, `packages` and `environments`")
        tree.data = {}
        return {}
    tree.values[()] = (1, 1)
    tree.data = {}
    # The manifest's variables first, because all other values may use them.
    for key in sorted(root.value, key=lambda key: key != "variables"):
        tree.keys[(key,)] = root.keys[key]
        tree.data[key] = work.plain(root.value[key], (key,), child(strict_schema(), key))
    return work.templates


class _Substitution:
    def __init__(self, values: VariableValues, tree: ValueTree) -> None:
        self.templates: dict[KeyPath, NameTemplate] = {}
        self._values = values
        self._tree = tree

    def plain(self, node: Node, path: KeyPath, schema: Schema) -> Any:
        """Return the value of a node, and store its positions in the tree."""
        tree = self._tree
        tree.values[path] = node.position
        if not node.valid:
            tree.invalid.add(path)
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
            # The key is unknown. That is reported later, so the value does not matter.
            return text
        if node.plain and unquoted(text) is None:
            if schema.get("type") in _STRUCTURES:
                # The schema's error says what is expected.
                return ""
            tree.report(path, "the value is missing (null in YAML); write one, in quotes if it is text")
            return UNUSABLE
        if path[-1] != "description" and (match := CONTROL.search(text)):
            what = "a line break" if match[0] in "\r\n" else f"the control character U+{ord(match[0]):04X}"
            tree.report(path, f"{quote(text)} contains {what}")
            return UNUSABLE
        if "$" in text:
            text = self._literal(text, path) if path[0] == "variables" else self._substituted(text, path)
            if path in tree.invalid:
                return UNUSABLE
        return self._converted(text, node, path, schema)

    def _converted(self, text: str, node: Node, path: KeyPath, schema: Schema) -> str | int | bool:
        """Convert to the boolean or integer that the schema declares. Any other text stays, and is reported later."""
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
        """Return a value of `variables`: `$$` is a literal `$`, and a placeholder is an error."""
        if path[-1] == "description":
            return text
        placeholders = [match[0] for match in _PLACEHOLDER.finditer(text) if match[0] != "$$"]
        if any(placeholder.startswith("${") for placeholder in placeholders):
            self._tree.report(path, "variables are not substituted within `variables`; write `$${` for a literal `${`")
        elif placeholders:
            self._tree.report(
                path,
                f"{quote(placeholders[0])} is not replaced here: write a value, set the variable from outside, or "
                "write `$$` for a literal `$`",
            )
        return text.replace("$$", "$")

    def _substituted(self, text: str, path: KeyPath) -> str:
        """Return the text with all placeholders replaced. Reports at most one error, which makes the place invalid."""
        parts: list[str | FilePart] = []
        end = 0
        for match in _PLACEHOLDER.finditer(text):
            parts.append(text[end : match.start()])
            parts.append("$" if match[0] == "$$" else self._part(match, path))
            end = match.end()
        parts.append(text[end:])
        if any(isinstance(part, FilePart) for part in parts) and path not in self._tree.invalid:
            self.templates[path] = NameTemplate(tuple(part for part in parts if part))
        # The schema checks the rest of a name that depends on the file.
        return "".join(part if isinstance(part, str) else "x" for part in parts)

    def _part(self, match: re.Match[str], path: KeyPath) -> str | FilePart:
        name = match[1]
        if path in self._tree.invalid:
            return ""
        if not match[0].startswith("${"):
            self._tree.report(path, self._bare_dollar_message(match[0]))
        elif name is None and match.string.startswith("{", match.end()):
            self._tree.report(path, f"`${{{{` is not supported: write `${{name}}`, and set it with {self._set}")
        elif name is None:
            self._tree.report(path, "`${` is not closed: write `${name}`, or `$${` for a literal `${`")
        elif name == "file" and _is_name(path):
            self._tree.report(path, f"`${{file}}` is not supported in a name; supported are {_FILE_PLACEHOLDERS}")
        elif name.startswith("file."):
            return self._file_part(name.removeprefix("file."), path)
        elif not NAME.fullmatch(name):
            self._tree.report(
                path, f"{quote(match[0])} is not a variable: {NAME_RULE}; write `$${{` for a literal `${{`"
            )
        else:
            return self._values.get(name, path) or ""
        return ""

    @property
    def _set(self) -> str:
        return self._tree.front(Need("variable", "name"))

    def _bare_dollar_message(self, text: str) -> str:
        """Return the message for a `$` that is not part of `${…}`."""
        if text.startswith("$("):
            return (
                f"{quote(text)} is not executed: write `${{name}}`, and set it with {self._set}; `$$` is a literal `$`"
            )
        if name := text.removeprefix("$"):
            suggestion = closest_match(name, self._values.names) or name
            return f"{quote(text)} is not replaced: write {quote('${' + suggestion + '}')}, or `$$` for a literal `$`"
        return "a `$` without `{name}`: write `$$` for a literal `$`"

    def _file_part(self, part: str, path: KeyPath) -> str | FilePart:
        if not _is_name(path):
            self._tree.report(path, f"{quote('${file.' + part + '}')} is supported only in an asset's `name`")
        elif part not in FILE_PARTS:
            suggestion = closest_match(part, FILE_PARTS)
            hint = (
                f"did you mean {quote('${file.' + suggestion + '}')}?"
                if suggestion
                else f"there are {_FILE_PLACEHOLDERS}"
            )
            self._tree.report(path, f"{quote('${file.' + part + '}')} is not supported; {hint}")
        else:
            return FilePart(part)
        return ""


_FILE_PLACEHOLDERS = quote_list([f"${{file.{part}}}" for part in FILE_PARTS])


def _is_name(path: KeyPath) -> bool:
    """Return whether a place is the `name` of an asset entry: `packages[0].assets[1].name`."""
    return len(path) == 5 and path[0] == "packages" and path[2] == "assets" and path[4] == "name"
