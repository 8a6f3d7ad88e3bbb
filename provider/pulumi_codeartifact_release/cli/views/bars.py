"""Releases under way, for people: bars at a terminal, lines in a log, nothing where it is to be quiet.

with open_display(sizes, connection, quiet=False) as display:
    display.add("acme/app", event)
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from ...errors import printable
from ...progress import Live
from ...progress import Progress as ReleaseProgress
from ...publishing import Event, Finished, Planned
from ...review import part_text
from ..error_output import nobody_reads

if TYPE_CHECKING:
    from ...connections import Connection

_LOG_EVERY_S = 30.0


def _print(text: str, *, err: bool = False) -> None:
    """Print a line; that nobody reads it any more is not worth a release."""
    try:
        click.echo(text, err=err)
    except OSError:
        nobody_reads(err=err)


class Display:
    """Follows several releases; told from several threads. This one shows nothing.

    `connection` is where to: its quota is what is waited for.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.releases: dict[str, ReleaseProgress] = {}
        self.done: dict[str, str] = {}

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def add(self, package: str, event: Event) -> None:
        """Take note of what happened to a package."""
        release = self.releases.get(package)
        if release is None:
            release = self.releases[package] = ReleaseProgress(self._connection.rate, self._connection.waiting_s)
        release.add(event)
        if isinstance(event, Finished):
            self.done[package] = release.line()
        self._moved(package, event)

    def last_line(self, package: str) -> str:
        """Return what stays of a package: a line."""
        return printable(f"{package}: {self.done[package]}")

    def say(self, text: str) -> None:
        """Print a line that stays."""

    def _moved(self, package: str, event: Event) -> None:
        pass


class LineDisplay(Display):
    """For logs: a line when a package is done, and one every half minute while nothing is; nothing that moves."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._live = Live(self._line, self.say, least_s=0.0, poll_s=_LOG_EVERY_S)

    def __enter__(self) -> Display:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def say(self, text: str) -> None:
        """Print a line that stays."""
        _print(text, err=True)

    def _moved(self, package: str, event: Event) -> None:
        if isinstance(event, Finished):
            _print(self.last_line(package))

    def _line(self) -> str:
        running = {name: each for name, each in list(self.releases.items()) if name not in self.done}
        lines = [printable(f"{name}: {each.line()}") for name, each in running.items()]
        return "\n".join(lines) or "looking at the registry"


class BarDisplay(Display):
    """For terminals: a bar for each package under way on stderr, and a line that stays when it is done.

    `sizes` are the bytes to send by package.
    """

    def __init__(self, connection: Connection, sizes: Mapping[str, int]) -> None:
        from rich.console import Console  # noqa: PLC0415 - for terminals only
        from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn  # noqa: PLC0415
        from rich.table import Column  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        class Tail(ProgressColumn):
            # Asked at every turn of the display: time passes, and the quota is waited for, while nothing happens.
            def render(self, task: Any) -> Text:
                release = task.fields["release"]
                # What matters most comes first: a narrow terminal cuts the rest.
                counted = part_text(release.bytes_sent, int(task.total or 0))
                assets = release.count_text().removesuffix(" assets")
                return Text(", ".join(filter(None, (assets, counted, release.tail()))))

        super().__init__(connection)
        self._sizes = sizes
        self._tasks: dict[str, Any] = {}
        self._bars = Progress(
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, max_width=24)),
            BarColumn(bar_width=6),
            Tail(table_column=Column(no_wrap=True, overflow="ellipsis")),
            console=Console(stderr=True),
            transient=True,
        )

    def __enter__(self) -> Display:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self._bars.console.print(text, markup=False, highlight=False)

    def _moved(self, package: str, event: Event) -> None:
        release = self.releases[package]
        if isinstance(event, Planned) and package not in self._tasks:
            self._tasks[package] = self._bars.add_task(printable(package), total=self._sizes[package], release=release)
        if package in self._tasks:
            self._bars.update(self._tasks[package], completed=release.bytes_sent)
        if isinstance(event, Finished):
            self._bars.remove_task(self._tasks.pop(package))
            if sys.stdout is not None and sys.stdout.isatty():
                self.say(self.last_line(package))
            else:
                # A log of what was released gets these lines wherever the bars are.
                _print(self.last_line(package))


@contextmanager
def open_display(sizes: Mapping[str, int], connection: Connection, *, quiet: bool) -> Iterator[Display]:
    """Show releases as suits where the output goes; `sizes` are the bytes to send by package."""
    bars = not quiet and sys.stderr is not None and sys.stderr.isatty()
    chosen = BarDisplay(connection, sizes) if bars else Display(connection) if quiet else LineDisplay(connection)
    with chosen as display:
        yield display
