"""The review in the real engine's display: what a preview says, held against what the update then does."""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.terminal import at_a_terminal

from .test_engine import FIRST, Project, Server, project, server, without_endpoint

__all__ = ["project", "server"]

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

MANY = {f"part-{number:03}.bin": bytes([number]) * 4096 for number in range(150)}


@dataclass(frozen=True)
class Said:
    """The review of one resource."""

    first: str
    requests: int
    least: str
    digest: str

    @classmethod
    def of(cls, printed: str) -> Said:
        """Read it from the diagnostics of a preview, where it stands once."""
        reviews = re.findall(
            r"^    acme/app@\S+: (.+)\n      ([0-9,]+) requests?(?:; (.*))?\n      (sha256:[0-9a-f]{64})$",
            printed,
            flags=re.MULTILINE,
        )
        assert len(reviews) == 1, printed
        first, requests, least, digest = reviews[0]
        return cls(first, int(requests.replace(",", "")), least, digest)


def digest_of(project: Project) -> str:
    folder = project.folder / "dist"
    command = "LC_ALL=C; export LC_ALL; sha256sum -- * | sha256sum"
    return (
        "sha256:"
        + subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, check=True).stdout.split()[0]
    )


def test_a_preview_of_150_assets_says_what_the_update_does(project: Project, server: Server) -> None:
    project.begin()
    without_endpoint(project)
    project.build(MANY)
    # A quota that a test can wait for: 40 at once, the others within three seconds.
    project.environ["CODEARTIFACT_RELEASE_RATE"] = "40"
    began = time.monotonic()
    preview, update = project.run("up", "--yes").split("Updating (dev)")
    assert time.monotonic() - began >= 2.75
    said = Said.of(preview)
    assert said.first == "publish 150 assets, 600.0 KiB"
    assert said.least == "at least 3 s by the quota of 40 uploads a second"
    assert said.digest == digest_of(project)
    # The engine has no state to compare, so the preview names the files; the command in the line has all.
    named = re.findall(r"^        (\S+)  4\.0 KiB$", preview, flags=re.MULTILINE)
    assert named == sorted(MANY)[:20]
    [rest] = re.findall(r"^        (… and .*)$", preview, flags=re.MULTILINE)
    assert rest == "… and 130 more files, 520.0 KiB (`codeartifact-release plan release.yaml -e dev --json` has all)"
    # The preview looks once, and does not write; the update makes what it said.
    assert server.gate.requests[0].startswith("GET ")
    assert len(server.gate.requests) - 1 == said.requests == 153
    assert server.gate.uploads == 150
    [closing] = re.findall(r"^    (Published: .*)$", update, flags=re.MULTILINE)
    assert re.fullmatch(r"Published: sent 150 assets, 600\.0 KiB in [0-9]+ s; 0 already there", closing)
    [resource] = project.state()
    assert resource["outputs"]["digest"] == said.digest
    # Calm in a log: the review is the preview's, and no line of progress is kept.
    assert "request" not in update
    assert "of 600.0 KiB" not in update


def test_a_resumption_is_told_by_its_numbers(project: Project, server: Server) -> None:
    project.begin()
    without_endpoint(project)
    server.package.begin("1.0", "a.txt", FIRST["a.txt"])
    server.gate.requests.clear()
    preview, update = project.run("up", "--yes").split("Updating (dev)")
    said = Said.of(preview)
    rest = sum(len(content) for name, content in FIRST.items() if name != "a.txt")
    assert said.first == f"resume: send 2 assets, {rest} bytes; 1 already there"
    # On a slow machine the line says how long it took.
    assert re.search(rf"Published: sent 2 assets, {rest} bytes(?: in \d+ s)?; 1 already there", update)
    # Two to look in the preview.
    assert (len(server.gate.requests) - 2, server.gate.uploads) == (said.requests, 2)


def test_the_engines_own_plan_refuses_changed_files(project: Project) -> None:
    project.begin()
    project.run("preview", "--save-plan", "plan.json")
    project.build({**FIRST, "a.txt": b"changed after the approval"})
    printed = project.run("up", "--yes", "--skip-preview", "--plan", "plan.json", fails=True)
    assert "violates plan: properties changed" in printed
    assert "checksums" in printed
    assert not (project.registry / "blobs").exists()
    project.build(FIRST)
    assert "Published: sent 3 assets" in project.run("up", "--yes", "--skip-preview", "--plan", "plan.json")


def test_progress_is_live_at_a_terminal(project: Project, server: Server, plain_virtualenv: Path) -> None:
    project.virtualenv = plain_virtualenv
    project.begin()
    without_endpoint(project)
    project.build(dict(list(MANY.items())[:60]))
    project.environ["CODEARTIFACT_RELEASE_RATE"] = "15"
    words = [str(project.cli), "up", "--yes", "--skip-preview", "--color", "never"]
    code, printed = at_a_terminal(words, project.folder, project.environ, columns=250)
    assert code == 0, printed
    lines = re.findall(r"([0-9]+)/60 assets(?:, ([0-9]+) s left)?, ([0-9.]+) of 240\.0 KiB", printed)
    assert len({sent for sent, _left, _size in lines}) > 3, printed
    assert any(left for _sent, left, _size in lines)
    assert "waiting for the quota" in printed
    assert "Published: sent 60 assets, 240.0 KiB in " in printed
