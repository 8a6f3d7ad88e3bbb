"""Asset contents on disk: one file for each SHA-256, written whole or not at all.

    DIR/uploads/<random>   being received; locked by its writer, so that what a killed process left is told apart
    DIR/blobs/<sha256>     complete, on the disk, and named by its content

A blob is moved into place, and removed, only inside a write transaction of the store (see `store`): two processes
cannot disagree about whether one is referenced.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import threading
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, wait
from pathlib import Path
from typing import BinaryIO

from .workers import DaemonExecutor

ALGORITHMS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-512": "sha512"}
"""The service's names of the four hashes, and Python's."""

_PARALLEL_FROM = 256 * 1024
"""Bytes from which four threads hash faster than one; hashlib lets go of the interpreter meanwhile."""

_BLOCKS_IN_FLIGHT = 4
"""Blocks of one upload that may wait for the slowest hash."""


class Hashers:
    """A thread for each algorithm. What is submitted to one runs in order, so it may be an upload's next block."""

    def __init__(self) -> None:
        self.threads = {name: DaemonExecutor(1, f"registry-{python}") for name, python in ALGORITHMS.items()}

    def close(self) -> None:
        """End the threads."""
        for thread in self.threads.values():
            thread.shutdown()


class Blobs:
    """The two folders of a store's files."""

    def __init__(self, directory: Path, hashers: Hashers) -> None:
        self._blobs = directory / "blobs"
        self._uploads = directory / "uploads"
        self._hashers = hashers

    def create(self) -> None:
        """Make the folders."""
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._uploads.mkdir(exist_ok=True)

    def receive(self) -> Upload:
        """Begin to receive a blob. The folders must exist."""
        return Upload(self._uploads, self._hashers)

    def place(self, upload: Upload) -> None:
        """Move a finished upload to its name. Only inside a write transaction."""
        target = self._blobs / upload.hashes["SHA-256"]
        with contextlib.suppress(FileNotFoundError):
            if target.stat().st_size == upload.size:
                return
        upload.path.replace(target)
        _sync(self._blobs)

    def open(self, sha256: str) -> Blob:
        """Open a blob for reading.

        Raises:
            FileNotFoundError: it is not there (any more).
        """
        return Blob((self._blobs / sha256).open("rb", buffering=0))

    def remove(self, names: Iterable[str]) -> None:
        """Remove blobs that no asset refers to. Only inside a write transaction."""
        for name in names:
            (self._blobs / name).unlink(missing_ok=True)

    def names(self) -> set[str]:
        """Return the SHA-256 of every blob."""
        return {path.name for path in self._blobs.iterdir()}

    def remove_stale_uploads(self) -> None:
        """Remove what killed processes were receiving: the files whose lock nobody holds."""
        for path in self._uploads.iterdir():
            with contextlib.suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)


class Blob:
    """A blob open for reading. `size` is in bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = os.fstat(file.fileno()).st_size

    def read(self, size: int) -> bytes:
        """Return up to `size` further bytes; empty at the end."""
        return self._file.read(size)

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._file.close()


class Upload:
    """A blob that is being received, hashed four ways on its way to the disk.

    Attributes:
        path: the file, under a random name until `Blobs.place` moves it.
        size: bytes received so far.
        hashes: hex by the service's names; empty until `finish`.
    """

    def __init__(self, folder: Path, hashers: Hashers) -> None:
        self.size = 0
        self.hashes: dict[str, str] = {}
        self._hashers = hashers
        self._hashing = {name: hashlib.new(python, usedforsecurity=False) for name, python in ALGORITHMS.items()}
        self._in_flight: deque[list[Future[None]]] = deque()
        self._lock = threading.Lock()  # a cancelled request closes while its last write may still run
        self.path, self._file = _create_locked(folder)

    def write(self, data: bytes) -> None:
        """Append to the blob."""
        with self._lock:
            if self._file.closed:
                return
            self.size += len(data)
            if len(data) < _PARALLEL_FROM:
                self._await_hashes(0)
                for each in self._hashing.values():
                    each.update(data)
            else:
                self._in_flight.append(
                    [self._hashers.threads[name].submit(each.update, data) for name, each in self._hashing.items()]
                )
            self._file.write(data)
            self._await_hashes(_BLOCKS_IN_FLIGHT)

    def finish(self) -> None:
        """Bring the blob to the disk, after which `hashes` is known."""
        with self._lock:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._await_hashes(0)
            self.hashes = {name: each.hexdigest() for name, each in self._hashing.items()}

    def close(self) -> None:
        """Let go of the file, and remove it unless it was moved into place. May be called twice."""
        with self._lock:
            if not self._file.closed:
                self.path.unlink(missing_ok=True)
                self._file.close()

    def _await_hashes(self, blocks: int) -> None:
        while len(self._in_flight) > blocks:
            wait(self._in_flight.popleft())


def _create_locked(folder: Path) -> tuple[Path, BinaryIO]:
    while True:
        path = folder / secrets.token_hex(16)
        file = path.open("xb")
        fcntl.flock(file, fcntl.LOCK_EX)
        # Between the two calls another process may have taken it for a leftover; then it has no name any more.
        if path.exists():
            return path, file
        file.close()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
