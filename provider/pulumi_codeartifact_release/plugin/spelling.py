"""Converts inputs and outputs between the spelling of the native provider's schema and that of `state`.

from_wire({"domainOwner": "…", "assets": {"app.zip": "sha256:…"}})    # {"domain_owner": "…", "checksums": "…"}
inputs_to_wire(checked.inputs)
outputs_to_wire(created.outputs)

The schema spells names as Pulumi's schemas do (`domainOwner`), and has a mapping `assets` in the place of the text
`checksums`, so that the engine shows the assets that differ. State of the dynamic resources is in the spelling of
`state`, and both are read.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from pulumi.runtime.rpc import UNKNOWN, unwrap_rpc_secret, wrap_rpc_secret

from ..publishing import checksums, digest_of, parse_checksums
from ..registry.interface import Asset

_HASH = re.compile("sha256:([0-9a-f]{64})")


@functools.cache
def camel(name: str) -> str:
    """Return `domainOwner` for `domain_owner`."""
    return re.sub("_(.)", lambda match: match[1].upper(), name)


@functools.cache
def snake(name: str) -> str:
    """Return `domain_owner` for `domainOwner`."""
    return re.sub("(?<=[a-z])[A-Z]", lambda match: "_" + match[0].lower(), name)


def from_wire(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputs or outputs in state as `state` names them."""
    result = {snake(name): value for name, value in values.items() if not name.startswith("__") and value is not None}
    if isinstance(source := result.get("source"), Mapping):
        result["source"] = {snake(name): value for name, value in source.items()}
    assets = result.pop("assets", None)
    if isinstance(assets, Mapping) and (text := checksums_of(assets)) is not None:
        result["checksums"] = text
    elif assets == UNKNOWN:
        result["checksums"] = UNKNOWN
    elif assets is not None and "checksums" not in result:
        # State of version 0.1.0, which `upgrade_state` reads.
        result["assets"] = assets
    if "digest" not in result and (text := result.get("checksums")):
        result["digest"] = text if text == UNKNOWN else digest_of(text)
    return result


def hash_of(value: Any) -> str | None:
    """Return HEX for the text `sha256:HEX`; None for any other value."""
    match = _HASH.fullmatch(value) if isinstance(value, str) else None
    return match[1] if match else None


def checksums_of(assets: Mapping[str, Any]) -> str | None:
    """Return the checksums of a mapping name -> `sha256:HEX`; None if it is not one."""
    hashes = {name: hash_of(value) for name, value in assets.items()}
    return (
        checksums(Asset(name, 0, sha256) for name, sha256 in hashes.items() if sha256) if all(hashes.values()) else None
    )


def assets_of(text: str) -> dict[str, str]:
    """Return name -> `sha256:HEX` for checksums."""
    return {name: f"sha256:{sha256}" for name, sha256 in parse_checksums(text).items()}


def inputs_to_wire(values: Mapping[str, Any], *, derived: bool = False) -> dict[str, Any]:
    """Return inputs for state, in the schema's spelling. With `derived`, also the digest."""
    return {_camel_name(name): _value(name, value) for name, value in values.items() if derived or name != "digest"}


def outputs_to_wire(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return outputs in the schema's spelling. They have `checksums` too, as those of the dynamic resources."""
    wire = inputs_to_wire(values, derived=True)
    return {**wire, "checksums": values["checksums"]} if "checksums" in values else wire


def _camel_name(name: str) -> str:
    return "assets" if name == "checksums" else camel(name)


def _value(name: str, value: Any) -> Any:
    if name == "checksums":
        text = unwrap_rpc_secret(value)
        assets = text if text == UNKNOWN else assets_of(text)
        return assets if text is value else wrap_rpc_secret(assets)
    if name == "source":
        inner = unwrap_rpc_secret(value)
        if isinstance(inner, Mapping):
            source = {camel(key): item for key, item in inner.items()}
            return source if inner is value else wrap_rpc_secret(source)
    return value
