"""What a newcomer meets first: each obstacle is one line that says what to do."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from scripts import pulumi_cli

from pulumi_codeartifact_release.cli import group

ROOT = Path(__file__).parents[2]
SETUP = ROOT / "scripts" / "setup_venv.py"


LOCK = ROOT / "requirements.lock"
RUNTIME = ROOT / "provider/pulumi_codeartifact_release/cli/project/requirements.lock"
UNHASHED = ROOT / "provider" / "requirements.txt"

# In place of what runs programs: a virtual environment as `venv` and pip leave it, and what they were asked for.
PROGRAMS = """
import os, shutil, subprocess
def call(command, cwd):
    with open(os.path.join(cwd, "ran"), "a") as file:
        file.write(" ".join(command[1:]) + "\\n")
    venv = os.path.join(cwd, ".venv")
    packages = os.path.join(venv, "lib", "python3.11", "site-packages")
    if "venv" in command:
        shutil.rmtree(venv, ignore_errors=True)
        os.makedirs(os.path.join(venv, "bin"))
        os.symlink(os.path.join(cwd, "interpreter"), os.path.join(venv, "bin", "python"))
    installs = ["pip-26.0"] if "venv" in command else ["one-1.0", "two-2.0"] if "-r" in command else ["ours-0.1.0"]
    for name in installs:
        os.makedirs(os.path.join(packages, name + ".dist-info"), exist_ok=True)
        open(os.path.join(packages, name + ".dist-info", "RECORD"), "w").close()
    return 0
subprocess.call = call
"""


class Clone:
    """A clone as `make` sees it; `ran` are the commands that the last set-up needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("requirements.lock", "provider/pyproject.toml", "scripts/setup_venv.py"):
            (folder / name).parent.mkdir(exist_ok=True, parents=True)
            (folder / name).write_text((ROOT / name).read_text())
        (folder / "interpreter").write_text("")

    @property
    def packages(self) -> Path:
        return self.folder / ".venv/lib/python3.11/site-packages"

    def set_up(self, preparation: str = PROGRAMS) -> tuple[int, str]:
        (self.folder / "ran").unlink(missing_ok=True)
        script = self.folder / "scripts/setup_venv.py"
        code = f"import runpy, sys\n{preparation}\nrunpy.run_path({str(script)!r}, run_name='__main__')\n"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        return done.returncode, done.stderr

    def ran(self) -> list[str]:
        """Set up; returns the modules that were run: `venv`, `pip`."""
        assert self.set_up() == (0, "")
        ran = self.folder / "ran"
        return [line.split()[1] for line in ran.read_text().splitlines()] if ran.exists() else []


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "clone")


def test_an_old_python_is_one_line_that_says_what_to_do(clone: Clone) -> None:
    code, err = clone.set_up("sys.version_info = (3, 9, 2, 'final', 0)")
    assert code == 2
    assert err.startswith("Python 3.11 or later is required")
    assert "make PYTHON=python3.12" in err
    assert err.count("\n") == 1


def test_a_missing_venv_module_is_one_line_that_says_what_to_do(clone: Clone) -> None:
    for module in ("venv", "ensurepip"):
        code, err = clone.set_up(f"sys.modules[{module!r}] = None")
        assert code == 2
        assert "apt install python3-venv" in err
        assert err.count("\n") == 1


def test_what_was_set_up_once_is_left_alone_also_by_a_python_that_is_too_old(clone: Clone) -> None:
    assert clone.ran() == ["venv", "pip", "pip"]
    assert clone.ran() == []
    (clone.packages / "somebody_s_own-1.0.dist-info").mkdir()
    (clone.packages / "pip-26.0.dist-info").rename(clone.packages / "pip-26.1.dist-info")
    assert clone.ran() == []
    assert clone.set_up("sys.version_info = (3, 9, 2, 'final', 0)") == (0, "")


def test_the_lock_is_installed_with_its_hashes_and_the_distribution_beside_it(clone: Clone) -> None:
    clone.ran()
    _, lock, ours = (clone.folder / "ran").read_text().splitlines()
    assert lock.endswith("--require-hashes --no-deps -r requirements.lock")
    assert ours.endswith("--no-deps --no-build-isolation -e ./provider")


def test_what_somebody_removed_is_installed_again(clone: Clone) -> None:
    """`uv sync` removes all that its own lock does not name, and leaves what no distribution owns."""
    clone.ran()
    for name in ("one-1.0", "ours-0.1.0"):
        shutil.rmtree(clone.packages / f"{name}.dist-info")
        assert clone.ran() == ["pip", "pip"]
        assert (clone.packages / f"{name}.dist-info" / "RECORD").exists()
    # A folder that a package left behind is no package.
    (clone.packages / "two-2.0.dist-info" / "RECORD").unlink()
    assert clone.ran() == ["pip", "pip"]
    # Without pip nothing can be installed.
    shutil.rmtree(clone.packages)
    assert clone.ran() == ["venv", "pip", "pip"]


@pytest.mark.parametrize("name", ["requirements.lock", "provider/pyproject.toml", "scripts/setup_venv.py"])
def test_other_pins_are_installed(clone: Clone, name: str) -> None:
    clone.ran()
    with (clone.folder / name).open("a") as file:
        file.write("\n# changed\n")
    assert clone.ran() == ["pip", "pip"]
    assert clone.ran() == []


def test_an_installation_that_failed_is_made_again(clone: Clone) -> None:
    failing = PROGRAMS + "\nsubprocess.call = lambda command, cwd: 1 if 'pip' in command else call(command, cwd)\n"
    code, err = clone.set_up(failing)
    assert (code, err.count("\n")) == (2, 1)
    assert "is the package index reachable?" in err
    assert clone.ran() == ["pip", "pip"]


def test_an_environment_that_was_moved_or_copied_is_made_anew(clone: Clone, tmp_path: Path) -> None:
    clone.ran()
    copy = shutil.copytree(clone.folder, tmp_path / "copy", symlinks=True)
    copied = Clone(copy)
    assert copied.ran() == ["venv", "pip", "pip"]
    assert copied.ran() == clone.ran() == []
    # A link to the same place is the same place.
    (tmp_path / "link").symlink_to(copy)
    assert Clone(tmp_path / "link").ran() == []


def test_an_environment_of_an_interpreter_that_is_gone_or_another_is_made_anew(clone: Clone) -> None:
    clone.ran()
    (clone.folder / "python3.12").write_text("")
    (clone.folder / "interpreter").unlink()
    (clone.folder / "interpreter").symlink_to("python3.12")
    assert clone.ran() == ["venv", "pip", "pip"]
    (clone.folder / "python3.12").unlink()
    (clone.folder / "interpreter").unlink()
    assert clone.ran() == ["venv", "pip", "pip"]


def test_the_set_up_is_readable_by_any_python_3() -> None:
    # f-strings, walrus and annotations of today would be a SyntaxError before the version is looked at.
    ast.parse(SETUP.read_text(), feature_version=(3, 4))
    assert "f'" not in SETUP.read_text()
    assert 'f"' not in SETUP.read_text()


def pinned(path: Path) -> dict[str, str]:
    """What a file pins: name -> the line, with its marker."""
    lines = [line for line in path.read_text().splitlines() if line and not line.lstrip().startswith(("#", "--hash="))]
    assert lines
    assert all(re.match(r"^[A-Za-z0-9._\[\]-]+==\S+( ; .+?)?( \\)?$", line) for line in lines)
    return {re.split(r"[=\[]", line)[0].lower().replace("_", "-"): line.removesuffix(" \\") for line in lines}


def test_everything_that_is_installed_is_pinned_and_hashed() -> None:
    with (ROOT / "provider" / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    wanted = project["project"]["dependencies"]
    extra = [line for line in (ROOT / "requirements.in").read_text().splitlines() if line and line[0] != "#"]

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[<>=\[]", line)[0].lower().replace("_", "-") for line in requirements}

    assert names(wanted + extra) <= pinned(LOCK).keys()
    assert names(wanted + project["build-system"]["requires"]) <= pinned(RUNTIME).keys()
    assert set(project["build-system"]["requires"]) <= set(extra)
    for path in (LOCK, RUNTIME):
        pins = re.split(r"^(?=[a-z0-9])", path.read_text(), flags=re.MULTILINE)[1:]
        assert all(re.search(r"^    --hash=sha256:[0-9a-f]{64}", pin, flags=re.MULTILINE) for pin in pins)


def test_every_list_of_pins_has_the_same_ones() -> None:
    everything, runtime, unhashed = pinned(LOCK), pinned(RUNTIME), pinned(UNHASHED)
    assert runtime.items() <= everything.items()
    assert runtime.keys() - unhashed.keys() == {"flit-core"}
    assert unhashed.items() <= runtime.items()


def test_pulumi_installs_without_hashes_because_pip_refuses_a_folder_beside_them() -> None:
    assert "--hash" not in UNHASHED.read_text()
    for path, up in ((ROOT / "requirements.txt", "./"), (ROOT / "examples/own-program/requirements.txt", "../../")):
        lines = [line for line in path.read_text().splitlines() if line[0] != "#"]
        assert lines == [f"-r {up.removeprefix('./')}provider/requirements.txt", f"-e {up}provider"]


def test_no_pin_names_where_it_comes_from() -> None:
    for path in (LOCK, RUNTIME, UNHASHED):
        assert "://" not in path.read_text()


def test_the_metadata_names_who_and_where_and_every_python() -> None:
    with (ROOT / "provider" / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    assert project["authors"]
    assert {"Source", "Documentation", "Changelog", "Issues"} <= project["urls"].keys()
    assert "Programming Language :: Python :: 3.11" in project["classifiers"]


def test_what_is_imported_is_declared() -> None:
    """Only what others need, too, is there by luck. pytest is whose plugin it is: it is there when it is asked for."""
    package = ROOT / "provider" / "pulumi_codeartifact_release"
    imported = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                imported.add(node.module.partition(".")[0])
    with (ROOT / "provider" / "pyproject.toml").open("rb") as file:
        declared = {re.split(r"[<>=\[]", each)[0] for each in tomllib.load(file)["project"]["dependencies"]}
    modules = {"PyYAML": "yaml", "grpcio": "grpc", "protobuf": "google"}
    outside = imported - sys.stdlib_module_names - {"pulumi_codeartifact_release", "mypy_boto3_codeartifact", "pytest"}
    assert outside == {modules.get(each, each) for each in declared} - {"httptools"}


def test_every_block_of_a_page_has_a_language() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    for page in (*pages, ROOT / "provider" / "README.md"):
        opened = False
        for number, line in enumerate(page.read_text().splitlines(), 1):
            if fence := re.match(r"\s*(?:```+|~~~+)(.*)", line):
                opened = not opened
                assert fence[1].strip() or not opened, f"{page.name}:{number}: which language is it?"
        assert not opened, f"{page.name}: a block has no end"


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
