"""Converts property values between Pulumi's wire format and Python values.

values, secret = decode(request.news)       # {"assets": ["dist/*"]}, frozenset({"version", "source.domain"})
response.inputs.CopyFrom(encode({"version": "1.0"}))

A wire value is a protobuf Struct. Unknown values are texts of the format; each becomes `UNKNOWN`. Assets and archives
become `Asset`. A reference to a resource becomes its id or URN. Numbers are floats; whole ones become int.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import struct_pb2
from pulumi.runtime.rpc import UNKNOWN

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the format's constant
_ASSET = "c44067f5952c0a294b673a41bacd8c17"
_ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
_RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_UNKNOWNS = frozenset(
    (
        UNKNOWN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    )
)
"""An unknown text, boolean, number, list, asset, archive and object."""
_MAX_DEPTH = 64


@dataclass(frozen=True)
class Asset:
    """An asset or an archive of a program.

    Attributes:
        kind: asset or archive.
        path: of a file; "" if it has none.
        text: its content; None if it has none.
    """

    kind: str
    path: str
    text: str | None


def decode(struct: struct_pb2.Struct) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the values, and the names of the secret ones: `NAME`, or `NAME.KEY` for a value of a mapping.

    Raises ValueError for a value that is nested too deeply.
    """
    secret: set[str] = set()
    values = {name: _decode(value, (name,), secret) for name, value in struct.fields.items()}
    return values, frozenset(secret)


def _decode(value: struct_pb2.Value, path: tuple[str, ...], secret: set[str]) -> Any:
    if len(path) > _MAX_DEPTH:
        raise ValueError(f"{path[0]} is nested too deeply")
    match value.WhichOneof("kind"):
        case "string_value":
            return UNKNOWN if value.string_value in _UNKNOWNS else value.string_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_decode(item, (*path, ""), secret) for item in value.list_value.values]
        case "struct_value":
            return _decode_mapping(value.struct_value.fields, path, secret)
    return None


def _decode_mapping(fields: Mapping[str, struct_pb2.Value], path: tuple[str, ...], secret: set[str]) -> Any:
    match fields[_SIGNATURE].string_value if _SIGNATURE in fields else None:
        case None:
            return {name: _decode(item, (*path, name), secret) for name, item in fields.items()}
        case name if name == _SECRET:
            secret.add(_name(path))
            return _inner(fields, path, secret)
        case name if name == _OUTPUT:
            if "secret" in fields and fields["secret"].bool_value:
                secret.add(_name(path))
            return _inner(fields, path, secret) if "value" in fields else UNKNOWN
        case name if name == _RESOURCE:
            id_ = _decode(fields["id"], (*path, "id"), secret) if "id" in fields else None
            return id_ or (_decode(fields["urn"], (*path, "urn"), secret) if "urn" in fields else None)
        case name if name in (_ASSET, _ARCHIVE):
            path_ = fields["path"].string_value if "path" in fields else ""
            text = fields["text"].string_value if "text" in fields and not path_ else None
            return Asset("asset" if name == _ASSET else "archive", path_, text)
    raise ValueError(f"{_name(path)} has a value of an unknown kind")


def _inner(fields: Mapping[str, struct_pb2.Value], path: tuple[str, ...], secret: set[str]) -> Any:
    return _decode(fields["value"], (*path, ""), secret) if "value" in fields else None


def _name(path: tuple[str, ...]) -> str:
    # An empty part is an item of a list, or the value within a secret.
    return ".".join([part for part in path if part][:2])


def has_unknown(value: Any) -> bool:
    """Return whether a value is unknown, or contains an unknown value."""
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    return any(has_unknown(item) for item in value) if isinstance(value, list) else value == UNKNOWN


def encode(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """Return Python values as a Struct. Values that `wrap_rpc_secret` has marked stay marked."""
    struct = struct_pb2.Struct()
    for name, value in values.items():
        _encode(value, struct.fields[name])
    return struct


def _encode(value: Any, target: struct_pb2.Value) -> None:
    if value is None:
        target.null_value = struct_pb2.NULL_VALUE
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int | float):
        target.number_value = value
    elif isinstance(value, Mapping):
        target.struct_value.SetInParent()
        for name, item in value.items():
            _encode(item, target.struct_value.fields[name])
    elif isinstance(value, list | tuple):
        target.list_value.SetInParent()
        for item in value:
            _encode(item, target.list_value.values.add())
    else:
        target.string_value = str(value)
