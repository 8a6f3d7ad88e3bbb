"""The content of a bundle, and the order of its members."""

from __future__ import annotations

import graphlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_codeartifact_release.bundle_rules import MAX_MEMBERS
from pulumi_codeartifact_release.publishing.bundle import (
    MAX_BUNDLE_BYTES,
    BundleMember,
    encode_bundle,
    parse_bundle,
    publication_order,
)

APP = BundleMember("acme", "app", "1.0", "sha256:" + "a" * 64, 12)
LIBRARY = BundleMember("acme", "lib", "2.1", "sha256:" + "b" * 64, 0)

_names = st.text(
    st.characters(exclude_characters="#/\\", exclude_categories=("C", "Z")), min_size=1, max_size=20
).filter(lambda name: name not in (".", ".."))
_members = st.builds(
    BundleMember,
    _names,
    _names,
    _names,
    st.text("0123456789abcdef", min_size=64, max_size=64).map("sha256:{}".format),
    st.integers(0, (1 << 63) - 1),
)


def test_the_content_is_one_line_of_canonical_json() -> None:
    assert encode_bundle([LIBRARY, APP]) == (
        b'{"members":[{"digest":"sha256:' + b"a" * 64 + b'","namespace":"acme","package":"app","size":12,'
        b'"version":"1.0"},{"digest":"sha256:' + b"b" * 64 + b'","namespace":"acme","package":"lib","size":0,'
        b'"version":"2.1"}],"type":"application/vnd.codeartifact-release.bundle+json;version=1"}\n'
    )


@given(st.lists(_members, min_size=1, max_size=6, unique_by=lambda member: member.id))
def test_a_bundle_is_read_as_it_was_written(members: list[BundleMember]) -> None:
    content = encode_bundle(members)
    assert parse_bundle(content) == tuple(sorted(members, key=lambda m: (m.namespace.encode(), m.package.encode())))
    assert encode_bundle(reversed(members)) == content


@pytest.mark.parametrize(
    "member",
    [
        replace(APP, namespace=".."),
        replace(APP, package="a/b"),
        replace(APP, package="."),
        replace(APP, package="a\\b"),
        replace(APP, version=""),
        replace(APP, version="1\n"),
        replace(APP, package="a\x1b[2Jb"),
        replace(APP, digest="sha256:" + "A" * 64),
        replace(APP, digest=""),
        replace(APP, size=-1),
        replace(APP, size=1 << 63),
        replace(APP, size=True),
        replace(APP, size=1.0),  # type: ignore[arg-type]
    ],
    ids=repr,
)
def test_a_hostile_member_makes_it_an_ordinary_file(member: BundleMember) -> None:
    assert parse_bundle(encode_bundle([member])) is None


_DOCUMENT = json.loads(encode_bundle([APP]))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        json.dumps(_DOCUMENT).encode(),
        encode_bundle([APP])[:-1],
        encode_bundle([]),
        encode_bundle([APP, replace(APP, version="2.0")]),
        encode_bundle([APP]).replace(b"version=1", b"version=2"),
        encode_bundle([APP]).replace(b'"size":12', b'"size":12,"size":12'),
        encode_bundle([replace(APP, package=f"p{number}") for number in range(MAX_MEMBERS + 1)]),
        b" " * (MAX_BUNDLE_BYTES + 1),
    ],
    ids=range(13),
)
def test_any_other_content_is_an_ordinary_file(content: bytes) -> None:
    assert parse_bundle(content) is None


def test_the_largest_bundle_is_within_the_limit() -> None:
    members = [
        BundleMember(f"{number:0255}", "p" * 255, "v" * 255, APP.digest, (1 << 63) - 1) for number in range(MAX_MEMBERS)
    ]
    content = encode_bundle(members)
    assert len(content) <= MAX_BUNDLE_BYTES
    assert parse_bundle(content) == tuple(members)


def test_the_order_of_publication() -> None:
    after = {"acme/app": ["acme/lib", "acme/db"], "acme/lib": ["acme/db"], "acme/docs": ["other/thing"]}
    names = ["acme/docs", "acme/app", "acme/lib", "acme/db"]
    assert publication_order(names, after) == [["acme/db", "acme/docs"], ["acme/lib"], ["acme/app"]]
    with pytest.raises(graphlib.CycleError):
        publication_order(names, {**after, "acme/db": ["acme/app"]})
