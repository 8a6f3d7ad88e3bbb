"""The progress of reading files or a registry: a bar at a terminal, nothing in a log.

with open_read_progress(quiet=False) as progress:
    hash_files(paths, on_bytes=progress.hashing(paths))
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from ..publishing import Event
from ..publishing.download_asset import DownloadStarted
from .views.bars import ReadingBar


class ReadProgress(Protocol):
    """Shows the progress of reading, from several threads."""

    def hashing(self, files: Collection[Path]) -> Callable[[int], None]:
        """Show that files are hashed; return a function to call with each number of bytes that was read."""

    def add(self, version: str, event: Event | DownloadStarted) -> None:
        """Show what happened to a version."""


class _Silent:
    def hashing(self, files: Collection[Path]) -> Callable[[int], None]:  # noqa: ARG002
        return lambda _count: None

    def add(self, version: str, event: Event | DownloadStarted) -> None:
        pass


@contextmanager
def open_read_progress(*, quiet: bool) -> Iterator[ReadProgress]:
    """Show a bar if stderr is a terminal."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield _Silent()
        return
    with ReadingBar() as bar:
        yield bar
