"""Whether the engine redraws a terminal: what a plugin process can know of that."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_codeartifact_release.plugin import run_context
from pulumi_codeartifact_release.plugin.engine import at_terminal
from pulumi_codeartifact_release.plugin.run_context import RunContext
from pulumi_codeartifact_release.publishing import AssetSent, Planned, make_plan
from pulumi_codeartifact_release.text.progress import Progress
from support.fakes import asset, release


def process(proc: Path, pid: int, parent: int, name: str, stdout: str = "pipe:[1]", command: str = "") -> None:
    folder = proc / str(pid)
    (folder / "fd").mkdir(parents=True)
    (folder / "stat").write_text(f"{pid} ({name}) S {parent} 1 1 0 -1\n")
    (folder / "cmdline").write_bytes(command.replace(" ", "\0").encode())
    (folder / "fd" / "1").symlink_to(stdout)


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """The plugin and the shell that started it."""
    process(tmp_path, 30, 20, "python (3.11)")
    process(tmp_path, 20, 10, "pulumi-resource")
    return tmp_path


@pytest.mark.parametrize(
    ("stdout", "command", "environ", "told"),
    [
        ("/dev/pts/3", "pulumi up --yes", {}, True),
        ("/dev/tty1", "pulumi up", {}, True),
        ("/dev/pts/3", "pulumi up --non-interactive", {}, False),
        ("/dev/pts/3", "pulumi up", {"CI": "true"}, False),
        ("/var/log/release.log", "pulumi up", {}, False),
        ("pipe:[7]", "pulumi up", {}, False),
        ("/dev/null", "pulumi up", {}, False),
    ],
)
def test_a_terminal_is_that_of_the_engine(
    proc: Path, stdout: str, command: str, environ: dict[str, str], told: bool
) -> None:
    process(proc, 10, 1, "pulumi", stdout, command)
    assert at_terminal(30, proc, environ) is told


def test_without_an_engine_or_where_nothing_can_be_seen_it_is_a_log(proc: Path, tmp_path: Path) -> None:
    process(proc, 10, 1, "bash", "/dev/pts/3")
    assert not at_terminal(30, proc, {})
    assert not at_terminal(30, tmp_path / "no such folder", {})
    (proc / "20" / "stat").write_text("nonsense")
    assert not at_terminal(30, proc, {})


@pytest.mark.parametrize(("terminal", "shown"), [(True, [("", "75%, 1/2 assets, 2.9 of 3.9 KiB")]), (False, [])])
def test_at_a_terminal_the_row_of_the_stack_has_the_progress(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, shown: list[tuple[str, str]]
) -> None:
    monkeypatch.setattr(run_context, "at_terminal", lambda: terminal)
    context = RunContext(None)
    statuses: list[tuple[str, str]] = []
    monkeypatch.setattr(context.log, "status", lambda urn, text: statuses.append((urn, text)))
    context.show_overview()
    contents = {"a": b"x" * 3000, "b": b"x" * 1000}
    progress = Progress()
    context.running.append(progress)
    progress.add(Planned(make_plan(release(contents), None)))
    progress.add(AssetSent(asset("a", contents["a"])))
    context.show_overview()
    assert [(urn, text.replace("0 s left, ", "")) for urn, text in statuses] == shown
