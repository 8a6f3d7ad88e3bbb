"""Files of a checkout, opened without following links: whoever wrote the checkout may put one anywhere, at any time.

    real = os.path.realpath(path)           # judge this path,
    descriptor = open_real(real)            # and open no other: a link that is on the way by now is an OSError

A path is judged once, as text, after its links are resolved. What is opened later is at that very path or nowhere.
"""

# ruff: noqa: PTH100, PTH118, PTH119, PTH120 - of texts: many thousands of paths, and links that are judged by hand

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

# O_PATH: a folder may be passed through that may not be listed.
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | getattr(os, "O_PATH", 0)
# A FIFO in the place of a file must be no wait for ever.
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
# macOS refuses the links of a whole path at once, and has no O_PATH.
_NO_LINKS = getattr(os, "O_NOFOLLOW_ANY", 0)


@contextmanager
def real_folder(path: str) -> Iterator[int]:
    """Yield a descriptor of a folder, for `dir_fd`. Raises OSError if a link is on the way, or it is no folder."""
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
    """Open a file, whatever its kind, to read, without ever waiting. Raises OSError if a link is on the way."""
    folder, name = os.path.split(path)
    with real_folder(folder) as descriptor:
        return os.open(name, _FILE, dir_fd=descriptor)


def read_real(path: str, most: int) -> bytes:
    """Return the first `most` bytes of a regular file. Raises OSError if it is none, or a link is on the way."""
    with os.fdopen(open_real(path), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(0, "it is no regular file", path)
        return file.read(most)


def stats_of_real(paths: Sequence[str]) -> list[os.stat_result]:
    """Return the stat of each path, in their order; of a link, that of the link. Raises OSError, naming the path."""
    by_folder: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        by_folder[os.path.dirname(path)].append(path)
    found: dict[str, os.stat_result] = {}
    for folder, inside in by_folder.items():
        path = folder
        try:
            with real_folder(folder) as descriptor:
                for path in inside:
                    found[path] = os.stat(os.path.basename(path), dir_fd=descriptor, follow_symlinks=False)
        except OSError as error:
            raise type(error)(error.errno, error.strerror, path) from error
    return [found[path] for path in paths]


def is_within(real: str, folder: str) -> bool:
    """Whether a path is a folder, or in it; both without symlinks."""
    return real == folder or real.startswith(folder.rstrip("/") + "/")


def top_of(folder: str) -> str:
    """Return the folder that a checkout begins in: the nearest one with a `.git` in it, else `folder` itself.

    What is returned is absolute, its links resolved.
    """
    folder = here = os.path.realpath(folder)
    while not os.path.lexists(os.path.join(here, ".git")):
        if here == os.path.dirname(here):
            return folder
        here = os.path.dirname(here)
    return here
