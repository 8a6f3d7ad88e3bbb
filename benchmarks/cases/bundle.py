"""A bundle of 50 members under AWS's quotas: requests, and how long a consumer of members can see a part of it."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

from ..measure import Run, measure
from ..results import Ratio, Result
from ..server import Report
from ..server_rules import AWS_QUOTAS
from ..stand import ServerProcess, Stand, ours

_CHAIN = 5
"""The number of members that are published one after the other."""
_MOST_OF_LEAST = 1.2
_COPIES = AWS_QUOTAS["CopyPackageVersions"]
_WRITES = AWS_QUOTAS["UpdatePackageVersionsStatus"]
_AS_ON_AWS = """
from pulumi_codeartifact_release.registry import rate_limiter
rate_limiter.is_aws = lambda _url: True
from pulumi_codeartifact_release.cli import main
main()
"""
"""The command line with the quotas that it knows for AWS."""


def bundle(stand: Stand) -> Result:
    """Release a bundle, release it again, and promote it within its domain."""
    result = Result("bundle")
    count = stand.sized(50, 6)
    case = f"a bundle of {count} members, AWS's quotas"
    manifest = _manifest(stand, count)
    for number in range(stand.runs(3)):
        server = stand.server(quotas=True)
        for contender, environment in (("released", "dev"), ("unchanged", "dev"), ("promoted", "staging")):
            run, report = _measure(stand, server, manifest, environment)
            result.add(contender, number, run, requests=report.requests, throttled=report.throttled)
            if report.published:
                # The last is the bundle.
                result.runs[-1]["window_s"] = report.published[-2] - report.published[0]
    asked = {run["contender"]: run["requests"] for run in result.runs}
    released, unchanged = (_without_repositories(asked[name]) for name in ("released", "unchanged"))
    total = sum(released.values())
    # For each version: read to plan, read to stage, sent, compared, published. And one list of older versions.
    least = 5 * (count + 1) + 1
    result.holds(case, "requests", f"{total:,}", f"{least:,}", total == least, _text(released))
    writes = sum(unchanged.get(name, 0) for name in ("PublishPackageVersion", "UpdatePackageVersionsStatus"))
    result.holds(case, "writes if nothing changed", f"{writes}", "0", writes == 0, _text(unchanged))
    # A status update takes as long as the server, so the chain does not count here.
    _window(result, case, "released", count / _WRITES)
    _window(result, case, "promoted", (count - _COPIES) / _COPIES)
    return result


def _measure(stand: Stand, server: ServerProcess, manifest: Path, environment: str) -> tuple[Run, Report]:
    server.reset()
    command = [sys.executable, "-c", _AS_ON_AWS, *ours(manifest, "1.0", environment)[1:]]
    return measure(command, stand.environment(server.url)), server.report()


def _window(result: Result, case: str, contender: str, least: float) -> None:
    windows = result.values(contender, "window_s")
    note = f"{Ratio.of(windows).median:.2f} s against {least:.2f} s; throttled: {_throttled(result, contender)}"
    ratio = Ratio.of([window / least for window in windows])
    figure = f"{contender}: first to last member visible / the least possible"
    result.at_most(case, figure, ratio, _MOST_OF_LEAST, note)


def _throttled(result: Result, contender: str) -> int:
    return int(max(result.values(contender, "throttled")))


def _without_repositories(requests: dict[str, int]) -> dict[str, int]:
    return {name: number for name, number in requests.items() if "@" not in name}


def _text(requests: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(requests.items()))


def _manifest(stand: Stand, count: int) -> Path:
    names = [f"package-{number:02}" for number in range(count)]
    folders = {name: stand.files(f"files/{name}", 1, 1 << 10) for name in names}
    path = stand.manifest(folders, bundle="suite")
    text = path.read_text(encoding="utf-8")
    for before, name in pairwise(names[:_CHAIN]):
        text = text.replace(f"package: {name},", f"package: {name}, after: [bench/{before}],")
    path.write_text(text, encoding="utf-8")
    return path
