"""Changes entries of a manifest in place: every other byte of the file stays as it is.

new = edit(path, content, {"environments": {"prod": {"pins": {"acme/app": {"version": "1.4.2", "digest": digest}}}}})
print(unified_diff(path, content, new))

The edit is a JSON Merge Patch (RFC 7386) of text: a mapping is merged, text replaces, and None removes. A mapping that
this leaves empty is removed as well. New text looks like the entry before it: its quotes, braces and indentation.

YAML libraries that write what they read (ruamel.yaml) keep comments and order, but not line ends, spaces, empty values,
the indentation of lists, or a mapping of several lines in braces. So the text itself is edited, where the parser says
that the value is. Then the result is parsed, and must be exactly the intended change.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from ..errors import UsageError, printable
from .document import Node, parse
from .model import KeyPath
from .scalars import unquoted
from .value_tree import format_path
from .yaml_source import SourceEntry, SourceNode, parse_source

Patch: TypeAlias = "Mapping[str, str | Patch | None]"
"""What to change: key -> text, None to remove the key, or the patch of the mapping there."""

_BOM = "\ufeff"
_LINE_END = re.compile("\r\n|[\n\r]")
_PROPERTIES = re.compile(r"([&!]\S*\s+)*")
_EMPTY_BRACES = re.compile(r"\{\s*\}")
_REST_OF_LINE = re.compile(r"[ \t]*(?P<comma>,?)[ \t]*(#[^\r\n]*)?(?=[\r\n]|$)")
_PLAIN = re.compile(r"[A-Za-z0-9_/]([A-Za-z0-9_./@+~^-]*[A-Za-z0-9_])?")
_PLAIN_DIGEST = re.compile(r"[a-z0-9]+:[0-9a-f]+")
_DEFAULT_STEP = 2


def edit(path: Path, content: bytes, patch: Patch) -> bytes:
    """Return the content of a valid manifest with the changes of `patch`; `path` is for messages.

    Raises UsageError if the change is not possible in place, for example behind an alias.
    """
    text = content.decode("utf-8")
    bom = _BOM if text.startswith(_BOM) else ""
    work = _Edit(path, text.removeprefix(_BOM))
    new = (bom + work.apply(patch)).encode("utf-8")
    before, after = parse(content), parse(new)
    if before.root is None or after.root is None or after.problems:
        raise _impossible(path, (), "the result would not be valid YAML")
    if place := _difference(_merged(_plain(before.root), patch), _plain(after.root)):
        raise _impossible(path, place[1:], "the edit would change another value too; it may be shared by an alias")
    return new


def unified_diff(path: Path, before: bytes, after: bytes) -> str:
    """Return the difference of two contents as `diff -u` prints it, in printable text; "" if they are equal."""
    old, new = (_lines(content.decode("utf-8").removeprefix(_BOM)) for content in (before, after))
    return printable("".join(difflib.unified_diff(old, new, f"a/{path.name}", f"b/{path.name}")))


def _lines(text: str) -> list[str]:
    lines = text.replace("\r\n", "\n").split("\n")
    last = [f"{lines[-1]}\n\\ No newline at end of file\n"] if lines[-1] else []
    return [f"{line}\n" for line in lines[:-1]] + last


def _impossible(path: Path, place: KeyPath, reason: str) -> UsageError:
    where = f"{path}: {format_path(place)}" if place else str(path)
    return UsageError(
        f"{where} cannot be changed in place: {reason}", hint="Make this change in an editor, or simplify the YAML."
    )


def _plain(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {key: _plain(value) for key, value in node.value.items()}
    return [_plain(item) for item in node.value] if isinstance(node.value, list) else node.value


def _merged(value: Any, patch: Patch) -> Any:
    """Return what a parser reads after the patch."""
    result = dict(value) if isinstance(value, dict) else {}
    for key, change in patch.items():
        if isinstance(change, Mapping):
            merged: Any = _merged(result.get(key), change)
        else:
            merged = None if change is None else _escaped(change)
        if merged in (None, {}):
            result.pop(key, None)
        else:
            result[key] = merged
    return result


def _difference(expected: Any, actual: Any) -> KeyPath | None:
    """Return the path of the first difference, which begins with "" for the root; None if there is none."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        keys = [*expected, *(key for key in actual if key not in expected)]
        places = ((key, _difference(expected.get(key), actual.get(key))) for key in keys)
        return next((("", key, *place[1:]) for key, place in places if place), None)
    return None if expected == actual else ("",)


def _escaped(text: str) -> str:
    """Return a text as a manifest writes it, where `${` would start a placeholder."""
    return text.replace("$", "$$")


class _Edit:
    """Collects the changes to a text."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text
        line_end = _LINE_END.search(text)
        self._newline = line_end[0] if line_end else "\n"
        self._splices: list[tuple[int, int, str]] = []
        self._step = _DEFAULT_STEP
        self._is_json = text.lstrip().startswith("{")

    def apply(self, patch: Patch) -> str:
        root = parse_source(self._text)
        self._step = _indentation(root) or _DEFAULT_STEP
        self._patch(root, patch, ())
        parts, copied = [], 0
        for start, end, new in sorted(self._splices, key=lambda splice: splice[:2]):
            parts += [self._text[copied:start], new]
            copied = end
        return "".join([*parts, self._text[copied:]])

    def _patch(self, node: SourceNode, patch: Patch, place: KeyPath) -> None:
        if node.kind != "mapping":
            raise _impossible(self._path, place, "it is an alias" if node.kind == "alias" else "it is not a mapping")
        entries = {entry.key.text: entry for entry in node.entries}
        removed, added = set(), {}
        for key, change in patch.items():
            entry = entries.get(key)
            if entry is None:
                added[key] = change
            elif change is None or (isinstance(change, Mapping) and _empties(entry.value, change)):
                removed.add(key)
            elif isinstance(change, str):
                self._replace(entry.value, change, (*place, key))
            elif entry.value.kind == "mapping" and not entry.value.entries and not node.flow:
                self._fill(entry, change)
            else:
                self._patch(entry.value, change, (*place, key))
        added = {key: pruned for key, change in added.items() if (pruned := _pruned(change))}
        retained = [entry for entry in node.entries if entry.key.text not in removed]
        if removed:
            self._remove(node, removed, place)
        if added and not retained and node.entries:
            raise _impossible(self._path, place, "all of its entries would be replaced")
        if added:
            self._add(node, retained, added)

    # --- replacement and removal ---

    def _replace(self, node: SourceNode, text: str, place: KeyPath) -> None:
        if node.kind in ("mapping", "list"):
            raise _impossible(self._path, place, f"it is a {node.kind}, not text")
        if node.kind == "scalar" and node.text == _escaped(text):
            return
        properties = _PROPERTIES.match(self._text, node.start, node.end)
        start = properties.end() if properties else node.start
        self._splices.append((start, node.end, _scalar(_escaped(text), node.style)))

    def _remove(self, node: SourceNode, keys: set[str], place: KeyPath) -> None:
        previous: SourceEntry | None = None
        for index, entry in enumerate(node.entries):
            if entry.key.text not in keys:
                previous = entry
                continue
            following = node.entries[index + 1 :]
            is_last = all(entry.key.text in keys for entry in following)
            if lines := self._lines_of(entry):
                self._splices.append(lines)
                if node.flow and previous and not following:
                    self._remove_comma(previous, entry)
            elif not node.flow:
                raise _impossible(self._path, (*place, entry.key.text), "it is not on lines of its own")
            elif previous and is_last:
                # The comma before it goes too.
                self._splices.append((previous.value.end, node.entries[-1].value.end, ""))
                return
            elif following:
                self._splices.append((entry.key.start, following[0].key.start, ""))

    def _lines_of(self, entry: SourceEntry) -> tuple[int, int, str] | None:
        """Return the splice that removes the lines of an entry; None if there is something else on them."""
        start = self._text.rfind("\n", 0, entry.key.start) + 1
        rest = _REST_OF_LINE.match(self._text, entry.value.end)
        if rest is None or self._text[start : entry.key.start].strip(" \t"):
            return None
        line_end = _LINE_END.match(self._text, rest.end())
        if line_end is None and start:
            # The file ends without a newline, and still does afterwards.
            return start - len(self._newline), rest.end(), ""
        return start, line_end.end() if line_end else rest.end(), ""

    def _remove_comma(self, previous: SourceEntry, last: SourceEntry) -> None:
        """Remove the comma after `previous`, the new last entry, if `last` had none."""
        comma = re.compile(r"[ \t]*,").match(self._text, previous.value.end)
        rest = _REST_OF_LINE.match(self._text, last.value.end)
        if comma and rest and not rest["comma"]:
            self._splices.append((comma.start(), comma.end(), ""))

    # --- addition ---

    def _fill(self, entry: SourceEntry, patch: Patch) -> None:
        """Add entries to an empty mapping in a block mapping, on lines below its key."""
        node, added = entry.value, _pruned(patch)
        if not isinstance(added, Mapping):
            return
        if not _EMPTY_BRACES.fullmatch(self._text, node.start, node.end):
            self._splices.append((node.end - 1, node.end - 1, ", ".join(self._flow_entries(added, None))))
            return
        start = len(self._text[: node.start].rstrip(" \t"))
        self._splices.append((start, node.end, ""))
        self._insert_lines(node.end, entry.key.column + self._step, added, None)

    def _add(self, node: SourceNode, retained: Sequence[SourceEntry], added: Patch) -> None:
        like = retained[-1] if retained else None
        if like is None:
            # An empty mapping in braces: nested in braces, or the root.
            self._splices.append((node.end - 1, node.end - 1, ", ".join(self._flow_entries(added, None))))
        elif node.flow:
            self._add_to_flow(like, added)
        else:
            self._insert_lines(like.value.end, like.key.column, added, like)

    def _add_to_flow(self, last: SourceEntry, added: Patch) -> None:
        end, entries = last.value.end, self._flow_entries(added, last)
        line = self._text.rfind("\n", 0, last.key.start) + 1
        indentation = self._text[line : last.key.start]
        if indentation.strip(" \t") or not line:
            self._splices.append((end, end, "".join(f", {entry}" for entry in entries)))
            return
        # Each entry is on lines of its own.
        separator = f",{self._newline}{indentation}"
        rest = _REST_OF_LINE.match(self._text, end)
        if rest is None:
            self._splices.append((end, end, "".join(f"{separator}{entry}" for entry in entries)))
            return
        lines = f"{self._newline}{indentation}{separator.join(entries)}"
        if not rest["comma"]:
            self._splices.append((end, end, ","))
        self._splices.append((rest.end(), rest.end(), lines + rest["comma"]))

    def _insert_lines(self, after: int, column: int, added: Patch, like: SourceEntry | None) -> None:
        """Insert entries of a block mapping below the line of `after`."""
        end = self._end_of_line(after)
        lines = self._block_lines(added, column, lambda _key: like)
        self._splices.append((end, end, "".join(f"{self._newline}{line}" for line in lines)))

    def _end_of_line(self, offset: int) -> int:
        line_end = _LINE_END.search(self._text, offset)
        return line_end.start() if line_end else len(self._text)

    def _block_lines(self, added: Patch, column: int, like: Callable[[str], SourceEntry | None]) -> list[str]:
        """Return the lines of entries. `like` maps a key to the entry whose style its line takes."""
        lines = []
        for key, change in added.items():
            entry = like(key)
            name = " " * column + _scalar(key, entry.key.style if entry else None)
            model = entry.value if entry and entry.value.entries and not entry.value.flow else None
            nested = isinstance(change, Mapping) and any(isinstance(value, Mapping) for value in change.values())
            if isinstance(change, Mapping) and (nested or model):
                inner = model.entries[0].key.column if model else column + self._step
                models = {entry.key.text: entry for entry in model.entries} if model else {}
                lines += [f"{name}:", *self._block_lines(change, inner, models.get)]
            else:
                lines.append(f"{name}: {self._flow_value(change, entry)}")
        return lines

    def _flow_entries(self, added: Patch, like: SourceEntry | None) -> list[str]:
        quotes = like.key.style if like else '"' if self._is_json else None
        return [f"{_scalar(key, quotes)}: {self._flow_value(change, like)}" for key, change in added.items()]

    def _flow_value(self, change: str | Patch | None, like: SourceEntry | None) -> str:
        default = '"' if self._is_json else None
        if isinstance(change, str):
            return _scalar(_escaped(change), like.value.style if like and like.value.kind == "scalar" else default)
        assert change is not None
        model = like.value if like and like.value.kind == "mapping" else None
        models = {entry.key.text: entry for entry in model.entries} if model else {}
        parts = []
        for key, value in change.items():
            inner = models.get(key)
            quotes = inner.key.style if inner else default
            parts.append(f"{_scalar(key, quotes)}: {self._flow_value(value, inner)}")
        space = " " if model and model.flow and self._text[model.start : model.start + 2] == "{ " else ""
        return f"{{{space}{', '.join(parts)}{space}}}"


def _empties(node: SourceNode, patch: Patch) -> bool:
    """Return whether a patch leaves nothing in a mapping."""
    if node.kind != "mapping" or any(_pruned(change) for change in patch.values() if change is not None):
        return False
    entries = {entry.key.text: entry.value for entry in node.entries}
    for key, value in entries.items():
        change = patch.get(key, "")
        if change is not None and not (isinstance(change, Mapping) and _empties(value, change)):
            return False
    return bool(entries)


def _pruned(change: str | Patch | None) -> str | Patch | None:
    """Return what a patch adds to an empty place; None if it adds nothing."""
    if not isinstance(change, Mapping):
        return change
    return {key: pruned for key, value in change.items() if (pruned := _pruned(value)) is not None} or None


def _scalar(text: str, style: str | None) -> str:
    """Return a text as YAML; if possible, in the style of the scalar that it replaces or follows."""
    if style == "'" and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    plain = _PLAIN.fullmatch(text) or (style == "" and _PLAIN_DIGEST.fullmatch(text))
    return text if style != '"' and plain and isinstance(unquoted(text), str) else json.dumps(text, ensure_ascii=False)


def _indentation(root: SourceNode) -> int:
    """Return the indentation of the first nested block mapping; 0 if there is none."""
    for entry in root.entries:
        value = entry.value
        if value.kind == "mapping" and not value.flow and value.entries:
            return value.entries[0].key.column - entry.key.column
    return 0
