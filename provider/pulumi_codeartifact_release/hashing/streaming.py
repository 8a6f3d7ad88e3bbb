"""Streaming SHA-256 of many files at once, in constant memory.

hashed = hash_files(paths, cache=SqliteCache(default_folder()))
with hashed[path].open() as body:       # refuses a file that is not the one that was hashed
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
_MOST_WORKERS = 16
# In all of a process: resources are hashed side by side, each with workers of its own.
_hashing = threading.BoundedSemaphore(_PROCESSORS)
# A file system whose clock ticks every two seconds (the coarsest in use) shows two writes within one tick as one.
_SETTLED_NS = 2_000_000_000

UNREADABLE = "Is it still there, and may you read it? Nothing of this release was published."


class HashedFile(NamedTuple):
    """A file as it was when it was hashed.

    Attributes:
        path: absolute, without symbolic links.
        sha256: lower-case hex.
        identity: the stat that the digest belongs to.
        cache: where the digest is remembered, if anywhere.
        cached: whether it was taken from there, and the file not read.
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
        """Yield the content; raises FileChangedError if the file is not, or does not stay, the one hashed."""
        with open_file(self.path) as file:
            self._compare(file)
            # The check after the use matters more than errors in between: a registry's "hash mismatch" or a broken
            # connection is then only the symptom.
            try:
                yield file
            finally:
                self._compare(file)

    def verify_unchanged(self) -> None:
        """Raise FileChangedError if the file is not the one hashed any more."""
        self._compare(None)

    def rehash(self) -> None:
        """Read the file anew; raise FileChangedError, and forget the digest, if it is not that of its bytes.

        Some writes show in no stat: through a mapped page, with a clock that was set back, on some file systems.
        """
        digest = hashlib.sha256()
        with self.open() as file:
            while piece := file.read(_CHUNK):
                digest.update(piece)
        if digest.hexdigest() == self.sha256:
            return
        if self.cache:
            self.cache.forget(self.identity)
        raise FileChangedError(
            f"{self.path} holds other bytes than when it was hashed, though its size and times are the same",
            hint="Nothing was published, and the hash is forgotten: run again, and the file is hashed anew.",
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
    """Files, the digests that the cache has of them, and what they are the digests of; all in one order."""

    paths: list[Path]
    digests: list[str | None]
    identities: list[FileIdentity]


@dataclass(frozen=True)
class HashedBytes:
    """Content that is in memory already, with the interface of `HashedFile`."""

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
        """Do nothing: it stays."""

    def rehash(self) -> None:
        """Do nothing: it stays."""


def hash_files(
    paths: Iterable[Path],
    *,
    cache: HashCache | None = None,
    workers: int | None = None,
    on_bytes: Callable[[int], None] = lambda _count: None,
    now_ns: Callable[[], int] = time.time_ns,
) -> Mapping[Path, HashedFile]:
    """Return every path with its digest, in the order given; files that the cache knows are not read.

    `workers` bounds the files read at once (default: one per processor, at most 16); all that a process hashes at once
    keeps no more processors busy than there are. `on_bytes` is told how many bytes were hashed, from several threads.
    Left by an exception, it stops within a piece of a file; no thread is left behind, and what was hashed is
    remembered. Raises FileError for a file that cannot be read, FileChangedError for one that changes meanwhile.
    """
    every = list(paths)
    states = _states(every, cache)
    if None not in states.digests:
        return dict(zip(every, _from_cache(states, cache), strict=True))
    if len(once := list(dict.fromkeys(every))) < len(every):
        every, states = once, _states(once, cache)
    hashed = {file.path: file for file in _from_cache(states, cache) if file.sha256}
    unknown = [(path, identity.size) for path, sha256, identity in zip(*states, strict=True) if not sha256]
    # The largest first: started last, it would keep one worker busy long after the others are done.
    unknown.sort(key=lambda item: -item[1])
    fresh = _Fresh([path for path, _ in unknown], workers or min(_MOST_WORKERS, _PROCESSORS), on_bytes, now_ns)
    try:
        hashed.update((file.path, file._replace(cache=cache)) for file in fresh.take())
    finally:
        fresh.close()
        if cache:
            cache.put_many(fresh.settled)
    return {path: hashed[path] for path in every}


class _Fresh:
    """Files that are hashed by threads of their own.

    Attributes:
        settled: the digests that may be remembered: of files that no later write can look like.
    """

    def __init__(
        self, paths: list[Path], workers: int, on_bytes: Callable[[int], None], now_ns: Callable[[], int]
    ) -> None:
        self.settled: dict[FileIdentity, str] = {}
        self._todo = deque(paths)
        self._missing = len(paths)
        self._on_bytes = on_bytes
        self._now_ns = now_ns
        self._stop = threading.Event()
        self._done: SimpleQueue[HashedFile | BaseException] = SimpleQueue()
        # Daemons: a disk that does not answer must not keep the program from ending.
        names = (f"hash-{number}" for number in range(min(workers, len(paths))))
        self._threads = [threading.Thread(target=self._work, name=name, daemon=True) for name in names]
        for thread in self._threads:
            thread.start()

    def take(self) -> Iterator[HashedFile]:
        """Yield the files as they are done; raises what the first that failed raised."""
        while self._missing:
            file = self._done.get()
            if isinstance(file, BaseException):
                raise file
            self._missing -= 1
            yield file

    def close(self) -> None:
        """Stop the threads, and wait for their ends."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        buffer = bytearray(_CHUNK)
        while not self._stop.is_set():
            try:
                path = self._todo.popleft()
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
            # Remembered only if the next write must show in the stat: see _SETTLED_NS.
            if max(file.identity.mtime_ns, file.identity.ctime_ns) <= compared_ns - _SETTLED_NS:
                self.settled[file.identity] = file.sha256
            self._done.put(file)


def _hash(
    path: Path,
    buffer: bytearray,
    on_bytes: Callable[[int], None],
    stop: threading.Event,
    now_ns: Callable[[], int],
) -> tuple[HashedFile, int] | None:
    """Read and hash one file; returns it and the time when it was still the same.

    None where it was stopped before the end.
    """
    digest = hashlib.sha256()
    with open_file(path) as file:
        # The stat from before the first byte: a write during the reading shows against it.
        found = os.fstat(file.fileno())
        identity = FileIdentity.of(found)
        if not stat.S_ISREG(found.st_mode):
            raise FileError(f"{path} cannot be read: it is no regular file", hint=UNREADABLE)
        total = 0
        for piece in _pieces(path, file, buffer):
            with _hashing:
                digest.update(piece)
            total += len(piece)
            on_bytes(len(piece))
            # A file that grows as fast as it is read has no end: one byte too many is enough to know.
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


def _pieces(path: Path, file: BinaryIO, buffer: bytearray) -> Iterator[memoryview]:
    """Yield the content, each piece good until the next is asked for. Raises FileError."""
    view = memoryview(buffer)
    try:
        while count := file.readinto(buffer):  # type: ignore[attr-defined]
            yield view[:count]
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}", hint=UNREADABLE) from error


def _identities_of(paths: Iterable[Path]) -> list[FileIdentity]:
    """Return the identity of each file, in their order. Raises FileError for one that is not there."""
    try:
        # Of texts: a path would be made one twice over.
        return list(map(_identity, map(_fields, stats_of_real(list(map(str, paths))))))
    except OSError as error:
        raise unreadable(error.filename, error) from error


def _states(paths: list[Path], cache: HashCache | None) -> _States:
    identities = _identities_of(paths)
    known = cache.get_many(identities) if cache else {}
    return _States(paths, list(map(known.get, identities)), identities)


def _from_cache(states: _States, cache: HashCache | None) -> Iterator[HashedFile]:
    return map(_hashed_file, zip(*states, repeat(cache), repeat(True)))


# As FileIdentity.of() and HashedFile(), for many thousands: in C alone.
_fields = attrgetter("st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns")
_identity: Callable[[Any], FileIdentity] = functools.partial(tuple.__new__, FileIdentity)
_hashed_file: Callable[[Any], HashedFile] = functools.partial(tuple.__new__, HashedFile)


def open_file(path: Path) -> BinaryIO:
    """Open a file without a buffer. Raises FileError."""
    try:
        return os.fdopen(open_real(str(path)), "rb", buffering=0)
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path | str, error: OSError) -> FileError:
    """Return what it means that a file cannot be opened, or looked at, without following links."""
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        # It had none when it was judged: followed now, this one might lead anywhere.
        return FileChangedError(
            f"{path} changed after it was declared: a link, or a file, is in its place or in that of a folder above it",
            hint="Nothing of it was sent. Finish building before releasing, then run again.",
        )
    return FileError(f"{path} cannot be read: {error.strerror}", hint=UNREADABLE)
