"""The examples of docs/programs.md, with the real engine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pulumi_codeartifact_release.cli import main
from support.embedded import Package, opened

from .test_engine import Project, project

__all__ = ["project"]

pytestmark = [pytest.mark.engine, pytest.mark.timeout(200)]

PAGE = (Path(__file__).parents[3] / "docs" / "programs.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^```\w+\n# (\S+)\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL))
LOCK = """\
version = 1
requires-python = ">=3.11"

[manifest]
members = ["shop", "shop-release"]

[[package]]
name = "shop"
version = "0.1.0"
source = { virtual = "." }

[[package]]
name = "shop-release"
version = "0.1.0"
source = { virtual = "release" }
"""
"""Without the dependencies: no test has a network."""
PROGRAMS = ("component.py", "ignore_changes.py", "protect.py")


def test_every_example_of_the_page_runs_here() -> None:
    workspace = {"pyproject.toml", "release/pyproject.toml", "release/Pulumi.yaml", "release/__main__.py"}
    assert BLOCKS.keys() == {*PROGRAMS, "deploy.py", *workspace}


def test_a_component_and_the_options_of_the_engine(project: Project) -> None:
    for package in ("payments", "reports", "ledger"):
        project.write(f"dist/{package}/a.txt", f"{package}\n")
    files = {path: path.read_text() for path in (project.folder / "dist").rglob("*.txt")}
    project.begin("".join(BLOCKS[name] for name in PROGRAMS))
    for path, text in files.items():
        path.parent.mkdir(parents=True)
        path.write_text(text)
    assert "6 created" in project.up()
    urns = project.run("stack", "--show-urns")
    for kind, name in (("PackageVersion", "payments"), ("Promotion", "payments-staging")):
        assert f"acme:release:Service$pulumi-python:dynamic/codeartifact:{kind}::{name}\n" in urns
    # Other files of the same version: ignored for one package, refused for another.
    (project.folder / "dist" / "reports" / "a.txt").write_text("rebuilt\n")
    project.run("preview", "--expect-no-changes")
    (project.folder / "dist" / "ledger" / "a.txt").write_text("rebuilt\n")
    assert "acme/ledger@3.1.0 in acme/dev is already Published" in project.run("preview", fails=True)
    refused = project.run("destroy", "--yes", "--skip-preview", fails=True)
    assert "ledger" in refused
    assert "protect" in refused
    with opened(project.registry) as client:
        assert Package(client, "ledger").statuses() == {"3.1.0": "Published"}


def test_the_automation_api(project: Project) -> None:
    project.write("dist/payments/a.txt", "hello\n")
    project.write("deploy.py", BLOCKS["deploy.py"])
    # Pulumi takes the plugin's Python from PATH.
    environ = {**project.environ, "PATH": f"{project.virtualenv}/bin:{project.environ['PATH']}"}
    printed = subprocess.run(
        [f"{project.virtualenv}/bin/python", "deploy.py"],
        cwd=project.folder,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    ).stdout
    assert re.fullmatch("sha256:[0-9a-f]{64}\n", printed)


def test_a_uv_workspace(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in BLOCKS.items():
        if name not in (*PROGRAMS, "deploy.py"):
            project.write(name, text)
    folder = project.folder / "release"
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["codeartifact-release", "init"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert (folder / "Pulumi.yaml").read_text() == BLOCKS["release/Pulumi.yaml"]
    project.write("uv.lock", LOCK)
    for place in (project.folder, folder):
        (place / ".venv").symlink_to(project.virtualenv)
    uv = shutil.which("uv", path=str(Path(sys.executable).parent))
    assert uv
    (project.folder / "bin").mkdir()
    (project.folder / "bin" / "uv").symlink_to(uv)
    environ = {**project.environ, "PATH": f"{project.folder}/bin:{project.environ['PATH']}"}
    environ |= {"UV_FROZEN": "1", "UV_NO_SYNC": "1", "UV_OFFLINE": "1", "UV_CACHE_DIR": str(project.folder / "uv")}
    there = Project(project.cli, project.backend, folder, project.virtualenv, environ)
    there.run("stack", "init", "dev")
    assert "+ 2 created" in there.up()
