"""Files that are hashed while they are sent.

for name, source in hashed(declared, cache, scheduler.checkpoint):
    ...
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from ..hashing import HashCache, HashedFile, hash_each
from ..publishing import first_sent
from .target import DeclaredRelease


def hashed(
    declared: DeclaredRelease, cache: HashCache, checkpoint: Callable[[], None]
) -> Iterator[tuple[str, HashedFile]]:
    """Yield each file by its asset's name as soon as its hash is known; the one that is sent first comes first.

    `checkpoint` is asked all the while, and ends it by raising. Raises FileError, FileChangedError.
    """
    first = first_sent(declared.release)
    names: defaultdict[Path, list[str]] = defaultdict(list)
    for name in sorted(declared.files, key=lambda name: not first or name != first.name):
        names[declared.files[name]].append(name)
    files = hash_each(
        names,
        cache=cache,
        on_bytes=lambda _count: checkpoint(),
        first=declared.files[first.name] if first else None,
    )
    with closing(files):
        for file in files:
            for name in names[file.path]:
                yield name, file
