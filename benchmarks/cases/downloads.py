"""Downloads: 30 medium assets, and one large asset, from the embedded registry, verified."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from ..measure import BenchmarkError, Run, measure
from ..results import Result
from ..stand import Stand, baseline, command, interleaved, ours
from .embedded import serve

_MEMORY_MIB = 100


def downloads(stand: Stand) -> Result:
    """30 assets of 10 MiB, and one of 2 GiB."""
    result = Result("downloads")
    registry = serve(stand)
    environment = stand.environment(
        registry.url,
        AWS_ACCESS_KEY_ID=registry.key.access_key,
        AWS_SECRET_ACCESS_KEY=registry.key.secret_key,
    )
    for name, count, size, rounds in (("30 x 10 MiB", 30, 10 << 20, 9), ("1 x 2 GiB", 1, 2 << 30, 5)):
        folder = stand.files(name.replace(" ", ""), stand.sized(count, 2), stand.sized(size, 1 << 20))
        version = stand.version()
        measure(ours(stand.manifest({"app": folder}), version), environment)
        _download(stand, result, name, folder, version, environment, stand.runs(rounds))
        shutil.rmtree(folder)
    return result


def _download(
    stand: Stand, result: Result, name: str, folder: Path, version: str, environment: dict[str, str], rounds: int
) -> None:
    case = f"download {name}, verified"
    destination = stand.folder / "downloads"
    lines = []
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    sums = "".join(lines)
    stand.require(sum(path.stat().st_size for path in folder.iterdir()))

    def us() -> Run:
        at: list[str | Path] = [f"bench/app@{version}", "--domain", "bench", "--repository", "dev", "--to", destination]
        return measure([command("codeartifact-release"), "download", *at], environment, watch_memory=True)

    def curl() -> Run:
        destination.mkdir()
        (destination / "SHA256SUMS").write_text(sums, encoding="utf-8")
        return measure(
            baseline("curl-download", environment["AWS_ENDPOINT_URL_CODEARTIFACT"], destination, version), environment
        )

    def complete(contender: str) -> Run:
        shutil.rmtree(destination, ignore_errors=True)
        run = {"ours": us, "curl": curl}[contender]()
        missing = [path.name for path in folder.iterdir() if not (destination / path.name).is_file()]
        if missing:
            raise BenchmarkError(f"{contender} did not download {', '.join(missing)}")
        return run

    ours_, curl_ = f"ours, {name}", f"curl, {name}"
    interleaved({ours_: lambda: complete("ours"), curl_: lambda: complete("curl")}, rounds, result)
    shutil.rmtree(destination)
    ratio = result.ratio(ours_, curl_)
    result.at_most(case, "ours / (`curl --parallel` + `sha256sum -c`)", ratio, 1.15, result.against(ours_, curl_))
    peak = max(result.values(ours_, "peak_bytes")) / (1 << 20)
    result.holds(case, "peak memory", f"{peak:.0f} MiB", f"< {_MEMORY_MIB} MiB", peak < _MEMORY_MIB)
