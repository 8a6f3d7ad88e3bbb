"""kill -9 under Pulumi: of CLI and plugin together, of the CLI alone; then state lost, other machines, other tools.

A run of the CLI takes seconds, so each test walks through several kills of one stack, each under a new version.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from system.engine.test_engine import Project, descendants, plugins, project

from .conftest import Cli, apply_words
from .proxy import AFTER, BEFORE, BODY, Proxy
from .stand import EVERYWHERE, MANIFEST, SEVEN, Registry, Run, assert_never_half, assert_published, hashes_of

__all__ = ["project"]

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

_numbers = itertools.count(1)


@dataclass
class Stack:
    """A stack whose releases go through a proxy."""

    project: Project
    proxy: Proxy
    registry: Registry
    left: set[int]
    """Processes that a kill may have left behind, to be killed at the end."""

    def next_version(self) -> str:
        version = f"engine-{next(_numbers)}"
        self.project.write("VERSION", f"{version}\n")
        self.proxy.observe = lambda: assert_never_half(*self.registry.held(version, published_only=True), SEVEN)
        return version

    def killed_at(
        self,
        number: int,
        moment: str,
        *,
        kind: str = "",
        plugin_too: bool = True,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        """Run up, kill it at a request, of this kind if it is given; `meanwhile` runs while the request is held."""
        started: list[subprocess.Popen[str]] = []
        over = threading.Event()

        def kill() -> None:
            while not started:
                time.sleep(0.001)
            children = descendants(started[0].pid)
            self.left.update(children)
            for pid in [started[0].pid, *(children if plugin_too else [])]:
                kill_9(pid)
            meanwhile()
            over.set()

        self.proxy.arm(number, moment, kill, breaks=plugin_too, kind=kind)
        with self.project.start("up", "--yes", "--skip-preview", stdout=subprocess.DEVNULL) as process:
            started.append(process)
            assert process.wait(100) == -9
        assert over.wait(100)
        self.proxy.drain()

    def orphan_ends(self) -> None:
        """Wait until the plugin has seen that its engine is gone. (Pulumi's own language host stays.)"""
        until = time.monotonic() + 20
        while plugins(list(self.left)):
            assert time.monotonic() < until
            time.sleep(0.1)

    def up_sends(self, version: str, missing: set[str]) -> None:
        since = len(self.registry.journal.entries)
        self.project.up()
        assert sorted(self.registry.journal.accepted(version, since)) == sorted(missing)
        assert_published(self.registry, version, SEVEN)
        assert self.proxy.failures == []

    def missing(self, version: str) -> set[str]:
        status, held = self.registry.held(version)
        assert_never_half(status, held, SEVEN)
        assert held.items() <= hashes_of(SEVEN).items()
        return SEVEN.keys() - held.keys()


def kill_9(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def stack(project: Project, registry: Registry) -> Iterator[Stack]:
    with Proxy(registry.server.host, registry.server.port) as proxy:
        key = registry.server.credentials()
        project.environ |= {
            "AWS_ENDPOINT_URL_CODEARTIFACT": proxy.url,
            "AWS_ACCESS_KEY_ID": key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
            "AWS_REGION": "us-east-1",
        }
        project.begin()
        project.build(SEVEN)
        project.write("release.yaml", MANIFEST.replace('{default: "1.0"}', "{file: VERSION}"))
        left: set[int] = set()
        yield Stack(project, proxy, registry, left)
        for pid in left:
            kill_9(pid)


PUBLISH, LIST, STATUS = "/version/publish?", "/version/assets?", "/update_status?"
MOMENTS = (
    [(PUBLISH, BEFORE), (PUBLISH, BODY), (PUBLISH, AFTER), (LIST, AFTER), (STATUS, BEFORE), (STATUS, AFTER)]
    if EVERYWHERE
    else [(PUBLISH, BODY), (STATUS, AFTER)]
)


@pytest.mark.timeout(600 if EVERYWHERE else 180)
def test_killed_at_a_request_the_next_up_sends_what_is_missing_and_publishes(stack: Stack, tried: Counter[str]) -> None:
    """In the first upload and after the last call; test_kills.py has more requests, without an engine."""
    for kind, moment in MOMENTS:
        version = stack.next_version()
        stack.killed_at(1, moment, kind=kind)
        missing = stack.missing(version)
        stack.project.run("cancel", "--yes")
        stack.up_sends(version, missing)
        tried["kills of pulumi up at a request"] += 1


def test_the_orphaned_plugin_of_a_killed_cli_stops_and_the_next_up_beside_it_converges(
    stack: Stack, tried: Counter[str]
) -> None:
    # It has sent everything and looks before the last call: it must not make it.
    version = stack.next_version()
    since = len(stack.registry.journal.entries)
    stack.killed_at(1, BEFORE, kind=LIST, plugin_too=False)
    stack.orphan_ends()
    assert [path for path in stack.registry.journal.writes(since) if path.endswith("update_status")] == []
    assert stack.missing(version) == set()
    assert stack.registry.held(version)[0] == "Unfinished"

    # It is in its first upload, which arrives only when the next run has published everything.
    version = stack.next_version()
    since = len(stack.registry.journal.entries)
    stack.project.run("cancel", "--yes")

    def next_run() -> None:
        stack.project.run("cancel", "--yes")
        stack.project.up()
        assert_published(stack.registry, version, SEVEN)

    failed: list[BaseException] = []

    def told() -> None:
        try:
            next_run()
        except BaseException as error:  # noqa: BLE001 - raised again where the test looks
            failed.append(error)

    stack.killed_at(1, BEFORE, kind=PUBLISH, plugin_too=False, meanwhile=told)
    assert failed == []
    stack.orphan_ends()
    # The late one, and no other of the orphan's, on top of the seven.
    assert len(stack.registry.journal.accepted(version, since)) == 8
    assert_published(stack.registry, version, SEVEN)
    tried["kills of the Pulumi CLI alone"] += 2


def test_state_lost_elsewhere_and_by_the_other_tool_a_release_is_finished_and_adopted(
    stack: Stack, cli: Cli, tried: Counter[str], tmp_path: Path
) -> None:
    project, server, journal = stack.project, stack.registry.server, stack.registry.journal
    # Pulumi is killed; the command line finishes, in another checkout.
    version = stack.next_version()
    stack.killed_at(2, AFTER)
    missing = stack.missing(version)
    assert 0 < len(missing) < 7
    checkout = tmp_path / "another machine"
    shutil.copytree(project.folder / "dist", checkout / "dist")
    shutil.copy(project.folder / "release.yaml", checkout)
    shutil.copy(project.folder / "VERSION", checkout)
    since = len(journal.entries)
    run = cli.run(checkout, server, "apply", "release.yaml", "-e", "dev", "--yes")
    assert run.code == 0, run.said
    assert sorted(journal.accepted(version, since)) == sorted(missing)
    assert_published(stack.registry, version, SEVEN)

    # The state is lost with its lock, and the folder moves: adopted without a write.
    since = len(journal.entries)
    project.run("cancel", "--yes")
    project.run("stack", "rm", "dev", "--force", "--yes", "--preserve-config")
    moved = project.folder.with_name("moved")
    project.folder.rename(moved)
    project.folder = moved
    project.run("stack", "init", "dev")
    project.up()
    assert journal.writes(since) == []
    [resource] = project.state()
    assert resource["outputs"]["version"] == version

    # The command line is killed; Pulumi finishes.
    version = stack.next_version()
    runs: list[Run] = []

    def kill() -> None:
        while not runs:
            time.sleep(0.001)
        runs[0].kill()

    stack.proxy.arm(3, AFTER, kill)
    runs.append(cli.start(checkout, server, *apply_words(version), url=stack.proxy.url))
    assert runs[0].wait() == -9, runs[0].said
    stack.proxy.reset()
    missing = stack.missing(version)
    assert 0 < len(missing) < 7
    stack.up_sends(version, missing)
    tried["kills of pulumi up at a request"] += 1
    tried["kills at a request"] += 1
