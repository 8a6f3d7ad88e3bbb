"""The benchmarks' server: what it counts, when it refuses, and that no way of sending confuses it."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from benchmarks.server import Bucket, Server
from botocore.config import Config

SHA256 = "0" * 64


@contextmanager
def serving(rate: float = 0.0, burst: float = 0.0, *, quotas: bool = False) -> Iterator[Server]:
    server = Server(0, rate, burst, quotas=quotas)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def target(asset: str, unfinished: bool = True) -> str:
    words = f"domain=bench&repository=dev&format=generic&namespace=n&package=p&version=1&asset={asset}"
    return f"/v1/package/version/publish?{words}" + ("&unfinished=true" if unfinished else "")


def head(asset: str, size: int, more: str = "") -> bytes:
    lines = f"POST {target(asset)} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\nx-amz-content-sha256: {SHA256}\r\n"
    return f"{lines}{more}\r\n".encode()


def statuses(sock: socket.socket, count: int) -> list[int]:
    """The statuses of so many answers, in order."""
    file = sock.makefile("rb")
    found = []
    for _ in range(count):
        found.append(int(file.readline().split()[1]))
        length = 0
        while (line := file.readline()) != b"\r\n":
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        file.read(length)
    return found


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def test_it_counts_requests_bytes_and_connections(server: Server) -> None:
    for name in ("a", "b"):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        for number in range(2):
            body = b"x" * 100_000
            connection.request("POST", target(f"{name}{number}"), body, {"x-amz-content-sha256": SHA256})
            answer = json.load(connection.getresponse())
            assert answer["asset"] == {"name": f"{name}{number}", "size": 100_000, "hashes": {"SHA-256": SHA256}}
        connection.close()
    report = server.report
    assert report.requests == {"PublishPackageVersion": 4, "PublishPackageVersion@dev": 4}
    assert (report.connections, report.body_bytes, report.throttled) == (2, 400_000, 0)
    assert 0 < report.first_request <= report.last_answer


def test_requests_in_one_packet_or_in_many_are_the_same(server: Server) -> None:
    with connect(server) as sock:
        sock.sendall(head("a", 3) + b"abc" + head("b", 0) + head("c", 2) + b"de")
        assert statuses(sock, 3) == [200, 200, 200]
        for byte in head("d", 2) + b"fg":
            sock.sendall(bytes([byte]))
        assert statuses(sock, 1) == [200]
    assert server.report.body_bytes == 7


def test_a_client_that_waits_for_100_continue_is_told_to_go_on(server: Server) -> None:
    with connect(server) as sock:
        sock.sendall(head("a", 2, "Expect: 100-continue\r\n"))
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"ab")
        assert statuses(sock, 1) == [200]


def test_a_body_of_unknown_length_is_refused(server: Server) -> None:
    with connect(server) as sock:
        sock.sendall(f"POST {target('a')} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        assert statuses(sock, 1) == [411]
        assert sock.recv(1) == b""


def test_uploads_above_the_quota_are_answered_with_429() -> None:
    with serving(rate=0.001, burst=2) as server, connect(server) as sock:
        for name in "abc":
            sock.sendall(head(name, 1) + b"x")
        assert statuses(sock, 3) == [200, 200, 429]
        assert server.report.throttled == 1
        assert server.report.requests["PublishPackageVersion"] == 3


def test_the_quotas_of_aws_apply_to_every_operation() -> None:
    with serving(quotas=True) as server, connect(server) as sock:
        for name in range(11):
            sock.sendall(head(f"{name}", 1) + b"x")
        assert statuses(sock, 11) == [200] * 10 + [429]
        place = "domain=bench&source-repository=dev&destination-repository=staging&format=generic&namespace=n&package=p"
        body = b'{"versions": ["1"], "allowOverwrite": true}'
        for _ in range(6):
            line = f"POST /v1/package/versions/copy?{place} HTTP/1.1"
            sock.sendall(f"{line}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        assert statuses(sock, 6) == [200] * 5 + [429]
        assert len(server.report.published) == 5


def test_a_bucket_gives_its_burst_at_once_and_its_rate_for_ever() -> None:
    bucket = Bucket(rate=10, burst=3, now=0.0)
    assert [bucket.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(0.25), bucket.take(0.25), bucket.take(0.25)] == [True, True, False]
    taken = sum(bucket.take(1 + tick / 1000) for tick in range(100_000))
    assert taken == pytest.approx(3 + 10 * 100, abs=2)


def test_boto3_publishes_copies_and_reads(server: Server) -> None:
    client: Any = boto3.client(
        "codeartifact",
        endpoint_url=f"http://127.0.0.1:{server.port}",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="y",
        config=Config(proxies={}),
    )
    key = {"domain": "bench", "format": "generic", "namespace": "n", "package": "p"}
    dev = {**key, "repository": "dev", "packageVersion": "1"}
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.describe_package_version(**dev)
    for name in ("b", "a"):
        client.publish_package_version(**dev, assetName=name, assetContent=b"x", assetSHA256=SHA256, unfinished=True)
    with pytest.raises(client.exceptions.ConflictException):
        client.publish_package_version(**dev, assetName="a", assetContent=b"y", assetSHA256="1" * 64)
    page = client.list_package_version_assets(**dev, maxResults=1)
    assert [asset["name"] for asset in page["assets"]] == ["a"]
    page = client.list_package_version_assets(**dev, maxResults=1, nextToken=page["nextToken"])
    assert [asset["name"] for asset in page["assets"]] == ["b"]
    assert "nextToken" not in page
    where = {**key, "repository": "dev", "versions": ["1"], "targetStatus": "Published"}
    stale = client.update_package_versions_status(**where, versionRevisions={"1": "r0"})
    assert stale["failedVersions"]["1"]["errorCode"] == "MISMATCHED_REVISION"
    done = client.update_package_versions_status(**where, expectedStatus="Unfinished")
    revision = done["successfulVersions"]["1"]["revision"]
    copy = {**key, "sourceRepository": "dev", "destinationRepository": "staging", "versionRevisions": {"1": revision}}
    assert client.copy_package_versions(**copy)["successfulVersions"]["1"]["revision"] == revision
    assert client.copy_package_versions(**copy)["failedVersions"]["1"]["errorCode"] == "ALREADY_EXISTS"
    described = client.describe_package_version(**{**dev, "repository": "staging"})["packageVersion"]
    assert (described["status"], described["revision"]) == ("Published", revision)
    assert server.report.requests["CopyPackageVersions@staging"] == 2
    client.close()
