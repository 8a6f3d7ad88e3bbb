"""The server in another process: silent, daemon threads, constant memory, fast start and end."""

from __future__ import annotations

import contextlib
import http.client
import logging
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.model import ServiceModel
from mypy_boto3_codeartifact import CodeArtifactClient

from pulumi_codeartifact_release.local_registry import start
from support.local_registry import PACKAGE, Request, client_of, publish

from .test_store import _Elsewhere, _process

MEBIBYTE = 1024 * 1024

QUIET = """
import logging, socket, sys
from pathlib import Path
logging.getLogger("asyncio").setLevel(logging.ERROR)  # with -X dev it warns where the machine is busy
sys.path.insert(0, sys.argv[2])
from support.local_registry import *
from pulumi_codeartifact_release.local_registry import start
from pulumi_codeartifact_release.local_registry.protocol import service_model

server = start(Path(sys.argv[1]))
client = client_of(server)
client.create_domain(domain="acme")
client.create_repository(domain="acme", repository="dev")
publish(client)
try:
    publish(client, b"other")
except client.exceptions.ConflictException:
    pass
Request("GET", "/nowhere", "", {}).send(server)
operation = service_model().operation_model("PublishPackageVersion")
upgrade = b"GET / HTTP/1.1\\r\\nUpgrade: websocket\\r\\nConnection: upgrade\\r\\n\\r\\n"
for rubbish in (b"rubbish", b"GET / HTTP/1.1", upgrade):
    with socket.create_connection((server.host, server.port)) as connection:
        connection.sendall(rubbish)
data = b"x" * 20_000_000
with socket.create_connection((server.host, server.port)) as connection:
    request = publish_request(operation, data, version="2.0").sign(server)
    connection.sendall(request.head(server, **{"Content-Length": str(len(data))}) + data[:5_000_000])
publish(client, data, version="3.0")
get = Request.of(service_model().operation_model("GetPackageVersionAsset"),
                 {**PACKAGE, "packageVersion": "3.0", "asset": "a.txt"}).sign(server)
with socket.create_connection((server.host, server.port)) as connection:
    connection.sendall(get.head(server))
    connection.recv(1000)
client.list_domains()
if sys.argv[3] == "close":
    server.close()
"""


@pytest.mark.slow
@pytest.mark.parametrize("end", ["close", "just end"])
def test_nothing_is_ever_printed(end: str, folder: Path) -> None:
    tests = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "ignore", "-c", QUIET, folder, tests, end],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_nothing_is_logged_through_logging(
    folder: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with start(folder) as server:
        Request("GET", "/nowhere", "", {}).send(server)
        with socket.create_connection((server.host, server.port)) as connection:
            connection.sendall(b"rubbish\r\n\r\n")
            connection.recv(10)
    ours = [record for record in caplog.records if not record.name.startswith("botocore")]
    assert [record for record in ours if record.levelno > logging.DEBUG] == []
    assert capfd.readouterr() == ("", "")


def test_every_request_is_one_line_of_the_log(folder: Path) -> None:
    lines: list[str] = []
    with start(folder, log=lines.append) as server, contextlib.closing(client_of(server)) as client:
        client.create_domain(domain="acme")
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            publish(client, name="a b")
        Request("GET", "/%0Anowhere", "a=\x1b".replace("\x1b", "%1B"), {}).send(server)
        key = server.credentials()
    assert len(lines) == 3
    assert lines[0].startswith("POST /v1/domain?domain=acme -> 200 (")
    assert "asset=a%20b" in lines[1]
    assert "-> 404 ResourceNotFoundException" in lines[1]
    assert "/%0Anowhere" in lines[2]
    assert all(line.isprintable() and key.secret_access_key not in line for line in lines)


def test_all_threads_are_daemons_and_end_with_the_server(folder: Path) -> None:
    before = set(threading.enumerate())
    with start(folder) as server, contextlib.closing(client_of(server)) as client:
        client.list_domains()
        ours = set(threading.enumerate()) - before
        assert ours
        assert all(thread.daemon for thread in ours)
    assert not any(thread.is_alive() for thread in ours)


def test_starting_takes_less_than_a_fifth_of_a_second(client: CodeArtifactClient, folder: Path) -> None:
    began = time.perf_counter()
    with start(folder) as server:
        took = time.perf_counter() - began
        Request("GET", "/nowhere", "", {}).send(server)
    assert took < 0.2


def test_closing_does_not_wait_for_slow_clients(client: CodeArtifactClient, folder: Path, model: ServiceModel) -> None:
    from support.local_registry import publish_request

    with contextlib.ExitStack() as stack:
        server = start(folder)
        for number in range(3):
            connection = stack.enter_context(contextlib.closing(http.client.HTTPConnection(server.host, server.port)))
            connection.connect()
            if number:
                request = publish_request(model.operation_model("PublishPackageVersion"), b"x" * 100).sign(server)
                connection.sock.sendall(request.head(server, **{"Content-Length": "100"}) + b"x" * (number * 10))
        Request("GET", "/nowhere", "", {}).send(server)
        began = time.perf_counter()
        server.close()
        assert time.perf_counter() - began < 5
        server.close()  # twice is fine
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((server.host, server.port), timeout=5)
    assert list((folder / "uploads").iterdir()) == []


def test_a_port_that_is_taken_is_an_error(folder: Path) -> None:
    with start(folder) as server, pytest.raises(OSError, match="in use"):
        start(folder, port=server.port)


def test_a_port_can_be_taken_again_at_once(folder: Path) -> None:
    with start(folder) as server:
        Request("GET", "/nowhere", "", {}).send(server)
        port = server.port
    with start(folder, port=port) as again:
        assert again.url == f"http://127.0.0.1:{port}"


def test_importing_the_package_imports_neither_botocore_nor_the_server() -> None:
    code = (
        "import sys; import pulumi_codeartifact_release.local_registry;"
        "print(sorted({'botocore', 'uvicorn', 'asyncio', 'sqlite3'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.slow
def test_memory_is_constant_for_any_size_of_an_asset(client: CodeArtifactClient, folder: Path, tmp_path: Path) -> None:
    import hashlib

    size = 300 * MEBIBYTE
    big = tmp_path / "big"
    with big.open("wb") as sparse:
        sparse.truncate(size)
    with big.open("rb") as file:
        declared = hashlib.file_digest(file, "sha256").hexdigest()
    with _process("serve", folder) as process:
        server: Any = _Elsewhere(process)
        with contextlib.closing(server.client()) as remote, big.open("rb") as file:
            remote.publish_package_version(
                **PACKAGE, packageVersion="1.0", assetName="big", assetContent=file, assetSHA256=declared
            )
            body = remote.get_package_version_asset(**PACKAGE, packageVersion="1.0", asset="big")["asset"]
            digest = hashlib.sha256()
            for block in body.iter_chunks(MEBIBYTE):
                digest.update(block)
            assert digest.hexdigest() == declared
        output, error = process.communicate(timeout=60)
    assert error == ""
    assert int(output.split()[-1]) < 120 * 1024
