"""Request bodies: complete, incomplete, wrong, chunked, refused early; and slow or silent connections."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from botocore.model import OperationModel, ServiceModel
from mypy_boto3_codeartifact import CodeArtifactClient

from pulumi_codeartifact_release.local_registry import Quotas, app, start
from pulumi_codeartifact_release.local_registry.server import LocalRegistry
from support.local_registry import PACKAGE, Request, client_of, publish, publish_request, sha256

MEBIBYTE = 1024 * 1024


@pytest.fixture
def operation(model: ServiceModel) -> OperationModel:
    """PublishPackageVersion."""
    return model.operation_model("PublishPackageVersion")


@contextlib.contextmanager
def _connected(server: LocalRegistry) -> Iterator[socket.socket]:
    with socket.create_connection((server.host, server.port), timeout=30) as connection:
        yield connection


def _read_reply(connection: socket.socket) -> tuple[int, bytes]:
    response = http.client.HTTPResponse(connection)
    response.begin()
    return response.status, response.read()


def _nothing_is_left(client: CodeArtifactClient, folder: Path) -> None:
    assert client.list_packages(domain="acme", repository="dev")["packages"] == []
    for kind in ("uploads", "blobs"):
        assert list((folder / kind).glob("*")) == []


@pytest.fixture
def outcomes() -> SimpleQueue[str]:
    """The lines of the server's log, for tests that wait for the end of a request."""
    return SimpleQueue()


@pytest.fixture
def server(folder: Path, outcomes: SimpleQueue[str]) -> Iterator[LocalRegistry]:
    """A running server with a log."""
    with start(folder, log=outcomes.put) as running:
        yield running


def _wait_for(outcomes: SimpleQueue[str], words: str) -> None:
    while words not in outcomes.get(timeout=20):
        pass


@pytest.mark.parametrize("size", [0, 1, MEBIBYTE - 1, MEBIBYTE, MEBIBYTE + 1, 5 * MEBIBYTE + 17])
def test_a_downloaded_asset_has_the_published_bytes(size: int, client: CodeArtifactClient) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    asset = publish(client, data)["asset"]
    assert asset["size"] == size
    assert asset["hashes"]["SHA-256"] == sha256(data)
    answer = client.get_package_version_asset(**PACKAGE, packageVersion="1.0", asset="a.txt")
    assert answer["asset"].read() == data
    assert answer["ResponseMetadata"]["HTTPHeaders"]["content-length"] == str(size)
    assert answer["packageVersionRevision"]


def test_all_four_hashes_match_the_bytes(client: CodeArtifactClient) -> None:
    import hashlib

    data = b"x" * (3 * MEBIBYTE)
    hashes = publish(client, data)["asset"]["hashes"]
    assert hashes == {
        name: hashlib.new(algorithm, data).hexdigest()
        for name, algorithm in {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-512": "sha512"}.items()
    }


def test_a_body_that_does_not_match_its_hash_is_not_stored(client: CodeArtifactClient, folder: Path) -> None:
    for data in (b"", b"evil", b"x" * (3 * MEBIBYTE)):
        with pytest.raises(client.exceptions.ValidationException, match="assetSHA256"):
            publish(client, data, assetSHA256=sha256(b"good"))
    _nothing_is_left(client, folder)


@pytest.mark.parametrize("sent", [0, 5, 2 * MEBIBYTE])
def test_an_incomplete_body_is_not_stored(
    sent: int,
    client: CodeArtifactClient,
    server: LocalRegistry,
    folder: Path,
    operation: OperationModel,
    outcomes: SimpleQueue[str],
) -> None:
    data = b"x" * (3 * MEBIBYTE)
    request = publish_request(operation, data).sign(server)
    with _connected(server) as connection:
        connection.sendall(request.head(server, **{"Content-Length": str(len(data))}))
        connection.sendall(data[:sent])
    _wait_for(outcomes, "client gone")
    _nothing_is_left(client, folder)
    assert publish(client, data)["status"] == "Published"  # and the server is none the worse


def test_a_stalled_client_is_disconnected(
    client: CodeArtifactClient,
    server: LocalRegistry,
    folder: Path,
    operation: OperationModel,
    outcomes: SimpleQueue[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app, "IDLE_SECONDS", 0.2)
    with _connected(server) as connection:
        request = publish_request(operation, b"x" * 100).sign(server)
        connection.sendall(request.head(server, **{"Content-Length": "100"}) + b"x" * 50)
        _wait_for(outcomes, "client gone")
        _nothing_is_left(client, folder)


def test_a_chunked_body_is_accepted(
    client: CodeArtifactClient, server: LocalRegistry, operation: OperationModel
) -> None:
    data = b"chunk" * 100_000
    request = publish_request(operation, data).sign(server)
    with _connected(server) as connection:
        connection.sendall(request.head(server, **{"Transfer-Encoding": "chunked"}))
        for start_at in range(0, len(data), 70_000):
            part = data[start_at : start_at + 70_000]
            connection.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        status, _ = _read_reply(connection)
    assert status == 200
    assert client.get_package_version_asset(**PACKAGE, packageVersion="1.0", asset="a.txt")["asset"].read() == data


def test_an_incomplete_chunked_body_is_not_stored(
    client: CodeArtifactClient,
    server: LocalRegistry,
    folder: Path,
    operation: OperationModel,
    outcomes: SimpleQueue[str],
) -> None:
    request = publish_request(operation, b"x" * 100).sign(server)
    with _connected(server) as connection:
        connection.sendall(request.head(server, **{"Transfer-Encoding": "chunked"}) + b"32\r\n" + b"x" * 50 + b"\r\n")
    _wait_for(outcomes, "client gone")
    _nothing_is_left(client, folder)


def test_a_client_that_expects_100_continue_gets_it(
    client: CodeArtifactClient, server: LocalRegistry, operation: OperationModel
) -> None:
    request = publish_request(operation, b"data").sign(server)
    with _connected(server) as connection:
        connection.sendall(request.head(server, **{"Content-Length": "4", "Expect": "100-continue"}))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"data")
        status, _ = _read_reply(connection)
    assert status == 200


def test_a_client_that_expects_100_continue_is_refused_before_it_sends_the_body(
    client: CodeArtifactClient, server: LocalRegistry, operation: OperationModel
) -> None:
    publish(client, b"good")
    rival = publish_request(operation, b"evil").sign(server)
    unsigned = publish_request(operation, b"evil")
    for request, expected in ((rival, 409), (unsigned, 403)):
        with _connected(server) as connection:
            connection.sendall(request.head(server, **{"Content-Length": "4", "Expect": "100-continue"}))
            status, _ = _read_reply(connection)
            assert status == expected
            assert connection.recv(1) == b""  # closed: nobody knows whether the body would have come


@pytest.mark.parametrize("size", [4, 8 * MEBIBYTE])
def test_a_connection_is_reusable_after_an_early_refusal(
    size: int, client: CodeArtifactClient, server: LocalRegistry, operation: OperationModel
) -> None:
    publish(client, b"good")
    data = b"e" * size
    connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
    with contextlib.closing(connection):
        for _ in range(3):
            reply = publish_request(operation, data).sign(server).send(server, connection)
            assert (reply.status, reply.error) == (409, "ConflictException")
        assert Request("GET", "/nowhere", "", {}).send(server, connection).status == 404
        reply = publish_request(operation, b"more", version="2.0").sign(server).send(server, connection)
        assert reply.status == 200


def test_an_asset_over_the_quota_is_refused_with_and_without_content_length(
    folder: Path, operation: OperationModel, model: ServiceModel
) -> None:
    with start(folder, quotas=Quotas(asset_bytes=1000)) as server, contextlib.closing(client_of(server)) as client:
        client.create_domain(domain="acme")
        client.create_repository(domain="acme", repository="dev")
        assert publish(client, b"x" * 1000)["status"] == "Published"
        with pytest.raises(client.exceptions.ServiceQuotaExceededException):
            publish(client, b"x" * 1001, version="2.0")
        request = publish_request(operation, b"x" * 2000, version="2.0").sign(server)
        with _connected(server) as connection:
            body = b"7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n"
            connection.sendall(request.head(server, **{"Transfer-Encoding": "chunked"}) + body)
            status, answer = _read_reply(connection)
            assert (status, json.loads(answer)["resourceId"]) == (402, "a.txt")
        assert [each["version"] for each in client.list_package_versions(**PACKAGE)["versions"]] == ["1.0"]
        assert list((folder / "uploads").iterdir()) == []


def test_idle_and_slow_connections_do_not_keep_others_waiting(
    client: CodeArtifactClient, server: LocalRegistry, operation: OperationModel
) -> None:
    data = b"x" * MEBIBYTE
    with contextlib.ExitStack() as stack:
        for number in range(40):
            silent = stack.enter_context(_connected(server))
            if number % 2:
                silent.sendall(b"POST /v1/")
            slow = stack.enter_context(_connected(server))
            request = publish_request(operation, data, name=f"slow-{number}").sign(server)
            slow.sendall(request.head(server, **{"Content-Length": str(len(data))}) + data[:1000])
        assert publish(client, data, version="2.0")["status"] == "Published"


def test_sixteen_parallel_uploads_succeed(client: CodeArtifactClient, server: LocalRegistry) -> None:
    with contextlib.closing(client_of(server, max_pool_connections=16)) as many, ThreadPoolExecutor(16) as pool:
        bodies = [bytes([number]) * (300_000 + number) for number in range(48)]
        list(
            pool.map(
                lambda item: publish(many, item[1], f"asset-{item[0]:02}", unfinished=True), list(enumerate(bodies))
            )
        )
    assets = client.list_package_version_assets(**PACKAGE, packageVersion="1.0")["assets"]
    assert [each["hashes"]["SHA-256"] for each in assets] == [sha256(body) for body in bodies]


def test_of_two_bodies_that_race_for_one_name_one_wins(client: CodeArtifactClient, server: LocalRegistry) -> None:
    with contextlib.closing(client_of(server, max_pool_connections=8)) as many, ThreadPoolExecutor(8) as pool:
        for attempt in range(5):
            bodies = [bytes([number]) * 200_000 for number in range(8)]

            def send(body: bytes, version: str = f"{attempt}") -> Any:
                try:
                    return publish(many, body, version=version, unfinished=True)["asset"]
                except many.exceptions.ConflictException as error:
                    return error.response["ResponseMetadata"]["HTTPStatusCode"]

            outcomes = list(pool.map(send, bodies))
            assert outcomes.count(409) == 7
            (won,) = (each for each in outcomes if each != 409)
            answer = client.get_package_version_asset(**PACKAGE, packageVersion=str(attempt), asset="a.txt")
            assert sha256(answer["asset"].read()) == won["hashes"]["SHA-256"]


@pytest.mark.parametrize(
    "garbage",
    [b"\x00" * 100, b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00", b"POST /v1/domain HTTP/1.1\r\nContent-Length: x\r\n\r\n"],
)
def test_garbage_gets_a_response_and_has_no_effect(garbage: bytes, server: LocalRegistry) -> None:
    with _connected(server) as connection:
        connection.sendall(garbage)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100).startswith((b"HTTP/1.1 400", b""))
    assert Request("GET", "/nowhere", "", {}).send(server).status == 404


def test_a_document_has_a_maximum_size(server: LocalRegistry, model: ServiceModel) -> None:
    body = b'{"description": "' + b"x" * (2 * MEBIBYTE) + b'"}'
    params = {"domain": "acme", "repository": "dev"}
    reply = Request.of(model.operation_model("CreateRepository"), params, body).sign(server).send(server)
    assert (reply.status, reply.document["reason"]) == (400, "CANNOT_PARSE")


def test_a_name_outside_ascii_is_published_listed_and_downloaded(client: CodeArtifactClient) -> None:
    name = "größe ünï 日本 (1).zip"
    publish(client, name=name)
    assets = client.list_package_version_assets(**PACKAGE, packageVersion="1.0")["assets"]
    assert [each["name"] for each in assets] == [name]
    answer = client.get_package_version_asset(**PACKAGE, packageVersion="1.0", asset=name)
    assert answer["asset"].read() == b"data"
    # Each SDK would read these bytes of a header in its own way, and a script save the file under the wrong name.
    assert "assetName" not in answer
