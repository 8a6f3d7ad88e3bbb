"""The value of a plain scalar in YAML 1.2, as editors and other readers of a manifest see it.

>>> unquoted("1.10"), unquoted("yes"), unquoted("0x10"), unquoted("~")
(1.1, 'yes', 16, None)
"""

from __future__ import annotations

import re

BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LONGEST = 30


def unquoted(text: str) -> str | int | float | None:
    """Return the value of a plain scalar. A whole number is an int, in any notation."""
    if text in _NULLS:
        return None
    if text in BOOLEANS:
        return BOOLEANS[text]
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", ""))
    if _INTEGER.fullmatch(text) and len(text) <= _LONGEST:
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if _FLOAT.fullmatch(text):
        number = float(text)
        return int(number) if number.is_integer() else number
    return text
