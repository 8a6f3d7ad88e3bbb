"""Renders Rich's tables and text as lines: as wide as the terminal; unbroken and without padding in a file.

    for line in lines(Text(report.manifest), table, width=terminal_width()):
        click.echo(line)

Click removes the colors where they do not belong.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from io import StringIO

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ...errors import printable

_UNLIMITED = 100_000


def terminal_width() -> int | None:
    """Return the columns of the terminal; None for a file."""
    return shutil.get_terminal_size().columns if sys.stdout is not None and sys.stdout.isatty() else None


def lines(*parts: RenderableType, width: int | None) -> Iterator[str]:
    """Yield the lines of `parts` at a `width` in columns; None does not break any line."""
    file = StringIO()
    # Set everything, so that no environment variable changes it.
    console = Console(
        file=file,
        width=width or _UNLIMITED,
        height=100,
        force_terminal=True,
        color_system="standard",
        no_color=False,
        legacy_windows=False,
        markup=False,
        highlight=False,
        emoji=False,
    )
    for part in parts:
        console.print(part)
    for line in file.getvalue().split("\n")[:-1]:
        # Rich pads the last column, too, within its style.
        yield re.sub(r"(?: |\x1b\[[0-9;]*m)+$", lambda end: end[0].replace(" ", ""), line)


def columns(*headings: str, right: int | None = None) -> Table:
    """Return a table without lines; columns from number `right` on are aligned to the right."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for number, heading in enumerate(headings):
        justify = "right" if right is not None and number >= right else "left"
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    return table


def indented(part: RenderableType, level: int) -> Padding:
    """Return `part` moved to the right."""
    return Padding.indent(part, level)


def text(content: str, style: str | None = None) -> Text:
    """Return text that is safe in a terminal and a log, whoever wrote it."""
    return Text(printable(content), style=style or "")


def header(content: str) -> Iterator[RenderableType]:
    """Yield `name: value` lines. A value that does not fit continues below its beginning."""
    for line in content.splitlines():
        name, colon, value = line.strip().partition(": ")
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(text(name + colon.strip()), text(value))
        yield indented(grid, len(line) - len(line.lstrip()))
