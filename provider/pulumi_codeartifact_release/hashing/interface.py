"""A file's content, named by its SHA-256, and the stat that tells whether the file is still the same.

identity = FileIdentity.of(path.stat())
cache.get_many([identity])              # {identity: "9f86d0…"} for what is known
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol


class FileIdentity(NamedTuple):
    """What the operating system says of one state of one file.

    A rewrite that keeps size and mtime still moves ctime, which no program can set: so the five together do not
    mistake one content for another, on file systems whose clock is finer than the time between two writes.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, stat: os.stat_result) -> FileIdentity:
        """Return the identity that `stat` describes."""
        return cls(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


class HashCache(Protocol):
    """SHA-256 by identity. Never raises: what it cannot read it does not know, what it cannot write it forgets."""

    def get_many(self, identities: Iterable[FileIdentity]) -> Mapping[FileIdentity, str]:
        """Return the lower-case hex digests of those that are known."""

    def put_many(self, digests: Mapping[FileIdentity, str]) -> None:
        """Remember digests."""

    def forget(self, identity: FileIdentity) -> None:
        """Remove a digest that was found to be wrong."""


class NullCache:
    """Knows nothing and remembers nothing: every file is read."""

    def get_many(self, identities: Iterable[FileIdentity]) -> Mapping[FileIdentity, str]:  # noqa: ARG002
        """Return nothing."""
        return {}

    def put_many(self, digests: Mapping[FileIdentity, str]) -> None:
        """Forget them."""

    def forget(self, identity: FileIdentity) -> None:
        """Do nothing."""
