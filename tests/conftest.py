"""What every test runs in: no way to AWS, no user's settings or caches; and the word at the end on what did not run."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore import hooks

from model.counts import summarize
from pulumi_codeartifact_release import connections
from support import virtualenv as virtualenvs
from support.launcher import launcher

WITHOUT_CLI = "the Pulumi CLI is not on this machine"
"""Why a test against the real engine is skipped."""
WITHOUT_BROWSER = "Chromium is not on this machine"
"""Why a test in a real browser is skipped."""
WITHOUT_YAML = "Pulumi's language host for YAML is not on this machine"
"""Why a test of a YAML program is skipped."""
WITHOUT_NODE = "node, npm, its registry or Pulumi's language host for Node.js is not there"
"""Why a test of a TypeScript program is skipped."""
_NOT_RUN = {
    WITHOUT_CLI: "tests against the real Pulumi CLI (not on PATH, nor in ~/.pulumi)",
    WITHOUT_YAML: "tests of YAML programs (pulumi-language-yaml is neither beside the Pulumi CLI nor on PATH)",
    WITHOUT_NODE: "tests of TypeScript programs (they need node, npm, its registry and pulumi-language-nodejs)",
    WITHOUT_BROWSER: "tests of the status page in a browser (no chromium, nor google-chrome, on PATH)",
}


def pytest_xdist_auto_num_workers() -> int:
    """Two processes more than there are processors: many tests wait for a server, a clock or a program to end."""
    return (os.cpu_count() or 1) + 2


@pytest.fixture(scope="session", autouse=True)
def _nobody_in_particular(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run as somebody without AWS credentials, proxies or settings, whatever shell this is.

    `CONTRACT=aws` is the one way to let tests use the shell's account: it names the repositories that they may use.
    """
    mine = os.environ.get("CONTRACT") == "aws"
    folder = tmp_path_factory.mktemp("nobody")
    empty = folder / "empty"
    empty.touch()
    with pytest.MonkeyPatch.context() as patch:
        for name in [] if mine else list(os.environ):
            if name.startswith(("AWS_", "PULUMI_", "RELEASE_VAR_", "CODEARTIFACT_RELEASE_")) or name.lower() in (
                "http_proxy",
                "https_proxy",
                "all_proxy",
            ):
                patch.delenv(name)
        if not mine:
            patch.setenv("AWS_CONFIG_FILE", str(empty))
            patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(empty))
            patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("CODEARTIFACT_RELEASE_CACHE", str(Path(folder) / "cache"))
        yield


@pytest.fixture(scope="session", autouse=True)
def _quick_sessions() -> Iterator[None]:
    """Register botocore's hundreds of event handlers quickly: most of the time of a session, and tests make thousands.

    The name of an event depends on a constant table only. The parameters of a handler are in its compiled code.
    """
    original: Any = hooks.accepts_kwargs

    def accepts_kwargs(handler: Any) -> bool:
        code = getattr(handler, "__code__", None)
        return bool(code.co_flags & inspect.CO_VARKEYWORDS if code else original(handler))

    aliaser: Any = hooks.EventAliaser(hooks.HierarchicalEmitter())
    alias = functools.cache(aliaser._alias_event_name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hooks.EventAliaser, "_alias_event_name", lambda _self, name: alias(name))
        patch.setattr(hooks, "accepts_kwargs", accepts_kwargs)
        yield


@pytest.fixture(scope="module", autouse=True)
def _own_connections() -> Iterator[None]:
    """Let no file meet the clients, sessions and embedded registries of another that ran in this process."""
    yield
    connections.close()


@pytest.fixture(scope="session")
def virtualenv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The virtual environment of the programs that the Pulumi CLI runs."""
    return virtualenvs.make(tmp_path_factory.mktemp("pulumi") / "venv", launcher())


@pytest.fixture(scope="session")
def plain_virtualenv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One in which programs and plugins are processes of the engine's own: for those that it kills or looks up."""
    return virtualenvs.make(tmp_path_factory.mktemp("pulumi") / "venv", None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Say plainly, last, what was not tested: a green line alone would claim that it was."""
    yield
    # From here: where tests run in processes of their own, this one knows no other conftest.
    summarize(terminalreporter)
    for reason, tests in _NOT_RUN.items():
        skipped = [
            report
            for report in terminalreporter.stats.get("skipped", [])
            if isinstance(report.longrepr, tuple) and reason in str(report.longrepr[2])
        ]
        if skipped:
            files = ", ".join(sorted({report.nodeid.split("::")[0] for report in skipped}))
            terminalreporter.write_line(f"NOT RUN: {len(skipped)} {tests}: {files}", yellow=True, bold=True)
