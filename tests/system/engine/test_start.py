"""The first commands of a new user: the README's, and `pulumi new` with the template. With the real engine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from scripts import pulumi_cli

from conftest import WITHOUT_CLI

pytestmark = [pytest.mark.engine, pytest.mark.timeout(200)]

ROOT = Path(__file__).parents[3]
DONE_BY_THE_TEST = ("mkdir", "python3 -m venv", "pip install", "pulumi login")
"""A test installs nothing, and no state of its own goes to the user's home."""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    cli = pulumi_cli.find()
    if cli is None:
        pytest.skip(WITHOUT_CLI)
    environ = pulumi_cli.environment(cli, tmp_path / "pulumi")
    return {
        **environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}",
        "PULUMI_OPTION_YES": "true",
        "PULUMI_OPTION_SKIP_PREVIEW": "true",
    }


def shell(command: str, folder: Path, environ: dict[str, str]) -> str:
    words = ["bash", "-e", "-c", command]
    done = subprocess.run(words, cwd=folder, env=environ, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_first_commands_of_the_readme(tmp_path: Path, environ: dict[str, str], virtualenv: Path) -> None:
    [block, *_] = re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    commands = [line.removeprefix("$ ") for line in block.splitlines()]
    assert [each for each in DONE_BY_THE_TEST if not any(line.startswith(each) for line in commands)] == []
    folder = tmp_path / "hello"
    folder.mkdir()
    for name in ("one.zip", "two.zip", "three.zip"):
        (folder / name).write_text(name)
    (folder / ".venv").symlink_to(virtualenv)
    printed = {
        line.split(" #")[0].rstrip(): shell(line, folder, environ)
        for line in commands
        if not line.startswith(DONE_BY_THE_TEST)
    }
    assert "1 package in 2 environments: everything is in sync." in printed["codeartifact-release status"]
    assert "\n  staging  0.1.0    Archived " in shell("codeartifact-release status", folder, environ)
    assert {path.name for path in (folder / "out").rglob("*.zip")} == {"one.zip", "two.zip", "three.zip"}


def test_pulumi_new_makes_a_project_that_releases(tmp_path: Path, environ: dict[str, str], virtualenv: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    # Without --generate-only, Pulumi would install the requirement from its Git address.
    shell(f"pulumi new {ROOT}/templates/manifest --generate-only", folder, environ)
    (folder / ".venv").symlink_to(virtualenv)
    shell("pulumi stack init dev && pulumi up", folder, environ)
    assert re.search("example/shop\n  dev +0.1.0 +Published", shell("codeartifact-release status", folder, environ))
