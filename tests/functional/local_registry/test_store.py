"""The folder: nothing before the first write, nothing from reads, all acknowledged writes after a kill."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import io
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import ServiceModel
from mypy_boto3_codeartifact import CodeArtifactClient

from pulumi_codeartifact_release.local_registry import Credentials, StoreError, start
from pulumi_codeartifact_release.local_registry.blobs import Hashers
from pulumi_codeartifact_release.local_registry.store import Store
from support.local_registry import PACKAGE, WHERE, client_of, publish, publish_request, sha256, tree

PROCESS = Path(__file__).with_name("process.py")
MEBIBYTE = 1024 * 1024


def _run(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, PROCESS, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextlib.contextmanager
def _process(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    with _run(*arguments) as process:
        try:
            yield process
        finally:
            process.kill()


class _Elsewhere:
    """A server in another process, for handmade requests."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.url, key, secret = process.stdout.readline().split()
        self.key = Credentials(key, secret, "000000000000")
        host, _, port = self.url.removeprefix("http://").partition(":")
        self.host, self.port = host, int(port)

    def credentials(self) -> Credentials:
        return self.key

    def client(self) -> CodeArtifactClient:
        client: CodeArtifactClient = boto3.client(
            "codeartifact",
            endpoint_url=self.url,
            region_name="eu-west-1",
            aws_access_key_id=self.key.access_key_id,
            aws_secret_access_key=self.key.secret_access_key,
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )
        return client


def _everything_that_reads(client: CodeArtifactClient) -> Iterator[Any]:
    version = {**PACKAGE, "packageVersion": "1.0"}
    yield client.list_domains
    yield client.list_repositories
    yield lambda: client.list_repositories_in_domain(domain="acme")
    yield lambda: client.describe_domain(domain="acme")
    yield lambda: client.describe_repository(**WHERE)
    yield lambda: client.list_packages(**WHERE)
    yield lambda: client.list_package_versions(**PACKAGE)
    yield lambda: client.describe_package_version(**version)
    yield lambda: client.list_package_version_assets(**version)
    yield lambda: client.get_package_version_asset(**version, asset="a.txt").get("asset", io.BytesIO()).read()


def test_a_missing_folder_is_an_empty_registry_and_reads_do_not_create_it(
    empty: CodeArtifactClient, folder: Path
) -> None:
    assert empty.list_domains()["domains"] == []
    writes = [
        lambda: publish(empty),
        lambda: empty.create_repository(**WHERE),
        lambda: empty.delete_repository(**WHERE),
        lambda: empty.delete_domain(domain="acme"),
        lambda: empty.update_package_versions_status(**PACKAGE, versions=["1"], targetStatus="Archived"),
        lambda: empty.delete_package_versions(**PACKAGE, versions=["1"]),
        lambda: empty.create_domain(domain="Not A Domain"),
    ]
    for call in [*_everything_that_reads(empty), *writes]:
        with contextlib.suppress(ClientError):
            call()
    assert not folder.exists()


def test_reads_leave_the_folder_as_it_is(client: CodeArtifactClient, folder: Path) -> None:
    publish(client)
    before = tree(folder)
    for call in _everything_that_reads(client):
        call()
    with start(folder) as second, contextlib.closing(client_of(second)) as another:
        for call in _everything_that_reads(another):
            call()
    assert tree(folder) == before


def test_a_read_connection_is_read_only(client: CodeArtifactClient, folder: Path) -> None:
    hashers = Hashers()
    store = Store(folder, hashers)
    with store.read() as rows, pytest.raises(sqlite3.OperationalError, match="readonly"):
        rows.execute("DELETE FROM domains")
    hashers.close()
    assert len(client.list_domains()["domains"]) == 1


def test_a_failed_write_leaves_the_rows_as_they_are(client: CodeArtifactClient, folder: Path) -> None:
    publish(client)
    before = {name: content for name, (_, _, content) in tree(folder).items() if "journal" not in name}
    with pytest.raises(client.exceptions.ConflictException):
        publish(client, b"other")
    with pytest.raises(client.exceptions.ValidationException):
        publish(client, b"other", version="2.0", assetSHA256=sha256(b"no"))
    client.dispose_package_versions(**PACKAGE, versions=["nope"])
    after = {name: content for name, (_, _, content) in tree(folder).items() if "journal" not in name}
    assert after == before


def test_the_next_server_has_what_was_written(client: CodeArtifactClient, folder: Path) -> None:
    published = publish(client)
    with start(folder) as second, contextlib.closing(client_of(second)) as another:
        listed = another.list_package_version_assets(**PACKAGE, packageVersion="1.0")
        assert listed["versionRevision"] == published["versionRevision"]
        publish(another, version="2.0")
    assert len(client.list_package_versions(**PACKAGE)["versions"]) == 2


def _blobs(folder: Path) -> set[str]:
    return {path.name for path in (folder / "blobs").iterdir()}


def test_equal_contents_are_stored_once_and_removed_with_the_last_asset(
    client: CodeArtifactClient, folder: Path
) -> None:
    shared, single = b"shared", b"single"
    publish(client, shared, "a", unfinished=True)
    publish(client, shared, "b", unfinished=True)
    publish(client, single, "c")
    publish(client, shared, version="2.0")
    assert _blobs(folder) == {sha256(shared), sha256(single)}
    client.delete_package_versions(**PACKAGE, versions=["1.0"])
    assert _blobs(folder) == {sha256(shared)}
    client.dispose_package_versions(**PACKAGE, versions=["2.0"])
    assert _blobs(folder) == set()
    publish(client, single, version="3.0")
    client.delete_repository(**WHERE)
    assert _blobs(folder) == set()


def test_a_deleted_blob_can_still_be_downloaded_by_a_running_request(client: CodeArtifactClient, folder: Path) -> None:
    data = os.urandom(8 * MEBIBYTE)
    publish(client, data)
    body = client.get_package_version_asset(**PACKAGE, packageVersion="1.0", asset="a.txt")["asset"]
    begun = body.read(1000)
    client.delete_package_versions(**PACKAGE, versions=["1.0"])
    assert _blobs(folder) == set()
    assert begun + body.read() == data


def test_a_download_whose_blob_is_lost_is_an_error_and_not_a_hang(client: CodeArtifactClient, folder: Path) -> None:
    publish(client)
    (folder / "blobs" / sha256(b"data")).unlink()
    with pytest.raises(client.exceptions.InternalServerException, match="folder"):
        client.get_package_version_asset(**PACKAGE, packageVersion="1.0", asset="a.txt")


def test_a_newer_schema_is_refused(client: CodeArtifactClient, folder: Path) -> None:
    with contextlib.closing(sqlite3.connect(folder / "registry.sqlite3")) as rows:
        rows.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match=r"newer version.*schema 99"):
        start(folder)
    with pytest.raises(client.exceptions.InternalServerException, match="newer version"):
        client.list_domains()


def test_a_foreign_folder_is_refused(folder: Path) -> None:
    folder.mkdir()
    (folder / "registry.sqlite3").write_text("Dear diary, today I was mistaken for a database. " * 100)
    with pytest.raises(StoreError, match="not the database of an embedded registry"):
        start(folder)


def test_an_empty_database_file_reads_as_empty_and_can_be_used(folder: Path) -> None:
    folder.mkdir()
    (folder / "registry.sqlite3").touch()
    with start(folder) as server, contextlib.closing(client_of(server)) as client:
        assert client.list_domains()["domains"] == []
        assert (folder / "registry.sqlite3").stat().st_size == 0
        assert client.create_domain(domain="acme")["domain"]["name"] == "acme"


def test_the_next_write_removes_leftovers_of_killed_processes(client: CodeArtifactClient, folder: Path) -> None:
    publish(client)
    dead, alive = folder / "uploads" / ("d" * 32), folder / "uploads" / ("a" * 32)
    orphan = folder / "blobs" / sha256(b"never committed")
    for path in (dead, alive, orphan):
        path.write_bytes(b"x")
    with alive.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with start(folder) as second, contextlib.closing(client_of(second)) as another:
            another.list_domains()
            assert dead.exists()  # reads clean nothing up
            publish(another, version="2.0")
        assert not dead.exists()
        assert not orphan.exists()
        assert alive.exists()
    assert _blobs(folder) == {sha256(b"data")}


def test_the_journal_of_a_killed_writer_is_rolled_back_by_the_next_reader(
    client: CodeArtifactClient, folder: Path
) -> None:
    publish(client)
    killed = """
import os, signal, sqlite3, sys
rows = sqlite3.connect(sys.argv[1], isolation_level=None)
rows.execute("PRAGMA journal_mode = PERSIST")
rows.execute("PRAGMA cache_size = 1")
rows.execute("BEGIN IMMEDIATE")
rows.execute("DELETE FROM assets")
rows.execute("CREATE TABLE filler AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)"
             " SELECT i, hex(randomblob(200)) FROM n")
os.kill(os.getpid(), signal.SIGKILL)
"""
    file = folder / "registry.sqlite3"
    size = file.stat().st_size
    assert subprocess.run([sys.executable, "-c", killed, file], check=False).returncode == -signal.SIGKILL
    assert file.stat().st_size > size  # half of it reached the file
    assets = client.list_package_version_assets(**PACKAGE, packageVersion="1.0")["assets"]
    assert [each["name"] for each in assets] == ["a.txt"]
    assert publish(client, version="2.0")["status"] == "Published"


def test_a_kill_in_the_middle_of_an_upload_loses_nothing_else(
    client: CodeArtifactClient, folder: Path, model: ServiceModel
) -> None:
    data = b"x" * (8 * MEBIBYTE)
    with _process("serve", folder) as process:
        server: Any = _Elsewhere(process)
        remote = server.client()
        publish(remote, b"acknowledged", "first", unfinished=True)
        request = publish_request(model.operation_model("PublishPackageVersion"), data, name="second").sign(server)
        connection = http.client.HTTPConnection(server.host, server.port)
        with contextlib.closing(connection):
            connection.connect()
            connection.sock.sendall(request.head(server, **{"Content-Length": str(len(data))}) + data[: 6 * MEBIBYTE])
            while not any(path.stat().st_size for path in (folder / "uploads").iterdir()):
                pass
            process.kill()
            process.wait()
        remote.close()
    assert len(list((folder / "uploads").iterdir())) == 1
    with start(folder) as again, contextlib.closing(client_of(again)) as another:
        assets = another.list_package_version_assets(**PACKAGE, packageVersion="1.0")["assets"]
        assert [each["name"] for each in assets] == ["first"]
        publish(another, data, "second")
        read = another.get_package_version_asset(**PACKAGE, packageVersion="1.0", asset="second")["asset"].read()
        assert sha256(read) == sha256(data)
    assert list((folder / "uploads").iterdir()) == []


def _holds(client: CodeArtifactClient, acknowledged: list[str]) -> None:
    """Check that every acknowledged asset is there, with its bytes."""
    for name in acknowledged:
        version = f"v{int(name.rpartition('-')[2]) // 100}"
        answer = client.get_package_version_asset(**PACKAGE, packageVersion=version, asset=name)
        assert answer["asset"].read() == name.encode() * 100


@pytest.mark.slow
def test_several_processes_publish_into_one_folder_and_lose_nothing(client: CodeArtifactClient, folder: Path) -> None:
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(_process("publish", folder, name, 40)) for name in ("p", "q", "r")]
        outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    assert [error for _, error in outputs] == ["", "", ""]
    acknowledged = [name for output, _ in outputs for name in output.split()]
    assert len(acknowledged) == 120
    _holds(client, acknowledged)


@pytest.mark.slow
def test_processes_killed_while_they_publish_lose_nothing_acknowledged(
    client: CodeArtifactClient, folder: Path
) -> None:
    acknowledged = []
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(_process("publish", folder, name, 10_000)) for name in ("p", "q")]
        for process, least in zip(processes, (10, 25), strict=True):
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(least)]
            process.kill()
            rest = process.stdout.read()
            process.wait(timeout=30)
            complete = rest[: rest.rfind("\n") + 1]
            acknowledged += [*"".join(lines).split(), *complete.split()]
    assert len(acknowledged) >= 35
    _holds(client, acknowledged)
    # Each process cleans up at its first write. This one has written before the kills, so use another.
    with start(folder) as again, contextlib.closing(client_of(again)) as another:
        publish(another, version="after")
    assert list((folder / "uploads").iterdir()) == []


@pytest.mark.slow
def test_deleting_in_one_process_never_takes_the_bytes_of_another(client: CodeArtifactClient, folder: Path) -> None:
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(_process("churn", folder, name, 15)) for name in ("p", "q")]
        outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    for package in ("p", "q"):
        where = {**PACKAGE, "package": package}
        assert client.get_package_version_asset(**where, packageVersion="1.0", asset="a.txt")["asset"].read()
    assert len(_blobs(folder)) == 1


def test_a_read_only_folder_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with start(tmp_path / "file" / "registry") as server, contextlib.closing(client_of(server)) as client:
        assert client.list_domains()["domains"] == []
        with pytest.raises(client.exceptions.InternalServerException, match="folder cannot be used"):
            client.create_domain(domain="acme")
