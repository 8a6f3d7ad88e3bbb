"""A process that serves a folder and optionally publishes to it. Tests kill it, race it and measure it.

process.py serve FOLDER             prints URL KEY SECRET; at the end of its input prints its peak memory in KiB
process.py publish FOLDER NAME N    publishes N assets, printing the name of each that was acknowledged
process.py churn FOLDER NAME N      publishes and deletes the same bytes N times, checking them in between
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from pulumi_codeartifact_release.local_registry import start

sys.path.insert(0, str(Path(__file__).parents[2]))
from support.local_registry import PACKAGE, client_of, publish

SHARED = b"the same bytes everywhere" * 1000


def serve(folder: Path) -> None:
    with start(folder) as server:
        key = server.credentials()
        print(server.url, key.access_key_id, key.secret_access_key, flush=True)
        sys.stdin.read()
    print(_peak_memory(), flush=True)


def _peak_memory() -> int:
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says on Linux, a child inherits from its parent
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def publish_many(folder: Path, name: str, count: int) -> None:
    with start(folder) as server:
        client = client_of(server)
        for number in range(count):
            asset = f"{name}-{number}"
            publish(client, asset.encode() * 100, asset, version=f"v{number // 100}", unfinished=True)
            print(asset, flush=True)


def churn(folder: Path, name: str, count: int) -> None:
    with start(folder) as server:
        client = client_of(server)
        for _ in range(count):
            publish(client, SHARED, package=name)
            where = {**PACKAGE, "package": name}
            answer = client.get_package_version_asset(**where, packageVersion="1.0", asset="a.txt")
            assert answer["asset"].read() == SHARED
            client.delete_package_versions(**where, versions=["1.0"])
        publish(client, SHARED, package=name)


if __name__ == "__main__":
    kind, where, *rest = sys.argv[1:]
    if kind == "serve":
        serve(Path(where))
    else:
        {"publish": publish_many, "churn": churn}[kind](Path(where), rest[0], int(rest[1]))
