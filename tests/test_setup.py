"""What a newcomer meets first: each obstacle is one line that says what to do."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from scripts import pulumi_cli

from pulumi_codeartifact_release.cli import group

ROOT = Path(__file__).parent.parent
SETUP = ROOT / "scripts" / "setup_venv.py"


def set_up_with(preparation: str) -> tuple[int, str]:
    code = f"import runpy, sys\n{preparation}\nrunpy.run_path({str(SETUP)!r}, run_name='__main__')\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_an_old_python_is_one_line_that_says_what_to_do() -> None:
    code, err = set_up_with("sys.version_info = (3, 9, 2, 'final', 0)")
    assert code == 2
    assert err.startswith("Python 3.11 or later is needed")
    assert "make PYTHON=python3.12" in err
    assert err.count("\n") == 1


def test_a_missing_venv_module_is_one_line_that_says_what_to_do() -> None:
    for module in ("venv", "ensurepip"):
        code, err = set_up_with(f"sys.modules[{module!r}] = None")
        assert code == 2
        assert "apt install python3-venv" in err
        assert err.count("\n") == 1


def test_the_set_up_is_readable_by_any_python_3() -> None:
    # f-strings, walrus and annotations of today would be a SyntaxError before the version is looked at.
    import ast

    ast.parse(SETUP.read_text(), feature_version=(3, 4))
    assert "f'" not in SETUP.read_text()
    assert 'f"' not in SETUP.read_text()


def test_everything_that_is_installed_is_pinned() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    requirements = [line for line in lines if line and not line.lstrip().startswith("#")]
    assert requirements
    assert all(re.match(r"^[A-Za-z0-9._\[\]-]+==\S+( ; .+)?$", line) for line in requirements)
    pinned = {re.split(r"[=\[]", line)[0].lower().replace("_", "-") for line in requirements}
    with (ROOT / "provider" / "pyproject.toml").open("rb") as file:
        wanted = tomllib.load(file)["project"]["dependencies"]
    wanted += [line for line in (ROOT / "requirements.in").read_text().splitlines() if line and line[0] != "#"]
    assert {re.split(r"[<>=\[]", line)[0].lower().replace("_", "-") for line in wanted} <= pinned
    assert (ROOT / "requirements.txt").read_text().split("\n", 1)[1] == "-r requirements.lock\n-e ./provider\n"


def test_the_readme_names_every_command_that_there_is() -> None:
    readme = (ROOT / "README.md").read_text()
    assert set(re.findall(r"^\$ codeartifact-release (\w+)", readme, flags=re.MULTILINE)) == set(
        group.list_commands(click.Context(group))
    )
    for target in re.findall(r"^\$ make (\w+)", readme, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


def test_links_between_the_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_cli_is_the_one_on_path_else_the_users_own_else_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def install(name: str) -> Path:
        path = tmp_path / name / "pulumi"
        path.parent.mkdir(parents=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        return path

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    assert pulumi_cli.find() is None
    install(".pulumi/versions/3.99.0/bin")
    newest = install(".pulumi/versions/3.255.0/bin")
    assert pulumi_cli.find() == newest
    own = install(".pulumi/bin")
    assert pulumi_cli.find() == own
    on_path = install("path")
    assert pulumi_cli.find() == on_path
