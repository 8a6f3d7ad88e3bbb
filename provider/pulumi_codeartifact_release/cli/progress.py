"""How far reading is, of files or of a registry: a bar at a terminal, nothing in a log.

with open_reading(quiet=False) as reading:
    hash_files(paths, on_bytes=reading.hashing(paths))
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..publishing import Event
    from ..publishing.download_asset import DownloadStarted


class Reading(Protocol):
    """Shows what is under way; told from several threads."""

    def hashing(self, files: Collection[Path]) -> Callable[[int], None]:
        """Take note of files to be hashed; returns whom to tell how many bytes were."""

    def add(self, version: str, event: Event | DownloadStarted) -> None:
        """Take note of what happened to a version."""


class Nothing:
    """`Reading` for logs, where nothing moves."""

    def hashing(self, files: Collection[Path]) -> Callable[[int], None]:  # noqa: ARG002
        """Take no note."""
        return lambda _count: None

    def add(self, version: str, event: Event | DownloadStarted) -> None:
        """Take no note."""


@contextmanager
def open_reading(*, quiet: bool) -> Iterator[Reading]:
    """Show it as suits where stderr goes."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield Nothing()
        return
    from .views.progress_bar import Bar  # noqa: PLC0415 - rich is for terminals

    with Bar() as bar:
        yield bar
