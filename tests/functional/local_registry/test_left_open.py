"""No request, however wrong, leaves a lock, a cursor or a descriptor open."""

from __future__ import annotations

import base64
import contextlib
import gc
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StringShape, StructureShape
from mypy_boto3_codeartifact import CodeArtifactClient

from pulumi_codeartifact_release.local_registry.operations import OPERATIONS
from pulumi_codeartifact_release.local_registry.server import LocalRegistry
from support.local_registry import PACKAGE, Request, publish, sha256

GOOD: dict[str, Any] = {
    **PACKAGE,
    "packageVersion": "1.0",
    "versions": ["1.0"],
    "sourceRepository": "dev",
    "destinationRepository": "prod",
    "targetStatus": "Unlisted",
    "restrictions": {"publish": "ALLOW", "upstream": "BLOCK"},
    "asset": "a.txt",
    "assetName": "a.txt",
    "assetSHA256": sha256(b"data"),
}


def token(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


EVERYTHING = os.environ.get("MODEL") == "all"
TOKENS = ["x", "", "é", "====", token(), token(1), token("a", 1.5, None), token(*"abcdefgh"), "W" * 2001, token("a")]


def bad_values(shape: Shape) -> Iterator[Any]:
    """Yield values that the model or the service refuses."""
    yield from (None, 17, {}, [], "", "\n", "x" * 5000, "../..", {"a": {"b": []}}, ["x" * 3000] * 3, "nowhere")
    if isinstance(shape, StringShape) and shape.enum:
        yield "NO_SUCH"
    if isinstance(shape, StructureShape):
        yield from ({name: "NO_SUCH"} for name in shape.members)
    if isinstance(shape, ListShape):
        yield from (["none"] * 101, [1, None], [[]])
    if isinstance(shape, MapShape):
        yield from ({"none": "x"}, {"1.0": 1}, {str(number): "x" for number in range(101)})


def bad_calls(operation: OperationModel) -> Iterator[tuple[dict[str, Any], bytes | None]]:
    """Yield parameters with one mistake each, and a body if the mistake is there."""
    members = operation.input_shape.members if operation.input_shape else {}
    good = {name: value for name, value in GOOD.items() if name in members}
    if "versionRevisions" in members and "versions" in good and operation.name == "CopyPackageVersions":
        yield {**good, "versionRevisions": {"1.0": "x"}}, None
    streamed = operation.get_streaming_input() if operation.has_streaming_input else None
    for name, shape in members.items():
        if shape is streamed:
            continue
        yield {key: value for key, value in good.items() if key != name}, None
        for value in bad_values(shape):
            yield {**good, name: value}, None
    for each in TOKENS if "nextToken" in members else ():
        yield {**good, "nextToken": each}, None
        yield {**good, "nextToken": each, "maxResults": 1}, None
    for body in (b"", b"{", b"[]", b"\xff", b"null", b'{"nextToken": 1}', b"[" * 100_000, b"x" * 2_000_000):
        yield good, body


def unlocked(folder: Path) -> None:
    """Take an exclusive lock without waiting for it."""
    with contextlib.closing(sqlite3.connect(folder / "registry.sqlite3", timeout=0, isolation_level=None)) as rows:
        rows.execute("BEGIN EXCLUSIVE")
        rows.execute("ROLLBACK")


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture(autouse=True)
def _no_garbage_collection() -> Iterator[None]:
    """Disable the garbage collector, so that nothing is closed by it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_invalid_request_leaves_no_lock(
    name: str, client: CodeArtifactClient, server: LocalRegistry, folder: Path, model: ServiceModel
) -> None:
    publish(client)
    publish(client, version="2.0")
    operation = model.operation_model(name)
    before = descriptors()
    refused = 0
    calls = list(bad_calls(operation))
    if not EVERYTHING:
        # A quarter, and not the same one of each operation.
        calls = calls[list(OPERATIONS).index(name) % 4 :: 4]
    for params, body in calls:
        try:
            reply = Request.of(operation, params, body).sign(server).send(server)
        except (AttributeError, KeyError, TypeError, ValueError):
            continue  # it cannot even be written down
        refused += reply.status >= 400
        assert reply.status < 500, (params, body and body[:100], reply.body)
        unlocked(folder)
    if operation.input_shape and operation.input_shape.members:
        assert refused
    assert descriptors() <= before + 1  # a connection that the server is about to let go of


WRITER = """
import sqlite3, sys
for _ in sys.stdin:
    rows = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
    rows.execute("BEGIN EXCLUSIVE")
    rows.execute("UPDATE domains SET created = created + 1")
    rows.execute("COMMIT")
    rows.close()
    print("written", flush=True)
"""


def test_an_invalid_token_does_not_block_other_processes(
    client: CodeArtifactClient, server: LocalRegistry, folder: Path, model: ServiceModel
) -> None:
    for number in range(3):
        publish(client, version=f"{number}")
        publish(client, name=f"{number}", version="many", unfinished=True)
        client.create_domain(domain=f"domain-{number}")
        publish(client, package=f"package-{number}")
    lists = [name for name in OPERATIONS if "nextToken" in model.operation_model(name).input_shape.members]  # type: ignore[union-attr]
    assert len(lists) >= 6
    words = [sys.executable, "-c", WRITER, str(folder / "registry.sqlite3")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for name in lists:
            operation = model.operation_model(name)
            members = operation.input_shape.members if operation.input_shape else {}
            params = {key: value for key, value in {**GOOD, "packageVersion": "many"}.items() if key in members}
            reply = Request.of(operation, {**params, "nextToken": "x", "maxResults": 1}).sign(server).send(server)
            assert (reply.status, reply.document["reason"]) == (400, "FIELD_VALIDATION_FAILED"), name
            assert "nextToken" in reply.document["message"]
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "written\n", name
        process.stdin.close()
        assert process.wait() == 0


def test_unsigned_requests_and_404s_leave_nothing_open(
    client: CodeArtifactClient, server: LocalRegistry, folder: Path, model: ServiceModel
) -> None:
    publish(client)
    before = descriptors()
    for name in model.operation_names:
        operation = model.operation_model(name)
        members = operation.input_shape.members if operation.input_shape else {}
        params = {key: GOOD.get(key, "missing") for key in members if key not in ("assetContent", "nextToken")}
        for change in ({}, {"repository": "nowhere"}, {"domain": "nowhere"}, {"package": "none"}):
            with contextlib.suppress(Exception):
                request = Request.of(operation, {**params, **change})
                request.send(server)
                request.sign(server).send(server)
            unlocked(folder)
    assert descriptors() <= before + 1


def test_failed_uploads_leave_no_descriptor_open(
    client: CodeArtifactClient, server: LocalRegistry, folder: Path
) -> None:
    publish(client)
    before = descriptors()
    for _ in range(20):
        with pytest.raises(client.exceptions.ValidationException):
            publish(client, b"other", version="2.0", assetSHA256=sha256(b"no"))
        with pytest.raises(client.exceptions.ConflictException):
            publish(client, b"other")
    time.sleep(0.2)
    assert descriptors() <= before + 1
    unlocked(folder)
