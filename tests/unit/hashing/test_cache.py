"""The cache only saves work: no state of its file affects a release."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pulumi_codeartifact_release.hashing import FileIdentity, NullCache, SqliteCache, default_folder, private_db
from pulumi_codeartifact_release.hashing import cache as cache_module

A = FileIdentity(1, 2, 3, 4, 5)
B = FileIdentity(2**64 - 1, 2**64 - 2, 2**40, 2**62, -1)
SHA = "ab" * 32


def database(folder: Path) -> Path:
    (found,) = folder.glob("*.sqlite3")
    return found


def test_the_cache_returns_exactly_what_was_stored(tmp_path: Path) -> None:
    cache = SqliteCache(tmp_path / "cache")
    assert cache.get_many([A]) == {}
    cache.put_many({A: SHA, B: "cd" * 32})
    assert SqliteCache(tmp_path / "cache").get_many([A, B]) == {A: SHA, B: "cd" * 32}


@pytest.mark.parametrize("field", ["device", "inode", "size", "mtime_ns", "ctime_ns"])
def test_every_part_of_the_identity_counts(tmp_path: Path, field: str) -> None:
    cache = SqliteCache(tmp_path)
    cache.put_many({A: SHA})
    values = {name: getattr(A, name) for name in FileIdentity._fields}
    assert cache.get_many([FileIdentity(**{**values, field: 99})]) == {}


def test_many_identities_are_read_at_once(tmp_path: Path) -> None:
    many = {FileIdentity(1, number, 1, 1, 1): SHA for number in range(12_000)}
    cache = SqliteCache(tmp_path)
    cache.put_many(many)
    assert cache.get_many(many) == many


def test_it_is_private_to_the_user(tmp_path: Path) -> None:
    cache = SqliteCache(tmp_path / "cache")
    cache.put_many({A: SHA})
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700
    assert database(tmp_path / "cache").stat().st_mode & 0o777 == 0o600


def test_a_file_that_others_can_write_is_not_believed(tmp_path: Path) -> None:
    cache = SqliteCache(tmp_path)
    cache.put_many({A: SHA})
    database(tmp_path).chmod(0o666)
    assert cache.get_many([A]) == {}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a database at all, but long enough to be read as a header " * 40,
        b"SQLite format 3\x00" + b"\xff" * 5000,
    ],
)
def test_a_corrupt_file_is_replaced(tmp_path: Path, content: bytes) -> None:
    cache = SqliteCache(tmp_path)
    cache.put_many({A: SHA})
    database(tmp_path).write_bytes(content)
    assert cache.get_many([A]) == {}
    cache.put_many({A: SHA})
    cache.put_many({A: SHA})
    assert cache.get_many([A]) == {A: SHA}


def test_a_damaged_file_is_not_an_error(tmp_path: Path) -> None:
    cache = SqliteCache(tmp_path)
    cache.put_many({FileIdentity(1, number, 1, 1, 1): SHA for number in range(5000)})
    path = database(tmp_path)
    content = bytearray(path.read_bytes())
    content[4096:12288] = os.urandom(8192)
    path.write_bytes(content)
    found = cache.get_many([FileIdentity(1, number, 1, 1, 1) for number in range(5000)])
    assert set(found.values()) <= {SHA}
    cache.put_many({A: SHA})


@pytest.mark.parametrize("sha256", ["short", b"\xff" * 32, "x" * 64, "AB" * 32, f"{SHA}\n", 5, b"", b"ab" * 32])
def test_rows_that_hold_something_else_are_not_believed(tmp_path: Path, sha256: object) -> None:
    cache = SqliteCache(tmp_path)
    cache.put_many({B: SHA})
    with sqlite3.connect(database(tmp_path)) as db:
        db.execute("INSERT INTO hashes VALUES (2, 1, 3, 4, 5, ?, 0)", (sha256,))
    db.close()
    assert cache.get_many([A]) == {}
    cache.put_many({A: SHA})
    assert cache.get_many([A]) == {A: SHA}


def test_a_table_with_another_layout_is_replaced(tmp_path: Path) -> None:
    cache = SqliteCache(tmp_path)
    cache.put_many({A: SHA})
    with sqlite3.connect(database(tmp_path)) as db:
        db.execute("DROP TABLE hashes")
        db.execute("CREATE TABLE hashes (device TEXT)")
    db.close()
    assert cache.get_many([A]) == {}
    cache.put_many({A: SHA})
    assert cache.get_many([A]) == {A: SHA}


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "committed",
    [
        "CREATE VIEW hashes AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS inode, "
        "x AS device, x AS size, x AS mtime_ns, x AS ctime_ns, hex(x) AS sha256, x AS written FROM n",
        "CREATE TABLE hashes (inode, device, size, mtime_ns, ctime_ns, sha256 AS (zeroblob(900000000)), written)",
        "CREATE TABLE other (x); CREATE TRIGGER t AFTER INSERT ON other BEGIN SELECT 1; END",
    ],
)
def test_a_foreign_schema_is_replaced_and_not_run(tmp_path: Path, committed: str) -> None:
    # As a checkout may hold it, with the owner and the mode of whoever checked out.
    SqliteCache(tmp_path).put_many({A: SHA})
    with sqlite3.connect(database(tmp_path)) as db:
        db.execute("DROP TABLE hashes")
        db.executescript(committed)
    db.close()
    cache = SqliteCache(tmp_path)
    assert cache.get_many([A]) == {}
    cache.put_many({A: SHA})
    assert cache.get_many([A]) == {A: SHA}


def test_a_trigger_in_the_cache_is_not_run(tmp_path: Path) -> None:
    SqliteCache(tmp_path).put_many({A: SHA})
    with sqlite3.connect(database(tmp_path)) as db:
        db.execute("CREATE TRIGGER t AFTER INSERT ON hashes BEGIN DELETE FROM hashes; END")
    db.close()
    cache = SqliteCache(tmp_path)
    cache.put_many({B: SHA})
    cache.put_many({B: SHA})
    assert cache.get_many([B]) == {B: SHA}


def test_a_folder_that_cannot_be_created_is_not_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = SqliteCache(tmp_path / "file" / "cache")
    cache.put_many({A: SHA})
    assert cache.get_many([A]) == {}


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    cache = SqliteCache(tmp_path / "cache")
    cache.put_many({A: SHA})
    path = database(tmp_path / "cache")
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert cache.get_many([A]) == {}


def test_a_full_disk_is_not_an_error(tmp_path: Path) -> None:
    # A limit on the size of files stands in for the disk: the write fails in the middle of SQLite's.
    code = (
        "import resource, signal, sys, pathlib\n"
        "from pulumi_codeartifact_release.hashing import FileIdentity, SqliteCache\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "cache = SqliteCache(pathlib.Path(sys.argv[1]))\n"
        "first = FileIdentity(1, 1, 1, 1, 1)\n"
        "cache.put_many({first: 'ab' * 32})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "cache.put_many({FileIdentity(1, n, 1, 1, 1): 'ab' * 32 for n in range(2, 5000)})\n"
        "print(cache.get_many([first]) == {first: 'ab' * 32})\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], check=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


@pytest.mark.slow
def test_several_processes_use_it_at_once(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from pulumi_codeartifact_release.hashing import FileIdentity, SqliteCache\n"
        "cache = SqliteCache(pathlib.Path(sys.argv[1]))\n"
        "for n in range(40):\n"
        "    cache.put_many({FileIdentity(int(sys.argv[2]), n, 1, 1, 1): 'ab' * 32})\n"
    )

    def run(device: int) -> int:
        return subprocess.run([sys.executable, "-c", code, tmp_path, str(device)], check=True).returncode

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
    every = [FileIdentity(device, number, 1, 1, 1) for device in range(4) for number in range(40)]
    assert len(SqliteCache(tmp_path).get_many(every)) == 160


def test_the_null_cache_knows_nothing() -> None:
    cache = NullCache()
    cache.put_many({A: SHA})
    assert cache.get_many([A]) == {}


def test_its_folder_follows_the_platform_and_can_be_chosen() -> None:
    assert default_folder({"CODEARTIFACT_RELEASE_CACHE": "/chosen"}) == Path("/chosen")
    if sys.platform == "linux":
        assert default_folder({"XDG_CACHE_HOME": "/xdg"}) == Path("/xdg/codeartifact-release")
        usual = Path.home() / ".cache" / "codeartifact-release"
        assert default_folder({}) == default_folder({"XDG_CACHE_HOME": "relative"}) == usual
        assert default_folder({"XDG_CACHE_HOME": str(Path.cwd() / ".cache")}) == usual


def test_the_newest_state_of_a_file_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    cache = SqliteCache(tmp_path)
    cache.put_many({A: SHA})
    newer = A._replace(mtime_ns=6)
    cache.put_many({newer: "cd" * 32})
    assert cache.get_many([A, newer]) == {newer: "cd" * 32}


def test_files_with_one_inode_on_several_devices_are_different(tmp_path: Path) -> None:
    cache = SqliteCache(tmp_path)
    other = A._replace(device=99)
    cache.put_many({A: SHA, other: "cd" * 32})
    assert cache.get_many([A, other]) == {A: SHA, other: "cd" * 32}
    assert cache.get_many([A]) == {A: SHA}


def test_the_oldest_are_forgotten_when_there_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "_MAX_ROWS", 50)
    monkeypatch.setattr(cache_module, "_ROWS_KEPT", 30)
    clock = iter(range(1000, 2000))
    monkeypatch.setattr(time, "time", lambda: next(clock))
    every = [FileIdentity(1, number, 1, 1, 1) for number in range(60)]
    cache = SqliteCache(tmp_path)
    for identity in every:
        cache.put_many({identity: SHA})
    known = cache.get_many(every)
    assert set(every[-30:]) <= set(known)
    assert len(known) <= 50
    assert every[0] not in known


def test_many_look_ups_open_the_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = SqliteCache(tmp_path)
    cache.put_many({A: SHA})
    opened: list[object] = []
    connect = sqlite3.connect

    def counted(*words: object, **more: object) -> sqlite3.Connection:
        opened.append(words)
        return connect(*words, **more)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(sqlite3, "connect", counted)
    again = SqliteCache(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        assert all(found == {A: SHA} for found in pool.map(lambda _: again.get_many([A]), range(200)))
    assert len(opened) == 1


def test_a_file_that_takes_its_place_is_the_one_that_is_read(tmp_path: Path) -> None:
    cache, other = SqliteCache(tmp_path), SqliteCache(tmp_path)
    cache.put_many({A: SHA})
    database(tmp_path).unlink()
    other.put_many({B: SHA})
    assert cache.get_many([A, B]) == {B: SHA}


def test_a_long_lock_is_not_an_error_and_is_waited_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_db, "_LOCK_WAIT_S", 0.05)
    monkeypatch.setattr(private_db, "_PAUSE_AFTER_LOCK_S", 0.5)
    cache = SqliteCache(tmp_path)
    cache.put_many({A: SHA})
    with sqlite3.connect(database(tmp_path)) as db:
        db.execute("BEGIN EXCLUSIVE")
        locked = SqliteCache(tmp_path)
        assert locked.get_many([A]) == {}
        waited = time.monotonic()
        for _ in range(100):
            locked.put_many({B: SHA})
        assert time.monotonic() - waited < 0.4
        db.rollback()
    db.close()
    assert locked.get_many([A, B]) == {}
    time.sleep(0.5)
    assert locked.get_many([A, B]) == {A: SHA}


def test_a_read_only_file_is_read(tmp_path: Path) -> None:
    SqliteCache(tmp_path).put_many({A: SHA})
    database(tmp_path).chmod(0o400)
    cache = SqliteCache(tmp_path)
    # Which does nothing, but for root.
    cache.put_many({B: SHA})
    assert cache.get_many([A]) == {A: SHA}


def test_a_file_from_the_far_future_is_not_an_error_and_not_cached(tmp_path: Path) -> None:
    cache = SqliteCache(tmp_path)
    late = A._replace(inode=7, mtime_ns=2**63 + 5)
    cache.put_many({A: SHA, late: SHA})
    assert cache.get_many([A, late]) == {A: SHA}
    assert cache.get_many([late]) == {}
    assert cache.get_many([late, B]) == {}


def test_a_folder_that_everybody_may_write_to_is_not_believed(tmp_path: Path) -> None:
    """Its owner, or anybody, could put a journal there that SQLite would roll back into our file."""
    folder = tmp_path / "cache"
    SqliteCache(folder).put_many({A: SHA})
    folder.chmod(0o777)
    assert SqliteCache(folder).get_many([A]) == {}
    SqliteCache(folder).put_many({B: SHA})
    folder.chmod(0o775)
    assert SqliteCache(folder).get_many([A, B]) == {A: SHA}


def test_forget_removes_only_that_hash(tmp_path: Path) -> None:
    cache = SqliteCache(tmp_path)
    cache.put_many({A: SHA, B: SHA})
    cache.forget(B)
    cache.forget(A._replace(inode=77))
    cache.forget(A._replace(mtime_ns=2**63 + 5))
    assert SqliteCache(tmp_path).get_many([A, B]) == {A: SHA}
