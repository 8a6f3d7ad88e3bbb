"""The rules of a bundle's members that hold for its manifest and for its content.

>>> is_member_name("payments-api"), is_member_name("..")
(True, False)
"""

from __future__ import annotations

import re

MAX_MEMBERS = 500
"""The number of members of one bundle."""

_NAME = re.compile(r"[^#/\s\\]{1,255}")


def is_member_name(name: str) -> bool:
    """Return whether a namespace, package or version may be in a bundle: `download` makes folders of these names."""
    return bool(_NAME.fullmatch(name)) and name.isprintable() and name not in (".", "..")
