"""Measures lookups in the hash cache, compared with `stat` of the files; prints JSON.

    python benchmarks/lookups.py CACHE FOLDER ROUNDS

One object a round: `files`, `known` (how many were not read), and the seconds `stat_s` and `hash_files_s`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from pulumi_codeartifact_release.hashing import SqliteCache, hash_files


def main() -> None:
    """Measure."""
    cache, folder, rounds = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [str(path) for path in paths]
    read: list[int] = []
    measured = []
    for number in range(rounds):
        times: dict[str, float] = {}
        for what in ("stat", "hash_files") if number % 2 else ("hash_files", "stat"):
            read.clear()
            start = time.perf_counter()
            if what == "stat":
                for name in names:
                    os.stat(name)  # noqa: PTH116 - the quickest way there is
            else:
                hash_files(paths, cache=SqliteCache(cache), on_bytes=read.append)
                known = len(paths) if not read else 0
            times[f"{what}_s"] = time.perf_counter() - start
        measured.append({"files": len(paths), "known": known, **times})
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
