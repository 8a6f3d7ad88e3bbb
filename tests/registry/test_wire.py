"""The adapter on a real connection: what is read, how often, and in how much memory."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes import AT, PEAK_MEMORY, asset
from pulumi_codeartifact_release import endpoints
from pulumi_codeartifact_release.endpoints import Connection, Destination, connect, resolve
from pulumi_codeartifact_release.errors import InvalidRequestError, RegistryConflictError, StatusRefusedError
from pulumi_codeartifact_release.registry import Asset, Registry, Status


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    made = connect(Destination("acme", "dev"), resolve("file:.registry", base=tmp_path))
    made.prepare()
    yield made
    endpoints.close_embedded()


@pytest.fixture
def registry(connection: Connection) -> Registry:
    return connection.registry


class CountingBody(io.BytesIO):
    """Counts what is read of it."""

    count = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(-1 if size is None else size)
        self.count += len(data)
        return data

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def test_a_body_is_read_once(registry: Registry) -> None:
    content = bytes(range(256)) * 20_000
    body = CountingBody(content)
    registry.publish_asset(AT, asset("a.bin", content), body, unfinished=True)
    assert body.count == len(content)


def test_a_release_goes_through_all_four_calls(registry: Registry) -> None:
    content = asset("a \u00e9 ~!@^&()-`_+[]{};,.txt", b"abc")
    registry.publish_asset(AT, content, io.BytesIO(b"abc"), unfinished=True)
    assert registry.describe(AT).status is Status.UNFINISHED
    listing = registry.list_assets(AT)
    assert listing.assets == {content.name: content}
    state = registry.set_status(AT, revision=listing.revision, expected=Status.UNFINISHED, target=Status.PUBLISHED)
    assert registry.describe(AT) == state


def test_a_listing_of_many_pages_is_whole(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulumi_codeartifact_release.registry.boto._PAGE", 7)
    expected = {f"{number:03}": asset(f"{number:03}", bytes([number])) for number in range(50)}
    for content in expected.values():
        registry.publish_asset(AT, content, io.BytesIO(bytes([int(content.name)])), unfinished=True)
    assert registry.list_assets(AT).assets == expected


def test_a_body_that_is_not_its_hash_is_refused(registry: Registry) -> None:
    wrong = Asset("a", 3, asset("a", b"abd").sha256)
    with pytest.raises(InvalidRequestError):
        registry.publish_asset(AT, wrong, io.BytesIO(b"abc"), unfinished=True)


def test_other_bytes_under_a_name_are_a_conflict(registry: Registry) -> None:
    registry.publish_asset(AT, asset("a", b"abc"), io.BytesIO(b"abc"), unfinished=True)
    with pytest.raises(RegistryConflictError):
        registry.publish_asset(AT, asset("a", b"ABC"), io.BytesIO(b"ABC"), unfinished=True)


def test_a_revision_that_moved_is_refused(registry: Registry) -> None:
    registry.publish_asset(AT, asset("a", b"abc"), io.BytesIO(b"abc"), unfinished=True)
    listing = registry.list_assets(AT)
    registry.publish_asset(AT, asset("b", b"b"), io.BytesIO(b"b"), unfinished=True)
    with pytest.raises(StatusRefusedError) as caught:
        registry.set_status(AT, revision=listing.revision, expected=Status.UNFINISHED, target=Status.PUBLISHED)
    assert caught.value.reason == "MISMATCHED_REVISION"


def test_memory_stays_flat_for_a_large_asset(tmp_path: Path) -> None:
    with (tmp_path / "large.bin").open("wb") as file:
        file.truncate(400 << 20)
    (tmp_path / "release.yaml").write_text(
        "schemaVersion: 1\n"
        "packages: [{namespace: acme, package: large, version: '1', assets: [large.bin]}]\n"
        "environments: {dev: {domain: acme, repository: dev, endpoint: 'file:.registry'}}\n"
    )
    code = (
        PEAK_MEMORY + "import sys\n"
        "from pulumi_codeartifact_release.cli import main\n"
        "sys.argv = ['codeartifact-release', 'apply', 'release.yaml', '-e', 'dev', '--yes']\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert end.code == 0, end.code\n"
        "print(peak_memory_kib())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True)
    # Client and server in one process; most of it is Python and its libraries.
    assert int(done.stdout.splitlines()[-1]) < 150 * 1024
