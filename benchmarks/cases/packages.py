"""Many packages: the cost of one more, and the requests of a promotion."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ..measure import Run, measure
from ..results import Ratio, Result
from ..stand import Stand, interleaved, ours

_FILES = 2
_FLAT = 1.2


def packages(stand: Stand) -> Result:
    """Releases of more and more packages, without the start time of a run."""
    case = "1, 10, 100, 1,000 packages"
    result = Result("packages")
    sizes = [1, 10, 100, 1000] if not stand.quick else [1, 3]
    folders = [stand.files(f"files/{number:04}", _FILES, 1 << 10) for number in range(max(sizes))]
    manifests = {size: _manifest(stand, folders[:size]) for size in sizes}
    server = stand.server()

    def release(size: int) -> Run:
        return measure(ours(manifests[size], stand.version()), stand.environment(server.url))

    if not stand.quick:
        release(1)
    # With smaller counts, the start time would vary more than the measured cost.
    rounds = stand.runs(9)
    fewer = {f"{size}": max(1, rounds // 3) for size in sizes if size >= 1000}
    interleaved({f"{size}": partial(release, size) for size in sizes}, rounds, result, fewer=fewer)
    start = Ratio.of(result.values("1")).median
    costs = {size: (Ratio.of(result.values(f"{size}")).median - start) / (size - 1) for size in sizes[1:]}
    shown = ", ".join(f"{cost * 1000:.1f} ms of {size:,}" for size, cost in costs.items())
    note = f"{shown}; {start:.2f} s for one package, start-up included"
    figure, must = "cost of one more package: highest / lowest", "flat within 20 %"
    if min(costs.values()) <= 0:
        result.holds(case, figure, "lost in the noise", must, met=False, note=note)
    else:
        flat = max(costs.values()) / min(costs.values())
        result.at_most(case, figure, Ratio(flat, flat, flat), _FLAT, note, must)
    return result


def promotion(stand: Stand) -> Result:
    """Promote within a domain: the service copies, and nothing is downloaded."""
    result = Result("promotion")
    count = stand.sized(50, 2)
    manifest = _manifest(stand, [stand.files(f"files/{number:04}", _FILES, 1 << 10) for number in range(count)])
    server = stand.server()
    result.add("published packages", 0, measure(ours(manifest, "1.0"), stand.environment(server.url)))
    server.reset()
    run = measure(ours(manifest, "1.0", "staging"), stand.environment(server.url))
    result.add("promoted packages", 0, run, requests=server.report().requests)
    _promoted(result, f"{count} packages promoted within a domain", "promoted packages", (count, count, 0))
    return result


def _promoted(result: Result, case: str, contender: str, must: tuple[int, int, int]) -> None:
    [asked] = (run["requests"] for run in result.runs if run["contender"] == contender)
    names = ("CopyPackageVersions", "ListPackageVersionAssets@staging", "GetPackageVersionAsset")
    copies, lists, downloads = (asked.get(name, 0) for name in names)
    kinds = ", ".join(f"{number} {name}" for name, number in sorted(asked.items()) if "@" in name)
    figure = "copies, verifying lists, downloads"
    demanded = f"{must[0]}, {must[1]}, {must[2]}"
    met = (copies, lists, downloads) == must
    result.holds(case, figure, f"{copies}, {lists}, {downloads}", demanded, met, f"all requests: {kinds}")


def _manifest(stand: Stand, folders: list[Path]) -> Path:
    return stand.manifest({f"package-{folder.name}": folder for folder in folders}, f"release-{len(folders)}.yaml")
