"""Rule 1 at the command line: everything is hashed before anything is sent, and nothing twice."""

from __future__ import annotations

import hashlib
import io
import os
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from pulumi_codeartifact_release.errors import FileError
from pulumi_codeartifact_release.hashing import FileIdentity, SqliteCache, default_folder, streaming
from support.command_line import MANIFEST, Run
from support.embedded import Gate
from support.terminal import at_a_terminal

WORDS = ("apply", "release.yaml", "-e")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were opened, each time."""
    names: list[str] = []

    def counted(path: Path) -> BinaryIO:
        names.append(path.name)
        return open_file(path)

    open_file = streaming.open_file
    monkeypatch.setattr(streaming, "open_file", counted)
    return names


def test_nothing_is_sent_before_the_last_file_is_hashed(run: Run, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of several packages, whatever comes first."""
    (Path("release.yaml")).write_text(
        Path("release.yaml")
        .read_text()
        .replace("environments:", "  - {package: other, version: '1', assets: [dist/b.bin]}\nenvironments:")
    )
    hashing = threading.Event()

    def slowly(path: Path) -> BinaryIO:
        if path.name == "b.bin" and not hashing.is_set():
            time.sleep(0.5)
            assert gate.requests == []
            hashing.set()
        return open_file(path)

    open_file = streaming.open_file
    monkeypatch.setattr(streaming, "open_file", slowly)
    outcome = run(*WORDS, "dev", "--yes")
    assert outcome.code == 0, outcome.err
    assert hashing.is_set()
    assert gate.uploads == 3


@pytest.mark.parametrize("environment", ["dev", "minimal"])
def test_it_makes_just_the_requests_that_it_says(run: Run, gate: Gate, environment: str) -> None:
    outcome = run(*WORDS, environment, "--yes", "--summary", "summary.md")
    said = re.search(r"publish +2 +97.7 KiB +0 +(\d+)\n", outcome.out)
    assert said
    assert len(gate.requests) == int(said[1])
    assert "b1316de1fa71995024c9d4b5d943496491d7a381ae0fa292e514cedd633078be" in Path("summary.md").read_text()


def test_each_file_is_read_once_to_be_hashed_and_once_to_be_sent(run: Run, project: Path, opened: list[str]) -> None:
    assert run(*WORDS, "dev", "--yes").code == 0
    assert sorted(opened) == ["a.txt", "a.txt", "b.bin", "b.bin"]


def test_a_file_of_two_packages_is_hashed_once(run: Run, project: Path, opened: list[str]) -> None:
    manifest = MANIFEST.replace(
        "environments:", "  - {package: other, version: '1', assets: [dist/b.bin]}\nenvironments:"
    )
    (project / "release.yaml").write_text(manifest)
    assert run(*WORDS, "dev", "--yes").code == 0
    # Once to be hashed, and for each package once to be sent.
    assert opened.count("b.bin") == 3


def test_what_is_known_already_is_planned_with_its_digest(
    run: Run, project: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "_SETTLED_NS", 0)
    assert run(*WORDS, "dev", "--yes").code == 0
    opened.clear()
    outcome = run(*WORDS, "dev", "--yes", "--var", "version=2.0")
    assert outcome.code == 0
    assert outcome.out.count("sha256:") == 1
    assert sorted(opened) == ["a.txt", "b.bin"]


def test_where_one_package_is_refused_nothing_of_an_absent_one_is_sent(run: Run, gate: Gate, project: Path) -> None:
    assert run(*WORDS, "dev", "--yes").code == 0
    (project / "dist" / "a.txt").write_text("HELLO\n")
    (project / "new.txt").write_text("new\n")
    manifest = (project / "release.yaml").read_text()
    (project / "release.yaml").write_text(
        manifest.replace("environments:", "  - {package: new, version: '1', assets: [new.txt]}\nenvironments:")
    )
    gate.requests.clear()
    outcome = run(*WORDS, "dev", "--yes")
    assert outcome.code == 4
    assert "refused[conflict]: acme/app@1.0" in outcome.err
    assert gate.uploads == 0
    # Each is looked at, once.
    assert len(gate.requests) == 3


def test_a_file_that_cannot_be_read_is_found_before_anything_is_sent(
    run: Run, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: Path) -> BinaryIO:
        if path.name == "b.bin":
            raise FileError(f"{path} cannot be read: Input/output error")
        return open_file(path)

    open_file = streaming.open_file
    monkeypatch.setattr(streaming, "open_file", denied)
    outcome = run(*WORDS, "dev", "--yes")
    assert outcome.code != 0
    assert "b.bin cannot be read: Input/output error" in outcome.err
    assert gate.requests == []


def test_a_file_that_changes_while_it_is_hashed_is_found_before_anything_is_sent(
    run: Run, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Changing(io.FileIO):
        def readinto(self, buffer: Any) -> int | None:
            os.truncate(self.name, 5)
            return super().readinto(buffer)

    monkeypatch.setattr(streaming, "open_file", Changing)
    outcome = run(*WORDS, "dev", "--yes")
    assert outcome.code == 1
    assert " changed while it was hashed" in outcome.err
    assert gate.requests == []


def test_who_is_asked_sees_the_digest_first(project: Path) -> None:
    command = Path(sys.executable).with_name("codeartifact-release")
    code, shown = at_a_terminal(
        [command, "apply", "release.yaml", "-e", "dev"], project, os.environ, columns=100, answer=b"n\n"
    )
    assert code == 1
    assert "sha256:b1316de1fa71995024c9d4b5d943496491d7a381ae0fa292e514cedd633078be" in shown
    assert not (project / ".registry").exists()


def test_a_hash_that_the_cache_has_wrong_is_said_and_the_next_run_hashes_anew(
    run: Run, gate: Gate, project: Path
) -> None:
    file = project / "dist" / "b.bin"
    wrong = hashlib.sha256(b"older").hexdigest()
    SqliteCache(default_folder()).put_many({FileIdentity.of(file.stat()): wrong})
    outcome = run(*WORDS, "dev", "--yes")
    assert outcome.code == 1
    assert outcome.err.endswith(
        f"error[file-changed]: {file} has different bytes than when it was hashed, though its size and times are the "
        "same\nNothing was published. The wrong hash was removed from the cache: run again to hash the file again.\n"
    )
    assert run(*WORDS, "dev", "--yes").code == 0
    # And where the registry holds the bytes already, the wrong hash is no conflict.
    SqliteCache(default_folder()).put_many({FileIdentity.of(file.stat()): wrong})
    outcome = run("plan", "release.yaml", "-e", "dev")
    assert (outcome.code, "error[file-changed]" in outcome.err) == (1, True)
    assert "unchanged" in run("plan", "release.yaml", "-e", "dev").out
