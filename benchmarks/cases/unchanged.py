"""Repeated runs of many unchanged packages."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from ..measure import Run, measure
from ..results import Ratio, Result
from ..stand import ServerProcess, Stand, ours
from ..watch import Opens

# Newer files are not cached, because a write within the same tick of the clock would not be visible.
SETTLED_S = 2.5
FILES = 20


def many_packages(stand: Stand, packages: int) -> tuple[Path, list[Path]]:
    """Write a manifest of packages with `FILES` files each, old enough for the cache; return it and the folders."""
    folders = [stand.files(f"files/{number:04}", FILES, 4 << 10) for number in range(packages)]
    manifest = stand.manifest({f"package-{folder.name}": folder for folder in folders})
    time.sleep(SETTLED_S)
    return manifest, folders


def unchanged(stand: Stand) -> Result:
    """On the command line, which keeps only the hash cache between runs."""
    case = "10,000 files in 500 packages, unchanged"
    result = Result("unchanged")
    packages = stand.sized(500, 2)
    manifest, folders = many_packages(stand, packages)
    server = stand.server()
    cache = stand.cache()
    env = stand.environment(server.url, CODEARTIFACT_RELEASE_CACHE=str(cache))
    result.add("first", 0, measure(ours(manifest, "1.0"), env))
    opened = 0
    for number in range(stand.runs(5)):
        run, opens = _again(manifest, folders, server, env)
        report = server.report()
        opened = max(opened, opens)
        result.add("again", number, run, opened=opens, requests=report.requests)
    read = max(result.values("again", "read_bytes")) / (1 << 20)
    files = packages * FILES
    result.holds(
        case,
        "files opened of all",
        f"{opened} of {files:,}",
        "0 (0 bytes read)",
        opened == 0,
        f"{result.seconds('again')} for the whole run, which reads {read:.0f} MiB: Python, the manifest, the cache",
    )
    most = max(sum(_by_operation(run["requests"]).values()) for run in result.runs if "requests" in run)
    kinds = ", ".join(sorted(_by_operation(result.runs[-1]["requests"])))
    result.holds(
        case,
        "calls to the registry, command line",
        f"{most / packages:.2f} a package",
        "2 a package",
        most <= 2 * packages,
        kinds,
    )
    _look_up(stand, result, cache)
    return result


def _again(manifest: Path, folders: list[Path], server: ServerProcess, env: dict[str, str]) -> tuple[Run, int]:
    server.reset()
    with Opens(folders) as opens:
        run = measure(ours(manifest, "1.0"), env)
    return run, opens.count


def _by_operation(requests: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in requests.items() if "@" not in name}


def _look_up(stand: Stand, result: Result, cache: Path) -> None:
    script = Path(__file__).parent.parent / "lookups.py"
    words: list[str | Path] = [sys.executable, script, cache, stand.folder / "files", str(stand.runs(15))]
    run = measure(words, stand.environment())
    pairs = json.loads(run.printed)
    for number, pair in enumerate(pairs):
        result.runs.append({"contender": "look-ups", "round": number, **pair})
    case = "10,000 files in 500 packages, unchanged"
    all_known = all(pair["known"] == pair["files"] for pair in pairs)
    stats = [pair["stat_s"] for pair in pairs]
    note = f"{sorted(stats)[len(stats) // 2] * 1000:.0f} ms for `stat` of all; the look-ups do it too"
    ratio = Ratio.pairwise([pair["hash_files_s"] for pair in pairs], stats)
    result.at_most(case, "hash-cache look-ups of all / `stat` of all", ratio, 3.0, note)
    if not all_known:
        result.holds(case, "known to the cache", "not all", "all", met=False)
