"""How far reading is, at a terminal: one bar on stderr, gone when it is done; stdout stays free."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from ...publishing import AssetProgress, Event
from ...publishing.download_asset import DownloadStarted
from ...review import part_text


class Bar:
    """`Reading` with one bar for all files, then one for all downloads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hashed = self._total = 0
        self._due: dict[str, int] = {}
        self._came: dict[str, dict[str, int]] = {}
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[size]}"),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bars.add_task("reading", total=None, size="")

    def __enter__(self) -> Bar:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def hashing(self, files: Collection[Path]) -> Callable[[int], None]:
        """Take note of files to be hashed; returns whom to tell how many bytes were."""
        total = 0
        for file in files:
            with suppress(OSError):
                total += file.stat().st_size
        self._total = total
        self._show("hashing", 0, total)
        return self._on_hashed

    def _on_hashed(self, count: int) -> None:
        with self._lock:
            self._hashed += count
            self._show("hashing", self._hashed, self._total)

    def add(self, version: str, event: Event | DownloadStarted) -> None:
        """Take note of what happened to a version."""
        with self._lock:
            match event:
                case DownloadStarted(assets):
                    # Also of a version that moved: what came of it came for nothing.
                    self._due[version] = sum(asset.size for asset in assets)
                    self._came[version] = {}
                case AssetProgress(asset, size):
                    self._came[version][asset.name] = size
                case _:
                    return
            came = sum(size for sizes in self._came.values() for size in sizes.values())
            self._show("downloading", came, max(sum(self._due.values()), came))

    def _show(self, what: str, done: int, total: int) -> None:
        size = part_text(done, total)
        self._bars.update(self._task, description=what, completed=done, total=total, size=size)
