"""Progress for people: bars at a terminal, lines in a log, nothing with --quiet.

with open_display(sizes, connection, quiet=False) as display:
    display.add("acme/app", event)
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from ...connections import Connection
from ...errors import printable
from ...publishing import AssetProgress, Event, Finished, Planned
from ...publishing.download_asset import DownloadStarted
from ...text.progress import LiveLine
from ...text.progress import Progress as ReleaseProgress
from ...text.sizes import part_text
from ..error_output import discard_output

_LOG_EVERY_S = 30.0


def _print(text: str, *, err: bool = False) -> None:
    """Print a line. A reader that is gone does not stop a release."""
    try:
        click.echo(text, err=err)
    except OSError:
        discard_output(err=err)


class Display:
    """Follows several releases, from several threads, and shows nothing.

    `connection`: of the destination, whose rate limit determines the time left.
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
        """Show what happened to a package."""
        release = self.releases.get(package)
        if release is None:
            release = self.releases[package] = ReleaseProgress(self._connection.rate, self._connection.waiting_s)
        release.add(event)
        if isinstance(event, Finished):
            self.done[package] = release.line()
        self._update(package, event)

    def last_line(self, package: str) -> str:
        """Return the line of a finished package."""
        return printable(f"{package}: {self.done[package]}")

    def say(self, text: str) -> None:
        """Print a line."""

    def _update(self, package: str, event: Event) -> None:
        pass


class LineDisplay(Display):
    """For logs: a line for each finished package, and one every half minute for those in progress."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._live = LiveLine(self._line, self.say, interval_s=0.0, poll_s=_LOG_EVERY_S)

    def __enter__(self) -> Display:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def say(self, text: str) -> None:
        """Print a line."""
        _print(text, err=True)

    def _update(self, package: str, event: Event) -> None:
        if isinstance(event, Finished):
            _print(self.last_line(package))

    def _line(self) -> str:
        running = {name: release for name, release in list(self.releases.items()) if name not in self.done}
        lines = [printable(f"{name}: {release.line()}") for name, release in running.items()]
        return "\n".join(lines) or "reading the registry"


class _Tail(ProgressColumn):
    """The text after a bar. Rich renders it again and again, because the time left changes while nothing happens."""

    def render(self, task: Any) -> Text:
        """Return assets, bytes and time: what matters most comes first, as a narrow terminal cuts the rest."""
        release = task.fields["release"]
        size = part_text(release.bytes_sent, int(task.total or 0))
        assets = release.count_text().removesuffix(" assets")
        return Text(", ".join(filter(None, (assets, size, release.tail()))))


class BarDisplay(Display):
    """For terminals: a bar on stderr for each package in progress, and a line for each finished one.

    `sizes`: the bytes to send, by package.
    """

    def __init__(self, connection: Connection, sizes: Mapping[str, int]) -> None:
        super().__init__(connection)
        self._sizes = sizes
        self._tasks: dict[str, Any] = {}
        self._bars = Progress(
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, max_width=24)),
            BarColumn(bar_width=6),
            _Tail(table_column=Column(no_wrap=True, overflow="ellipsis")),
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
        """Print a line."""
        self._bars.console.print(text, markup=False, highlight=False)

    def _update(self, package: str, event: Event) -> None:
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
                # These lines belong to the output, wherever the bars are.
                _print(self.last_line(package))


@contextmanager
def open_display(sizes: Mapping[str, int], connection: Connection, *, quiet: bool) -> Iterator[Display]:
    """Show releases in bars if stderr is a terminal, else in lines; `sizes`: the bytes to send, by package."""
    if quiet:
        display = Display(connection)
    elif sys.stderr is not None and sys.stderr.isatty():
        display = BarDisplay(connection, sizes)
    else:
        display = LineDisplay(connection)
    with display:
        yield display


class ReadingBar:
    """One bar on stderr for files that are hashed, then for assets that are downloaded; it disappears at the end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hashed_bytes = self._total_bytes = 0
        self._download_sizes: dict[str, int] = {}
        self._received: dict[str, dict[str, int]] = {}
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[size]}"),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bars.add_task("reading", total=None, size="")

    def __enter__(self) -> ReadingBar:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def hashing(self, files: Collection[Path]) -> Callable[[int], None]:
        """Show that files are hashed; return a function to call with each number of bytes that was read."""
        for file in files:
            with suppress(OSError):
                self._total_bytes += file.stat().st_size
        self._show("hashing", 0, self._total_bytes)
        return self._add_hashed

    def _add_hashed(self, count: int) -> None:
        with self._lock:
            self._hashed_bytes += count
            self._show("hashing", self._hashed_bytes, self._total_bytes)

    def add(self, version: str, event: Event | DownloadStarted) -> None:
        """Show what happened to a version."""
        with self._lock:
            match event:
                case DownloadStarted(assets):
                    # A version that changed meanwhile starts again, without the bytes received so far.
                    self._download_sizes[version] = sum(asset.size for asset in assets)
                    self._received[version] = {}
                case AssetProgress(asset, size):
                    self._received[version][asset.name] = size
                case _:
                    return
            received = sum(size for sizes in self._received.values() for size in sizes.values())
            self._show("downloading", received, max(sum(self._download_sizes.values()), received))

    def _show(self, description: str, count: int, total: int) -> None:
        size = part_text(count, total)
        self._bars.update(self._task, description=description, completed=count, total=total, size=size)
