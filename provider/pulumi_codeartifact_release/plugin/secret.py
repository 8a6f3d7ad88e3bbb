"""Marks outputs that contain a secret as secret, and finds the texts to redact in messages.

    add_secrets(secret_texts(inputs, declared.secret))             # in check()
    CreateResult(id, with_secrets(outputs, declared.secret))

The engine passes secret inputs to a provider as plain values. It marks an output as secret only if a secret input has
the same name. This module marks the others: `audit` repeats the version and the repository, and the hash of a short
text reveals the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pulumi.runtime.rpc import UNKNOWN, wrap_rpc_secret

_CONTENT = frozenset(("assets", "checksums", "digest"))
"""If one of these is secret, the others are too: each can be computed from another. `assets` is only an argument."""

_MARK = "secret"
"""The key in `audit` with the names of the secret inputs, for later operations, which read only the state."""


def with_secrets(properties: Mapping[str, Any], secret: tuple[str, ...]) -> dict[str, Any]:
    """Return inputs or outputs for the engine, with every property marked as secret that contains a secret input."""
    names = {name.partition(".")[0] for name in secret}
    if names & _CONTENT:
        names |= {*_CONTENT, "source"}
    audit = {name: value for name, value in (properties.get("audit") or {}).items() if name != _MARK}
    if audit:
        properties = {**properties, "audit": {**audit, _MARK: ", ".join(secret)} if secret else audit}
    if names:
        names.add("audit")
    return {
        name: wrap_rpc_secret(value) if name in names and value != UNKNOWN else value
        for name, value in properties.items()
    }


def secret_input_names(outputs: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the inputs that were secret when these outputs were stored."""
    names = str((outputs.get("audit") or {}).get(_MARK) or "")
    return tuple(names.split(", ")) if names else ()


def same_secrets(outputs: Mapping[str, Any], secret: tuple[str, ...] | None) -> bool:
    """Return whether state marks the same inputs as secret; True if `secret` is None or state has no `audit`."""
    return secret is None or not outputs.get("audit") or secret_input_names(outputs) == secret


def secret_texts(properties: Mapping[str, Any], secret: tuple[str, ...]) -> set[str]:
    """Return the texts in inputs or outputs that must not be printed if these inputs are secret."""
    values: list[Any] = []
    for name in secret:
        first, _, nested = name.partition(".")
        value = properties.get(first)
        values.append(value.get(nested) if nested and isinstance(value, Mapping) else value)
    if _CONTENT & {*secret}:
        checksums = str(properties.get("checksums") or "")
        values += [properties.get("digest"), checksums, *re.findall("[0-9a-f]{64}", checksums)]
    return {value for value in values if isinstance(value, str) and value != UNKNOWN}
