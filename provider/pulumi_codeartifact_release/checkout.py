"""Opens files of an untrusted checkout without following links, which may appear anywhere at any time.

    real = os.path.realpath(path)           # check this path,
    descriptor = open_real(real)            # and open only this one: a link in it is an OSError now

A path is checked once, as text, after its links are resolved. Later exactly that path is opened, or nothing.
"""

# ruff: noqa: PTH100, PTH118, PTH119, PTH120 - texts are faster for many thousands of paths, and links stay visible

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

# O_PATH opens a folder that may be entered but not listed.
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | getattr(os, "O_PATH", 0)
# O_NONBLOCK, so that a FIFO in the place of a file does not block.
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
# macOS refuses links in a whole path with one flag, and has no O_PATH.
_NO_LINKS = getattr(os, "O_NOFOLLOW_ANY", 0)


@contextmanager
def real_folder(path: str) -> Iterator[int]:
    """Yield a folder's descriptor, for `dir_fd`. Raises OSError if it is not a folder, or its path contains a link."""
    path = os.path.abspath(path)
    descriptor = os.open(path if _NO_LINKS else "/", _FOLDER | _NO_LINKS)
    try:
        for part in () if _NO_LINKS else path.split("/"):
            if part:
                inner = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def open_real(path: str) -> int:
    """Open a file of any kind for reading, without blocking. Raises OSError if its path contains a link."""
    folder, name = os.path.split(path)
    with real_folder(folder) as descriptor:
        return os.open(name, _FILE, dir_fd=descriptor)


def read_real(path: str, limit: int) -> bytes:
    """Return the first `limit` bytes of a file. Raises OSError if it is not regular, or its path contains a link."""
    with os.fdopen(open_real(path), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(0, "not a regular file", path)
        return file.read(limit)


def stats_of_real(paths: Sequence[str]) -> list[os.stat_result]:
    """Return the stat of each path, in order; for a link, that of the link. Raises OSError with the path."""
    by_folder: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        by_folder[os.path.dirname(path)].append(path)
    stats: dict[str, os.stat_result] = {}
    for folder, children in by_folder.items():
        path = folder
        try:
            with real_folder(folder) as descriptor:
                for path in children:
                    stats[path] = os.stat(os.path.basename(path), dir_fd=descriptor, follow_symlinks=False)
        except OSError as error:
            raise type(error)(error.errno, error.strerror, path) from error
    return [stats[path] for path in paths]


def is_within(real: str, folder: str) -> bool:
    """Return whether a path is the folder or inside it. Both must be without symlinks."""
    return real == folder or real.startswith(folder.rstrip("/") + "/")


def top_of(folder: str) -> str:
    """Return the root of a checkout: the nearest folder with a `.git`, else `folder` itself.

    The result is absolute, with links resolved.
    """
    folder = here = os.path.realpath(folder)
    while not os.path.lexists(os.path.join(here, ".git")):
        if here == os.path.dirname(here):
            return folder
        here = os.path.dirname(here)
    return here
