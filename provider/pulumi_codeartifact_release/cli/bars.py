"""Progress bars at a terminal: one for each package under way, and a line that stays when it is done."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column

from ..progress import Progress as ReleaseProgress
from ..publishing import Event, Finished, Planned


class BarDisplay:
    """`Display` with bars on stderr; stdout stays free for what a program reads.

    `sizes` are the bytes to send by package.
    """

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self._sizes = sizes
        self._releases: dict[str, ReleaseProgress] = {}
        self._tasks: dict[str, TaskID] = {}
        self._bars = Progress(
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, max_width=28)),
            BarColumn(bar_width=12),
            DownloadColumn(binary_units=True, table_column=Column(no_wrap=True)),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[line]}", markup=False, table_column=Column(no_wrap=True, max_width=16)),
            console=Console(stderr=True),
            transient=True,
        )

    def __enter__(self) -> BarDisplay:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def add(self, package: str, event: Event) -> None:
        """Take note of what happened to a package."""
        release = self._releases.setdefault(package, ReleaseProgress())
        release.add(event)
        if isinstance(event, Planned) and package not in self._tasks:
            self._tasks[package] = self._bars.add_task(package, total=self._sizes[package], line="")
        if package in self._tasks:
            self._bars.update(self._tasks[package], completed=release.bytes_sent, line=release.line().split(",")[0])
        if isinstance(event, Finished):
            self._bars.remove_task(self._tasks.pop(package))
            self.say(f"released {package}: {release.line()}")

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self._bars.console.print(text, markup=False, highlight=False)
