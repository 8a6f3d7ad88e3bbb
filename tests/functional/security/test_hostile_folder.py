"""A `file:` registry in a pull request: whatever its folder contains, nothing outside changes."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pulumi_codeartifact_release import connections
from pulumi_codeartifact_release.cli import main
from pulumi_codeartifact_release.connections import connect
from pulumi_codeartifact_release.errors import UsageError
from pulumi_codeartifact_release.local_registry import start
from pulumi_codeartifact_release.local_registry.folder import MARK, MARK_TEXT
from pulumi_codeartifact_release.location import Location, resolve
from support.embedded import client_of, create_registry

MANIFEST = """\
schemaVersion: 1
packages:
  - {namespace: acme, package: app, version: "1.0", assets: [a.txt]}
environments:
  dev: {domain: acme, repository: dev, endpoint: "file:FOLDER"}
"""
UPLOAD, BLOB = "0" * 32, "0" * 64

Fill = Callable[[Path, Path], object]
"""Fills a registry's folder; the other path is a folder outside of the project, which holds `victim`."""


def shape(folder: Path) -> dict[str, tuple[object, ...]]:
    """Return path -> kind, inode, size and content for everything below a folder."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.rglob("*")):
        at = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path.relative_to(folder))] = (oct(at.st_mode), at.st_ino, at.st_size, content)
    return found


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder outside the project."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "victim").write_text("precious")
    (folder / UPLOAD).write_text("precious")
    (folder / BLOB).write_text("precious")
    with contextlib.closing(sqlite3.connect(folder / "theirs.sqlite3")) as rows, rows:
        rows.execute("CREATE TABLE notes (text)")
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The checkout in which a command runs."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    (folder / "release.yaml").write_text(MANIFEST.replace("FOLDER", ".registry"))
    monkeypatch.chdir(folder)
    return folder


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["codeartifact-release", *words, "release.yaml", "-e", "dev"])
    with pytest.raises(SystemExit) as caught:
        main()
    connections.close()
    printed = capsys.readouterr()
    assert isinstance(caught.value.code, int)
    return caught.value.code, printed.out + printed.err


def registry(folder: Path, *, left: bool = True) -> None:
    """Create a valid registry with a release, as a killed process leaves it."""
    shutil.copytree(Path(_released().name) / "registry", folder, dirs_exist_ok=True)
    if left:
        (folder / "uploads" / UPLOAD).write_text("half")
        (folder / "blobs" / BLOB).write_text("never committed")


@functools.cache
def _released() -> tempfile.TemporaryDirectory[str]:
    parent = tempfile.TemporaryDirectory(prefix="registry-")
    folder = Path(parent.name) / "registry"
    create_registry(folder, "acme/dev")
    with start(folder) as server, contextlib.closing(client_of(server)) as client:
        client.publish_package_version(
            domain="acme", repository="dev", format="generic", namespace="acme", package="other", packageVersion="1.0",
            assetName="b.txt", assetContent=b"b",
            assetSHA256="3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d",
        )  # fmt: skip
    return parent


def statements(*texts: str) -> Fill:
    """Return a function that changes the tables of a registry."""

    def fill(folder: Path, outside: Path) -> None:
        registry(folder)
        rows = sqlite3.connect(folder / "registry.sqlite3", isolation_level=None)
        with contextlib.closing(rows):
            for text in texts:
                rows.execute(text.replace("OUTSIDE", str(outside)))

    return fill


def replaced(name: str, by: Fill) -> Fill:
    """Return a function that replaces a part of a registry."""

    def fill(folder: Path, outside: Path) -> None:
        registry(folder)
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        by(path, outside)

    return fill


def link(target: str) -> Fill:
    return lambda path, outside: path.symlink_to(outside / target)


def hard_link(target: str) -> Fill:
    return lambda path, outside: path.hardlink_to(outside / target)


def theirs(path: Path, outside: Path) -> None:
    shutil.copy(outside / "theirs.sqlite3", path)


def wal(folder: Path, _outside: Path) -> None:
    registry(folder)
    file = folder / "registry.sqlite3"
    with contextlib.closing(sqlite3.connect(file)) as rows:
        rows.execute("PRAGMA journal_mode = WAL")
    # A new inode, because a process checks a file only once.
    shutil.copy(file, folder.parent / "copy")
    (folder.parent / "copy").replace(file)


KILLED = """
import os, signal, sqlite3, sys
rows = sqlite3.connect(sys.argv[1], isolation_level=None)
rows.execute("PRAGMA cache_size = 1")
rows.execute("BEGIN IMMEDIATE")
rows.execute("PRAGMA user_version = 1")
rows.execute("CREATE TABLE filler AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999)"
             " SELECT i, hex(randomblob(200)) FROM n")
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(file: Path) -> Path:
    """Leave the journal of a killed writer beside a file; return it."""
    done = subprocess.run([sys.executable, "-c", KILLED, file], check=False)
    assert done.returncode == -signal.SIGKILL
    journal = file.with_name(file.name + "-journal")
    assert journal.read_bytes()[:1] != b"\0"
    return journal


def super_journal(file: Path, victim: Path) -> None:
    """Have the journal of a file name another file, as SQLite does for transactions over several files."""
    name = str(victim).encode()
    checksum = sum(struct.unpack(f"{len(name)}b", name)) & 0xFFFFFFFF
    trailer = struct.pack(">I", 0x40000000 // 4096 + 1) + name + struct.pack(">II", len(name), checksum)
    with killed(file).open("ab") as journal:
        journal.write(trailer + bytes.fromhex("d9d505f920a163d7"))


def names_another(folder: Path, outside: Path) -> None:
    registry(folder)
    super_journal(folder / "registry.sqlite3", outside / "victim")


def changes_mode(folder: Path, _outside: Path) -> None:
    registry(folder)
    journal = killed(folder / "registry.sqlite3")
    content = journal.read_bytes()
    at = content.index(b"SQLite format 3\0")
    journal.write_bytes(content[: at + 18] + b"\2\2" + content[at + 20 :])


def circle(folder: Path, _outside: Path) -> None:
    """Make a page of the table `assets` its own child, so that reading it never ends."""
    registry(folder)
    file = folder / "registry.sqlite3"
    with contextlib.closing(sqlite3.connect(file)) as rows:
        (page,) = rows.execute("SELECT rootpage FROM sqlite_master WHERE name = 'versions'").fetchone()
        (size,) = rows.execute("PRAGMA page_size").fetchone()
    content = bytearray(file.read_bytes())
    cells = 200
    begin = size - cells * 5
    head = struct.pack(">BHHHBI", 5, 0, cells, begin, 0, page)
    pointers = b"".join(struct.pack(">H", begin + 5 * number) for number in range(cells))
    body = b"".join(struct.pack(">IB", page, number % 128) for number in range(cells))
    whole = (head + pointers).ljust(begin, b"\0") + body
    content[(page - 1) * size : page * size] = whole
    file.write_bytes(content)


def unmarked(fill: Fill) -> Fill:
    def both(folder: Path, outside: Path) -> None:
        fill(folder, outside)
        (folder / MARK).unlink()

    return both


def nothing(_folder: Path) -> None:
    pass


def holding(name: str, *, first: Callable[[Path], object] = registry) -> Fill:
    """Return a function that puts a file into a folder."""

    def fill(folder: Path, _outside: Path) -> None:
        first(folder)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()

    return fill


def theirs_killed(folder: Path, outside: Path) -> None:
    replaced("registry.sqlite3", theirs)(folder, outside)
    killed(folder / "registry.sqlite3")


NEVER_ENDS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id, i AS name FROM n"

REFUSED: dict[str, Fill] = {
    "their own uploads": holding("uploads/photo.jpg", first=nothing),
    "their own uploads, with a name like ours": holding(f"uploads/{UPLOAD}", first=nothing),
    "another file": holding("notes.txt", first=nothing),
    "another file beside a mark": holding("notes.txt"),
    "another file in blobs": holding("blobs/x"),
    "a folder among uploads": holding(f"uploads/{'1' * 32}/x"),
    "a linked upload": replaced(f"uploads/{UPLOAD}", link("victim")),
    "a linked blob": replaced(f"blobs/{BLOB}", link("victim")),
    "linked uploads": replaced("uploads", link("")),
    "linked blobs": replaced("blobs", link("")),
    "linked tables": replaced("registry.sqlite3", link("theirs.sqlite3")),
    "linked tables that are not there": replaced("registry.sqlite3", link("new.sqlite3")),
    "another name of tables": replaced("registry.sqlite3", hard_link("theirs.sqlite3")),
    "linked journal": replaced("registry.sqlite3-journal", link("victim")),
    "another name of a journal": replaced("registry.sqlite3-journal", hard_link("victim")),
    "linked mark": replaced(MARK, link("victim")),
    "another mark": replaced(MARK, lambda path, _outside: path.write_text("mine")),
    "a pipe for tables": replaced("registry.sqlite3", lambda path, _outside: os.mkfifo(path)),
    "a pipe for a journal": replaced("registry.sqlite3-journal", lambda path, _outside: os.mkfifo(path)),
    "a pipe for a mark": replaced(MARK, lambda path, _outside: os.mkfifo(path)),
    "a folder for tables": replaced("registry.sqlite3", lambda path, _outside: path.mkdir()),
    "text for tables": replaced("registry.sqlite3", lambda path, _outside: path.write_text("Dear diary" * 99)),
    "their tables": replaced("registry.sqlite3", theirs),
    "their tables, unmarked": unmarked(replaced("registry.sqlite3", theirs)),
    "their tables and a killed writer": theirs_killed,
    "one more table": statements("CREATE TABLE more (x)"),
    "one more trigger": statements(
        "CREATE TRIGGER more AFTER INSERT ON assets BEGIN INSERT INTO dropped VALUES ('OUTSIDE/victim'); END"
    ),
    "another trigger of the same name": statements(
        "DROP TRIGGER remember_dropped",
        "CREATE TRIGGER remember_dropped AFTER INSERT ON domains BEGIN DELETE FROM domains; END",
    ),
    "a view that never ends": statements("DROP TABLE domains", f"CREATE VIEW domains AS {NEVER_ENDS}"),
    "a view beside": statements(f"CREATE VIEW more AS {NEVER_ENDS}"),
    "a column that is computed": statements(
        "DROP TABLE dropped",
        "CREATE TABLE dropped (sha256 TEXT PRIMARY KEY, x AS (hex(zeroblob(900000)))) WITHOUT ROWID",
    ),
    "a virtual table": statements("DROP TABLE dropped", "CREATE VIRTUAL TABLE dropped USING fts5(sha256)"),
    "a schema that SQLite cannot read": statements(
        "PRAGMA writable_schema = ON", "UPDATE sqlite_master SET sql = 'CREATE nonsense' WHERE name = 'dropped'"
    ),
    "a schema that is no text": statements(
        "PRAGMA writable_schema = ON", "UPDATE sqlite_master SET sql = CAST(x'ff0aff' AS TEXT) WHERE name = 'dropped'"
    ),
    "a comment that is no text": statements(
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = sql || CAST(x'202f2aff0a2a2f' AS TEXT) WHERE name = 'domains'",
    ),
    "a table whose name is no text": statements(
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = 'CREATE', name = CAST(x'ff0a' AS TEXT) WHERE name = 'dropped'",
    ),
    "an unmarked registry without tables": unmarked(replaced("registry.sqlite3", lambda path, _outside: None)),
    "tables in WAL mode": wal,
    "a journal that changes the mode": changes_mode,
    "a journal that names another file": names_another,
    "a table that never ends": circle,
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "words"),
    [*((kind, ("apply", "--yes")) for kind in REFUSED), *((kind, ("plan",)) for kind in [*REFUSED][::5])],
)
def test_a_foreign_folder_is_refused_in_one_line_and_not_changed(
    kind: str,
    words: tuple[str, ...],
    project: Path,
    outside: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    REFUSED[kind](project / ".registry", outside)
    before = shape(project.parent)
    began = time.monotonic()
    code, printed = run(monkeypatch, capsys, *words)
    assert time.monotonic() - began < 30
    assert code == 2, printed
    assert "the embedded registry file:.registry cannot be opened: " in printed
    assert "Traceback" not in printed
    assert shape(project.parent) == before


def test_the_journal_is_one_that_SQLite_itself_would_follow(tmp_path: Path, outside: Path) -> None:  # noqa: N802
    """Without this, the test above would prove nothing."""
    names_another(tmp_path / "registry", outside)
    with contextlib.closing(sqlite3.connect(tmp_path / "registry" / "registry.sqlite3")) as rows:
        rows.execute("SELECT * FROM domains").fetchall()
    assert not (outside / "victim").exists()


@pytest.mark.parametrize("marked", [True, False], ids=["marked", "unmarked"])
def test_the_projects_own_folder_is_refused_as_a_registry(
    marked: bool, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "release.yaml").write_text(MANIFEST.replace("FOLDER", "."))
    (project / "uploads").mkdir()
    (project / "uploads" / UPLOAD).write_text("a photo")
    if marked:
        (project / MARK).write_bytes(MARK_TEXT)
    before = shape(project)
    for words in (("plan",), ("apply", "--yes")):
        code, printed = run(monkeypatch, capsys, *words)
        assert code == 2
        assert "which is not part of an embedded registry. Nothing was changed." in printed
        assert shape(project) == before


@pytest.mark.parametrize("text", ["link", "link/registry", "inner/link", "inner/../link"])
@pytest.mark.parametrize("target", ["inner", "../outside"])
def test_a_symlink_in_the_path_is_not_followed(
    text: str,
    target: str,
    project: Path,
    outside: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (project / "inner").mkdir()
    at = project / "inner" / "link" if text == "inner/link" else project / "link"
    at.symlink_to(project / target)
    (project / "release.yaml").write_text(MANIFEST.replace("FOLDER", text))
    before = shape(project.parent)
    code, printed = run(monkeypatch, capsys, "apply", "--yes")
    assert code == 2
    assert f"the endpoint file:{text} " in printed
    assert shape(project.parent) == before


@pytest.mark.parametrize("part", ["", ".registry"])
def test_a_symlink_that_appears_later_is_not_followed(part: str, project: Path, outside: Path) -> None:
    text = f"file:{part}/inner" if part else "file:.registry"
    location = resolve(Location("acme", "dev", endpoint=text), base=project)
    (project / ".registry").symlink_to(outside)
    before = shape(outside)
    for each in (location, Location.from_properties(location.properties())):
        with pytest.raises(UsageError, match=r"contains the symbolic link '\.registry'"):
            connect(each)
    assert shape(outside) == before


def test_a_running_server_does_not_follow_new_symlinks(tmp_path: Path, outside: Path) -> None:
    folder = tmp_path / "registry"
    registry(folder, left=False)
    with start(folder) as server, contextlib.closing(client_of(server)) as client:
        for name in ("uploads", "blobs", "registry.sqlite3", "."):
            away = tmp_path / "away"
            path = folder if name == "." else folder / name
            path.rename(away)
            path.symlink_to(outside if away.is_dir() else outside / "theirs.sqlite3")
            before = shape(outside)
            with pytest.raises(client.exceptions.InternalServerException):
                client.publish_package_version(
                    domain="acme", repository="dev", format="generic", namespace="acme", package="app",
                    packageVersion="1.0", assetName="a.txt", assetContent=b"a",
                    assetSHA256="ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
                )  # fmt: skip
            assert shape(outside) == before
            path.unlink()
            away.rename(path)


PATHS = ["../../outside/victim", "OUTSIDE/victim", "../uploads/../../../outside/victim", "", ".", "..", "A" * 64]


@pytest.mark.parametrize("path", PATHS)
def test_rows_cannot_refer_to_files_by_path(
    path: str, project: Path, outside: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    statements(
        f"INSERT INTO dropped VALUES ('{path}')",
        "INSERT INTO dropped SELECT x'2e2e2f2e2e' UNION SELECT 1",
        f"UPDATE assets SET sha256 = '{path}'",
    )(project / ".registry", outside)
    before = shape(outside)
    assert run(monkeypatch, capsys, "apply", "--yes")[0] == 0
    with start(project / ".registry") as server, contextlib.closing(client_of(server)) as client:
        with pytest.raises(client.exceptions.InternalServerException, match="not named by a SHA-256"):
            client.get_package_version_asset(
                domain="acme", repository="dev", format="generic", namespace="acme", package="other",
                packageVersion="1.0", asset="b.txt",
            )  # fmt: skip
        client.delete_package_versions(
            domain="acme", repository="dev", format="generic", namespace="acme", package="other", versions=["1.0"]
        )
        client.delete_repository(domain="acme", repository="dev")
    assert shape(outside) == before


WRONG = ["NULL", "x'ff00'", "'[[1]'", "'{\"a\": 1}'", "1e999", "'a' || char(13, 10) || 'b: c'", "CAST(x'ff0a' AS TEXT)"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        pytest.param(column, value, marks=[] if (row + place) % 3 == 0 else pytest.mark.slow)
        for row, column in enumerate(["upstreams", "created", "name", "description", "administrator"])
        for place, value in enumerate(WRONG)
    ],
)
def test_rows_with_wrong_types_are_an_error_without_a_traceback(
    column: str,
    value: str,
    project: Path,
    outside: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Not by UPDATE: an attacker can change the schema first, write, and restore it.
    statements(
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = replace(sql, 'NOT NULL', '        ') WHERE name = 'repositories'",
    )(project / ".registry", outside)
    statement = f"UPDATE repositories SET {column} = {value}"
    file = project / ".registry" / "registry.sqlite3"
    for text in (statement, None):
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as rows:
            if text:
                rows.execute(text)
            else:
                rows.execute("PRAGMA writable_schema = ON")
                rows.execute(
                    "UPDATE sqlite_master SET sql = replace(sql, '        ', 'NOT NULL') WHERE name = 'repositories'"
                )
    for words in (("plan",), ("apply", "--yes")):
        code, printed = run(monkeypatch, capsys, *words)
        assert code in (0, 1, 2), printed
        assert "Traceback" not in printed


@pytest.mark.parametrize("marked", [True, False], ids=["marked", "unmarked"])
def test_a_valid_committed_registry_is_used_and_cleaned_up(
    marked: bool, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project / ".registry"
    registry(folder)
    (folder / ".gitignore").write_text("*\n")
    if not marked:
        (folder / MARK).unlink()  # one of before there were marks
    before = shape(project)
    assert run(monkeypatch, capsys, "plan")[0] == 0
    assert shape(project) == before
    code, printed = run(monkeypatch, capsys, "apply", "--yes")
    assert code == 0, printed
    assert (folder / MARK).read_bytes() == MARK_TEXT
    assert not (folder / "uploads" / UPLOAD).exists()
    assert not (folder / "blobs" / BLOB).exists()
    assert (folder / ".gitignore").read_text() == "*\n"


def test_missing_empty_folders_are_created(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    registry(project / ".registry", left=False)
    (project / ".registry" / "uploads").rmdir()
    code, printed = run(monkeypatch, capsys, "apply", "--yes")
    assert code == 0, printed


def test_a_committed_blob_with_different_bytes_is_replaced(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    registry(project / ".registry", left=False)
    blob = project / ".registry" / "blobs" / "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    blob.write_text("b")
    assert run(monkeypatch, capsys, "apply", "--yes")[0] == 0
    assert blob.read_text() == "a"


@pytest.mark.slow
def test_sigterm_ends_a_plan_with_an_endless_query(project: Path, outside: Path) -> None:
    circle(project / ".registry", outside)
    program = (
        "import sys; from pulumi_codeartifact_release.local_registry import tables;"
        "tables.WORK_SECONDS = 1e9; tables.exist = lambda rows:"
        f"rows.execute('SELECT max(id) FROM ({NEVER_ENDS})').fetchone();"
        "print('begun', flush=True); sys.argv[1:] = ['plan', 'release.yaml', '-e', 'dev'];"
        "from pulumi_codeartifact_release.cli import main; main()"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=project, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(3)
        assert process.poll() is None
        process.terminate()
        assert process.wait(timeout=20) == 130
