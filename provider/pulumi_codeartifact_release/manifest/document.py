"""Reads YAML safely, with the position of every value.

    document = parse(b"packages: [a, b]")
    document.root.value["packages"].value[1].value    # "b"

The nodes are built from the parser's events, so that no object is constructed and every scalar stays text. Hostile
input becomes a Problem: the number of nodes (aliases expanded), the depth and the size are limited.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from ..errors import Problem
from .messages import escape, quote
from .model import KeyPath, Position
from .value_tree import format_path

MAX_BYTES = 10 * 1024 * 1024
MAX_NODES = 200_000
MAX_DEPTH = 50

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CORE_TAGS = frozenset(
    {"!", *(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "seq", "map"))}
)
_TYPED_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null"))
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MERGE = "<<"
_QUOTE = "; put a value that starts with one of * & @ ` % in quotes"


@dataclass(slots=True)
class Node:
    """One value of the document.

    Attributes:
        value: text, a list, or a mapping with text keys.
        position: of its first character.
        keys: the positions of a mapping's keys.
        valid: False if its error is already reported.
        plain: whether it is a scalar without quotes, which YAML may read as a number, true, false or null.
        size: the number of nodes in it, aliases expanded.
        height: the number of levels below it.
    """

    value: str | list[Node] | dict[str, Node]
    position: Position
    keys: dict[str, Position] = field(default_factory=dict)
    valid: bool = True
    plain: bool = False
    size: int = 1
    height: int = 0

    def add_child(self, child: Node) -> None:
        """Add a child's nodes and levels to its own."""
        self.size += child.size
        self.height = max(self.height, child.height + 1)


@dataclass
class Document:
    """The root of a document (None if it cannot be read), and the errors in its YAML."""

    root: Node | None
    problems: list[Problem]


def parse(content: bytes) -> Document:
    """Read one YAML document. Never raises."""
    if len(content) > MAX_BYTES:
        return _invalid("the manifest is larger than 10 MiB")
    try:
        text = content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        decoded = content[: error.start].decode("utf-8")
        return _invalid(
            f"not UTF-8: byte 0x{content[error.start]:02x} at offset {error.start}; save the file as UTF-8",
            _position_after(decoded),
        )
    if match := _FORBIDDEN.search(text):
        place = _position_after(text[: match.start()])
        return _invalid(f"the control character U+{ord(match[0]):04X} is not allowed in YAML; remove it", place)
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.handle(event)
    except yaml.MarkedYAMLError as error:
        builder.problems.append(_syntax(error, text))
        builder.root = None
    except (yaml.YAMLError, RecursionError) as error:
        builder.problems.append(Problem(1, 1, "", f"not valid YAML: {error}"))
        builder.root = None
    except _LimitError:
        builder.root = None
    return Document(builder.root, builder.problems)


def _invalid(message: str, position: Position = (1, 1)) -> Document:
    return Document(None, [Problem(*position, "", message)])


def _position_after(text: str) -> Position:
    """Return the position of the character after a text."""
    lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", text)
    return len(lines), len(lines[-1]) + 1


def _syntax(error: yaml.MarkedYAMLError, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    message = f"not valid YAML: {error.problem or error.context}"
    lines = text.splitlines()
    source = lines[line - 1] if line <= len(lines) else ""
    if "${" in source and re.search(r"[\[{,]\s*[^\"'\s]*\$\{", source):
        message += "; inside [ ] and { }, put a value that contains ${…} in quotes"
    elif "\t" in source[:column]:
        message += "; indent with spaces"
    elif re.search(r"(^|[\s\[,:])[*&@`%]", source):
        message += _QUOTE
    return Problem(line, column, "", message)


class _LimitError(Exception):
    """The document exceeds a limit. The error is already reported."""


@dataclass
class _Frame:
    """A list or mapping whose end is not parsed yet."""

    node: Node
    anchor: str | None
    key: str | None = None
    key_position: Position = (1, 1)
    merged: list[Node] = field(default_factory=list)
    merging: bool = False
    discarding: bool = False


class _Builder:
    """Builds nodes from parser events, with its own stack, so that depth cannot cause a RecursionError."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self._stack: list[_Frame] = []
        self._anchors: dict[str, Node] = {}
        self._open: set[str] = set()
        self._nodes = 0
        self._documents = 0

    def handle(self, event: Any) -> None:
        position = (event.start_mark.line + 1, event.start_mark.column + 1)
        match event:
            case yaml.DocumentStartEvent():
                self._document(position)
            case yaml.ScalarEvent():
                self._scalar(event, position)
            case yaml.AliasEvent():
                self._add(self._aliased(event.anchor or "", position), position)
            case yaml.SequenceStartEvent():
                self._begin(Node([], position), event)
            case yaml.MappingStartEvent():
                self._begin(Node({}, position), event)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._finish()
            case yaml.StreamEndEvent():
                if not self._documents:
                    self._problem(
                        (1, 1), "the manifest is empty: it needs `schemaVersion`, `packages` and `environments`"
                    )

    def _document(self, position: Position) -> None:
        self._documents += 1
        if self._documents > 1:
            self._problem(position, "a second document starts here; a manifest is one YAML document")
            raise _LimitError

    def _problem(self, position: Position, message: str, path: KeyPath | None = None) -> None:
        self.problems.append(Problem(*position, format_path(self._path() if path is None else path), message))

    def _path(self) -> KeyPath:
        return tuple(self._steps())

    def _steps(self) -> Iterator[str | int]:
        for frame in self._stack:
            if isinstance(frame.node.value, list):
                yield len(frame.node.value)
            elif frame.key is not None:
                yield frame.key

    def _check_tag(self, event: Any, position: Position) -> bool:
        if event.tag is None or event.tag in _CORE_TAGS:
            return True
        name = event.tag.replace("tag:yaml.org,2002:", "!!")
        self._problem(
            position, f"the tag {quote(name)} is not allowed: a manifest contains only text, lists and mappings"
        )
        return False

    def _scalar(self, event: Any, position: Position) -> None:
        frame = self._stack[-1] if self._stack else None
        merges = event.value == _MERGE and event.implicit[0]
        if frame and merges and isinstance(frame.node.value, dict) and frame.key is None:
            # Only a plain `<<` as a key is the merge key. In quotes it is an ordinary key.
            frame.key, frame.key_position, frame.merging = _MERGE, position, True
            return
        plain = event.implicit[0] or event.tag in _TYPED_TAGS
        node = Node(event.value, position, valid=self._check_tag(event, position), plain=plain)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._add(node, position)

    def _aliased(self, anchor: str, position: Position) -> Node:
        if anchor in self._open:
            self._problem(position, f"the alias *{escape(anchor)} refers to itself")
        elif anchor not in self._anchors:
            self._problem(position, f"the alias *{escape(anchor)} has no anchor before it{_QUOTE}")
        else:
            return self._anchors[anchor]
        return Node("", position, valid=False)

    def _begin(self, node: Node, event: Any) -> None:
        node.valid = self._check_tag(event, node.position)
        self._limit(1, len(self._stack) + 1, node.position)
        if event.anchor:
            self._open.add(event.anchor)
        frame = _Frame(node, event.anchor)
        parent = self._stack[-1] if self._stack else None
        if parent and isinstance(parent.node.value, dict) and parent.key is None:
            self._problem(node.position, "a key must be text; put it in quotes")
            frame.discarding = True
        self._stack.append(frame)

    def _finish(self) -> None:
        frame = self._stack.pop()
        if isinstance(frame.node.value, dict):
            for source in frame.merged:
                for key, child in source.value.items() if isinstance(source.value, dict) else ():
                    if key not in frame.node.value:
                        frame.node.value[key] = child
                        frame.node.keys[key] = source.keys[key]
                        frame.node.add_child(child)
        if frame.anchor:
            self._open.discard(frame.anchor)
            self._anchors[frame.anchor] = frame.node
        if frame.discarding:
            parent = self._stack[-1]
            parent.key, parent.discarding = "", True
            return
        self._add(frame.node, frame.node.position, counted=True)

    def _limit(self, nodes: int, depth: int, position: Position) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            self._problem(position, f"the manifest has more than {MAX_NODES:,} values, aliases expanded", ())
            raise _LimitError
        if depth > MAX_DEPTH:
            self._problem(position, f"the manifest is nested more than {MAX_DEPTH} levels deep", ())
            raise _LimitError

    def _add(self, child: Node, position: Position, *, counted: bool = False) -> None:
        """Add a complete value at the parser's place: to the list, under the key, or as the key."""
        if not counted:
            self._limit(child.size, len(self._stack) + child.height, position)
        if not self._stack:
            self.root = child
            return
        frame = self._stack[-1]
        if isinstance(frame.node.value, list):
            frame.node.value.append(child)
        elif isinstance(frame.node.value, dict):
            if frame.key is None:
                self._key(frame, child, position)
                return
            self._value(frame, frame.node.value, child, position)
            frame.key = None
        frame.node.add_child(child)

    def _key(self, frame: _Frame, child: Node, position: Position) -> None:
        frame.key_position = position
        if isinstance(child.value, str):
            frame.key = child.value
            frame.discarding = not child.valid
        else:
            self._problem(position, "a key must be text; put it in quotes")
            frame.key, frame.discarding = "", True

    def _value(self, frame: _Frame, mapping: dict[str, Node], child: Node, position: Position) -> None:
        key = frame.key or ""
        if frame.discarding:
            frame.discarding = False
        elif frame.merging:
            frame.merging = False
            self._merge(frame, child, position)
        elif key in mapping:
            line = frame.node.keys[key][0]
            self._problem(frame.key_position, f"duplicate key (first defined on line {line})")
        else:
            mapping[key] = child
            frame.node.keys[key] = frame.key_position

    def _merge(self, frame: _Frame, child: Node, position: Position) -> None:
        sources = child.value if isinstance(child.value, list) else [child]
        for source in sources:
            if isinstance(source.value, dict):
                frame.merged.append(source)
            elif source.valid:
                self._problem(position, "`<<` requires an alias of a mapping, or a list of them")
