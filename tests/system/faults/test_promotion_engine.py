"""A promotion under Pulumi: killed with its plugin, and finished by the next run."""

from __future__ import annotations

import itertools
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from system.engine.test_engine import Project, descendants, project

from .proxy import AFTER, ANSWER, BEFORE, Proxy
from .stand import (
    DESTINATIONS,
    EVERYWHERE,
    PROMOTIONS,
    STAGING,
    Registry,
    assert_never_half,
    assert_promoted,
    contents_of,
    digest_of,
    hashes_of,
    profiles,
)
from .test_engine_kills import Stack, kill_9

__all__ = ["project"]

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

FIVE = contents_of(5, 300_000, "under pulumi")
OTHER = {name: b"other " + content for name, content in FIVE.items()}
DOWNLOAD, UPLOAD, COPY = "/version/asset?", "/version/publish?", "/versions/copy?"

_numbers = itertools.count(1)


class Promotions(Stack):
    """A stack that promotes through a proxy."""

    def next(self, environment: str) -> str:
        """Put another version into the source, and have the stack promote it."""
        version = f"promoted-{next(_numbers)}"
        self.registry.publish(version, FIVE)
        self.project.write("VERSION", f"{version}\n")
        config = {
            "manifest": "release.yaml",
            "environment": environment,
            "allow": "[endpoint]",
            "variables": f'{{source: "{self.proxy.url}", to: "{self.proxy.url}"}}',
        }
        lines = "".join(f"  codeartifact-release:{key}: {value}\n" for key, value in config.items())
        self.project.write("Pulumi.dev.yaml", f"config:\n{lines}")
        at = DESTINATIONS[environment]
        self.proxy.observe = lambda: assert_never_half(*self.registry.held(version, published_only=True, at=at), FIVE)
        self.proxy.reset()
        return version

    def killed_in(self, kind: str, moment: str) -> None:
        """Run up, and kill it with its plugin at the first request of a kind."""
        started: list[subprocess.Popen[str]] = []

        def kill() -> None:
            while not started:
                time.sleep(0.001)
            for pid in (started[0].pid, *descendants(started[0].pid)):
                kill_9(pid)

        self.proxy.arm(1, moment, kill, kind=kind)
        with self.project.start("up", "--yes", "--skip-preview", stdout=subprocess.DEVNULL) as process:
            started.append(process)
            assert process.wait(60) == -9
        assert not self.proxy.armed
        self.proxy.drain()

    def finished(self, version: str, environment: str, spool: Path) -> None:
        at = DESTINATIONS[environment]
        assert list(spool.iterdir()) == []
        status, held = self.registry.held(version, at=at)
        assert_never_half(status, held, FIVE)
        assert held.items() <= hashes_of(FIVE).items()
        missing = sorted(FIVE.keys() - held.keys()) if environment == "transferred" else []
        self.project.run("cancel", "--yes")
        self.proxy.reset()
        self.project.up()
        for kind in (DOWNLOAD, UPLOAD):
            taken = [request.split("asset=")[1].split("&")[0] for request in self.proxy.requests if kind in request]
            assert sorted(taken) == missing
        assert_promoted(self.registry, version, FIVE, at)
        assert self.proxy.failures == []


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


@pytest.fixture
def stack(project: Project, registry: Registry, spool: Path) -> Iterator[Promotions]:
    with Proxy(registry.server.host, registry.server.port) as proxy:
        project.environ |= {
            "AWS_SHARED_CREDENTIALS_FILE": profiles(spool.parent, registry.server),
            "AWS_REGION": "us-east-1",
            "TMPDIR": str(spool),
        }
        project.begin()
        project.write("release.yaml", PROMOTIONS.replace('version: {default: "1.0"}', "version: {file: VERSION}"))
        yield Promotions(project, proxy, registry, set())


def test_killed_it_is_finished_by_the_next_up_and_it_is_refused_where_the_source_moved(
    stack: Promotions, tried: Counter[str], spool: Path
) -> None:
    version = stack.next("transferred")
    # In the middle of a download.
    stack.killed_in(DOWNLOAD, ANSWER)
    stack.finished(version, "transferred", spool)

    tried["kills of a promotion under Pulumi"] += 1
    if EVERYWHERE:
        # When it is copied, and nobody has heard of it.
        version = stack.next("copied")
        stack.killed_in(COPY, AFTER)
        stack.finished(version, "copied", spool)
        tried["kills of a promotion under Pulumi"] += 1

    # Different bytes in its place, when it has been judged and not yet copied.
    version = stack.next("copied")
    stack.proxy.arm(1, BEFORE, lambda: stack.registry.replace(version, OTHER), breaks=False, kind=COPY)
    printed = stack.project.up(fails=True)
    assert not stack.proxy.armed
    assert digest_of(FIVE) in printed
    assert digest_of(OTHER) in printed
    assert stack.registry.held(version, at=STAGING) == ("", {})
