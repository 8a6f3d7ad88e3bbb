"""The threads that hash files: they end, and cached files are not read."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pulumi_codeartifact_release.errors import FileChangedError, FileError
from pulumi_codeartifact_release.hashing import SqliteCache, hash_files, streaming

LARGE = 40 << 20


def later() -> int:
    """A clock at which files that were just written have settled."""
    return 17_000_000_000 * 1_000_000_000


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    (tmp_path / "files").mkdir()
    files = [tmp_path / "files" / f"{number:02}" for number in range(12)]
    for number, path in enumerate(files):
        path.write_bytes(b"x" * (number + 1))
    return files


def hashing_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("hash-")]


def test_a_duplicate_path_is_hashed_once(paths: list[Path]) -> None:
    read: list[int] = []
    files = hash_files([*paths, *paths], on_bytes=read.append)
    assert list(files) == paths
    assert all(file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest() for path, file in files.items())
    assert len(read) == 12
    assert hashing_threads() == []


def test_a_stop_in_a_large_file_ends_reading_and_keeps_finished_hashes(tmp_path: Path, paths: list[Path]) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(1 << 30)
    cache = SqliteCache(tmp_path / "cache")
    read: list[int] = []

    def stop(count: int) -> None:
        read.append(count)
        if count == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hash_files([*paths, large], cache=cache, workers=2, on_bytes=stop, now_ns=later)
    assert sum(read) < 1 << 29
    assert hashing_threads() == []


def test_one_that_fails_ends_all_and_the_others_are_remembered(tmp_path: Path, paths: list[Path]) -> None:
    cache = SqliteCache(tmp_path / "cache")
    count = 0

    def grow(_count: int) -> None:
        nonlocal count
        count += 1
        if count == 6:
            # The largest comes first: this is the file being hashed.
            with paths[-6].open("ab") as file:
                file.write(b"more")

    with pytest.raises(FileChangedError, match=str(paths[-6])):
        hash_files(paths, cache=cache, workers=1, on_bytes=grow, now_ns=later)
    assert hashing_threads() == []
    again: list[int] = []
    hash_files(paths[-5:], cache=cache, on_bytes=again.append, now_ns=later)
    assert again == []


def test_a_large_file_is_hashed_whole(tmp_path: Path) -> None:
    path = tmp_path / "large"
    content = os.urandom(1 << 20) * (LARGE >> 20) + b"end"
    path.write_bytes(content)
    read: list[int] = []
    hashed = hash_files([path], on_bytes=read.append)[path]
    assert (hashed.sha256, sum(read)) == (hashlib.sha256(content).hexdigest(), len(content))
    assert hashing_threads() == []


@pytest.mark.parametrize("change", ["grows", "shrinks"])
def test_a_large_file_that_changes_while_it_is_hashed_is_refused(tmp_path: Path, change: str) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(LARGE)
    size = LARGE + 1 if change == "grows" else LARGE - (5 << 20)
    with pytest.raises(FileChangedError):
        hash_files([path], on_bytes=lambda _count: os.truncate(path, size))
    assert hashing_threads() == []


def test_a_large_file_that_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(LARGE)

    class Broken(io.FileIO):
        def readinto(self, _buffer: object) -> int:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(streaming, "open_file", Broken)
    with pytest.raises(FileError, match="large cannot be read: Input/output error"):
        hash_files([path])
    assert hashing_threads() == []


def test_a_fifo_is_not_hashed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(FileError, match="fifo cannot be read: it is not a regular file"):
        hash_files([tmp_path / "fifo"])


def test_no_more_is_hashed_at_once_than_there_are_processors(
    tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = hashlib.sha256
    lock, running, most = threading.Lock(), 0, 0

    class Counted:
        def __init__(self) -> None:
            self._hash = real()

        def update(self, data: bytes) -> None:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            threading.Event().wait(0.002)
            self._hash.update(data)
            with lock:
                running -= 1

        def hexdigest(self) -> str:
            return self._hash.hexdigest()

    monkeypatch.setattr(streaming, "_processors", threading.BoundedSemaphore(2))
    monkeypatch.setattr(hashlib, "sha256", Counted)
    # As resources are: several at once, each with workers of its own.
    callers = [threading.Thread(target=hash_files, args=[paths], kwargs={"workers": 4}) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert most == 2


def test_not_a_byte_of_an_unchanged_file_is_read_nor_is_it_opened(tmp_path: Path, paths: list[Path]) -> None:
    code = (
        "import sys, pathlib\n"
        "from pulumi_codeartifact_release.hashing import SqliteCache, hash_files\n"
        "cache, folder = SqliteCache(pathlib.Path(sys.argv[1])), pathlib.Path(sys.argv[2])\n"
        "opened = []\n"
        "def audit(event, args):\n"
        "    if event == 'open' and args[0] in names:\n"
        "        opened.append(args[0])\n"
        "paths = sorted(folder.iterdir())\n"
        "names = {path.name for path in paths}\n"
        "sys.addaudithook(audit)\n"
        "for _ in range(2):\n"
        "    hash_files(paths, cache=cache, now_ns=lambda: 17 * 10**18)\n"
        "    print(len(opened))\n"
    )
    folder = paths[0].parent
    words = [sys.executable, "-c", code, str(tmp_path / "cache"), str(folder)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["12", "12"]
