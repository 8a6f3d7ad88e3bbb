"""kill -9 in a release or a promotion of a bundle: before, in and after its requests; the next run completes it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Cli
from .proxy import AFTER, BEFORE, BODY, Proxy
from .stand import (
    DEV,
    EVERYWHERE,
    PROMOTIONS,
    RELEASES,
    STAGING,
    Contents,
    Place,
    Registry,
    Run,
    contents_of,
    hashes_of,
    make_project,
    profiles,
    promotion,
)

MEMBERS: dict[str, Contents] = {
    name: {f"{name}-{asset}": content for asset, content in contents_of(2, seed=name).items()}
    for name in ("api", "core", "web")
}
FILES = {asset: content for contents in MEMBERS.values() for asset, content in contents.items()}
PACKAGES = """\
bundle: {package: suite, version: "${version}"}
packages:
  - {package: api, version: "${version}", assets: [dist/api-*], after: [acme/core]}
  - {package: core, version: "${version}", assets: [dist/core-*]}
  - {package: web, version: "${version}", assets: [dist/web-*]}
environments:
"""
UPLOAD, COPY, FINALIZE = "version/publish?", "/versions/copy?", "/update_status?"
PLACES = {"dev": DEV, "copied": STAGING, "transferred": RELEASES}
SPREAD = {
    "dev": [(UPLOAD, 4, BODY), (FINALIZE, 1, AFTER), (FINALIZE, 4, BEFORE)],
    "copied": [(COPY, 4, BEFORE)],
    "transferred": [(FINALIZE, 1, AFTER)],
}
"""By environment, where to kill: the kind of request, its number, the moment.

`KILLS=all` has every moment of every request. By default there are few: the simulation kills at all of them.
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    head, _, rest = PROMOTIONS.partition("packages:\n")
    environments = rest.partition("environments:\n")[2].partition("  last-asset")[0]
    manifest = head + PACKAGES + environments
    return make_project(tmp_path_factory.mktemp("bundles") / "project", FILES, manifest)


def every_moment(requests: list[str]) -> Iterator[tuple[str, int, str]]:
    for number, request in enumerate(requests, 1):
        for moment in (BEFORE, BODY, AFTER) if UPLOAD in request else (BEFORE, AFTER):
            yield "", number, moment


def publishes(request: str) -> bool:
    return FINALIZE in request or COPY in request


class Bundle:
    """A version of the bundle in a repository."""

    def __init__(self, registry: Registry, version: str, at: Place) -> None:
        self._registry, self._version, self._at = registry, version, at

    def held(self, package: str) -> tuple[str, dict[str, str]]:
        return self._registry.held(self._version, package, at=self._at)

    def assert_all_or_nothing(self) -> None:
        """If the bundle is Published, so are its members. If a member is, all are sent, unless they are copied."""
        suite, _ = self.held("suite")
        members = {name: self.held(name) for name in MEMBERS}
        statuses = {status for status, _ in members.values()}
        assert statuses <= {"", "Unfinished", "Published"}
        for name, (status, hashes) in members.items():
            assert hashes.items() <= hashes_of(MEMBERS[name]).items()
            assert (status, hashes) == ("Published", hashes_of(MEMBERS[name])) or suite != "Published", name
        if "Published" in statuses and self._at != STAGING:
            assert self.held("suite")[1].keys() == {"release-bundle.json"}
            for name, contents in MEMBERS.items():
                assert self.held(name)[1] == hashes_of(contents)
        if members["api"][0] == "Published":
            assert self.held("core")[0] == "Published"

    def missing(self) -> set[str]:
        """The assets that are not there."""
        names = {name for package in (*MEMBERS, "suite") for name in self.held(package)[1]}
        return {*FILES, "release-bundle.json"} - names

    def assert_published(self) -> None:
        self.assert_all_or_nothing()
        assert self.held("suite")[0] == "Published"


@pytest.mark.timeout(1800 if EVERYWHERE else 90)
@pytest.mark.parametrize("environment", PLACES)
def test_a_bundle_that_is_killed_at_a_request_is_completed_by_the_next_run(
    environment: str, registry: Registry, project: Path, cli: Cli, tried: Counter[str], tmp_path: Path
) -> None:
    keys = profiles(tmp_path, registry.server)

    with Proxy(registry.server.host, registry.server.port) as proxy:

        def start(version: str, to: str = environment) -> Run:
            words = promotion(version, to, proxy.url)
            return cli.start(project, registry.server, *words, url=proxy.url, AWS_SHARED_CREDENTIALS_FILE=keys)

        def prepared(version: str) -> Bundle:
            """Return the bundle to release or promote; its source is there."""
            if environment != "dev":
                run = start(version, "dev")
                assert run.wait() == 0, run.said
            bundle = Bundle(registry, version, PLACES[environment])
            proxy.reset()
            proxy.observe = lambda: bundle.assert_all_or_nothing() if publishes(proxy.requests[-1]) else None
            return bundle

        chosen = SPREAD[environment]
        if EVERYWHERE:
            bundle = prepared(f"bundle-{environment}")
            first = start(f"bundle-{environment}")
            assert first.wait() == 0, first.said
            bundle.assert_published()
            chosen = list(every_moment(proxy.requests))
        for case, (kind, number, moment) in enumerate(chosen):
            version = f"bundle-{environment}-{case}"
            bundle = prepared(version)
            runs: list[Run] = []

            def kill(runs: list[Run] = runs) -> None:
                while not runs:
                    time.sleep(0.001)
                runs[0].kill()

            proxy.arm(number, moment, kill, kind=kind)
            runs.append(start(version))
            assert runs[0].wait() == -9, f"{kind} {number} {moment}: {runs[0].said}"
            proxy.reset()
            bundle.assert_all_or_nothing()
            missing = bundle.missing()
            since = registry.journal.settled()
            again = start(version)
            assert again.wait() == 0, f"{kind} {number} {moment}: {again.said}"
            bundle.assert_published()
            sent = registry.journal.accepted(version, since)
            assert sorted(sent) == sorted(set() if environment == "copied" else missing), (kind, number, moment)
            tried["kills of a bundle"] += 1
        assert proxy.failures == []
