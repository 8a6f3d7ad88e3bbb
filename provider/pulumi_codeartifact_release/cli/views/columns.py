"""Text in columns, at the width that there is.

for line in wrapped("a long note", indent=6, width=terminal_width()):
    click.echo(line)
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator

import click

from ...errors import printable

GAP = "  "


def terminal_width() -> int | None:
    """Return the columns of the terminal; None for a file, where lines are whole and nothing is left out."""
    return shutil.get_terminal_size().columns if sys.stdout is not None and sys.stdout.isatty() else None


def cell_len(text: str) -> int:
    """Return how many cells of a terminal text takes: some characters take two, some none."""
    if text.isascii() and text.isprintable():
        return len(text)
    from rich import cells  # noqa: PLC0415 - what is usual needs none of it

    return cells.cell_len(text)


def padded(text: str, width: int, *, right: bool = False) -> str:
    """Return text with blanks around it, `width` cells wide; longer text as it is."""
    blanks = " " * (width - cell_len(text))
    return blanks + text if right else text + blanks


def header_lines(header: str, width: int | None) -> Iterator[str]:
    """Yield lines that say where something is; what does not fit goes on below, further in."""
    for line in header.splitlines():
        indent = len(line) - len(line.lstrip())
        first, *more = textwrap.wrap(line.strip(), max(20, width - indent - 4)) if width else [line.strip()]
        yield " " * indent + first
        for rest in more:
            yield " " * (indent + 4) + rest


def wrapped(text: str, indent: int, width: int | None, colour: str | None = None) -> Iterator[str]:
    """Yield text as indented lines; a word is broken only where it is longer than a line."""
    lines = [text]
    if width:
        lines = textwrap.wrap(text, max(20, width - indent), break_on_hyphens=False)
    for line in lines:
        # A line that begins anew may begin with what a CI runner takes for a command.
        yield " " * indent + click.style(printable(line), fg=colour)
