"""The embedded registry. Its clients sign their requests before the measurement, so they cost little."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import shutil
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from ..measure import BenchmarkError, Process, Run, measure
from ..results import Result
from ..stand import Stand, command, interleaved

_CONNECTIONS = 8
_ASSETS_A_VERSION = 100
_HASHES = ("-md5", "-sha1", "-sha256", "-sha512")


@dataclass(frozen=True)
class Registry:
    """A running `codeartifact-release serve`, and its credentials."""

    url: str
    key: Any

    def head(self, version: str, asset: str, size: int, sha256: str) -> bytes:
        """Return the signed headers of an upload."""
        from botocore.auth import SigV4Auth  # noqa: PLC0415 - the memory of whoever starts a process counts as its own
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415

        words = {
            "domain": "bench",
            "repository": "dev",
            "format": "generic",
            "namespace": "bench",
            "package": "app",
            "version": version,
            "asset": asset,
            "unfinished": "true",
        }
        target = f"/v1/package/version/publish?{urlencode(sorted(words.items()))}"
        request = AWSRequest("POST", self.url + target, {"x-amz-content-sha256": sha256})
        SigV4Auth(self.key, "codeartifact", "us-east-1").add_auth(request)
        lines = [f"POST {target} HTTP/1.1", f"Host: {urlsplit(self.url).netloc}", f"Content-Length: {size}"]
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()

    def connect(self) -> socket.socket:
        """Return a connection."""
        parts = urlsplit(self.url)
        sock = socket.create_connection((parts.hostname, parts.port), timeout=120)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock


def embedded(stand: Stand) -> Result:
    """Small uploads over some connections, and one large one."""
    result = Result("embedded")
    registry = serve(stand)
    _small(stand, registry, result)
    _large(stand, registry, result)
    return result


def serve(stand: Stand) -> Registry:
    """Start `codeartifact-release serve` with an empty repository. It ends with the stand."""
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415
    from botocore.credentials import Credentials  # noqa: PLC0415

    file = stand.folder / "env.sh"
    words: list[str | Path] = [command("codeartifact-release"), "serve", stand.folder / "registry", "--env-file", file]
    stand.started(words, stand.environment(), file.exists)
    lines = (line.removeprefix("export ").partition("=") for line in file.read_text().splitlines())
    variables = {name: shlex.split(value)[0] if value else "" for name, _, value in lines}
    url = variables["AWS_ENDPOINT_URL_CODEARTIFACT"]
    key = Credentials(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])
    client = boto3.client(
        "codeartifact",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=key.access_key,
        aws_secret_access_key=key.secret_key,
        config=Config(proxies={}),
    )
    client.create_domain(domain="bench")
    client.create_repository(domain="bench", repository="dev")
    client.close()
    return Registry(url, key)


def _small(stand: Stand, registry: Registry, result: Result) -> None:
    case = "embedded registry: 64 KiB uploads over 8 connections"
    count, size = stand.sized(800, 16), 64 << 10
    rest = os.urandom(size - 16)

    def upload(version: str) -> Run:
        requests = []
        for number in range(count):
            first = f"{version:>8}{number:08}".encode()[-16:]
            sha256 = hashlib.sha256(first + rest).hexdigest()
            # A version has at most 150 assets.
            place = f"{version}-{number // _ASSETS_A_VERSION}"
            requests.append((registry.head(place, f"asset-{number}", size, sha256), first))

        def send(sock: socket.socket, part: list[tuple[bytes, bytes]]) -> None:
            for head, first in part:
                sock.sendall(head + first + rest)
                _expect_success(sock)

        parts = [requests[number::_CONNECTIONS] for number in range(_CONNECTIONS)]
        with ThreadPoolExecutor(_CONNECTIONS) as pool, contextlib.ExitStack() as stack:
            # Close it on Ctrl-C too, which wakes threads that wait for a response.
            socks = [stack.enter_context(registry.connect()) for _ in parts]
            for sock in socks:
                stack.callback(sock.shutdown, socket.SHUT_RDWR)
            started = time.monotonic()
            list(pool.map(send, socks, parts))
            return _as_run(started)

    upload(stand.version())
    for number in range(stand.runs(5)):
        run = result.add("small", number, upload(stand.version()), requests=count)
        result.runs[-1]["per_s"] = count / run.wall_s
    rates = sorted(result.values("small", "per_s"))
    value = f"{rates[len(rates) // 2]:,.0f} requests/s ({rates[0]:,.0f} to {rates[-1]:,.0f})"
    result.says(case, "uploads a second", value, "the client shares the cores")


def _large(stand: Stand, registry: Registry, result: Result) -> None:
    case = "embedded registry: one asset of 1 GiB"
    size = stand.sized(1 << 30, 1 << 20)
    rounds = stand.runs(5)
    stand.require((rounds + 2) * size)
    path = next(stand.files("large", 1, size).iterdir())
    copy = stand.folder / "copy.bin"
    openssl = command("openssl")
    env = stand.environment()

    def upload() -> Run:
        version = stand.version()
        # An existing blob would not be written again.
        with path.open("r+b") as file:
            file.write(f"{version:>16}".encode())
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        head = registry.head(version, path.name, size, sha256)
        with registry.connect() as sock, path.open("rb") as file:
            started = time.monotonic()
            sock.sendall(head)
            sock.sendfile(file)
            _expect_success(sock)
            return _as_run(started)

    def floor() -> Run:
        started = time.monotonic()
        processes = [Process([openssl, "dgst", name, path], env) for name in _HASHES]
        for process in processes:
            process.wait()
        measure([command("cp"), path, copy], env)
        run = _as_run(started)
        copy.unlink()
        return run

    interleaved({"upload": upload, "floor": floor}, rounds, result)
    shutil.rmtree(path.parent)
    note = f"{result.seconds('upload')} against {result.seconds('floor')}"
    result.at_most(case, "time / (four `openssl dgst` side by side + `cp`)", result.ratio("upload", "floor"), 1.5, note)


def _expect_success(sock: socket.socket) -> None:
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += _more(sock)
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    lengths = [int(line.partition(b":")[2]) for line in lines if line.lower().startswith(b"content-length:")]
    while len(body) < lengths[0]:
        body += _more(sock)
    if b" 200 " not in status + b" ":
        raise BenchmarkError(f"the embedded registry answered {status.decode()}: {body.decode()[:200]}")


def _more(sock: socket.socket) -> bytes:
    chunk = sock.recv(64 << 10)
    if not chunk:
        raise BenchmarkError("the embedded registry ended the connection")
    return chunk


def _as_run(started: float) -> Run:
    ended = time.monotonic()
    return Run(ended - started, 0.0, 0, 0, started, ended, "")
