"""The identity of a file's state, and the cache that maps it to a SHA-256.

identity = FileIdentity.of(path.stat())
cache.get_many([identity])              # {identity: "9f86d0…"}, or {} if it is not cached
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol


class FileIdentity(NamedTuple):
    """One state of one file, from its stat.

    A write that keeps size and mtime still changes ctime, which no program can set. So two contents never have the same
    identity, if the clock of the file system ticks between two writes.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, stat: os.stat_result) -> FileIdentity:
        """Return the identity in a stat result."""
        return cls(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


class HashCache(Protocol):
    """SHA-256 by identity. Never raises: a failed read returns nothing, a failed write stores nothing."""

    def get_many(self, identities: Iterable[FileIdentity]) -> Mapping[FileIdentity, str]:
        """Return the cached hashes in lower-case hex."""

    def put_many(self, digests: Mapping[FileIdentity, str]) -> None:
        """Store hashes."""

    def forget(self, identity: FileIdentity) -> None:
        """Remove a wrong hash."""


class NullCache:
    """A cache that stores nothing: every file is read."""

    def get_many(self, identities: Iterable[FileIdentity]) -> Mapping[FileIdentity, str]:  # noqa: ARG002
        """Return an empty mapping."""
        return {}

    def put_many(self, digests: Mapping[FileIdentity, str]) -> None:
        """Do nothing."""

    def forget(self, identity: FileIdentity) -> None:
        """Do nothing."""
