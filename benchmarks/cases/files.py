"""Uploads: many small files, one large file, and twenty medium files."""

from __future__ import annotations

from ..measure import NotRunError, Run, measure
from ..results import Result
from ..stand import ServerProcess, Stand, baseline, interleaved, ours, sending

_AWS_ROUNDS = 2
_MEMORY_MIB = 150


def cold(stand: Stand) -> Result:
    """Many small assets: the requests dominate."""
    case = "150 assets of 64 KiB, cold"
    result = Result("cold")
    count, size = stand.sized(150, 2), stand.sized(64 << 10, 1 << 10)
    folder = stand.files("files", count, size)
    manifest = stand.manifest({"app": folder})
    server = stand.server()

    def us() -> Run:
        return measure(ours(manifest, stand.version()), stand.environment(server.url))

    def other(how: str) -> Run:
        command = baseline(how, server.url, folder, stand.version())
        return measure(command, stand.environment(server.url))

    contenders = {
        "ours": sending(server, us, count, size),
        "boto3": sending(server, lambda: other("boto3"), count, size),
    }
    try:
        baseline("aws-cli", server.url, folder, "")
        contenders["aws-cli"] = sending(server, lambda: other("aws-cli"), count, size)
    except NotRunError as error:
        result.says(case, "ours / (a) aws loop", str(error))
    _warm_up(stand, server, [*contenders])
    interleaved(contenders, stand.runs(9), result, fewer={"aws-cli": _AWS_ROUNDS})
    if rounds := len(result.values("aws-cli")):
        result.at_most(
            case,
            "ours / (a) aws loop",
            result.ratio("ours", "aws-cli"),
            1 / 40,
            f"{result.seconds('ours')} against {result.seconds('aws-cli')}; {rounds} runs of (a)",
            must="<= 1/40",
        )
    note = result.against("ours", "boto3")
    result.at_most(case, "ours / (b) boto3 loop", result.ratio("ours", "boto3"), 1.0, note)
    return result


def one_large(stand: Stand) -> Result:
    """One large asset: hashing and sending dominate."""
    case = "one asset of 2 GiB"
    result = Result("one-large")
    size = stand.sized(2 << 30, 2 << 20)
    folder = stand.files("files", 1, size)
    manifest = stand.manifest({"app": folder})
    server = stand.server()
    baseline("curl", server.url, folder, "")

    def us() -> Run:
        return measure(ours(manifest, stand.version()), stand.environment(server.url), watch_memory=True)

    def floor() -> Run:
        return measure(baseline("curl", server.url, folder, stand.version()), stand.environment(server.url))

    _warm_up(stand, server, ["ours", "curl"])
    contenders = {"ours": sending(server, us, 1, size), "curl": sending(server, floor, 1, size)}
    interleaved(contenders, stand.runs(7), result)
    note = result.against("ours", "curl")
    result.at_most(case, "ours / (c) openssl + curl", result.ratio("ours", "curl"), 1.1, note)
    peak = max(result.values("ours", "peak_bytes")) / (1 << 20)
    result.holds(case, "peak memory", f"{peak:.0f} MiB", f"<= {_MEMORY_MIB} MiB", peak <= _MEMORY_MIB)
    return result


def twenty(stand: Stand) -> Result:
    """Medium assets: all of them are hashed in parallel before the first is sent."""
    case = "20 assets of 100 MiB, version absent"
    result = Result("twenty")
    count, size = stand.sized(20, 4), stand.sized(100 << 20, 1 << 20)
    folder = stand.files("files", count, size)
    manifest = stand.manifest({"app": folder})
    server = stand.server()

    def us() -> Run:
        return measure(ours(manifest, stand.version()), stand.environment(server.url))

    def pool() -> Run:
        return measure(baseline("boto3-pool", server.url, folder, stand.version()), stand.environment(server.url))

    _warm_up(stand, server, ["ours", "boto3-pool"])
    contenders = {"ours": sending(server, us, count, size), "boto3-pool": sending(server, pool, count, size)}
    interleaved(contenders, stand.runs(5), result)
    note = result.against("ours", "boto3-pool")
    ratio = result.ratio("ours", "boto3-pool")
    result.at_most(case, "ours / a boto3 loop that hashes in its 8 threads", ratio, 1.15, note)
    return result


def _warm_up(stand: Stand, server: ServerProcess, contenders: list[str]) -> None:
    """Run each contender once with a small file, to fill the caches of Python and of the disk."""
    if stand.quick:
        return
    folder = stand.files("warm-up", 1, 1 << 10)
    manifest = stand.manifest({"warm-up": folder}, "warm-up.yaml")
    for name in contenders:
        version = stand.version()
        command = ours(manifest, version) if name == "ours" else baseline(name, server.url, folder, version)
        measure(command, stand.environment(server.url))
