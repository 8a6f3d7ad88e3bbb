"""Outputs of the command line: not written through symlinks of a checkout, but through all others."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pulumi_codeartifact_release.cli.output_files import (
    append,
    refuse_unwritable,
    remove_if_same,
    rewrite,
    write_atomically,
)
from pulumi_codeartifact_release.errors import FileChangedError, UsageError
from support.command_line import MANIFEST, Run, run  # noqa: F401 - a fixture

COMMAND = str(Path(sys.executable).with_name("codeartifact-release"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout as the working folder, with a folder beside it."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "precious").write_text("precious\n")
    checkout = tmp_path / "checkout"
    (checkout / "dist").mkdir(parents=True)
    (checkout / "dist" / "a.txt").write_text("hello\n")
    (checkout / "release.yaml").write_text(MANIFEST)
    monkeypatch.chdir(checkout)
    return checkout


@pytest.fixture
def untouched(folder: Path) -> Iterator[Path]:
    """The folder outside; checks at the end that it is unchanged."""
    outside = folder.parent / "outside"
    before = (outside / "precious").stat()
    yield outside
    assert {path.name for path in outside.iterdir()} == {"precious"}
    assert (outside / "precious").read_text() == "precious\n"
    assert (outside / "precious").stat().st_ino == before.st_ino


def to_a_file(folder: Path) -> str:
    (folder / "out").symlink_to("../outside/precious")
    return "out"


def to_nothing_yet(folder: Path) -> str:
    (folder / "out").symlink_to(folder.parent / "outside" / "new")
    return "out"


def through_a_folder(folder: Path) -> str:
    (folder / "out").symlink_to("../outside")
    return "out/precious"


def through_a_folder_deep_down(folder: Path) -> str:
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "c").symlink_to("../../../outside")
    return "a/b/c/new"


def through_another_link(folder: Path) -> str:
    (folder / "first").symlink_to("second")
    (folder / "second").symlink_to("../outside/precious")
    return "first"


def through_dots(folder: Path) -> str:
    (folder / "out").symlink_to("../outside")
    return "dist/../out/./precious"


def by_its_whole_path(folder: Path) -> str:
    return str(folder / through_a_folder(folder))


def within_the_checkout(folder: Path) -> str:
    (folder / "victim.sh").write_text("echo\n")
    (folder / "out").symlink_to("victim.sh")
    return "out"


def to_a_device(folder: Path) -> str:
    (folder / "out").symlink_to("/dev/stdout")
    return "out"


def by_way_of_the_operators_own_link(folder: Path) -> str:
    (folder.parent / "current").symlink_to(folder)
    return f"../current/{through_a_folder(folder)}"


TRAPS = [
    to_a_file,
    to_nothing_yet,
    through_a_folder,
    through_a_folder_deep_down,
    through_another_link,
    through_dots,
    by_its_whole_path,
    within_the_checkout,
    to_a_device,
    by_way_of_the_operators_own_link,
]
COMMANDS = [
    ("plan", "release.yaml", "-e", "dev", "-o"),
    ("plan", "release.yaml", "-e", "dev", "--summary"),
    ("apply", "release.yaml", "-e", "dev", "--yes", "--summary"),
    ("verify", "release.yaml", "-e", "dev", "--summary"),
    ("status", "release.yaml", "--html"),
]
SAID = "is a symbolic link in a checkout, which might lead anywhere"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.__name__)
def test_no_option_writes_through_a_symlink_of_the_checkout(
    run: Run,  # noqa: F811
    folder: Path,
    untouched: Path,
    trap: Callable[[Path], str],
    words: tuple[str, ...],
) -> None:
    outcome = run(*words, trap(folder))
    assert (outcome.code, outcome.err.count(SAID)) == (2, 1), outcome
    # It is refused before anything is done.
    assert not (folder / ".registry").exists()
    assert not (folder / "victim.sh").exists() or (folder / "victim.sh").read_text() == "echo\n"


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.__name__)
def test_the_env_file_and_the_job_summary_are_not_written_through_a_symlink(
    run: Run,  # noqa: F811
    folder: Path,
    untouched: Path,
    trap: Callable[[Path], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = trap(folder)
    with pytest.raises(UsageError, match=SAID):
        write_atomically(Path(name), "secret", "--env-file", mode=0o600)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", name)
    outcome = run("plan", "release.yaml", "-e", "dev")
    assert outcome.code == 0
    assert outcome.err.count(SAID) == 1


def test_the_manifests_checkout_is_checked_in_any_working_folder(
    run: Run,  # noqa: F811
    folder: Path,
    untouched: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = by_its_whole_path(folder)
    monkeypatch.chdir(tmp_path)
    for command, _manifest, *words in COMMANDS:
        outcome = run(command, str(folder / "release.yaml"), *words, name)
        assert (outcome.code, outcome.err.count(SAID)) == (2, 1), outcome


def test_a_checkout_starts_at_the_root_of_its_repository(
    run: Run,  # noqa: F811
    folder: Path,
    untouched: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (folder / ".git").mkdir()
    (folder / "service").mkdir()
    (folder / "release.yaml").rename(folder / "service" / "release.yaml")
    (folder / "dist").rename(folder / "service" / "dist")
    through_a_folder(folder)
    monkeypatch.chdir(folder / "service")
    outcome = run("plan", "release.yaml", "-e", "dev", "-o", "../out/precious")
    assert (outcome.code, outcome.err.count(SAID)) == (2, 1)


def test_a_symlink_that_appears_later_is_not_followed(folder: Path, untouched: Path) -> None:
    refuse_unwritable(Path("out"), "-o", {})
    to_a_file(folder)
    with pytest.raises(UsageError, match=SAID):
        write_atomically(Path("out"), "text", "-o")


def test_nothing_outside_is_written_at_any_moment_of_a_swap(folder: Path, untouched: Path) -> None:
    (folder / "out").mkdir()
    stop = threading.Event()

    def exchange() -> None:
        while not stop.is_set():
            (folder / "out").rename(folder / "kept")
            (folder / "out").symlink_to("../outside")
            (folder / "out").unlink()
            (folder / "kept").rename(folder / "out")

    thread = threading.Thread(target=exchange)
    thread.start()
    written = 0
    try:
        for number in range(500):
            try:
                write_atomically(Path("out") / ("precious" if number % 2 else "new"), "overwritten", "-o")
                written += 1
            except UsageError:
                pass
    finally:
        stop.set()
        thread.join()
    assert written
    # And no incomplete file is left.
    assert not {path.name for path in (folder / "out").iterdir()} - {"precious", "new"}


# --- what goes on working ---------------------------------------------------------------------------------------------


def test_symlinks_outside_a_checkout_are_followed(folder: Path) -> None:
    outside = folder.parent / "outside"
    (folder.parent / "tmp").symlink_to("outside")
    (outside / "latest.json").symlink_to("dated.json")
    write_atomically(Path("../tmp/latest.json"), "one", "-o")
    write_atomically(folder.parent / "tmp" / "plan.json", "two", "-o")
    assert (outside / "dated.json").read_text() == "one"
    assert (outside / "latest.json").is_symlink()
    assert (outside / "plan.json").read_text() == "two"


def test_a_working_folder_behind_a_symlink_works(folder: Path) -> None:
    (folder.parent / "way").symlink_to(folder)
    write_atomically(folder.parent / "way" / "plan.json", "one", "-o", manifest=folder.parent / "way" / "release.yaml")
    assert (folder / "plan.json").read_text() == "one"


@pytest.mark.slow
def test_files_that_the_shell_opened_are_written(folder: Path) -> None:
    words = ["plan", "release.yaml", "-e", "dev", "--quiet", "-o"]
    for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1") if sys.platform == "linux" else ("/dev/stdout",):
        piped = subprocess.run([COMMAND, *words, name], capture_output=True, text=True, check=True)
        assert '"schemaVersion": 1' in piped.stdout
        with (folder / "redirected").open("w") as file:
            file.write("before\n")
            file.flush()
            subprocess.run([COMMAND, *words, name], stdout=file, check=True)
        # As with `>`: the file is the same, and its content is kept.
        assert (folder / "redirected").read_text().startswith("before\n{")
    script = 'set -e; "$@" -o /dev/null; "$@" -o >(cat > substituted); sleep 1; "$@" -o /dev/fd/7 7> seventh'
    subprocess.run(["bash", "-c", script, "-", COMMAND, *words[:-1]], check=True)
    assert '"schemaVersion": 1' in (folder / "seventh").read_text()
    assert '"schemaVersion": 1' in (folder / "substituted").read_text()
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_private_file_has_its_mode_from_the_first_byte(folder: Path) -> None:
    (folder / "env").write_text("what was there")
    (folder / "env").chmod(0o666)
    written = write_atomically(Path("env"), "secret", "--env-file", mode=0o600)
    assert (folder / "env").read_text() == "secret"
    assert stat.S_IMODE((folder / "env").stat().st_mode) == 0o600
    remove_if_same(Path("env"), written)
    assert not (folder / "env").exists()
    # A file of another server, or something that is not a file, is not removed.
    written = write_atomically(Path("env"), "secret", "--env-file", mode=0o600)
    (folder / "env").rename(folder / "kept")
    (folder / "env").write_text("another's")
    remove_if_same(Path("env"), written)
    assert (folder / "env").exists()
    os.mkfifo(folder / "pipe")
    reader = os.open(folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    remove_if_same(Path("pipe"), write_atomically(Path("pipe"), "secret", "--env-file", mode=0o600))
    assert os.read(reader, 100) == b"secret"
    os.close(reader)
    assert (folder / "pipe").exists()


def test_appending_creates_the_file_and_keeps_its_content(folder: Path) -> None:
    append(Path("log.md"), "one\n", "--summary")
    append(Path("log.md"), "two\n", "--summary")
    assert (folder / "log.md").read_text() == "one\ntwo\n"
    with pytest.raises(UsageError, match="dist cannot be written: Is a directory"):
        append(Path("dist"), "three\n", "--summary")


def test_a_symlink_loop_and_a_missing_folder_are_reported_in_one_line(folder: Path) -> None:
    (folder.parent / "loop").symlink_to("loop")
    for name, reason in (
        ("../loop", "Symlink loop|Too many levels of symbolic links"),
        ("../loop/x", "Symlink loop|Too many levels of symbolic links"),
        ("none/x", "its folder does not exist or is not writable"),
        ("release.yaml/x", "its folder does not exist or is not writable"),
        ("dist", "it is a folder"),
        ("..", "it is a folder"),
        ("/", "it is a folder"),
        ("x" * 300, "File name too long"),
    ):
        with pytest.raises(UsageError, match=reason) as caught:
            refuse_unwritable(Path(name), "-o", {})
        assert len(caught.value.message.splitlines()) == 1


def test_a_rewrite_keeps_the_mode_and_the_bytes_of_line_ends(folder: Path) -> None:
    manifest = folder / "release.yaml"
    manifest.write_bytes(b"a: 1\r\n")
    manifest.chmod(0o640)
    rewrite(manifest, b"a: 1\r\n", b"a: 2\r\n", "MANIFEST", manifest=manifest)
    assert manifest.read_bytes() == b"a: 2\r\n"
    assert stat.S_IMODE(manifest.stat().st_mode) == 0o640
    assert sorted(path.name for path in folder.iterdir()) == ["dist", "release.yaml"]


@pytest.mark.parametrize("now", [b"a: 3\n", b"a: 1\n# more\n", b""])
def test_a_rewrite_refuses_a_file_that_changed(folder: Path, now: bytes) -> None:
    manifest = folder / "release.yaml"
    manifest.write_bytes(now)
    with pytest.raises(FileChangedError, match="changed while it was edited"):
        rewrite(manifest, b"a: 1\n", b"a: 2\n", "MANIFEST", manifest=manifest)
    assert manifest.read_bytes() == now


def test_a_rewrite_follows_no_link(folder: Path, untouched: Path) -> None:
    (folder / "linked.yaml").symlink_to("../outside/precious")
    with pytest.raises(UsageError, match="is a symbolic link in a checkout"):
        rewrite(folder / "linked.yaml", b"precious\n", b"x\n", "MANIFEST", manifest=folder / "linked.yaml")
