"""`plan` at a terminal: nothing is wider than it is, and nothing is lost."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from support.command_line import MANIFEST
from support.terminal import at_a_terminal, unstyled

from .test_release import COMMAND

LONG = "a-package-with-a-rather-long-name-for-a-terminal"
DIGEST = "sha256:b1316de1fa71995024c9d4b5d943496491d7a381ae0fa292e514cedd633078be"


def shown(project: Path, columns: int, *words: str, answer: bytes = b"", **environ: str) -> str:
    """What the command line prints at a terminal of so many columns."""
    plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    return at_a_terminal([COMMAND, *words], project, {**plain, **environ}, columns=columns, answer=answer)[1]


@pytest.fixture
def two(project: Path) -> Path:
    """A second package, with a long name and a long version."""
    package = f"  - {{package: {LONG}, version: 1.0.0-rc.1+build.20261122, assets: [dist/a.txt]}}\n"
    (project / "release.yaml").write_text(MANIFEST.replace("environments:", package + "environments:"))
    return project


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal_and_every_number_is_there(two: Path, columns: int) -> None:
    printed = unstyled(shown(two, columns, "plan", "release.yaml", "-e", "dev"))
    lines = printed[printed.index("dev: ") :].splitlines()
    assert max(len(line) for line in lines) <= columns
    words = " ".join(printed.split())
    joined = re.sub(r"\s", "", printed)
    assert "acme/app@1.0" in printed
    assert f"acme/{LONG}@1.0.0-rc.1+build.20261122" in joined
    assert DIGEST in joined
    for number in ("97.7 KiB", "3 assets to send", "11 requests"):
        assert number in words, printed
    # The columns are the same at any width; a narrow terminal breaks the words in them.
    assert ("REQUESTS" in printed) is (columns >= 60)


def test_a_question_is_asked_at_a_terminal_and_bars_come_and_go(project: Path) -> None:
    printed = shown(project, 80, "apply", "release.yaml", "-e", "dev", answer=b"y\n")
    assert "Release this? [y/N]" in printed
    assert "acme/app: Published: sent 2 assets, 97.7 KiB; 0 already there\n" in unstyled(printed)
    # What moved is wiped away.
    assert "\x1b[2K" in printed


def test_quiet_shows_what_is_asked_about_and_nothing_else(project: Path) -> None:
    printed = unstyled(shown(project, 80, "apply", "release.yaml", "-e", "dev", "-q", answer=b"y\n"))
    assert "acme/app@1.0" in printed
    assert "Release this?" in printed
    assert "Published" not in printed
    assert unstyled(shown(project, 80, "plan", "release.yaml", "-e", "dev", "--quiet")) == ""


def test_without_colour_nothing_is_coloured(project: Path) -> None:
    printed = shown(project, 80, "plan", "release.yaml", "-e", "dev", NO_COLOR="1")
    assert "\x1b[3" not in printed[printed.index("dev: ") :]
