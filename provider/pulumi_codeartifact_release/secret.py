"""What a program calls secret: it stays so in every output that holds it, and in no line that is shown.

    hide(secret_texts(inputs, declared.secret))             # in check()
    CreateResult(id, sealed(outputs, declared.secret))

The engine hands secrets over in clear, and makes secret again what has the very name of a secret input. What holds it
under another name is up to us: `audit` names version and place once more, hashes give away a short text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi.runtime.rpc import UNKNOWN, wrap_rpc_secret

_CONTENT = frozenset(("assets", "digest"))
"""One secret makes all of these so: each is made of the other."""

_MARK = "secret"
"""The entry of `audit` that names the secret inputs: how a later run knows what state must not hold in clear."""


def sealed(properties: Mapping[str, Any], secret: tuple[str, ...]) -> dict[str, Any]:
    """Return inputs or outputs as they go to the engine, with all secret that holds one of these secret inputs."""
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


def sealed_inputs(outputs: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the inputs that were secret when these outputs were made."""
    names = str((outputs.get("audit") or {}).get(_MARK) or "")
    return tuple(names.split(", ")) if names else ()


def is_sealed(outputs: Mapping[str, Any], secret: tuple[str, ...] | None) -> bool:
    """Return whether state keeps secret just what is to be; also where nothing tells."""
    return secret is None or not outputs.get("audit") or sealed_inputs(outputs) == secret


def secret_texts(properties: Mapping[str, Any], secret: tuple[str, ...]) -> set[str]:
    """Return the texts in inputs or outputs that must not be shown where these inputs are secret."""
    values: list[Any] = []
    for name in secret:
        first, _, nested = name.partition(".")
        value = properties.get(first)
        values.append(value.get(nested) if nested and isinstance(value, Mapping) else value)
    if _CONTENT & {*secret}:
        values.append(properties.get("digest"))
        assets = properties.get("assets")
        values += [asset["sha256"] for asset in assets.values()] if isinstance(assets, Mapping) else []
    return {value for value in values if isinstance(value, str) and value != UNKNOWN}
