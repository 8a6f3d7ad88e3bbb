"""A wrong hash in the cache: it is detected, removed, and never published."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from pulumi_codeartifact_release.errors import AccessDeniedError, ConflictError, FileChangedError, UnreachableError
from pulumi_codeartifact_release.hashing import FileIdentity, HashedFile, SqliteCache, hash_files
from pulumi_codeartifact_release.publishing import Finalize, Release, apply, digest, make_plan, verify_cached_hashes
from pulumi_codeartifact_release.publishing.asset_content import AssetContent
from pulumi_codeartifact_release.registry.interface import Asset, Status
from support.fakes import AT, FakeRegistry, InlineScheduler

OLD = b"old bytes"
NEW = b"new bytes"


def later() -> int:
    return 17 * 10**18


@pytest.fixture
def cache(tmp_path: Path) -> SqliteCache:
    return SqliteCache(tmp_path / "cache")


@pytest.fixture
def path(tmp_path: Path, cache: SqliteCache) -> Path:
    """A file of new bytes that the cache has the hash of the old ones for: no stat says so."""
    file = tmp_path / "a"
    file.write_bytes(NEW)
    cache.put_many({FileIdentity.of(file.stat()): hashlib.sha256(OLD).hexdigest()})
    return file


def hashed(path: Path, cache: SqliteCache) -> HashedFile:
    return hash_files([path], cache=cache, now_ns=later)[path]


def release_of(contents: Mapping[str, AssetContent], finalize: Finalize = Finalize.STATUS_UPDATE) -> Release:
    assets = tuple(Asset(name, each.size, each.sha256) for name, each in sorted(contents.items()))
    return Release(AT, assets, Status.PUBLISHED, finalize)


def run(
    path: Path, cache: SqliteCache, registry: FakeRegistry, finalize: Finalize = Finalize.STATUS_UPDATE, **more: str
) -> None:
    contents: dict[str, AssetContent] = {"a": hashed(path, cache)}
    list(
        apply(
            release_of(contents, finalize),
            contents,
            registry,
            InlineScheduler(),
            replace_digest=more.get("replace_digest"),
        )
    )


@pytest.mark.parametrize("finalize", list(Finalize))
def test_a_rejected_body_is_hashed_again_and_the_next_run_publishes(
    path: Path, cache: SqliteCache, finalize: Finalize
) -> None:
    registry = FakeRegistry()
    with pytest.raises(FileChangedError) as caught:
        run(path, cache, registry, finalize)
    assert str(caught.value) == (
        f"{path} has different bytes than when it was hashed, though its size and times are the same\n"
        "Nothing was published. The wrong hash was removed from the cache: run again to hash the file again."
    )
    assert AT not in registry.versions
    run(path, cache, registry, finalize)
    assert registry.versions[AT].assets == {"a": NEW}


def test_a_body_that_is_refused_for_another_reason_keeps_that_reason_and_the_hash(
    path: Path, cache: SqliteCache
) -> None:
    cache.put_many({FileIdentity.of(path.stat()): hashlib.sha256(NEW).hexdigest()})
    registry = FakeRegistry()

    def denied(call: str) -> None:
        if call.startswith("publish"):
            raise AccessDeniedError("not allowed")

    registry.before = denied
    with pytest.raises(AccessDeniedError):
        run(path, cache, registry)
    assert hashed(path, cache).cached


def test_a_lost_response_hashes_nothing_again(path: Path, cache: SqliteCache) -> None:
    registry = FakeRegistry()

    def broken(call: str) -> None:
        if call.startswith("publish"):
            raise UnreachableError("no answer")

    registry.before = broken
    with pytest.raises(UnreachableError):
        run(path, cache, registry)
    assert hashed(path, cache).cached


def test_a_false_conflict_is_explained_and_the_next_run_recovers(path: Path, cache: SqliteCache) -> None:
    """The registry has the new bytes already: the wrong hash alone differs."""
    registry = FakeRegistry()
    registry.holds({"a": NEW}, Status.PUBLISHED)
    with pytest.raises(FileChangedError, match="different bytes than when it was hashed"):
        run(path, cache, registry)
    run(path, cache, registry)
    assert registry.versions[AT].assets == {"a": NEW}


def test_a_real_conflict_stays_one(path: Path, cache: SqliteCache) -> None:
    cache.put_many({FileIdentity.of(path.stat()): hashlib.sha256(NEW).hexdigest()})
    registry = FakeRegistry()
    registry.holds({"a": b"others"}, Status.PUBLISHED)
    with pytest.raises(ConflictError):
        run(path, cache, registry)
    assert hashed(path, cache).cached


def test_nothing_is_deleted_for_a_file_whose_hash_is_wrong(path: Path, cache: SqliteCache) -> None:
    registry = FakeRegistry()
    registry.holds({"a": b"published"}, Status.PUBLISHED)
    replace_digest = digest([Asset("a", 9, hashlib.sha256(b"published").hexdigest())])
    with pytest.raises(FileChangedError):
        run(path, cache, registry, replace_digest=replace_digest)
    assert registry.versions[AT].assets == {"a": b"published"}
    run(path, cache, registry, replace_digest=replace_digest)
    assert registry.versions[AT].assets == {"a": NEW}


def test_a_file_that_was_just_hashed_is_not_read_once_more_for_a_conflict(
    tmp_path: Path, cache: SqliteCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "b"
    file.write_bytes(NEW)
    contents: dict[str, AssetContent] = {"b": hashed(file, cache)}
    registry = FakeRegistry()
    registry.holds({"b": OLD}, Status.PUBLISHED)
    monkeypatch.setattr(HashedFile, "open", None)
    with pytest.raises(ConflictError):
        list(apply(release_of(contents), contents, registry, InlineScheduler()))


def test_a_file_that_is_written_through_a_mapped_page_is_hashed_again(tmp_path: Path, cache: SqliteCache) -> None:
    """Rebuilt in place, with its times set back: where ctime is not kept, the stat is the same."""
    file = tmp_path / "c"
    file.write_bytes(OLD)
    before = hashed(file, cache)
    file.write_bytes(NEW)
    os.utime(file, ns=(before.identity.mtime_ns, before.identity.mtime_ns))
    cache.put_many({FileIdentity.of(file.stat()): before.sha256})
    stale = hashed(file, cache)
    assert (stale.cached, stale.sha256) == (True, before.sha256)
    with pytest.raises(FileChangedError):
        stale.rehash()
    assert hashed(file, cache).sha256 == hashlib.sha256(NEW).hexdigest()


def test_missing_or_undeclared_assets_do_not_cause_a_read(path: Path, cache: SqliteCache) -> None:
    contents: dict[str, AssetContent] = {"a": hashed(path, cache)}
    registry = FakeRegistry()
    verify_cached_hashes(make_plan(release_of(contents), None), contents)
    assert hashed(path, cache).cached
    assert registry.versions == {}
