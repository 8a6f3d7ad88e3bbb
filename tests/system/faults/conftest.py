"""One registry and two launchers for all tests of this folder; each test takes a version of its own."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from pulumi_codeartifact_release.local_registry.server import LocalRegistry

from .stand import LAST_ASSET, SEVEN, STATUS_UPDATE, Launcher, Registry, Run, environ_of, make_project

_TRIED = pytest.StashKey[Counter[str]]()


@pytest.fixture(scope="session")
def tried(request: pytest.FixtureRequest) -> Counter[str]:
    """How many faults of each kind were tried; printed at the end of the run."""
    return request.config.stash.setdefault(_TRIED, Counter())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the number of faults tried: a run that tried none should not look like one that did."""
    tried = config.stash.get(_TRIED, Counter[str]())
    if tried:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(tried.items()))
        terminalreporter.write_line(f"FAULTS TRIED: {sum(tried.values())} ({kinds}); all converged unless told above")


@pytest.fixture(scope="session")
def launchers() -> Iterator[tuple[Launcher, Launcher]]:
    with Launcher() as one, Launcher() as other:
        yield one, other


@pytest.fixture(scope="session")
def virtualenv(plain_virtualenv: Path) -> Path:
    """Programs and plugins that a SIGKILL reaches themselves: without a launcher in between."""
    return plain_virtualenv


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    running = Registry(tmp_path_factory.mktemp("faults") / "registry")
    yield running
    running.close()


@pytest.fixture(scope="session")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that releases seven assets."""
    return make_project(tmp_path_factory.mktemp("seven") / "project", SEVEN)


_numbers = itertools.count(1)


@pytest.fixture
def version() -> str:
    """A version that no other test has."""
    return f"{next(_numbers)}.0"


@dataclass
class Cli:
    """The command line, at a server that a test names."""

    launchers: tuple[Launcher, Launcher]
    folder: Path

    def start(
        self,
        project: Path,
        server: LocalRegistry,
        *words: str,
        url: str | None = None,
        other: bool = False,
        **more: str,
    ) -> Run:
        environ = environ_of(server, self.folder / "cache", url, **more)
        output = self.folder / f"{next(_numbers)}"
        return self.launchers[other].start(project, environ, *words, output=output)

    def run(
        self,
        project: Path,
        server: LocalRegistry,
        *words: str,
        url: str | None = None,
        other: bool = False,
        **more: str,
    ) -> Run:
        """Run to the end."""
        run = self.start(project, server, *words, url=url, other=other, **more)
        run.wait()
        return run

    def apply(
        self,
        project: Path,
        server: LocalRegistry,
        version: str,
        environment: str = "dev",
        *,
        other: bool = False,
        **more: str,
    ) -> Run:
        return self.run(project, server, *apply_words(version, environment), other=other, **more)


def both_ways(release: Callable[[str, bool], Counter[str] | None]) -> Counter[str]:
    """Do the same for both ways to finish, side by side, each with a launcher of its own; returns what was tried."""
    with ThreadPoolExecutor(2) as pool:
        under_way = [pool.submit(release, STATUS_UPDATE, False), pool.submit(release, LAST_ASSET, True)]
        return sum((done.result() or Counter() for done in under_way), Counter())


def apply_words(version: str, environment: str = "dev") -> list[str]:
    return ["apply", "release.yaml", "-e", environment, "--yes", "--var", f"version={version}"]


@pytest.fixture
def cli(launchers: tuple[Launcher, Launcher], tmp_path: Path) -> Cli:
    return Cli(launchers, tmp_path)
