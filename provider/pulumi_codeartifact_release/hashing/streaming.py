"""Hashes many files at once, in constant memory.

hashed = hash_files(paths, cache=SqliteCache(default_folder()))
with hashed[path].open() as body:       # raises FileChangedError if the file changed
    ...
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import io
import os
import stat
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat
from operator import attrgetter
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO, NamedTuple

from ..checkout import open_real, stats_of_real
from ..errors import FileChangedError, FileError
from .interface import FileIdentity, HashCache

_CHUNK = 1 << 20
_PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_MAX_WORKERS = 16
# For the whole process: several resources hash at once, each with its own workers.
_processors = threading.BoundedSemaphore(_PROCESSORS)
# The clock of the coarsest file systems ticks every two seconds. Two writes within one tick look like one.
_SETTLED_NS = 2_000_000_000

UNREADABLE = "Check that it exists and that you may read it. Nothing of this release was published."


class HashedFile(NamedTuple):
    """A file in the state in which it was hashed.

    Attributes:
        path: absolute, without symbolic links.
        sha256: lower-case hex.
        identity: the state that was hashed.
        cache: the cache that may hold the hash; None without one.
        cached: whether the hash is from the cache, so that the file was not read.
    """

    path: Path
    sha256: str
    identity: FileIdentity
    cache: HashCache | None = None
    cached: bool = False

    @property
    def size(self) -> int:
        """Size in bytes."""
        return self.identity.size

    @contextlib.contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Yield the content. Raises FileChangedError if the file changed before or while it is open."""
        with open_file(self.path) as file:
            self._compare(file)
            # If the file changed, that is the error: a "hash mismatch" of the registry or a broken connection is only
            # its symptom.
            try:
                yield file
            finally:
                self._compare(file)

    def verify_unchanged(self) -> None:
        """Raise FileChangedError if the file changed since it was hashed."""
        self._compare(None)

    def rehash(self) -> None:
        """Read and hash the file again. Raises FileChangedError, and drops the cached hash, if they differ.

        Some writes do not change the stat: through a mapped page, after a clock was set back, on some file systems.
        """
        digest = hashlib.sha256()
        with self.open() as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        if digest.hexdigest() == self.sha256:
            return
        if self.cache:
            self.cache.forget(self.identity)
        raise FileChangedError(
            f"{self.path} has different bytes than when it was hashed, though its size and times are the same",
            hint="Nothing was published. The wrong hash was removed from the cache: run again to hash the file again.",
        )

    def _compare(self, file: BinaryIO | None) -> None:
        try:
            same = file is None or FileIdentity.of(os.fstat(file.fileno())) == self.identity
            same = same and FileIdentity.of(self.path.lstat()) == self.identity
        except OSError:
            same = False
        if not same:
            raise FileChangedError(
                f"{self.path} changed after it was hashed",
                hint="Nothing was published. Finish building before releasing, then run again.",
            )


class _States(NamedTuple):
    """Paths, cached hashes (None if not cached) and identities of files, in the same order."""

    paths: list[Path]
    hashes: list[str | None]
    identities: list[FileIdentity]


@dataclass(frozen=True)
class HashedBytes:
    """Content in memory, with the interface of `HashedFile`."""

    content: bytes
    cached = False

    @property
    def sha256(self) -> str:
        """SHA-256 in lower-case hex."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def size(self) -> int:
        """Size in bytes."""
        return len(self.content)

    @contextlib.contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Yield the content."""
        yield io.BytesIO(self.content)

    def verify_unchanged(self) -> None:
        """Do nothing: it cannot change."""

    def rehash(self) -> None:
        """Do nothing: it cannot change."""


def hash_files(
    paths: Iterable[Path],
    *,
    cache: HashCache | None = None,
    workers: int | None = None,
    on_bytes: Callable[[int], None] = lambda _count: None,
    now_ns: Callable[[], int] = time.time_ns,
) -> Mapping[Path, HashedFile]:
    """Return the hashed file of every path, in the given order. Files whose hash is cached are not read.

    `workers` limits the files that are read at once (default: one per processor, at most 16). `on_bytes` is called with
    the number of bytes hashed, from several threads. After an exception the threads stop within one chunk, and the
    hashes so far are stored. Raises FileError for a file that cannot be read, FileChangedError for one that changes
    meanwhile.
    """
    all_paths = list(paths)
    states = _states(all_paths, cache)
    if None not in states.hashes:
        return dict(zip(all_paths, _from_cache(states, cache), strict=True))
    if len(unique := list(dict.fromkeys(all_paths))) < len(all_paths):
        all_paths, states = unique, _states(unique, cache)
    hashed = {file.path: file for file in _from_cache(states, cache) if file.sha256}
    uncached = [(path, identity.size) for path, sha256, identity in zip(*states, strict=True) if not sha256]
    # The largest first. Started last, it would run long after all others.
    uncached.sort(key=lambda item: -item[1])
    hashing = _HashingThreads(
        [path for path, _ in uncached], workers or min(_MAX_WORKERS, _PROCESSORS), on_bytes, now_ns
    )
    try:
        hashed.update((file.path, file._replace(cache=cache)) for file in hashing.results())
    finally:
        hashing.close()
        if cache:
            cache.put_many(hashing.cacheable)
    return {path: hashed[path] for path in all_paths}


class _HashingThreads:
    """Threads that hash files.

    Attributes:
        cacheable: the hashes that may be cached: a later write to these files changes their identity.
    """

    def __init__(
        self, paths: list[Path], workers: int, on_bytes: Callable[[int], None], now_ns: Callable[[], int]
    ) -> None:
        self.cacheable: dict[FileIdentity, str] = {}
        self._pending = deque(paths)
        self._missing = len(paths)
        self._on_bytes = on_bytes
        self._now_ns = now_ns
        self._stop = threading.Event()
        self._done: SimpleQueue[HashedFile | BaseException] = SimpleQueue()
        # Daemon threads: a disk that does not respond must not keep the process from ending.
        names = (f"hash-{number}" for number in range(min(workers, len(paths))))
        self._threads = [threading.Thread(target=self._work, name=name, daemon=True) for name in names]
        for thread in self._threads:
            thread.start()

    def results(self) -> Iterator[HashedFile]:
        """Yield the files as they are finished. Raises the first error."""
        while self._missing:
            file = self._done.get()
            if isinstance(file, BaseException):
                raise file
            self._missing -= 1
            yield file

    def close(self) -> None:
        """Stop the threads and wait for them."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        buffer = bytearray(_CHUNK)
        while not self._stop.is_set():
            try:
                path = self._pending.popleft()
            except IndexError:
                return
            try:
                hashed = _hash(path, buffer, self._on_bytes, self._stop, self._now_ns)
            except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
                self._done.put(error)
                return
            if hashed is None:
                return
            file, compared_ns = hashed
            # Only if the next write must change the identity: see _SETTLED_NS.
            if max(file.identity.mtime_ns, file.identity.ctime_ns) <= compared_ns - _SETTLED_NS:
                self.cacheable[file.identity] = file.sha256
            self._done.put(file)


def _hash(
    path: Path,
    buffer: bytearray,
    on_bytes: Callable[[int], None],
    stop: threading.Event,
    now_ns: Callable[[], int],
) -> tuple[HashedFile, int] | None:
    """Hash one file. Returns it, and the time at which it was still unchanged; None if it was stopped."""
    digest = hashlib.sha256()
    with open_file(path) as file:
        # The state before the first read, so that a write meanwhile shows.
        before = os.fstat(file.fileno())
        identity = FileIdentity.of(before)
        if not stat.S_ISREG(before.st_mode):
            raise FileError(f"{path} cannot be read: it is not a regular file", hint=UNREADABLE)
        total = 0
        for chunk in _chunks(path, file, buffer):
            with _processors:
                digest.update(chunk)
            total += len(chunk)
            on_bytes(len(chunk))
            # Stop at the first byte too many: a file that grows as fast as it is read has no end.
            if stop.is_set() or total > identity.size:
                break
        if stop.is_set() and total < identity.size:
            return None
        if total != identity.size:
            raise FileChangedError(
                f"{path} changed while it was hashed",
                hint="Finish building before releasing, then run again.",
            )
        hashed = HashedFile(path, digest.hexdigest(), identity)
        compared_ns = now_ns()
        hashed._compare(file)
    return hashed, compared_ns


def _chunks(path: Path, file: BinaryIO, buffer: bytearray) -> Iterator[memoryview]:
    """Yield the content in chunks, each valid until the next one. Raises FileError."""
    view = memoryview(buffer)
    try:
        while count := file.readinto(buffer):  # type: ignore[attr-defined]
            yield view[:count]
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}", hint=UNREADABLE) from error


def _identities_of(paths: Iterable[Path]) -> list[FileIdentity]:
    """Return the identity of each file, in the same order. Raises FileError for a missing one."""
    try:
        return list(map(_identity, map(_fields, stats_of_real(list(map(str, paths))))))
    except OSError as error:
        raise unreadable(error.filename, error) from error


def _states(paths: list[Path], cache: HashCache | None) -> _States:
    identities = _identities_of(paths)
    hashes = cache.get_many(identities) if cache else {}
    return _States(paths, list(map(hashes.get, identities)), identities)


def _from_cache(states: _States, cache: HashCache | None) -> Iterator[HashedFile]:
    return map(_hashed_file, zip(*states, repeat(cache), repeat(True)))


# FileIdentity.of() and HashedFile() without Python code, for many thousands of files.
_fields = attrgetter("st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns")
_identity: Callable[[Any], FileIdentity] = functools.partial(tuple.__new__, FileIdentity)
_hashed_file: Callable[[Any], HashedFile] = functools.partial(tuple.__new__, HashedFile)


def open_file(path: Path) -> BinaryIO:
    """Open a file unbuffered. Raises FileError."""
    try:
        return os.fdopen(open_real(str(path)), "rb", buffering=0)
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path | str, error: OSError) -> FileError:
    """Return the error for a file that cannot be opened without following links."""
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        # There was no link when the path was checked. This one could lead anywhere.
        return FileChangedError(
            f"{path} changed after it was declared: it, or a folder above it, was replaced by a link or a file",
            hint="Nothing was sent. Finish building before releasing, then run again.",
        )
    return FileError(f"{path} cannot be read: {error.strerror}", hint=UNREADABLE)
