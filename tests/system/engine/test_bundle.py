"""Bundles with the real engine: one resource that owns its members, commits them together, and never half."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

import pytest

from support.embedded import Package, client_of, opened

from .test_engine import Project, Server, descendants, kill, project, server

__all__ = ["project", "server"]

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

PACKAGES = """\
packages:
  - {package: api, assets: [dist/a.txt], after: [acme/db]}
  - {package: db, assets: [dist/b.txt]}
  - {package: web, assets: [dist/c.txt]}
"""
MANIFEST = f"""\
schemaVersion: 1
variables:
  version: {{file: VERSION}}
defaults: {{namespace: acme, version: "${{version}}"}}
bundle: {{package: suite}}
{PACKAGES}environments:
  dev: {{domain: acme, repository: dev, endpoint: "file:.registry", onDestroy: archive}}
"""
ALONE = MANIFEST.replace("bundle: {package: suite}\n", "").replace(", after: [acme/db]", "")
ALL = dict.fromkeys(("api", "db", "web", "suite"), "Published")


def begin(project: Project, manifest: str = MANIFEST) -> None:
    project.begin()
    project.write("release.yaml", manifest)


def over_http(project: Project) -> None:
    begin(project, MANIFEST.replace(', endpoint: "file:.registry", onDestroy: archive', ""))


def statuses(project: Project) -> dict[str, str]:
    with opened(project.registry) as client:
        return {name: status for name in ALL for status in Package(client, name).statuses().values()}


def test_the_life_of_a_bundle(project: Project) -> None:
    begin(project)
    before = project.tree()
    printed = project.run("preview")
    assert "acme/suite@1.0: bundle of 3 members: 4 assets" in printed
    assert "acme/db@1.0: publish 1 asset" in printed
    assert project.tree() == before
    printed = project.up()
    assert "Published: bundle of 3 members; sent 4 assets" in printed
    assert "1 created" in printed or "2 created" in printed
    assert statuses(project) == ALL
    assert "2 unchanged" in project.run("refresh", "--yes", "--skip-preview")
    project.up("--expect-no-changes")

    with opened(project.registry) as client:
        Package(client, "db").set_status("1.0", "Archived")
    printed = project.run("refresh", "--yes", "--skip-preview", "--diff")
    assert "acme/db" in printed
    assert '"is Archived, not Published"' in printed
    project.up()
    assert statuses(project) == ALL
    project.up("--expect-no-changes")

    # To packages of their own, and back: what the run declares is not retired.
    project.write("release.yaml", ALONE)
    project.up()
    assert statuses(project) == {**ALL, "suite": "Archived"}
    project.write("release.yaml", MANIFEST)
    project.up()
    assert statuses(project) == ALL

    printed = project.run("destroy", "--yes", "--skip-preview")
    assert statuses(project) == dict.fromkeys(ALL, "Archived")


def published(server: Server) -> dict[str, str]:
    client = client_of(server.gate.registry)
    found = {name: status for name in ALL for status in Package(client, name).statuses().values()}
    client.close()
    return found


def interrupt_at(server: Server, number: int, act: Callable[[], None], word: str) -> threading.Event:
    """Call `act` before the request with that number, from 1, whose path contains `word`."""
    seen = 0
    done = threading.Event()

    def before(path: str) -> None:
        nonlocal seen
        if word in path:
            seen += 1
            if seen == number:
                act()
                done.set()

    server.gate.before = before
    return done


def test_killed_in_the_commit_the_next_up_completes_it(project: Project, server: Server) -> None:
    over_http(project)
    with project.start("up", "--yes", "--skip-preview") as process:

        def kill_all() -> None:
            for pid in [process.pid, *descendants(process.pid)]:
                kill(pid)

        done = interrupt_at(server, 2, kill_all, "update_status")
        process.communicate(timeout=100)
    assert done.is_set()
    server.gate.before = lambda _path: None
    found = published(server)
    assert found.pop("suite") == "Unfinished"
    assert sorted(found.values()) != ["Published"] * 3
    project.run("cancel", "--yes")
    project.up()
    assert published(server) == ALL


@pytest.mark.parametrize(("word", "committed"), [("version/publish", False), ("update_status", True)])
def test_ctrl_c_stops_before_the_commit_or_not_at_all(
    project: Project, server: Server, word: str, *, committed: bool
) -> None:
    over_http(project)
    with project.start("up", "--yes", "--skip-preview") as process:
        done = interrupt_at(server, 1, lambda: process.send_signal(signal.SIGINT), word)
        printed, _ = process.communicate(timeout=100)
    assert done.is_set()
    found = published(server)
    assert "Published" not in found.values() or found == ALL, printed
    if committed:
        assert found == ALL, printed
    server.gate.before = lambda _path: None
    project.up()
    assert published(server) == ALL
