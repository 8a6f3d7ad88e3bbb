"""`plan` and `apply` name the files of a version that does not exist yet; `-v` names all."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.command_line import Run, project, run

__all__ = ["project", "run"]

NAMED = "      a.txt  6 bytes\n      b.bin  97.7 KiB\n"


@pytest.mark.parametrize("command", [["plan"], ["apply", "--yes"]])
def test_a_new_version_lists_its_files_with_sizes(run: Run, project: Path, command: list[str]) -> None:
    outcome = run(*command, "release.yaml", "-e", "dev")
    assert (outcome.code, outcome.err) == (0, "")
    assert f"\n{NAMED}\n1 package to change: 2 assets to send, 97.7 KiB; 0 already there; 6 requests.\n" in outcome.out


def test_an_unchanged_version_lists_its_files_only_with_verbose(run: Run, project: Path) -> None:
    assert run("apply", "release.yaml", "-e", "dev", "--yes").code == 0
    assert "a.txt" not in run("plan", "release.yaml", "-e", "dev").out
    assert f"\n{NAMED}\nNothing to do: 1 package published and unchanged.\n" in (
        run("plan", "release.yaml", "-e", "dev", "-v").out
    )
    # A promotion has no files here.
    assert "a.txt" not in run("plan", "release.yaml", "-e", "staging", "-v").out


def test_many_files_are_counted_and_the_closing_line_says_how_to_see_them(run: Run, project: Path) -> None:
    text = (project / "release.yaml").read_text()
    more = "  - {package: lib, version: 1.0, assets: [lib/*]}\n  - {package: web, version: 1.0, assets: [web/*]}\nenv"
    (project / "release.yaml").write_text(text.replace("env", more, 1))
    for name in ("lib", "web"):
        (project / name).mkdir()
        for number in range(20):
            (project / name / f"{number:02}.js").write_text("x")
    lines = run("plan", "release.yaml", "-e", "dev").out.splitlines()
    start = lines.index("  acme/lib@1.0")
    assert lines[start + 2 : start + 4] == ["      00.js  1 byte", "      01.js  1 byte"]
    # Twenty in all: two of the first package, so eighteen of the second.
    assert lines[start + 19 : start + 22] == [
        "      17.js  1 byte",
        "      … and 2 more files, 2 bytes",
        "  acme/web@1.0",
    ]
    assert len(lines) == start + 25
    assert lines[-1].endswith("; 0 already there; 54 requests. -v lists all files.")
    assert run("plan", "release.yaml", "-e", "dev", "-v").out.count(".js  1 byte\n") == 40


def test_files_that_may_not_be_meant_are_warnings(run: Run, project: Path) -> None:
    (project / "dist" / "debug.log").write_text("x")
    outcome = run("apply", "release.yaml", "-e", "dev", "--yes")
    assert outcome.code == 0
    assert outcome.err == (
        "warning: release.yaml:9:14: packages[0].assets[0]: `dist/*` matches a file that may not be meant: "
        '`dist/debug.log` (a log); to leave out: `{path: "dist/*", exclude: ["**/*.log"]}`\n'
    )


def test_strict_sends_nothing(run: Run, project: Path) -> None:
    (project / "dist" / "debug.log").write_text("x")
    assert run("apply", "release.yaml", "-e", "dev", "--yes", "--strict").code == 4
    assert not (project / ".registry").exists()
