"""Property values on the wire: unknown, secret and nested values, assets and numbers of other languages."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime.rpc import UNKNOWN, wrap_rpc_secret

from pulumi_codeartifact_release.native.values import Asset, decode, encode, has_unknown

SIGNATURE = "4dabf18193072939515e22adb298388d"
ASSET = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"

names = st.text(min_size=1).filter(lambda name: name != SIGNATURE)
leaves = st.none() | st.booleans() | st.integers(-(2**52), 2**52) | st.floats(allow_nan=False) | st.text()
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(names, inner), max_leaves=20)


@given(st.dictionaries(names, values))
def test_what_is_encoded_is_decoded(value: dict[str, Any]) -> None:
    decoded, secret = decode(encode(value))
    assert decoded == value
    assert secret == frozenset()


@given(st.dictionaries(names, values), st.text(min_size=1).filter(lambda name: "." not in name and name != SIGNATURE))
def test_a_secret_is_named_and_its_value_is_plain(value: dict[str, Any], name: str) -> None:
    wire = encode({"plain": "a", name: wrap_rpc_secret(value), "nested": {name: wrap_rpc_secret(value)}})
    decoded, secret = decode(wire)
    assert decoded[name if name != "nested" else "nested"] == (value if name != "nested" else {name: value})
    assert secret == {name, f"nested.{name}"} - ({name} if name == "nested" else set())


@given(values)
def test_an_unknown_is_seen_at_any_depth(value: Any) -> None:
    assert not has_unknown(decode(encode({"a": value}))[0]) or UNKNOWN in str(value)
    for kind in ("1c4a061d-8072-4f0a-a4cb-0ff528b18fe7", "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2", UNKNOWN):
        assert has_unknown(decode(encode({"a": [value, {"b": kind}]}))[0])


def test_assets_outputs_and_references_of_other_languages() -> None:
    wire = encode(
        {
            "file": {SIGNATURE: ASSET, "path": "dist/a", "hash": "00"},
            "text": {SIGNATURE: ASSET, "text": "", "hash": "00"},
            "archive": {SIGNATURE: ARCHIVE, "path": "dist"},
            "resource": {SIGNATURE: RESOURCE, "urn": "urn:pulumi:a", "id": ""},
            "unknown": {SIGNATURE: OUTPUT},
            "output": {SIGNATURE: OUTPUT, "value": {"number": 3.0}, "secret": True, "dependencies": ["urn"]},
        }
    )
    assert decode(wire) == (
        {
            "file": Asset("asset", "dist/a", None),
            "text": Asset("asset", "", ""),
            "archive": Asset("archive", "dist", None),
            "resource": "urn:pulumi:a",
            "unknown": UNKNOWN,
            "output": {"number": 3},
        },
        frozenset({"output"}),
    )


def test_malformed_values_are_refused() -> None:
    deep: Any = "a"
    for _ in range(80):
        deep = {"a": deep}
    with pytest.raises(ValueError, match="nested too deeply"):
        decode(encode({"a": deep}))
    with pytest.raises(ValueError, match="unknown kind"):
        decode(encode({"a": {SIGNATURE: "another"}}))
    # A value without a kind, which no encoder makes.
    empty = struct_pb2.Struct()
    empty.fields["a"].SetInParent()
    assert decode(empty) == ({"a": None}, frozenset())
