"""Formats sizes, counts and durations as text.

>>> size_text(1536)
'1.5 KiB'
"""

from __future__ import annotations

import math

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def size_text(count: int) -> str:
    """Return a size as text: `1.5 MiB`."""
    size = float(count)
    for unit in _UNITS:
        if size < 1024 or unit == _UNITS[-1]:
            break
        size /= 1024
    return f"{count} {'byte' if count == 1 else 'bytes'}" if unit == "bytes" else f"{size:.1f} {unit}"


def part_text(count: int, total: int) -> str:
    """Return a part of a size, in the unit of the total: `2.8 of 9.4 MiB`."""
    number, unit = size_text(total).rsplit(" ", 1)
    if unit in ("byte", "bytes"):
        return f"{count} of {number} {unit}"
    return f"{count / 1024 ** _UNITS.index(unit):.1f} of {number} {unit}"


def count_text(count: int, noun: str) -> str:
    """Return a count with its noun: `1 asset`, `3 assets`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def seconds_text(seconds: float) -> str:
    """Return a duration, rounded up to whole seconds: `14 s`, `2 min 5 s`, `1 h 3 min`."""
    whole = math.ceil(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
