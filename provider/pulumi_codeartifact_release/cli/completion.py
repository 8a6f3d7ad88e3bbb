"""What shells complete beyond commands and options."""

from __future__ import annotations

import re
from pathlib import Path

import click

from ..errors import UsageError
from ..manifest import read_manifest
from ..manifest.document import parse
from ..manifest.schema import editor_schema
from .options import DEFAULT_MANIFEST


def environments(context: click.Context, typed: str) -> list[str]:
    """Return the names of the manifest's environments that begin with `typed`; none without a manifest."""
    # Click does not parse the arguments of an option that still lacks its value: they are in `args`.
    parsed = (context.params.get(name) for name in ("manifest", "target"))
    words = (*context.args, *(context.params.get("targets") or ()), *parsed, DEFAULT_MANIFEST)
    # `withdraw` and `verify` take versions, too.
    path = next(word for word in words if word and not re.fullmatch(r"[^/]+/[^/]+@\S+", str(word)))
    try:
        root = parse(read_manifest(Path(path), outside=False)).root
    except UsageError:
        # The command itself reports the error.
        return []
    mapping = root.value.get("environments") if root and isinstance(root.value, dict) else None
    names = mapping.value if mapping and isinstance(mapping.value, dict) else {}
    # A shell may run what it completes: offer only valid names, and none such as `$(…)`.
    rule = re.compile(editor_schema()["properties"]["environments"]["propertyNames"]["pattern"].removesuffix("$"))
    return [name for name in names if name.startswith(typed) and rule.fullmatch(name)]
