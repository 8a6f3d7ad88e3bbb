"""Compares outputs in state with new inputs, property by property and asset by asset."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pulumi.runtime.proto import provider_pb2
from pulumi.runtime.rpc import UNKNOWN

from ..plugin.spelling import camel
from ..publishing import parse_checksums

_KINDS = provider_pb2.PropertyDiff.Kind
_DERIVED = ("checksums", "digest")


def detailed_diff(
    olds: Mapping[str, Any], news: Mapping[str, Any], names: Sequence[str]
) -> dict[str, provider_pb2.PropertyDiff]:
    """Return path -> difference of the properties `names`, which are spelled as in `plugin.state`."""
    changes: dict[str, tuple[Any, Any]] = {}
    for name in names:
        if name not in _DERIVED:
            changes |= dict(_changes(camel(name), olds.get(name), news.get(name), names_are_ours=name != "members"))
    old_assets, new_assets = _assets(olds), _assets(news)
    if new_assets is None or old_assets is None:
        changes["assets"] = (old_assets or None, UNKNOWN)
    else:
        for name in sorted({*old_assets, *new_assets}):
            changes[f"assets{_key(name)}"] = (old_assets.get(name), new_assets.get(name))
    return {path: _difference(old, new) for path, (old, new) in changes.items() if (old or None) != (new or None)}


def _changes(path: str, old: Any, new: Any, *, names_are_ours: bool) -> Iterator[tuple[str, tuple[Any, Any]]]:
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        yield path, (old, new)
        return
    for name in sorted({*old, *new}):
        yield path + _key(camel(name) if names_are_ours else name), (old.get(name), new.get(name))


def _assets(values: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the assets; None if they are unknown."""
    text = values.get("checksums") or ""
    return None if text == UNKNOWN else parse_checksums(text)


def _key(name: str) -> str:
    # The engine's syntax for a path: a name in quotes, unless it is a word.
    return f".{name}" if re.fullmatch("[A-Za-z_]+", name) else f"[{json.dumps(name, ensure_ascii=False)}]"


def _difference(old: Any, new: Any) -> provider_pb2.PropertyDiff:
    kind = _KINDS.ADD if not old else _KINDS.DELETE if not new else _KINDS.UPDATE
    return provider_pb2.PropertyDiff(kind=kind, inputDiff=True)
