"""Bundles with the real engine: one resource that owns its members, commits them together, and never half."""

from __future__ import annotations

import hashlib
import signal
import threading
from collections.abc import Callable

import pytest

from support.embedded import Package, client_of, opened

from .test_engine import FIRST, Project, Server, descendants, kill, project, server

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


def fail_at(server: Server, number: int, word: str) -> None:
    """Break the connection at the request with that number, and at all later ones, whose path contains `word`."""
    seen = 0

    def before(path: str) -> None:
        nonlocal seen
        seen += word in path
        if word in path and seen >= number:
            raise ConnectionError("the connection breaks")

    server.gate.before = before


@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_commit_that_fails_is_completed_by_the_next_up(project: Project, server: Server, number: int) -> None:
    over_http(project)
    project.environ["AWS_MAX_ATTEMPTS"] = "1"
    fail_at(server, number, "update_status")
    printed = project.up(fails=True)
    assert "unreachable" in printed
    found = published(server)
    assert found["suite"] == "Unfinished"
    assert list(found.values()).count("Published") == number - 1
    # Outputs exist only after the commit.
    assert "dynamic/codeartifact:Bundle" not in project.run("stack", "export")
    server.gate.before = lambda _path: None
    project.up()
    assert published(server) == ALL


def test_an_unchanged_bundle_makes_no_request(project: Project, server: Server) -> None:
    over_http(project)
    project.up()
    before = len(server.gate.requests)
    project.run("up", "--yes", "--expect-no-changes")
    assert len(server.gate.requests) == before


PROGRAM = """\
import pulumi
from pulumi_codeartifact_release import Bundle

VERSION, DIGEST, SHARED = {values}
Bundle(
    "suite", namespace="acme", package="suite", version=VERSION, domain="acme", repository="dev",
    endpoint="file:.registry", on_supersede="archive", on_destroy="archive",
    members={{
        "acme/api": {{"assets": ["dist/a.txt"], "after": ["acme/db"]}},
        "acme/db": {{"version": SHARED, "assets": ["dist/b.txt"]}},
        "acme/lib": {{"version": "3.0", "digest": DIGEST}},
    }},
)
"""
LIBRARY = """\
schemaVersion: 1
packages: [{namespace: acme, package: lib, version: "3.0", assets: [dist/c.txt]}]
environments:
  dev: {domain: acme, repository: dev, endpoint: "file:.registry"}
"""


def test_neither_a_shared_member_nor_one_of_another_stack_is_retired(project: Project) -> None:
    project.begin()
    project.write("release.yaml", LIBRARY)
    project.apply()
    checksums = f"{hashlib.sha256(FIRST['c.txt']).hexdigest()}  c.txt\n"
    digest = f"sha256:{hashlib.sha256(checksums.encode()).hexdigest()}"
    for version in ("1.0", "2.0"):
        project.write("__main__.py", PROGRAM.format(values=(version, digest, "1.0")))
        project.up()
    with opened(project.registry) as client:
        found = {name: Package(client, name).statuses() for name in ("api", "db", "lib", "suite")}
    assert found == {
        "api": {"1.0": "Archived", "2.0": "Published"},
        "db": {"1.0": "Published"},
        "lib": {"3.0": "Published"},
        "suite": {"1.0": "Unlisted", "2.0": "Published"},
    }
    project.run("destroy", "--yes", "--skip-preview")
    with opened(project.registry) as client:
        found = {name: Package(client, name).statuses() for name in ("api", "db", "lib", "suite")}
    assert found["lib"] == {"3.0": "Published"}
    assert found["db"] == {"1.0": "Archived"}
    assert found["suite"]["2.0"] == "Archived"
