"""The adapter on a real connection: reads, and memory."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pulumi_codeartifact_release import connections
from pulumi_codeartifact_release.connections import Connection, connect
from pulumi_codeartifact_release.errors import (
    InterruptedReleaseError,
    InvalidRequestError,
    RegistryConflictError,
    StatusRefusedError,
    UnreachableError,
    VersionNotFoundError,
)
from pulumi_codeartifact_release.local_registry import start
from pulumi_codeartifact_release.local_registry.faults import parse
from pulumi_codeartifact_release.location import Location, resolve
from pulumi_codeartifact_release.publishing import (
    Promotion,
    PromotionSource,
    Rechecking,
    Release,
    apply,
    choose_candidate,
)
from pulumi_codeartifact_release.registry import Asset, Registry, Status
from pulumi_codeartifact_release.registry.boto import BotoRegistry
from pulumi_codeartifact_release.registry.client import ClientSettings, make_client
from pulumi_codeartifact_release.registry.rate_limiter import RateLimiter
from support.fakes import AT, PEAK_MEMORY, InlineScheduler, asset


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    made = connect(resolve(Location("acme", "dev", endpoint="file:.registry"), base=tmp_path))
    made.prepare()
    yield made
    connections.close()


@pytest.fixture
def registry(connection: Connection) -> Registry:
    return connection.registry


class CountingBody(io.BytesIO):
    """Counts the bytes read."""

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


def test_a_listing_of_many_pages_is_complete(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulumi_codeartifact_release.registry.boto.MAX_PAGE_SIZE", 7)
    expected = {f"{number:03}": asset(f"{number:03}", bytes([number])) for number in range(50)}
    for content in expected.values():
        registry.publish_asset(AT, content, io.BytesIO(bytes([int(content.name)])), unfinished=True)
    assert registry.list_assets(AT).assets == expected


def test_a_body_that_does_not_match_its_hash_is_refused(registry: Registry) -> None:
    wrong = Asset("a", 3, asset("a", b"abd").sha256)
    with pytest.raises(InvalidRequestError):
        registry.publish_asset(AT, wrong, io.BytesIO(b"abc"), unfinished=True)


def test_other_bytes_under_a_name_are_a_conflict(registry: Registry) -> None:
    registry.publish_asset(AT, asset("a", b"abc"), io.BytesIO(b"abc"), unfinished=True)
    with pytest.raises(RegistryConflictError):
        registry.publish_asset(AT, asset("a", b"ABC"), io.BytesIO(b"ABC"), unfinished=True)


def test_a_stale_revision_is_refused(registry: Registry) -> None:
    registry.publish_asset(AT, asset("a", b"abc"), io.BytesIO(b"abc"), unfinished=True)
    listing = registry.list_assets(AT)
    registry.publish_asset(AT, asset("b", b"b"), io.BytesIO(b"b"), unfinished=True)
    with pytest.raises(StatusRefusedError) as caught:
        registry.set_status(AT, revision=listing.revision, expected=Status.UNFINISHED, target=Status.PUBLISHED)
    assert caught.value.reason == "MISMATCHED_REVISION"


@pytest.mark.slow
def test_memory_is_constant_for_a_large_asset(tmp_path: Path) -> None:
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


# --- what promotions need ---------------------------------------------------------------------------------------------

NEXT = replace(AT, repository="staging")


@pytest.fixture
def staging(connection: Connection, tmp_path: Path) -> Registry:
    made = connect(resolve(Location("acme", "staging", endpoint="file:.registry"), base=tmp_path))
    made.prepare()
    return made.registry


def published(registry: Registry, contents: dict[str, bytes]) -> str:
    for name, content in contents.items():
        registry.publish_asset(AT, asset(name, content), io.BytesIO(content), unfinished=True)
    revision = registry.list_assets(AT).revision
    return registry.set_status(AT, revision=revision, expected=Status.UNFINISHED, target=Status.PUBLISHED).revision


def test_a_published_asset_downloads_completely(registry: Registry) -> None:
    contents = {"large \u00e9 ~!@^&()-`_+[]{};,.bin": bytes(range(256)) * 5000, "empty": b""}
    published(registry, contents)
    for name, content in contents.items():
        parts: list[bytes] = []
        registry.fetch_asset(AT, asset(name, content), parts.append)
        assert b"".join(parts) == content
        assert max(map(len, parts), default=0) <= 1 << 18


def test_a_missing_asset_cannot_be_downloaded(registry: Registry) -> None:
    published(registry, {"a": b"abc"})
    for at, wanted in ((AT, "b"), (replace(AT, version="2.0"), "a"), (replace(AT, package="other"), "a")):
        with pytest.raises(VersionNotFoundError):
            registry.fetch_asset(at, asset(wanted, b"abc"), lambda _part: None)


def test_a_copy_holds_the_assets_of_its_source_at_the_sources_revision(registry: Registry, staging: Registry) -> None:
    revision = published(registry, {"a": b"abc", "b": b"b"})
    with pytest.raises(StatusRefusedError) as caught:
        staging.copy(NEXT, source_repository="dev", revision="another", allow_overwrite=False)
    assert caught.value.reason == "MISMATCHED_REVISION"
    with pytest.raises(VersionNotFoundError):
        staging.describe(NEXT)
    said = staging.copy(NEXT, source_repository="dev", revision=revision, allow_overwrite=False)
    assert said == staging.describe(NEXT)
    assert said
    assert said.revision == revision
    assert staging.list_assets(NEXT).assets == registry.list_assets(AT).assets
    with pytest.raises(StatusRefusedError) as caught:
        staging.copy(NEXT, source_repository="dev", revision=revision, allow_overwrite=False)
    assert caught.value.reason == "ALREADY_EXISTS"
    assert staging.copy(NEXT, source_repository="dev", revision=revision, allow_overwrite=True)


def test_published_time_and_server_time_are_from_one_clock(registry: Registry) -> None:
    before = datetime.now(UTC)
    published(registry, {"a": b"abc"})
    state = registry.describe(AT)
    assert state.published_time is not None
    assert state.answered_at is not None
    assert before <= state.published_time <= datetime.now(UTC)
    # A `Date` has whole seconds, and a server may cache it.
    assert before - timedelta(seconds=10) <= state.answered_at <= datetime.now(UTC)


def test_versions_are_listed_with_the_last_published_first(registry: Registry) -> None:
    assert list(registry.list_versions(AT)) == []
    published(registry, {"a": b"abc"})
    older = replace(AT, version="0.9")
    registry.publish_asset(older, asset("a", b"a"), io.BytesIO(b"a"), unfinished=False)
    registry.publish_asset(replace(AT, version="2.0"), asset("a", b"a"), io.BytesIO(b"a"), unfinished=True)
    listed = [(each.version, each.status) for each in registry.list_versions(replace(AT, version=""), page_size=1)]
    assert listed == [("0.9", Status.PUBLISHED), ("1.0", Status.PUBLISHED), ("2.0", Status.UNFINISHED)]
    published_only = registry.list_versions(AT, status=Status.PUBLISHED, page_size=1)
    assert [each.version for each in published_only] == ["0.9", "1.0"]


def test_after_a_stop_nothing_is_copied_but_reads_work(registry: Registry, staging: Registry, tmp_path: Path) -> None:
    revision = published(registry, {"a": b"abc"})

    def stop() -> None:
        raise InterruptedReleaseError("stopped")

    stopped = connect(resolve(Location("acme", "staging", endpoint="file:.registry"), base=tmp_path), stop).registry
    with pytest.raises(InterruptedReleaseError):
        stopped.copy(NEXT, source_repository="dev", revision=revision, allow_overwrite=True)
    parts: list[bytes] = []
    stopped.fetch_asset(AT, asset("a", b"abc"), parts.append)
    assert parts == [b"abc"]
    with pytest.raises(VersionNotFoundError):
        staging.describe(NEXT)


@contextmanager
def faulty(folder: Path, *rules: dict[str, object]) -> Iterator[Registry]:
    """A registry with injected faults and the repositories dev and releases."""
    with start(folder, faults=parse({"rules": list(rules)})) as server:
        key = server.credentials()
        client = make_client(ClientSettings("us-east-1", None, server.url, key.access_key_id, key.secret_access_key))
        client.create_domain(domain="acme")
        for repository in ("dev", "releases"):
            client.create_repository(domain="acme", repository=repository)
        yield BotoRegistry(client, RateLimiter({}), sleep=lambda _seconds: None)
        client.close()


CUT: dict[str, object] = {"cut": "response", "operations": ["GetPackageVersionAsset"]}


def test_a_download_that_is_cut_is_unreachable(tmp_path: Path) -> None:
    content = bytes(100_000)
    with faulty(tmp_path, CUT) as registry:
        published(registry, {"a": content})
        parts: list[bytes] = []
        with pytest.raises(UnreachableError):
            registry.fetch_asset(AT, asset("a", content), parts.append)
        assert len(b"".join(parts)) < len(content)


def test_a_transfer_resumes_after_cut_downloads(tmp_path: Path) -> None:
    contents = {name: name.encode() * 50_000 for name in "abc"}
    far = replace(AT, repository="releases")
    with faulty(tmp_path, {**CUT, "every": 2, "first": 4}) as registry:
        published(registry, contents)
        scheduler = InlineScheduler()
        # As in another domain: nothing is copied.
        promotion_source = PromotionSource(Promotion(AT, far), lambda: registry, same_domain=False)
        release = Release(far, choose_candidate(promotion_source, None, scheduler).assets)
        events = list(
            apply(
                release,
                promotion_source.contents(release, scheduler),
                registry,
                scheduler,
                promotion_source=promotion_source,
            )
        )
        assert any(isinstance(event, Rechecking) for event in events)
        assert registry.list_assets(far).assets == registry.list_assets(AT).assets
        assert registry.describe(far).status is Status.PUBLISHED


def test_an_endless_error_response_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    given: list[int] = []

    class Endless(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404)
            self.send_header("x-amzn-ErrorType", "ResourceNotFoundException")
            self.end_headers()
            try:
                for _ in range(1024):
                    self.wfile.write(bytes(1 << 20))
                    given.append(1 << 20)
            except OSError:
                pass

        def log_message(self, *_words: object) -> None:
            """Nothing is printed."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Endless) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        registry = BotoRegistry(make_client(ClientSettings("us-east-1", None, url, "x", "y")), RateLimiter({}))
        with pytest.raises(UnreachableError, match="larger than 64 MiB"):
            registry.fetch_asset(AT, asset("a", b"abc"), lambda _part: None)
        server.shutdown()
        thread.join()
    # Only the limit and the buffers of sockets, not the whole GiB.
    assert sum(given) < 100 << 20


@pytest.mark.slow
def test_memory_is_constant_for_a_large_promotion(tmp_path: Path) -> None:
    size = 128 << 20
    with (tmp_path / "large.bin").open("wb") as file:
        file.truncate(size)
    (tmp_path / "release.yaml").write_text(
        "schemaVersion: 1\n"
        "packages: [{namespace: acme, package: large, version: '1', assets: [large.bin]}]\n"
        "environments:\n"
        "  dev: {domain: acme, repository: dev, endpoint: 'file:.registry'}\n"
        "  prod: {domain: acme-prod, repository: releases, endpoint: 'file:.registry', promoteFrom: dev}\n"
    )
    code = (
        PEAK_MEMORY + "import sys\n"
        "from pulumi_codeartifact_release.cli import main\n"
        "for environment in ('dev', 'prod'):\n"
        "    sys.argv = ['codeartifact-release', 'apply', 'release.yaml', '-e', environment, '--yes']\n"
        "    try:\n        main()\n"
        "    except SystemExit as end:\n        assert end.code == 0, end.code\n"
        "print(peak_memory_kib())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert "acme/large: Published: sent 1 asset, 128.0 MiB" in done.stdout
    assert int(done.stdout.splitlines()[-1]) < 150 * 1024
