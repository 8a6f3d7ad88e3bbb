"""Streaming SHA-256 of many files at once, in constant memory.

hashed = hash_files(paths, cache=SqliteCache(default_folder()))
with hashed[path].open() as body:       # refuses a file that is not the one that was hashed
    ...
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import FileChangedError, FileError
from .interface import FileIdentity, HashCache, NullCache

_CHUNK = 1 << 20
# A file system whose clock ticks every two seconds (the coarsest in use) shows two writes within one tick as one.
_SETTLED_NS = 2_000_000_000

_UNREADABLE = "Is it still there, and may you read it? Nothing of this release was published."


@dataclass(frozen=True)
class HashedFile:
    """A file as it was when it was hashed.

    Attributes:
        sha256: lower-case hex.
        identity: the stat that the digest belongs to.
    """

    path: Path
    sha256: str
    identity: FileIdentity

    @property
    def size(self) -> int:
        """Size in bytes."""
        return self.identity.size

    @contextlib.contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Yield the content; raises FileChangedError if the file is not, or does not stay, the one hashed."""
        with _open(self.path) as file:
            self._compare(file)
            # The check after the use matters more than errors in between: a registry's "hash mismatch" or a broken
            # connection is then only the symptom.
            try:
                yield file
            finally:
                self._compare(file)

    def _compare(self, file: BinaryIO) -> None:
        try:
            same = FileIdentity.of(os.fstat(file.fileno())) == self.identity
            same = same and FileIdentity.of(self.path.stat()) == self.identity
        except OSError:
            same = False
        if not same:
            raise FileChangedError(
                f"{self.path} changed after it was hashed",
                hint="Nothing was published. Finish building before releasing, then run again.",
            )


@dataclass(frozen=True)
class HashedBytes:
    """Content that is in memory already, with the interface of `HashedFile`."""

    content: bytes

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


def hash_files(
    paths: Iterable[Path],
    *,
    cache: HashCache | None = None,
    workers: int | None = None,
    on_bytes: Callable[[int], None] = lambda _count: None,
    now_ns: Callable[[], int] = time.time_ns,
) -> Mapping[Path, HashedFile]:
    """Return every path with its digest; files that the cache knows are not read.

    `workers` bounds the files read at once (default: one per processor, at most 8). `on_bytes` is told how many
    bytes were hashed, from several threads. Raises FileError for a file that cannot be read, FileChangedError for
    one that changes meanwhile.
    """
    cache = cache or NullCache()
    stats = {path: _stat(path) for path in paths}
    known = cache.get_many(stats.values())
    hashed = {path: HashedFile(path, known[i], i) for path, i in stats.items() if i in known}
    unknown = [path for path in stats if path not in hashed]
    if unknown:
        # The largest first: started last, it would keep one worker busy long after the others are done.
        unknown.sort(key=lambda path: stats[path].size, reverse=True)
        fresh = _hash_all(unknown, workers or min(8, os.cpu_count() or 1), on_bytes)
        hashed.update(fresh)
        # Remembered only if the next write must show in the stat: see _SETTLED_NS.
        horizon = now_ns() - _SETTLED_NS
        cache.put_many(
            {
                file.identity: file.sha256
                for file in fresh.values()
                if max(file.identity.mtime_ns, file.identity.ctime_ns) <= horizon
            }
        )
    return {path: hashed[path] for path in stats}


def _hash_all(paths: list[Path], workers: int, on_bytes: Callable[[int], None]) -> dict[Path, HashedFile]:
    stop = threading.Event()
    with ThreadPoolExecutor(max_workers=min(workers, len(paths)), thread_name_prefix="hash") as pool:
        try:
            futures = [pool.submit(_hash, path, on_bytes, stop) for path in paths]
            return {file.path: file for file in (future.result() for future in futures)}
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _hash(path: Path, on_bytes: Callable[[int], None], stop: threading.Event) -> HashedFile:
    digest = hashlib.sha256()
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    with _open(path) as file:
        # The stat from before the first byte: a write during the reading shows against it.
        identity = FileIdentity.of(os.fstat(file.fileno()))
        total = 0
        # A file that grows as fast as it is read has no end: one byte too many is enough to know.
        while total <= identity.size and not stop.is_set():
            try:
                count = file.readinto(buffer)  # type: ignore[attr-defined]
            except OSError as error:
                raise FileError(f"{path} cannot be read: {error.strerror}", hint=_UNREADABLE) from error
            if not count:
                break
            digest.update(view[:count])
            total += count
            on_bytes(count)
        hashed = HashedFile(path, digest.hexdigest(), identity)
        if total != identity.size and not stop.is_set():
            raise FileChangedError(
                f"{path} changed while it was hashed",
                hint="Finish building before releasing, then run again.",
            )
        hashed._compare(file)
    return hashed


def _stat(path: Path) -> FileIdentity:
    try:
        return FileIdentity.of(path.stat())
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}", hint=_UNREADABLE) from error


def _open(path: Path) -> BinaryIO:
    # O_NONBLOCK: a FIFO in the place of a file must be an error, not a wait for ever.
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        return os.fdopen(descriptor, "rb", buffering=0)
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}", hint=_UNREADABLE) from error
