"""Reading a file a little ahead of its use, by a thread of its own, in constant memory.

with closing(read_ahead(file, 1 << 20)) as pieces:
    for piece in pieces:
        digest.update(piece)
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Generator
from queue import SimpleQueue
from typing import BinaryIO

# One is used, one is full, one is being filled.
_BUFFERS = 3


def read_ahead(file: BinaryIO, size: int) -> Generator[memoryview, None, None]:
    """Yield the rest of an unbuffered file in pieces of at most `size` bytes, each good until the next is asked for.

    Raises the OSError that reading does. No thread is left when it ends, or is closed.
    """
    with contextlib.suppress(OSError, AttributeError):
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
    free: SimpleQueue[bytearray | None] = SimpleQueue()
    full: SimpleQueue[tuple[bytearray, int] | Exception] = SimpleQueue()
    reader = threading.Thread(target=_fill, args=(file, free, full), name="read-ahead", daemon=True)
    for _ in range(_BUFFERS):
        free.put(bytearray(size))
    reader.start()
    try:
        while True:
            read = full.get()
            if isinstance(read, Exception):
                raise read
            buffer, count = read
            if not count:
                return
            yield memoryview(buffer)[:count]
            free.put(buffer)
    finally:
        free.put(None)
        reader.join()


def _fill(
    file: BinaryIO, free: SimpleQueue[bytearray | None], full: SimpleQueue[tuple[bytearray, int] | Exception]
) -> None:
    count = 1
    while count and (buffer := free.get()) is not None:
        try:
            count = file.readinto(buffer) or 0  # type: ignore[attr-defined]
        except Exception as error:  # noqa: BLE001 - raised where it is read
            full.put(error)
            return
        full.put((buffer, count))
