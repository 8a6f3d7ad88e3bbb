"""With a quota that the server enforces: time relative to the minimum, and throttled requests."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from ..measure import BenchmarkError, Process, Run, measure
from ..results import Ratio, Result
from ..stand import ServerProcess, Stand, ours

_RATE, _BURST = 10.0, 10.0
_CONTENDERS: Mapping[str, Mapping[str, str]] = {
    "unknown": {},
    "configured": {"CODEARTIFACT_RELEASE_RATE": f"{_RATE:g}"},
}
_WORDS = {"unknown": "", "configured": ", the quota in the settings"}
_MOST_OF_LEAST = {"unknown": 1.3, "configured": 1.05}
_MOST_OF_LEAST_SHARED = 1.3


def quota(stand: Stand) -> Result:
    """One process that knows the quota, and one that does not."""
    case = "150 assets under 10 requests/s, burst 10"
    result = Result("quota")
    count = stand.sized(150, 12)
    manifest = stand.manifest({"app": stand.files("files", count, 4 << 10)})
    server = stand.server(_RATE, _BURST)
    least = (count - _BURST) / _RATE
    for number in range(stand.runs(3)):
        for name, settings in _turned(_CONTENDERS, number):
            _refill(server)
            run = measure(ours(manifest, stand.version()), stand.environment(server.url, **settings))
            report = server.report()
            took = report.last_answer - report.first_request
            result.add(name, number, run, served_s=took, least_s=least, throttled=report.throttled)
    for name, words in _WORDS.items():
        ratio = _over_least(result, name)
        note = f"{_median(result, name, 'served_s'):.2f} s against {least:.2f} s"
        result.at_most(
            case, f"first request to last response / the least possible{words}", ratio, _MOST_OF_LEAST[name], note
        )
        worst = int(max(result.values(name, "throttled")))
        figure = f"throttled responses{words}"
        if name == "configured":
            result.holds(case, figure, f"{worst}", "0", worst == 0, "maximum of all runs")
        else:
            result.says(case, figure, f"{worst}", "maximum of all runs")
    return result


def four_processes(stand: Stand) -> Result:
    """Run independent processes that share a quota."""
    case = "4 processes at once under the same quota"
    result = Result("four-processes")
    count, processes = stand.sized(75, 8), stand.sized(4, 2)
    folders = [stand.files(f"files/{number}", count, 4 << 10) for number in range(processes)]
    manifests = [stand.manifest({f"app-{folder.name}": folder}, f"release-{folder.name}.yaml") for folder in folders]
    server = stand.server(_RATE, _BURST)
    least = (count * processes - _BURST) / _RATE
    contenders = {"configured": _CONTENDERS["configured"]} if stand.quick else _CONTENDERS
    for number in range(stand.runs(2)):
        for name, settings in _turned(contenders, number):
            _refill(server)
            version = stand.version()
            env = stand.environment(server.url, **settings)
            runs, failed = _at_once([ours(each, version) for each in manifests], env)
            report = server.report()
            took = max(run.ended for run in runs) - report.first_request if runs else 0.0
            uploads = report.requests.get("PublishPackageVersion", 0)
            more = {"served_s": took, "least_s": least, "throttled": report.throttled, "uploads": uploads}
            for run in runs:
                result.add(name, number, run, **more)
            result.runs.append({"contender": f"{name}, all", "round": number, "failed": len(failed), **more})
            for error in failed:
                result.runs.append({"contender": f"{name}, failed", "round": number, "error": error.brief})
    for name in contenders:
        words, alike = _WORDS[name], f"{name}, all"
        failures = int(sum(result.values(alike, "failed")))
        figure = f"last finish / the least possible{words}"
        if failures:
            # The remaining processes end soon.
            result.holds(case, figure, "not all finished", f"<= {_MOST_OF_LEAST_SHARED:g}", met=False)
        else:
            note = f"{_median(result, alike, 'served_s'):.1f} s against {least:.1f} s; {count} assets each"
            result.at_most(case, figure, _over_least(result, alike), _MOST_OF_LEAST_SHARED, note)
        shares = [
            throttled / max(1, uploads)
            for throttled, uploads in zip(
                result.values(alike, "throttled"), result.values(alike, "uploads"), strict=True
            )
        ]
        result.says(case, f"throttled responses{words}", f"{max(shares):.1%}", "maximum of all runs")
        tried = len(shares) * processes
        result.holds(case, f"succeeded{words}", f"{tried - failures} of {tried}", "all", failures == 0)
    return result


def _turned(contenders: Mapping[str, Mapping[str, str]], number: int) -> list[tuple[str, Mapping[str, str]]]:
    return list(contenders.items())[:: 1 if number % 2 == 0 else -1]


def _refill(server: ServerProcess) -> None:
    time.sleep(_BURST / _RATE + 0.1)
    server.reset()


def _at_once(commands: list[list[str | Path]], env: dict[str, str]) -> tuple[list[Run], list[BenchmarkError]]:
    runs, failed = [], []
    processes: list[Process] = []
    try:
        processes.extend(Process(command, env) for command in commands)
        while processes:
            try:
                runs.append(processes[0].wait())
            except BenchmarkError as error:
                failed.append(error)
            processes.pop(0)
    except BaseException:
        for process in processes:
            process.kill()
        raise
    return runs, failed


def _over_least(result: Result, name: str) -> Ratio:
    return Ratio.pairwise(result.values(name, "served_s"), result.values(name, "least_s"))


def _median(result: Result, name: str, what: str) -> float:
    return Ratio.of(result.values(name, what)).median
