"""What the registry holds nothing of is sent while it is hashed, where nobody looks at the plan first."""

from __future__ import annotations

import os
import re
import sys
import threading
from pathlib import Path
from typing import BinaryIO

import pytest

from embedded import Gate, Package, client_of
from pulumi_codeartifact_release.errors import FileError
from pulumi_codeartifact_release.hashing import known, readable_sizes, streaming
from pulumi_codeartifact_release.local_registry import start
from terminal import at_a_terminal

from .conftest import MANIFEST, Run

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


def test_the_first_asset_arrives_before_the_last_is_hashed(
    run: Run, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived = threading.Event()

    def slowly(path: Path) -> BinaryIO:
        if path.name == "b.bin":
            assert arrived.wait(20), "nothing was sent while there was still a file to hash"
        return open_file(path)

    open_file = streaming.open_file
    monkeypatch.setattr(streaming, "open_file", slowly)
    gate.before = lambda path: arrived.set() if "/version/publish" in path else None
    outcome = run(*WORDS, "dev", "--yes")
    assert outcome.code == 0, outcome.err
    assert "the files are hashed while they are sent" in outcome.out
    digest = re.search("sha256:[0-9a-f]{64}", outcome.out)
    assert digest
    assert outcome.out.splitlines()[-1].strip() == digest[0]
    assert digest[0] == "sha256:b1316de1fa71995024c9d4b5d943496491d7a381ae0fa292e514cedd633078be"


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
    assert "hashed while" not in outcome.out
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
    # The one is looked at, once; the other too.
    assert len(gate.requests) == 3


def test_a_file_that_cannot_be_read_is_found_before_anything_is_sent(
    run: Run, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "_may_read", lambda path: path.name != "b.bin")
    outcome = run(*WORDS, "dev", "--yes")
    assert outcome.code != 0
    assert "b.bin cannot be read: Permission denied" in outcome.err
    assert gate.uploads == 0


def test_a_file_that_changes_while_it_is_hashed_leaves_the_version_unfinished(
    run: Run, gate: Gate, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = threading.Event()

    def late(path: Path) -> BinaryIO:
        file = open_file(path)
        if path.name == "b.bin" and sent.wait(20):
            path.write_bytes(b"other")
        return file

    open_file = streaming.open_file
    monkeypatch.setattr(streaming, "open_file", late)
    gate.after = lambda path: sent.set() if "/version/publish" in path else None
    outcome = run(*WORDS, "dev", "--yes")
    assert outcome.code == 1
    assert "b.bin changed" in outcome.err
    with start(project / ".registry") as server:
        assert Package(client_of(server)).statuses() == {"1.0": "Unfinished"}
    monkeypatch.setattr(streaming, "open_file", open_file)
    # And the next run finishes it: nothing that was sent has changed.
    again = run(*WORDS, "dev", "--yes")
    assert (again.code, again.err.count("error")) == (0, 0)


def test_who_is_asked_sees_the_digest_first(project: Path) -> None:
    command = Path(sys.executable).with_name("codeartifact-release")
    code, shown = at_a_terminal(
        [command, "apply", "release.yaml", "-e", "dev"], project, os.environ, columns=100, answer=b"n\n"
    )
    assert code == 1
    assert "sha256:b1316de1fa71995024c9d4b5d943496491d7a381ae0fa292e514cedd633078be" in shown
    assert "hashed while" not in shown
    assert not (project / ".registry").exists()


def test_sizes_are_those_of_files_that_can_be_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"123")
    os.mkfifo(tmp_path / "fifo")
    assert readable_sizes([tmp_path / "file"]) == {tmp_path / "file": 3}
    with pytest.raises(FileError, match="no regular file"):
        readable_sizes([tmp_path / "fifo"])
    with pytest.raises(FileError, match="absent"):
        readable_sizes([tmp_path / "absent"])
