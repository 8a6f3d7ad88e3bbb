"""Bundles: a version whose one asset, `release-bundle.json`, names the versions of other packages, its members.

    content = encode_bundle(members)
    members = parse_bundle(content)         # None for a file that is not a bundle

A bundle is published last, so it is the commit record of a release of several packages. The text is canonical: equal
members give equal bytes. It contains no time and no place, so a bundle is the same in every environment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from graphlib import TopologicalSorter
from typing import Any

from ..bundle_rules import MAX_MEMBERS, is_member_name
from ..registry.interface import Asset
from .plan import Release

BUNDLE_ASSET = "release-bundle.json"
"""The name of the only asset of a bundle."""
MAX_BUNDLE_BYTES = 1 << 20
"""A larger file is not a bundle. 500 members with the longest names in ASCII are smaller."""

_TYPE = "application/vnd.codeartifact-release.bundle+json;version=1"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MAX_SIZE = 1 << 63


@dataclass(frozen=True)
class BundleMember:
    """A version in a bundle.

    Attributes:
        digest: the digest of its release, `sha256:HEX`.
        size: the bytes of all its assets.
    """

    namespace: str
    package: str
    version: str
    digest: str
    size: int

    @property
    def id(self) -> str:
        """`namespace/package`."""
        return f"{self.namespace}/{self.package}"

    @property
    def name(self) -> str:
        """`namespace/package@version`."""
        return f"{self.id}@{self.version}"

    @classmethod
    def of(cls, release: Release) -> BundleMember:
        """Return the member for a release whose assets are hashed."""
        at = release.at
        return cls(at.namespace, at.package, at.version, release.digest, sum(asset.size for asset in release.assets))


def encode_bundle(members: Iterable[BundleMember]) -> bytes:
    """Return the content of `release-bundle.json`: one line of JSON, members sorted by namespace and package."""
    ordered = sorted(members, key=_order)
    document = {"members": [asdict(member) for member in ordered], "type": _TYPE}
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"


def parse_bundle(content: bytes) -> tuple[BundleMember, ...] | None:
    """Return the members, sorted; None if `content` is not exactly what `encode_bundle` returns.

    The content may be hostile: anybody can publish a file with this name. Names of members never contain `/`, `.` or
    `..` as a whole, or a character that cannot be printed, so that they can be folders.
    """
    if len(content) > MAX_BUNDLE_BYTES:
        return None
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    items = document.get("members") if isinstance(document, dict) else None
    if not isinstance(items, list) or not 0 < len(items) <= MAX_MEMBERS:
        return None
    members = [_member(item) for item in items]
    valid = tuple(member for member in members if member)
    if len(valid) < len(members) or len({member.id for member in valid}) < len(members):
        return None
    return valid if encode_bundle(valid) == content else None


def is_bundle_listing(assets: Mapping[str, Asset]) -> bool:
    """Return whether a version with these assets may be a bundle. Only `parse_bundle` of its content tells."""
    asset = assets.get(BUNDLE_ASSET)
    return len(assets) == 1 and asset is not None and asset.size <= MAX_BUNDLE_BYTES


def publication_order(names: Iterable[str], after: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return the names in groups: those of one group may be published at once, each group after the one before.

    `after` has, by name, the names that must be published earlier; others are ignored. Raises graphlib.CycleError for
    a circle.
    """
    members = set(names)
    sorter = TopologicalSorter({name: members.intersection(after.get(name, ())) for name in sorted(members)})
    sorter.prepare()
    groups = []
    while ready := sorted(sorter.get_ready()):
        groups.append(ready)
        sorter.done(*ready)
    return groups


def _order(member: BundleMember) -> tuple[bytes, bytes]:
    return member.namespace.encode(), member.package.encode()


def _member(item: Any) -> BundleMember | None:
    if not isinstance(item, dict) or item.keys() != {field.name for field in fields(BundleMember)}:
        return None
    names = (item["namespace"], item["package"], item["version"])
    if not all(isinstance(name, str) and is_member_name(name) for name in names):
        return None
    digest, size = item["digest"], item["size"]
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        return None
    if type(size) is not int or not 0 <= size < _MAX_SIZE:
        return None
    return BundleMember(*names, digest, size)
