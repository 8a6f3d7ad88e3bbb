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
import stat
import threading
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, wait
from typing import BinaryIO

from .failures import StoreError
from .folder import BLOBS, READ, UPLOADS, Folder, is_blob
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

    def __init__(self, folder: Folder, hashers: Hashers) -> None:
        self._folder = folder
        self._hashers = hashers

    def receive(self) -> Upload:
        """Begin to receive a blob. The folders must exist."""
        return Upload(self._folder.open(UPLOADS), self._hashers)

    def place(self, upload: Upload) -> None:
        """Move a finished upload to its name. Only inside a write transaction."""
        # Also in the place of what is there: it may have come with somebody's checkout, and hold anything.
        with self._folder.opened(BLOBS) as blobs:
            os.replace(upload.name, upload.hashes["SHA-256"], src_dir_fd=upload.folder, dst_dir_fd=blobs)
            os.fsync(blobs)

    def open(self, sha256: object) -> Blob:
        """Open a blob for reading.

        Raises:
            FileNotFoundError: it is not there (any more).
            StoreError: this is no name of a blob, or no file.
        """
        if not is_blob(sha256):
            raise StoreError(f"the tables name a content that is no SHA-256: {str(sha256)[:80]!r}")
        with self._folder.opened(BLOBS) as blobs:
            file = os.fdopen(os.open(str(sha256), READ, dir_fd=blobs), "rb", buffering=0)
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise StoreError(f"{BLOBS}/{sha256} is not a file")
        return Blob(file)

    def remove(self, names: Iterable[object]) -> None:
        """Remove blobs that no asset refers to. Only inside a write transaction."""
        with self._folder.opened(BLOBS) as blobs:
            for name in names:
                if is_blob(name):
                    _remove(blobs, str(name))

    def names(self) -> list[str]:
        """Return the SHA-256 of every blob."""
        return self._folder.names(BLOBS)

    def remove_stale_uploads(self) -> None:
        """Remove what killed processes were receiving: the files whose lock nobody holds."""
        with self._folder.opened(UPLOADS) as uploads:
            for name in self._folder.names(UPLOADS):
                with contextlib.suppress(OSError):
                    descriptor = os.open(name, READ, dir_fd=uploads)
                    try:
                        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        _remove(uploads, name)
                    finally:
                        os.close(descriptor)


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
        folder: a descriptor of the folder that it is in.
        name: of the file, a random one until `Blobs.place` moves it.
        size: bytes received so far.
        hashes: hex by the service's names; empty until `finish`.
    """

    def __init__(self, folder: int, hashers: Hashers) -> None:
        """Make the file; the descriptor of the folder is closed with it."""
        self.folder = folder
        self.size = 0
        self.hashes: dict[str, str] = {}
        self._hashers = hashers
        self._hashing = {name: hashlib.new(python, usedforsecurity=False) for name, python in ALGORITHMS.items()}
        self._in_flight: deque[list[Future[None]]] = deque()
        self._lock = threading.Lock()  # a cancelled request closes while its last write may still run
        try:
            self.name, self._file = _create_locked(folder)
        except BaseException:
            os.close(folder)
            raise

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
                try:
                    _remove(self.folder, self.name)
                finally:
                    self._file.close()
                    os.close(self.folder)

    def _await_hashes(self, blocks: int) -> None:
        while len(self._in_flight) > blocks:
            wait(self._in_flight.popleft())


def _create_locked(folder: int) -> tuple[str, BinaryIO]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        name = secrets.token_hex(16)
        file = os.fdopen(os.open(name, flags, 0o666, dir_fd=folder), "wb")
        fcntl.flock(file, fcntl.LOCK_EX)
        # Between the two calls another process may have taken it for a leftover; then it has no name any more.
        if os.fstat(file.fileno()).st_nlink:
            return name, file
        file.close()


def _remove(folder: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            os.unlink(name, dir_fd=folder)
