"""How a program is run: by the CLI, which interrupts it, or inline, in a thread of somebody's own process."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys

import pytest

from support.embedded import Package, opened

from .test_engine import FIRST, Project, project

__all__ = ["project"]

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

SECOND = {**FIRST, "b.txt": b"the second beta"}


def test_no_stack_releases_what_it_does_not_name(project: Project) -> None:
    project.config = {}
    project.begin()
    # As a clone has it: beside one's own manifest, which only the stack dev names, there are others.
    (project.folder / "release.yaml").rename(project.folder / "app.yaml")
    project.write("examples/quickstart/release.yaml", (project.folder / "app.yaml").read_text())
    project.environ["PULUMI_STACK"] = "staging"
    project.run("stack", "init", "staging")
    printed = project.run("preview", fails=True)
    assert "usage: the stack config has no `manifest`, and there is no release.yaml beside Pulumi.yaml" in printed

    # Its own remedies: for this stack, and for all.
    [command] = re.findall(r"`(pulumi config set manifest PATH .*?)`", printed)
    project.run(*shlex.split(command.replace("PATH", "app.yaml"))[1:])
    project.run("config", "set", "environment", "dev")
    assert "Published: sent 3 assets" in project.up()
    project.run("config", "rm", "manifest")
    [line] = re.findall(r"`(config: \{manifest: PATH\})`", printed)
    project.write("Pulumi.yaml", (project.folder / "Pulumi.yaml").read_text() + line.replace("PATH", "app.yaml"))
    project.run("preview", "--expect-no-changes")


PROGRAM = """\
import pulumi
from pulumi_codeartifact_release import PackageVersion


def program():
    release = PackageVersion(
        "app", namespace="acme", package="app", version="1.0", domain="acme", repository="dev",
        endpoint="file:.registry", assets=["dist/*"],
    )
    pulumi.export("digest", release.digest)
"""


@pytest.mark.parametrize("own", [False, True], ids=["the root program", "a program of one's own"])
def test_a_refused_update_is_not_buried_by_the_interruption(project: Project, own: bool) -> None:
    project.begin(f"{PROGRAM}\nprogram()\n" if own else None)
    project.apply()
    project.build(SECOND)
    # project.run() looks for tracebacks, too. Where all is said in the update, the engine interrupts the program.
    printed = project.up(fails=True)
    assert "conflict: acme/app@1.0 in acme/dev is already Published, and 1 asset differs" in printed
    assert "KeyboardInterrupt" not in printed


INLINE = f"""\
import json, signal, sys
from pulumi import automation

{PROGRAM}

stack = automation.create_or_select_stack("dev", "inline", program, work_dir=".")
before = signal.getsignal(signal.SIGINT)
up = stack.up()
assert signal.getsignal(signal.SIGINT) is before
print(json.dumps([up.outputs["digest"].value, up.summary.resource_changes]))
"""


def test_a_program_runs_inline_and_leaves_the_process_its_signals(project: Project) -> None:
    project.begin()
    project.write("inline.py", INLINE)
    # Of an inline program the engine knows no virtual environment: its plugin runs with the Python on the PATH.
    project.environ["PATH"] = f"{project.virtualenv}/bin:{project.environ['PATH']}"
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "__main__.py"):
        (project.folder / name).unlink()
    del project.environ["PULUMI_STACK"]
    done = subprocess.run(
        [sys.executable, "inline.py"],
        cwd=project.folder,
        env=project.environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    digest, changes = json.loads(done.stdout)
    assert digest.startswith("sha256:")
    assert changes == {"create": 2}
    with opened(project.registry) as client:
        assert Package(client).contents("1.0") == FIRST
