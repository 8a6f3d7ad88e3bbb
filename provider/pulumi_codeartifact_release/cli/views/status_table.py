"""`status` for people: a block for each package, a line for each environment, at the width that there is.

    for line in table(report, width=80):
        click.echo(line)

Colour only repeats what the words say. Nothing of a registry reaches the terminal but as printable text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

import click

from ...errors import printable
from ...publishing.drift import SyncState
from ...review import count_text
from ..status_read import Cell, Place, Report
from .columns import GAP, cell_len, header_lines, padded, wrapped
from .status_text import age_text, brief_text, minute_text, notes, problem_text, short, standing_text, state_text

_LEAST_VERSION = 16
_HEADINGS = {
    "environment": "",
    "version": "VERSION",
    "status": "STATUS",
    "digest": "DIGEST",
    "since": "SINCE",
    "age": "",
    "ago": "SINCE",
    "standing": "STANDING",
    "brief": "STANDING",
}
_WIDE: tuple[str, ...] = ("environment", "version", "status", "digest", "since", "age", "standing")
# The moment itself is in a wider terminal, in a file, in --json and on the page.
_NARROWER: tuple[tuple[str, ...], ...] = (
    ("environment", "version", "status", "digest", "ago", "brief"),
    ("environment", "version", "status", "ago", "brief"),
    ("environment", "version", "status", "brief"),
)


def table(report: Report, width: int | None) -> Iterator[str]:
    """Yield the lines; `width` in columns, None for a file, where lines are whole and nothing is left out."""
    yield click.style(printable(report.manifest), bold=True) + f", as of {minute_text(report.as_of)}"
    widest = max(cell_len(place.name) for place in report.places)
    for place in report.places:
        ways = f"; {printable(place.ways)}" if place.ways else ""
        yield from header_lines(f"{GAP}{padded(place.name, widest)}{GAP}{printable(place.where)}{ways}", width)
        if place.problem:
            yield from wrapped(f"not read: {short(problem_text(place.problem))}", widest + 4, width, "red")
    if report.rows:
        yield from _Blocks(report, width).lines()
    yield ""
    sums = f"{count_text(len(report.rows), 'package')} in {count_text(len(report.places), 'environment')}"
    yield f"{sums}: " + click.style(f"{state_text(report)}.", fg=_colour(report.summary), bold=True)


class _Blocks:
    """The packages, with columns that are the same in all of them."""

    def __init__(self, report: Report, width: int | None) -> None:
        self._report = report
        self._width = width
        self._texts = {
            (row.name, name): _texts(name, cell, report.as_of)
            for row in report.rows
            for name, cell in row.cells.items()
        }
        self._places = {place.name: place for place in report.places}
        self._columns = _WIDE
        self._widths = self._measured()
        if width is None:
            return
        for narrower in _NARROWER:
            if self._needed(_LEAST_VERSION) > width:
                self._columns = narrower
        room = max(_LEAST_VERSION, width - self._needed(0))
        fitting = [len(_HEADINGS["version"]), *(cell_len(texts["version"]) for texts in self._texts.values())]
        self._widths["version"] = max(each for each in fitting if each <= room)

    def lines(self) -> Iterator[str]:
        yield ""
        yield click.style(self._line(_HEADINGS), dim=True)
        for number, row in enumerate(self._report.rows):
            if number:
                yield ""
            yield click.style(printable(row.name), bold=True)
            for name, cell in row.cells.items():
                yield from self._cell(cell, self._places[name], self._texts[row.name, name])

    def _cell(self, cell: Cell, place: Place, texts: dict[str, str]) -> Iterator[str]:
        colour = _cell_colour(cell)
        indent = self._widths["environment"] + 2 * len(GAP)
        if cell_len(texts["version"]) > self._widths["version"]:
            # Too long for its column: a line of its own, and the columns stay.
            first, *more = wrapped(texts["version"], indent, self._width)
            yield f"{GAP}{padded(texts['environment'], indent - len(GAP))}{first.lstrip()}"
            yield from more
            texts = {**texts, "environment": "", "version": ""}
        last = texts[self._columns[-1]]
        yield self._line(texts).removesuffix(last) + click.style(last, fg=colour)
        told = "; ".join(short(note) for note in notes(cell, place))
        if self._columns is not _WIDE and texts["brief"] != texts["standing"]:
            told = f"{texts['standing']}: {told}" if told else texts["standing"]
        if told:
            yield from wrapped(told, indent, self._width, colour)

    def _line(self, texts: Mapping[str, str]) -> str:
        cells = [padded(texts[column], self._widths[column]) for column in self._columns]
        return (GAP + GAP.join(cells)).rstrip()

    def _measured(self) -> dict[str, int]:
        """Return the width of each column: of its widest text, or of its heading."""
        return {
            column: max(len(heading), *(cell_len(texts[column]) for texts in self._texts.values()))
            for column, heading in _HEADINGS.items()
        }

    def _needed(self, version: int) -> int:
        """Return how wide a line is with versions of at most this width."""
        widths = {**self._widths, "version": min(version, self._widths["version"])}
        return sum(len(GAP) + widths[column] for column in self._columns)


def _texts(name: str, cell: Cell, as_of: datetime) -> dict[str, str]:
    holds = cell.found.current
    texts = dict.fromkeys(_HEADINGS, "")
    texts |= {"environment": name, "standing": standing_text(cell), "brief": brief_text(cell), "version": "-"}
    if holds:
        texts |= {"version": printable(holds.version), "status": str(holds.status), "digest": short(holds.digest or "")}
        if holds.published_time:
            ago = age_text(holds.published_time, holds.read_at or as_of)
            texts |= {"since": minute_text(holds.published_time), "age": ago, "ago": ago}
    return texts


def _cell_colour(cell: Cell) -> str | None:
    states = cell.states
    if states & {"problem", "drifted"}:
        return "red"
    if states:
        return "yellow"
    return "green" if cell.standing.sync is SyncState.IN_SYNC else None


def _colour(summary: str) -> str:
    return "yellow" if summary else "green"
