"""The digest of a release: one hash that is the same in every environment.

It is what `LC_ALL=C; sha256sum -- * | sha256sum` prints in a folder of the assets: no time and no place go into it.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable

from ..registry.interface import Asset


def digest(assets: Iterable[Asset]) -> str:
    r"""Return `sha256:` and the lower-case hex SHA-256 over `<sha256>  <name>\n` of the assets in name order."""
    named = [(unicodedata.normalize("NFC", asset.name), asset.sha256) for asset in assets]
    lines = (_line(sha256, name) for name, sha256 in sorted(named, key=_by_name))
    return "sha256:" + hashlib.sha256(b"".join(lines)).hexdigest()


def _line(sha256: str, name: str) -> bytes:
    # As sha256sum does it: a name with a line break in it, which only a source that lies has, must not say what the
    # lines of several assets say.
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "" if escaped == name else "\\"
    return f"{mark}{sha256}  {escaped}\n".encode()


def in_name_order(assets: Iterable[Asset]) -> tuple[Asset, ...]:
    """Return the assets in the order of the digest: by the UTF-8 bytes of their names."""
    return tuple(sorted(assets, key=lambda asset: asset.name.encode()))


def _by_name(item: tuple[str, str]) -> tuple[bytes, str]:
    return item[0].encode(), item[1]
