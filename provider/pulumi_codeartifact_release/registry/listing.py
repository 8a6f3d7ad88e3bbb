"""Responses of ListPackageVersionAssets -> checked values.

pages = [page_of(response, at, limit=1000)]
by_name(pages, at)["a.txt"].sha256
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ServerFaultError
from .interface import Asset, Coordinates

# The model says 255.
_MAX_NAME_LENGTH = 1000
# More than any disk holds, with few enough digits to show.
_MAX_SIZE = 1 << 128


@dataclass(frozen=True)
class Page:
    """One page of a listing.

    Attributes:
        revision: None if the response has none.
    """

    revision: str | None
    assets: Sequence[Asset]


def page_of(response: Mapping[str, Any], at: Coordinates, limit: int) -> Page:
    """Parse a response of at most `limit` assets. Raises ServerFaultError."""
    assets = response.get("assets") or []
    if len(assets) > limit:
        raise ServerFaultError(f"ListPackageVersionAssets for {at}: a page has more than the {limit} requested assets")
    return Page(response.get("versionRevision"), [_asset(summary, at) for summary in assets])


def by_name(pages: Sequence[Page], at: Coordinates) -> Mapping[str, Asset]:
    """Return all assets by name. Raises ServerFaultError if a name has two different contents."""
    assets = [asset for page in pages for asset in page.assets]
    named = {asset.name: asset for asset in assets}
    twice = next((asset.name for asset in assets if named[asset.name] != asset), None)
    if twice:
        raise ServerFaultError(f"ListPackageVersionAssets for {at}: {twice} is listed twice, with different contents")
    return named


def is_text(name: str) -> bool:
    """Return whether a name can be encoded: JSON can contain half of a surrogate pair."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _asset(summary: Mapping[str, Any] | None, at: Coordinates) -> Asset:
    members = summary or {}
    name, size = members.get("name"), members.get("size", 0)
    sha256 = str((members.get("hashes") or {}).get("SHA-256", "")).lower()
    has_name = isinstance(name, str) and 0 < len(name) <= _MAX_NAME_LENGTH and is_text(name)
    has_size = isinstance(size, int) and 0 <= size < _MAX_SIZE
    if not has_name or not has_size or not re.fullmatch("[0-9a-f]{64}", sha256):
        raise ServerFaultError(
            f"ListPackageVersionAssets for {at}: {name if has_name else 'an asset'} has no usable name, size or SHA-256"
        )
    return Asset(str(name), size, sha256)
