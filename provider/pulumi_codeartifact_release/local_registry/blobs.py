"""Asset contents on disk: one file per SHA-256, complete or absent.

    DIR/uploads/<random>   an upload in progress; its writer holds a lock, so a file without a lock is a leftover
    DIR/blobs/<sha256>     a complete file that has reached the disk

A blob is moved into place or removed only inside a write transaction of the store (see `store`), so that processes
agree on which blobs are referenced.
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
"""The names of the four hashes: CodeArtifact's -> Python's."""

_PARALLEL_FROM = 256 * 1024
"""Block size in bytes from which four threads are faster than one: hashlib releases the GIL for large blocks."""

_BLOCKS_IN_FLIGHT = 4
"""Maximum number of blocks of one upload that wait for the slowest hash."""


class Hashers:
    """One thread per algorithm, so that the blocks of an upload are hashed in order."""

    def __init__(self) -> None:
        self.threads = {name: DaemonExecutor(1, f"registry-{python}") for name, python in ALGORITHMS.items()}

    def close(self) -> None:
        """End the threads."""
        for thread in self.threads.values():
            thread.shutdown()


class Blobs:
    """The folders `blobs` and `uploads` of a store."""

    def __init__(self, folder: Folder, hashers: Hashers) -> None:
        self._folder = folder
        self._hashers = hashers

    def receive(self) -> Upload:
        """Start an upload. The folders must exist."""
        return Upload(self._folder.open(UPLOADS), self._hashers)

    def place(self, upload: Upload) -> None:
        """Move a finished upload to its blob. Call this only inside a write transaction."""
        # Replace an existing file too: it may be part of an untrusted checkout, and have other content.
        with self._folder.descriptor(BLOBS) as blobs:
            os.replace(upload.name, upload.hashes["SHA-256"], src_dir_fd=upload.folder, dst_dir_fd=blobs)
            os.fsync(blobs)

    def open(self, sha256: object) -> Blob:
        """Open a blob for reading.

        Raises:
            FileNotFoundError: the blob does not exist (any more).
            StoreError: this is not the name of a blob, or it is not a regular file.
        """
        if not is_blob(sha256):
            raise StoreError(f"the database refers to a blob that is not named by a SHA-256: {str(sha256)[:80]!r}")
        with self._folder.descriptor(BLOBS) as blobs:
            file = os.fdopen(os.open(str(sha256), READ, dir_fd=blobs), "rb", buffering=0)
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise StoreError(f"{BLOBS}/{sha256} is not a regular file")
        return Blob(file)

    def remove(self, names: Iterable[object]) -> None:
        """Remove blobs to which no asset refers. Call this only inside a write transaction."""
        with self._folder.descriptor(BLOBS) as blobs:
            for name in names:
                if is_blob(name):
                    _remove(blobs, str(name))

    def names(self) -> list[str]:
        """Return the SHA-256 of every blob."""
        return self._folder.names(BLOBS)

    def remove_stale_uploads(self) -> None:
        """Remove the uploads of killed processes, which are the files without a lock."""
        with self._folder.descriptor(UPLOADS) as uploads:
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
    """An upload in progress, which is written to the disk and hashed by four algorithms.

    Attributes:
        folder: a descriptor of the folder `uploads`.
        name: the random name of its file.
        size: number of bytes so far.
        hashes: name of the algorithm -> hex digest; empty until `finish`.
    """

    def __init__(self, folder: int, hashers: Hashers) -> None:
        """Create the file. `close` also closes the descriptor of the folder."""
        self.folder = folder
        self.size = 0
        self.hashes: dict[str, str] = {}
        self._hashers = hashers
        self._hashing = {name: hashlib.new(python, usedforsecurity=False) for name, python in ALGORITHMS.items()}
        self._in_flight: deque[list[Future[None]]] = deque()
        self._lock = threading.Lock()  # a cancelled request may close while its last write is still running
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
                for hasher in self._hashing.values():
                    hasher.update(data)
            else:
                self._in_flight.append(
                    [self._hashers.threads[name].submit(hasher.update, data) for name, hasher in self._hashing.items()]
                )
            self._file.write(data)
            self._await_hashes(_BLOCKS_IN_FLIGHT)

    def finish(self) -> None:
        """Flush the file to the disk and set `hashes`."""
        with self._lock:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._await_hashes(0)
            self.hashes = {name: hasher.hexdigest() for name, hasher in self._hashing.items()}

    def close(self) -> None:
        """Close the file, and remove it unless it was moved. May be called twice."""
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
        # Before the lock, another process may have removed it as a leftover. Then it has no name any more.
        if os.fstat(file.fileno()).st_nlink:
            return name, file
        file.close()


def _remove(folder: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            os.unlink(name, dir_fd=folder)
