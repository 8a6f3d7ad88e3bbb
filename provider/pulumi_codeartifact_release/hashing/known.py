"""What can be said of files without reading them."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..checkout import stats_of_real
from ..errors import FileError
from .interface import HashCache
from .streaming import UNREADABLE, HashedFile, identities_of, unreadable


def known_files(paths: Iterable[Path], cache: HashCache) -> Mapping[Path, HashedFile]:
    """Return the files whose digest the cache has. Raises FileError for one that is not there."""
    every = list(dict.fromkeys(paths))
    identities = identities_of(every)
    found = cache.get_many(identities)
    pairs = zip(every, identities, strict=True)
    return {path: HashedFile(path, found[identity], identity) for path, identity in pairs if identity in found}


def readable_sizes(paths: Iterable[Path]) -> Mapping[Path, int]:
    """Return the size of each file, in bytes; none is opened. Raises FileError for one that could not be hashed."""
    every = list(paths)
    try:
        stats = stats_of_real(list(map(str, every)))
    except OSError as error:
        raise unreadable(error.filename, error) from error
    sizes = {}
    for path, found in zip(every, stats, strict=True):
        if stat.S_ISLNK(found.st_mode):
            raise unreadable(path, OSError(errno.ELOOP, os.strerror(errno.ELOOP)))
        reason = "it is no regular file" if not stat.S_ISREG(found.st_mode) else ""
        if reason or not _may_read(path):
            raise FileError(f"{path} cannot be read: {reason or os.strerror(errno.EACCES)}", hint=UNREADABLE)
        sizes[path] = found.st_size
    return sizes


def _may_read(path: Path) -> bool:
    return os.access(path, os.R_OK)
