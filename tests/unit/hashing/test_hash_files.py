"""SHA-256 of files, and the identity that it belongs to."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pulumi_codeartifact_release.errors import FileChangedError, FileError
from pulumi_codeartifact_release.hashing import FileIdentity, HashedBytes, SqliteCache, hash_files
from support.fakes import PEAK_MEMORY

OLD_S = 1_700_000_000


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def later() -> int:
    """A clock at which files that were just written have settled."""
    return (OLD_S * 10) * 1_000_000_000


def test_digests_are_sha256_of_the_content(tmp_path: Path) -> None:
    contents = {f"{number}": os.urandom(number * 100_003) for number in range(12)}
    paths = [written(tmp_path / name, content) for name, content in contents.items()]
    hashed = hash_files(paths)
    assert {path.name: file.sha256 for path, file in hashed.items()} == {
        name: hashlib.sha256(content).hexdigest() for name, content in contents.items()
    }
    assert list(hashed) == paths


def test_an_empty_file_has_the_digest_of_nothing(tmp_path: Path) -> None:
    path = written(tmp_path / "empty", b"")
    assert hash_files([path])[path].sha256 == hashlib.sha256(b"").hexdigest()


def test_several_files_are_read_at_once(tmp_path: Path) -> None:
    paths = [written(tmp_path / name, b"x" * 100) for name in "ab"]
    both = threading.Barrier(2)

    # Passes only if the second file is read while the first is.
    def meet(_count: int) -> None:
        both.wait(timeout=10)

    hash_files(paths, workers=2, on_bytes=meet)


def test_cached_files_are_not_read(tmp_path: Path) -> None:
    path = written(tmp_path / "file", b"content")
    cache = SqliteCache(tmp_path / "cache")
    read: list[int] = []
    first = hash_files([path], cache=cache, on_bytes=read.append, now_ns=later)
    second = hash_files([path], cache=cache, on_bytes=read.append, now_ns=later)
    assert (first[path].cached, second[path].cached) == (False, True)
    assert first[path] == second[path]._replace(cached=False)
    assert read == [7]


def test_a_file_younger_than_two_seconds_is_not_cached(tmp_path: Path) -> None:
    path = written(tmp_path / "file", b"content")
    cache = SqliteCache(tmp_path / "cache")
    changed = path.stat().st_ctime_ns
    for age_ns, reads in ((1_999_999_999, 2), (2_000_000_000, 1)):
        count: list[int] = []
        for _ in range(2):
            hash_files([path], cache=cache, on_bytes=count.append, now_ns=lambda age=age_ns: changed + age)  # type: ignore[misc]
        assert len(count) == reads


def test_a_rewrite_with_equal_size_and_mtime_is_not_taken_for_the_old_file(tmp_path: Path) -> None:
    path = written(tmp_path / "file", b"content")
    os.utime(path, (OLD_S, OLD_S))
    cache = SqliteCache(tmp_path / "cache")
    before = hash_files([path], cache=cache, now_ns=later)[path]
    path.write_bytes(b"CONTENT")
    os.utime(path, (OLD_S, OLD_S))
    after = hash_files([path], cache=cache, now_ns=later)[path]
    assert before.identity.mtime_ns == after.identity.mtime_ns
    assert after.sha256 == hashlib.sha256(b"CONTENT").hexdigest()


@pytest.mark.parametrize("change", ["rewritten", "truncated", "replaced", "removed"])
def test_a_file_that_changes_before_it_is_opened_is_refused(tmp_path: Path, change: str) -> None:
    path = written(tmp_path / "file", b"content")
    hashed = hash_files([path])[path]
    match change:
        case "rewritten":
            path.write_bytes(b"CONTENT")
        case "truncated":
            os.truncate(path, 3)
        case "replaced":
            written(tmp_path / "other", b"content").rename(path)
        case "removed":
            path.unlink()
    with pytest.raises((FileChangedError, FileError)), hashed.open():
        pass


def test_a_file_that_changes_while_it_is_open_is_refused_at_the_end(tmp_path: Path) -> None:
    path = written(tmp_path / "file", b"content")
    hashed = hash_files([path])[path]

    def use() -> None:
        with hashed.open() as body:
            assert body.read() == b"content"
            path.write_bytes(b"CONTENT")

    with pytest.raises(FileChangedError, match="changed after it was hashed"):
        use()


def test_a_file_that_changes_while_it_is_hashed_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "file", b"x" * (3 << 20))

    def append(_count: int) -> None:
        with path.open("ab") as file:
            file.write(b"more")

    with pytest.raises(FileChangedError):
        hash_files([path], on_bytes=append)


def test_missing_files_and_folders_are_errors_that_name_them(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="missing cannot be read: No such file"):
        hash_files([tmp_path / "missing"])
    with pytest.raises(FileError, match="cannot be read: Is a directory"):
        hash_files([tmp_path])


def test_a_fifo_instead_of_a_file_does_not_block(tmp_path: Path) -> None:
    path = written(tmp_path / "file", b"content")
    hashed = hash_files([path])[path]
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(FileChangedError), hashed.open():
        pass


@pytest.mark.slow
def test_memory_stays_constant_for_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    code = (
        PEAK_MEMORY + "import sys, pathlib\n"
        "from pulumi_codeartifact_release.hashing import hash_files\n"
        "before = peak_memory_kib()\n"
        "hash_files([pathlib.Path(sys.argv[1])])\n"
        "print(peak_memory_kib() - before)\n"
    )
    grown_kib = int(subprocess.run([sys.executable, "-c", code, path], check=True, capture_output=True).stdout)
    assert grown_kib < 16 * 1024


def test_bytes_in_memory_have_the_same_interface() -> None:
    source = HashedBytes(b"text")
    assert (source.sha256, source.size) == (hashlib.sha256(b"text").hexdigest(), 4)
    with source.open() as body:
        assert body.read() == b"text"


def test_an_identity_is_device_inode_size_and_both_times(tmp_path: Path) -> None:
    result = written(tmp_path / "file", b"content").stat()
    assert stat.S_ISREG(result.st_mode)
    assert FileIdentity.of(result) == FileIdentity(
        result.st_dev, result.st_ino, 7, result.st_mtime_ns, result.st_ctime_ns
    )
