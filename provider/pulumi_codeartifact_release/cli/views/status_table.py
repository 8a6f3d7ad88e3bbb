"""`status` for people: for each package a table of its environments, and notes below it.

    for line in status_lines(report, width=80):
        click.echo(line)

Color only repeats what the words say. Text of a registry is made printable.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ...errors import printable
from ...publishing.drift import SyncState
from ...text.sizes import count_text
from ..status_read import Cell, EnvironmentReport, Report, Row
from .console import columns, indented, lines, text
from .status_text import digest_text, drift_text, minute_text, notes, problem_text, short, state_text, version_text

_MIN_STATE_WIDTH = 12
"""The minimum width of the table's last column, whose text is wrapped."""


def status_lines(report: Report, width: int | None, *, digests: bool = False) -> Iterator[str]:
    """Yield the lines; `width` in columns, None for a file; `digests`: show whole digests."""
    as_of = Text.assemble((printable(report.manifest), "bold"), f", as of {minute_text(report.as_of)}")
    parts: list[RenderableType] = [as_of]
    parts.append(indented(_environments(report), 2))
    environments = {environment.name: environment for environment in report.environments}
    if report.rows:
        parts += ["", indented(_table(report, width, digests=digests, with_header=True), 2)]
    for number, row in enumerate(report.rows):
        member = f" (member of {row.bundle})" if row.bundle else ""
        parts += [""] * (number > 0) + [Text.assemble(text(row.name, "bold"), text(member))]
        table = _table(report, width, digests=digests, with_header=False)
        for name, cell in row.cells.items():
            table.add_row(*_cells(name, cell, digests=digests))
        parts.append(indented(table, 2))
        parts += _notes(row, environments, digests=digests)
    totals = f"{count_text(len(report.rows), 'package')} in {count_text(len(report.environments), 'environment')}: "
    state = text(f"{state_text(report)}.", "bold yellow" if report.summary else "bold green")
    yield from lines(*parts, "", Text.assemble(totals, state), width=width)


def _environments(report: Report) -> Table:
    table = columns("", "")
    table.show_header = False
    for environment in report.environments:
        origin = f"; {environment.origin}" if environment.origin else ""
        table.add_row(text(environment.name), text(environment.where + origin))
        if environment.problem:
            table.add_row("", text(f"not read: {short(problem_text(environment.problem))}", "red"))
    return table


def _table(report: Report, width: int | None, *, digests: bool, with_header: bool) -> Table:
    """Return the table of one package's environments; if there is room, with the same columns as the other tables."""
    table = columns("", "VERSION", "STATUS", "DIGEST", "SINCE (UTC)", "STATE")
    table.show_header = with_header
    rows = [_cells(name, cell, digests=digests) for row in report.rows for name, cell in row.cells.items()]
    fixed = table.columns[:-1]
    least = [max(len(str(column.header)), *(row[at].cell_len for row in rows)) for at, column in enumerate(fixed)]
    if width is None or sum(least) + 2 * len(least) + 2 + _MIN_STATE_WIDTH <= width:
        for column, needed in zip(fixed, least, strict=True):
            column.min_width = needed
            column.no_wrap = True
    return table


def _cells(name: str, cell: Cell, *, digests: bool) -> tuple[Text, ...]:
    holds, drift_report = cell.state.current, text(drift_text(cell), _color(cell))
    if not holds:
        return text(name), text("-"), text(""), text(""), text(""), drift_report
    since = minute_text(holds.published_time).removesuffix(" UTC") if holds.published_time else ""
    digest = "" if not holds.digest else holds.digest if digests else digest_text(holds.digest)
    return text(name), text(version_text(cell)), text(str(holds.status)), text(digest), text(since), drift_report


def _notes(row: Row, environments: dict[str, EnvironmentReport], *, digests: bool) -> Iterator[RenderableType]:
    for name, cell in row.cells.items():
        for note in notes(cell, environments[name]):
            yield indented(text(f"{name}: {note if digests else short(note)}", _color(cell)), 4)


def _color(cell: Cell) -> str:
    states = cell.states
    if states & {"problem", "drifted"}:
        return "red"
    if states:
        return "yellow"
    return "green" if cell.drift_report.sync is SyncState.IN_SYNC else ""
