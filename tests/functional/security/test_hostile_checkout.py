"""A hostile checkout, observed from outside: none of its commands run, and no file outside changes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

COMMAND = str(Path(sys.executable).with_name("codeartifact-release"))
MANIFEST = """\
schemaVersion: 1
variables: {version: {file: VERSION}}
packages:
  - {namespace: acme, package: app, version: "${version}", assets: [dist/*]}
environments:
  dev: {domain: acme, repository: dev, endpoint: "file:.registry"}
  staging: {domain: acme, repository: staging, endpoint: "file:.registry", promoteFrom: dev}
"""
# Names that a program of ours, or of a library, might import or start.
MODULES = ["secrets", "json", "yaml", "click", "botocore", "jinja2", "sitecustomize", "usercustomize", "pulumi"]
PROGRAMS = ["git", "sh", "bash", "aws", "pulumi", "python", "python3", "uname", "ldconfig", "gcc", "security", "file"]

# Run by a Python of its own: whatever starts a program, or talks to another machine, is written down.
WATCHED = """\
import os, sys

def watch(event, args, seen=os.environ.pop("SEEN")):
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "pty.spawn"):
        print(event, args, file=open(seen, "a"))
    if event == "socket.connect" and args[1][0] not in ("127.0.0.1", "::1"):
        print(event, args[1], file=open(seen, "a"))

sys.addaudithook(watch)
"""
CLI = """
sys.argv = ["codeartifact-release", *sys.argv[1:]]
from pulumi_codeartifact_release.cli import main
main()
"""
# What the engine does for a preview and an update: the program, then the provider's check() and create().
PULUMI = """
import pulumi
from pulumi.runtime.mocks import Mocks, set_mocks

declared = []

class Engine(Mocks):
    def new_resource(self, args):
        declared.append(dict(args.inputs))
        return args.name, args.inputs

    def call(self, args):
        return {}

set_mocks(Engine(), project="releases", stack="dev", preview=True)
from pulumi_codeartifact_release import publish_manifest
from pulumi_codeartifact_release.providers import PackageVersionProvider

resource = publish_manifest("release.yaml", "dev")["acme/app"]

@pulumi.runtime.test
def wait():
    return resource.urn

wait()
inputs = {key: value for key, value in declared[0].items() if key != "__provider"}
checked = PackageVersionProvider().check({}, inputs)
assert not checked.failures, checked.failures
created = PackageVersionProvider().create(checked.inputs)
print("commit", created.outs["audit"].get("commit", "unknown"), flush=True)
os._exit(0)
"""


@dataclass(frozen=True)
class Stand:
    """A hostile checkout, and files that must not change.

    Attributes:
        marks: where every command of the checkout leaves a file.
        outside: the operator's files.
    """

    checkout: Path
    marks: Path
    outside: Path
    environ: dict[str, str]

    def run(self, *words: str, code: str = CLI) -> subprocess.CompletedProcess[str]:
        """Run a command in the checkout and observe it."""
        script = self.outside.parent / "watched.py"
        script.write_text(WATCHED + code)
        return subprocess.run(
            [sys.executable, "-P", str(script), *words],
            cwd=self.checkout,
            env={**self.environ, "SEEN": str(self.marks / "seen")},
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    def assert_unharmed(self) -> None:
        assert [path.name + ": " + path.read_text() for path in self.marks.iterdir()] == []
        assert {path.name: path.read_text() for path in self.outside.iterdir()} == {"precious": "precious\n"}


@pytest.fixture(params=["repository", "poses as a bare repository"])
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Stand:
    marks, outside, programs, home = (tmp_path / name for name in ("marks", "outside", "programs", "home"))
    for folder in (marks, outside, programs, home):
        folder.mkdir()
    (outside / "precious").write_text("precious\n")
    mark = tmp_path / "mark.sh"
    mark.write_text(f'#!/bin/sh\necho "$0 $*" > {marks}/command\ncat\n')
    mark.chmod(0o755)
    for name in PROGRAMS:
        shutil.copy(mark, programs / name)
    checkout = tmp_path / "checkout"
    (checkout / "dist").mkdir(parents=True)
    (checkout / "dist" / "app.zip").write_text("app\n")
    (checkout / "release.yaml").write_text(MANIFEST)
    (checkout / "VERSION").write_text("1.0\n")
    shell = f"{mark}"
    settings = (
        f"[core]\n\tfsmonitor = {shell}\n\tsshCommand = {shell}\n\thooksPath = {tmp_path}\n\tpager = {shell}\n"
        f"\teditor = {shell}\n\tattributesFile = .gitattributes\n"
        f'[filter "x"]\n\tclean = {shell}\n\tsmudge = {shell}\n\tprocess = {shell}\n\trequired = true\n'
        f'[diff "x"]\n\ttextconv = {shell}\n\tcommand = {shell}\n'
        f"[alias]\n\tdescribe = !{shell}\n\tstatus = !{shell}\n[include]\n\tpath = ../extra\n"
    )
    (checkout / ".gitattributes").write_text("* filter=x diff=x\n")
    if git := shutil.which("git"):
        words = [git, "-c", "user.name=a", "-c", "user.email=a@example.test"]
        for more in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
            subprocess.run(
                [*words, *more], cwd=checkout, check=True, env={"PATH": os.environ["PATH"], "HOME": str(home)}
            )
    else:
        (checkout / ".git" / "objects").mkdir(parents=True)
        (checkout / ".git" / "refs").mkdir()
        (checkout / ".git" / "HEAD").write_text("d" * 40)
        (checkout / ".git" / "config").write_text("[core]\n\tbare = false\n")
    with (checkout / ".git" / "config").open("a") as file:
        file.write(settings)
    # Changed since the commit, so that git would read it through the filters.
    (checkout / "VERSION").write_text("1.1\n")
    if request.param != "repository":
        for path in (checkout / ".git").iterdir():
            path.rename(checkout / path.name)
        (checkout / ".git").rmdir()
        text = (checkout / "config").read_text()
        (checkout / "config").write_text(text + f"[core]\n\tbare = false\n\tworktree = {checkout}\n")
    for name in MODULES:
        (checkout / f"{name}.py").write_text(f"open({str(marks / name)!r}, 'w').close()\n")
    (checkout / "pulumi_codeartifact_release").mkdir()
    (checkout / "pulumi_codeartifact_release" / "__init__.py").write_text(
        f"open({str(marks / 'own')!r}, 'w').close()\n"
    )
    for name in PROGRAMS:
        shutil.copy(mark, checkout / name)
    aws = (
        f"[default]\ncredential_process = {shell}\nregion = us-east-1\nendpoint_url = https://collector.example.test\n"
    )
    for name in (".aws/config", ".boto", "boto.cfg", ".env", ".netrc", "pyvenv.cfg", ".pdbrc", "setup.cfg"):
        path = checkout / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(aws)
    (checkout / "results").symlink_to(outside)
    (checkout / "plan.json").symlink_to("../outside/precious")
    environ = {"PATH": str(programs), "HOME": str(home), "LANG": "C.UTF-8", "GITHUB_ACTIONS": "true"}
    environ["GITHUB_STEP_SUMMARY"] = str(checkout / "plan.json")
    return Stand(checkout, marks, outside, environ)


def test_git_itself_would_run_its_commands(stand: Stand) -> None:
    git = shutil.which("git")
    if not git:
        pytest.skip("git is not on this machine")
    subprocess.run(
        [git, "status"], cwd=stand.checkout, env={"PATH": os.environ["PATH"]}, capture_output=True, check=False
    )
    assert (stand.marks / "command").exists()


@pytest.mark.slow
def test_no_command_of_the_checkout_runs_and_nothing_outside_is_written(stand: Stand) -> None:
    words = ("release.yaml", "-e", "dev")
    runs = [
        (("plan", *words), 0),
        (("plan", *words, "-o", "plan.json"), 2),
        (("plan", *words, "-o", "results/precious", "--summary", "results/new"), 2),
        (("apply", *words, "--yes", "--summary", "results/precious"), 2),
        (("apply", *words, "--yes"), 0),
        (("apply", "release.yaml", "-e", "staging", "--yes"), 0),
        (("verify", *words), 0),
        (("status", "release.yaml", "--html", "results/page.html"), 2),
        (("status", "release.yaml"), 0),
        (("schema",), 0),
    ]
    # What it poses as is looked at once a run, whichever command it is.
    for run, code in runs if (stand.checkout / ".git").exists() else runs[4:5]:
        done = stand.run(*run)
        assert done.returncode == code, (run, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        stand.assert_unharmed()


@pytest.mark.slow
def test_the_installed_command_imports_nothing_from_the_checkout(stand: Stand) -> None:
    for words in (["plan", "release.yaml", "-e", "dev"], ["--version"]):
        done = subprocess.run(
            [COMMAND, *words], cwd=stand.checkout, env=stand.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    stand.assert_unharmed()


@pytest.mark.slow
def test_a_preview_and_an_update_run_no_command_of_the_checkout(stand: Stand) -> None:
    done = stand.run(code=PULUMI)
    assert done.returncode == 0, done.stderr
    stand.assert_unharmed()
    if (stand.checkout / ".git").exists():
        head = (stand.checkout / ".git" / "HEAD").read_text().strip()
        name = head.removeprefix("ref: ")
        commit = head if name == head else (stand.checkout / ".git" / name).read_text().strip()
        assert done.stdout.split()[-2:] == ["commit", commit]
    else:
        assert done.stdout.split()[-2:] == ["commit", "unknown"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="XDG is not asked elsewhere")
def test_a_cache_in_the_checkout_is_not_used(stand: Stand) -> None:
    brought = stand.checkout / ".cache" / "codeartifact-release"
    brought.mkdir(parents=True, mode=0o700)
    newest = max(path.stat().st_ctime for path in (stand.checkout / "dist").iterdir())
    # The hash of a new file is not stored, because the next write may have the same timestamp.
    time.sleep(max(0.0, newest + 3 - time.time()))
    for base in (str(stand.checkout / ".cache"), ".cache"):
        stand.environ["XDG_CACHE_HOME"] = base
        assert stand.run("apply", "release.yaml", "-e", "dev", "--yes").returncode == 0
        assert list(brought.iterdir()) == []
    assert (Path(stand.environ["HOME"]) / ".cache" / "codeartifact-release").is_dir()


def test_shell_completion_offers_no_commands(stand: Stand) -> None:
    names = ["good", f"$({stand.checkout}/git)", "`git`", "a\nb", "a;git", "a b"]
    (stand.checkout / "release.yaml").write_text(json.dumps({"environments": {name: {} for name in names}}))
    environ = {"_CODEARTIFACT_RELEASE_COMPLETE": "bash_complete", "COMP_CWORD": "4"}
    environ["COMP_WORDS"] = "codeartifact-release plan release.yaml -e "
    done = subprocess.run(
        [COMMAND], cwd=stand.checkout, env={**stand.environ, **environ}, capture_output=True, text=True, check=False
    )
    assert done.stdout == "plain,good\n"
    stand.assert_unharmed()
