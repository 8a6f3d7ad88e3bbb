"""What Pulumi shows of our errors, with the code that the documentation lists; and the engine's own words, as it says.

A run of the CLI takes seconds, so one test walks through all that it says.
"""

from __future__ import annotations

import json
import subprocess
import threading
import traceback
from pathlib import Path

import pytest

from pulumi_codeartifact_release.dynamic.process import one_line_errors
from pulumi_codeartifact_release.errors import ConflictError, ManifestError, Problem, ReleaseError
from system.engine.test_engine import FIRST, Project, Server, descendants, kill, project, server, without_endpoint

__all__ = ["project", "server"]

TROUBLESHOOTING = Path(__file__).parents[3] / "docs" / "troubleshooting.md"


def shown(error: ReleaseError) -> str:
    """What the plugin hands to the engine, which puts `error: ` before it."""
    try:
        with one_line_errors():
            raise error
    except Exception:  # noqa: BLE001 - as the plugin does it
        return traceback.format_exc()


def test_an_error_under_pulumi_begins_with_its_code() -> None:
    assert shown(ConflictError("app is Published:\n  a.txt", hint="Do this.")) == (
        "conflict: app is Published:\n  a.txt\nDo this.\n"
    )


def test_mistakes_of_a_manifest_keep_their_lines_below_the_code() -> None:
    mistakes = [Problem(2, 1, "a", "wrong"), Problem(9, 3, "b", "wrong too")]
    assert shown(ManifestError("release.yaml", mistakes)) == (
        "manifest: 2 mistakes in release.yaml\nrelease.yaml:2:1: a: wrong\nrelease.yaml:9:3: b: wrong too\n"
    )
    assert ManifestError("release.yaml", mistakes[:1]).full_text == (
        "manifest: 1 mistake in release.yaml\nrelease.yaml:2:1: a: wrong"
    )


LOCKED = (
    "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the "
    "lock file with `pulumi cancel`."
)
PENDING = "Attempting to deploy or update resources with 1 pending operations from previous deployment."
INTERRUPTED = "::acme/app, interrupted while creating"


def killed_in_its_first_upload(project: Project, server: Server) -> None:
    """Run `pulumi up` and kill -9 it with its plugin, as a machine that goes down."""
    arrived, dead = threading.Event(), threading.Event()

    def hold(path: str) -> None:
        if "/version/publish" in path:
            arrived.set()
            dead.wait(30)
            raise ConnectionAbortedError("the publisher is dead")

    server.gate.before = hold
    with project.start("up", "--yes", "--skip-preview", stdout=subprocess.DEVNULL) as process:
        while not arrived.wait(0.1):
            assert process.poll() is None
        for pid in [process.pid, *descendants(process.pid)]:
            kill(pid)
        process.wait(30)
        dead.set()
    server.gate.before = lambda _path: None


@pytest.mark.engine
@pytest.mark.timeout(180)
def test_the_documentation_has_the_engines_own_words_and_its_remedies_help(project: Project, server: Server) -> None:
    page = " ".join(TROUBLESHOOTING.read_text().split())
    project.begin()
    without_endpoint(project)
    killed_in_its_first_upload(project, server)

    locked = project.up(fails=True)
    for words in (LOCKED, "created by "):
        assert words in locked
    assert LOCKED in page
    assert "pulumi cancel" in page
    project.run("cancel", "--yes")

    pending = project.up()
    for words in (PENDING, INTERRUPTED):
        assert words in pending
        assert words.removeprefix("::acme/app, ") in page
    assert server.package.contents("1.0") == FIRST
    assert "pulumi refresh --clear-pending-creates" in page
    project.run("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
    [stored] = (project.backend / "state/.pulumi/stacks").rglob("dev.json")
    assert not json.loads(stored.read_bytes())["checkpoint"]["latest"].get("pending_operations")
