"""The values of a YAML text and their positions, for edits of the text.

root = parse_source("pins: {acme/app: {version: 1.4.2}}  # reviewed")
root.entries[0].value.end        # 34: after the closing brace

Unlike `document.parse`, this keeps aliases and styles as they are written. Use it only on a text that `document.parse`
accepts: there are no limits here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BLOCK_SCALARS = ("|", ">")


@dataclass(slots=True)
class SourceNode:
    """One value, as it is written. Offsets count characters.

    Attributes:
        start: of its first character, or of its anchor or tag.
        end: after its last character. Comments after a block mapping or a block list are not in it.
        column: of `start`, from 0.
        text: of a scalar.
        style: of a scalar: `"`, `'`, `|`, `>`, or "" without quotes.
        flow: whether a mapping or a list is written with `{}` or `[]`.
        entries: of a mapping.
        last: the last child of a mapping or a list.
    """

    kind: Literal["scalar", "mapping", "list", "alias"]
    start: int
    end: int
    column: int
    text: str = ""
    style: str = ""
    flow: bool = False
    entries: list[SourceEntry] = field(default_factory=list)
    last: SourceNode | None = None


class SourceEntry(NamedTuple):
    """One key of a mapping, and its value."""

    key: SourceNode
    value: SourceNode


def parse_source(text: str) -> SourceNode:
    """Return the root of a text, which must be one valid YAML document without a byte order mark."""
    open_nodes: list[SourceNode] = []
    keys: list[SourceNode | None] = []
    root: SourceNode | None = None
    events: Any = yaml.parse(text, Loader=_LOADER)
    for event in events:
        end = event.end_mark.index
        if isinstance(event, yaml.CollectionEndEvent):
            node = open_nodes.pop()
            keys.pop()
            node.end = end if node.flow else node.last.end if node.last else node.start
        elif isinstance(event, yaml.NodeEvent):
            node = _node(event, text)
        else:
            continue
        if isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append(node)
            keys.append(None)
            continue
        if not open_nodes:
            root = node
            continue
        parent = open_nodes[-1]
        parent.last = node
        if parent.kind == "mapping":
            key = keys[-1]
            if key is not None:
                parent.entries.append(SourceEntry(key, node))
            keys[-1] = node if key is None else None
    assert root is not None
    return root


def _node(event: Any, text: str) -> SourceNode:
    start, end, column = event.start_mark.index, event.end_mark.index, event.start_mark.column
    match event:
        case yaml.AliasEvent():
            return SourceNode("alias", start, end, column)
        case yaml.ScalarEvent():
            style = event.style or ""
            if style in _BLOCK_SCALARS:
                # Its mark is after the empty lines that follow it.
                end = start + len(text[start:end].rstrip())
            return SourceNode("scalar", start, end, column, event.value, style)
        case yaml.MappingStartEvent():
            return SourceNode("mapping", start, end, column, flow=bool(event.flow_style))
        case _:
            return SourceNode("list", start, end, column, flow=bool(event.flow_style))
