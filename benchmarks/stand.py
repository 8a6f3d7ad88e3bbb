"""The environment of a case: a folder, files, manifests, a server, and a clean shell environment.

with Stand() as stand:
    stand.files("files", count=150, size=64 << 10)
    server = stand.server()
    measure(stand.ours("apply", ...), stand.environment(server.url))
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from .measure import BIN, BenchmarkError, NotRunError, Process, Run, find
from .results import Result
from .server import Report

ROOT = Path(__file__).resolve().parent.parent
_BLOCK = 1 << 20
_SPARE_BYTES = 1 << 30
_READY_S = 20.0


class ServerProcess:
    """The benchmarks' server in a separate process."""

    def __init__(self, rate: float = 0.0, burst: float = 0.0, *, quotas: bool = False) -> None:
        script = Path(__file__).parent / "server.py"
        words = [sys.executable, script, "--rate", str(rate), "--burst", str(burst)]
        words += ["--quotas"] if quotas else []
        self._process = subprocess.Popen(
            list(map(str, words)), stdout=subprocess.PIPE, start_new_session=True, text=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline() or 0)
        self.url = f"http://127.0.0.1:{self.port}"

    def report(self) -> Report:
        """Return the counters since the last `reset`."""
        return Report(**self._ask("GET", "/_report"))

    def reset(self) -> None:
        """Reset the counters, but not the published versions."""
        self._ask("POST", "/_reset")

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def _ask(self, method: str, path: str) -> Any:
        request = urllib.request.Request(self.url + path, method=method, data=b"" if method == "POST" else None)  # noqa: S310
        # Never use a proxy for loopback.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as answer:
            return json.load(answer)


class Stand:
    """A temporary folder with everything that a case needs; removed at the end.

    Attributes:
        folder: the temporary folder.
        quick: use the small sizes of a test, whose results mean nothing.
    """

    def __init__(self, *, quick: bool = False, runs: int = 0) -> None:
        self.quick = quick
        self._runs = runs
        self._stack = contextlib.ExitStack()
        self._versions = itertools.count(1)
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="codeartifact-bench-")))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(*error)  # type: ignore[arg-type]

    def runs(self, usual: int) -> int:
        """Return the number of rounds: the one requested by the user, or the case's."""
        return self._runs or (1 if self.quick else usual)

    def sized(self, usual: int, quick: int) -> int:
        """Return a size or a count: the case's, or the test's."""
        return quick if self.quick else usual

    def version(self) -> str:
        """Return a new version."""
        return f"1.0.{next(self._versions)}"

    def files(self, name: str, count: int, size: int) -> Path:
        """Write `count` files of `size` bytes to a folder, which puts them into the page cache; return the folder.

        Raises NotRunError if the disk has too little space.
        """
        folder = self.folder / name
        folder.mkdir(parents=True)
        self.require(count * size)
        noise = random.Random(name).randbytes(min(size, _BLOCK))  # noqa: S311 - nothing secret
        for number in range(count):
            with (folder / f"file-{number:05}.bin").open("wb") as file:
                # All files differ.
                file.write(f"{name} {number:08}".encode()[-size:] if size else b"")
                left = size - file.tell()
                while left > 0:
                    left -= file.write(noise[:left])
        warm(folder)
        return folder

    def require(self, size: int) -> None:
        """Raise NotRunError if the disk has too little space."""
        if shutil.disk_usage(self.folder).free < size + _SPARE_BYTES:
            raise NotRunError(f"not run: {size >> 20} MiB do not fit on the disk")

    def server(self, rate: float = 0.0, burst: float = 0.0, *, quotas: bool = False) -> ServerProcess:
        """Start a server that ends with the stand; `quotas` enforces AWS's."""
        server = ServerProcess(rate, burst, quotas=quotas)
        self._stack.callback(server.close)
        return server

    def started(self, command: Sequence[str | Path], env: Mapping[str, str], ready: Callable[[], bool]) -> None:
        """Start a program that ends with the stand, and wait until it is ready."""
        process = Process(command, env)
        self._stack.callback(process.kill)
        until = time.monotonic() + _READY_S
        while not ready():
            if time.monotonic() > until:
                raise BenchmarkError(f"{Path(str(command[0])).name} is not ready after {_READY_S:.0f} s")
            time.sleep(0.02)

    def environment(self, url: str = "", **more: str) -> dict[str, str]:
        """Return a shell environment for a contender, without settings, caches and accounts of the user."""
        prefixes = ("AWS_", "PULUMI_", "RELEASE_VAR_", "CODEARTIFACT_RELEASE_", "PYTHON", "COVERAGE_", "COV_")
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(prefixes) and not name.lower().endswith("_proxy")
        }
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return {
            **kept,
            "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
            "HOME": str(home),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "y",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            "CODEARTIFACT_RELEASE_CACHE": str(self.cache()),
            **({"AWS_ENDPOINT_URL_CODEARTIFACT": url} if url else {}),
            **more,
        }

    def cache(self) -> Path:
        """Return the path of a new hash cache."""
        return self.folder / "caches" / self.version()

    def manifest(self, packages: Mapping[str, Path], name: str = "release.yaml", bundle: str = "") -> Path:
        """Write a manifest; `packages` maps a package to the folder with its files."""
        lines = ["schemaVersion: 1", "variables:", '  version: {default: "1.0"}']
        lines += [f"bundle: {{namespace: bench, package: {bundle}, version: '${{version}}'}}"] if bundle else []
        lines += ["packages:"]
        for package, folder in packages.items():
            assets = f"assets: ['{folder.relative_to(self.folder)}/*']"
            lines.append(f"  - {{namespace: bench, package: {package}, version: '${{version}}', {assets}}}")
        lines += ["environments:", "  dev: {domain: bench, repository: dev}"]
        lines += ["  staging: {domain: bench, repository: staging, promoteFrom: dev}"]
        path = self.folder / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path


def ours(manifest: Path, version: str, environment: str = "dev") -> list[str | Path]:
    """Return the command that releases a manifest."""
    return [
        command("codeartifact-release"),
        "apply",
        manifest,
        "-e",
        environment,
        "--yes",
        "--var",
        f"version={version}",
    ]


def baseline(how: str, url: str, folder: Path, version: str) -> list[str | Path]:
    """Return the command of a baseline. Raises NotRunError if a program is missing."""
    for tool in {"curl": ("openssl", "curl"), "curl-download": ("curl", "sha256sum"), "aws-cli": ("aws",)}.get(how, ()):
        command(tool)
    return [sys.executable, Path(__file__).parent / "baselines.py", how, url, folder, version]


def command(name: str) -> Path:
    """Return the path of a program, see `find`. Raises NotRunError."""
    found = find(name)
    if not found:
        raise NotRunError(f"not run: no `{name}` on this machine")
    return found


def interleaved(
    contenders: Mapping[str, Callable[[], Run]],
    rounds: int,
    result: Result,
    *,
    fewer: Mapping[str, int] | None = None,
) -> None:
    """Run every contender once per round, in an order that rotates, and record all runs.

    `fewer` are the rounds of those that take too long for all of them.
    """
    for number in range(rounds):
        names = [name for name in contenders if number < (fewer or {}).get(name, rounds)]
        for name in names if number % 2 == 0 else reversed(names):
            result.add(name, number, contenders[name]())


def sending(server: ServerProcess, run: Callable[[], Run], assets: int, size: int) -> Callable[[], Run]:
    """Return a contender that checks that every byte was sent exactly once. Raises BenchmarkError."""

    def checked() -> Run:
        server.reset()
        done = run()
        report = server.report()
        uploads = report.requests.get("PublishPackageVersion", 0)
        if (uploads, report.body_bytes) != (assets, assets * size):
            raise BenchmarkError(f"{uploads} uploads of {report.body_bytes} bytes, not {assets} of {assets * size}")
        return done

    return checked


def warm(folder: Path) -> None:
    """Read every file, so that all are in the page cache."""
    for path in _files(folder):
        with path.open("rb", buffering=0) as file:
            while file.read(_BLOCK):
                pass


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
