"""The assets of a version as one text, and its SHA-256, the digest of a release.

The text is what `LC_ALL=C; sha256sum -- *` prints in a folder of the assets. It contains no time and no place, so it is
the same in every environment, and `sha256sum -c` checks a folder against it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from ..registry.interface import Asset

_LINE = re.compile(r"\\?([0-9a-f]{64})  ([^\n]+)\n")
_ESCAPED = re.compile(r"\\(.)")
_CHARACTERS = {"\\": "\\", "n": "\n", "r": "\r"}


def checksums(assets: Iterable[Asset]) -> str:
    r"""Return a line `<sha256 in lower-case hex>  <name>\n` for each asset, sorted by the UTF-8 bytes of the names.

    Names are as `nfc_names` returns them. As with sha256sum, a backslash, line feed or carriage return in a name is
    escaped, and a backslash at the start of the line says so: one name can never look like the lines of several assets.
    """
    hashes = [(asset.name, asset.sha256) for asset in assets]
    nfc = nfc_names(name for name, _ in hashes)
    return "".join(_line(name, sha256) for name, sha256 in sorted(((nfc[n], h) for n, h in hashes), key=_by_name))


def parse_checksums(text: str) -> dict[str, str]:
    """Return name -> SHA-256 in lower-case hex. Raises ValueError for a text that `checksums` does not return."""
    hashes: dict[str, str] = {}
    position = 0
    while position < len(text):
        line = _LINE.match(text, position)
        if line is None:
            break
        name = line[2]
        if text[position] == "\\":
            name = _ESCAPED.sub(lambda escape: _CHARACTERS.get(escape[1], ""), name)
        hashes[name] = line[1]
        position = line.end()
    # What differs from its own rendering has another order, a name twice, or a needless or unknown escape.
    if position < len(text) or checksums(Asset(name, 0, sha256) for name, sha256 in hashes.items()) != text:
        raise ValueError(f"not the output of `LC_ALL=C; sha256sum -- *`: {text[:200]!r}")
    return hashes


def digest(assets: Iterable[Asset]) -> str:
    """Return the digest of these assets: `sha256:` and the SHA-256 of their checksums in lower-case hex."""
    return digest_of(checksums(assets))


def digest_of(text: str) -> str:
    """Return the digest of the assets with these checksums."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def nfc_names(names: Iterable[str]) -> dict[str, str]:
    """Return each name -> its NFC form; names with the same form stay as they are, so that neither hides the other."""
    forms = [(name, unicodedata.normalize("NFC", name)) for name in names]
    count = Counter(form for _, form in forms)
    return {name: form if count[form] == 1 else name for name, form in forms}


def in_name_order(assets: Iterable[Asset]) -> tuple[Asset, ...]:
    """Return the assets in the order of the digest: by the UTF-8 bytes of their names."""
    return tuple(sorted(assets, key=lambda asset: asset.name.encode()))


def _line(name: str, sha256: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "" if escaped == name else "\\"
    return f"{mark}{sha256}  {escaped}\n"


def _by_name(item: tuple[str, str]) -> tuple[bytes, str]:
    return item[0].encode(), item[1]
