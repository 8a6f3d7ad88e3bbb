"""Records which files are opened, by any process, with inotify.

with Opens([folder]) as opens:
    ...
opens.first         # path -> when it was opened first: not before, by the monotonic clock
opens.count         # how often any file was
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import select
import struct
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from .measure import BenchmarkError, NotRunError

_IN_OPEN = 0x20
_IN_Q_OVERFLOW = 0x4000
_IN_ISDIR = 0x40000000
_EVENT = struct.Struct("iIII")
_BUFFER = 1 << 20
# Events have no timestamp; this is their resolution.
_LOOK_S = 0.01


class Opens:
    """A context manager that records every file opened in some folders.

    Raises NotRunError where the kernel has no inotify, BenchmarkError where it lost count.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        if sys.platform != "linux":
            raise NotRunError("not run: only Linux tells which files are opened")
        libc = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)
        self.first: dict[Path, float] = {}
        self.count = 0
        self._lost = False
        self._since = time.monotonic()
        self._descriptor = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._descriptor < 0:
            raise NotRunError(f"not run: no inotify: {os.strerror(ctypes.get_errno())}")
        self._folders: dict[int, Path] = {}
        for folder in folders:
            watch = libc.inotify_add_watch(self._descriptor, os.fsencode(folder), _IN_OPEN)
            if watch < 0:
                os.close(self._descriptor)
                raise NotRunError(f"not run: a folder cannot be watched: {os.strerror(ctypes.get_errno())}")
            self._folders[watch] = folder
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        self._ended.set()
        self._thread.join()
        self._read()
        os.close(self._descriptor)
        if self._lost and kind is None:
            raise BenchmarkError("more files were opened than could be counted")

    def _follow(self) -> None:
        while not self._ended.is_set():
            now = time.monotonic()
            if select.select([self._descriptor], [], [], _LOOK_S)[0]:
                now = time.monotonic()
                self._read()
            # All earlier events have been read.
            self._since = now

    def _read(self) -> None:
        try:
            events = os.read(self._descriptor, _BUFFER)
        except BlockingIOError:
            return
        at = 0
        while at < len(events):
            watch, mask, _cookie, length = _EVENT.unpack_from(events, at)
            name = events[at + _EVENT.size : at + _EVENT.size + length].rstrip(b"\0")
            at += _EVENT.size + length
            if mask & _IN_Q_OVERFLOW:
                self._lost = True
            elif name and not mask & _IN_ISDIR:
                self.count += 1
                self.first.setdefault(self._folders[watch] / os.fsdecode(name), self._since)
