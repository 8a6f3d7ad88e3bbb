"""The text `checksums` with the real engine: in a program's outputs, in `--diff`, and after a refresh of drift."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess

import pytest

from support.embedded import Package, opened

from .test_engine import FIRST, Project, project

__all__ = ["project"]

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

PROGRAM = """\
import pulumi
from pulumi_codeartifact_release import PackageVersion, Promotion

place = {"domain": "acme", "endpoint": "file:.registry"}
dev = PackageVersion(
    "app", namespace="acme", package="app", version="VERSION", repository="dev", assets=["dist/*"], **place
)
staging = Promotion("staging", source=dev, repository="staging", **place)
pulumi.export("checksums", staging.checksums)
pulumi.export("assets", staging.assets)
"""


def line(name: str, content: bytes) -> str:
    return f"{hashlib.sha256(content).hexdigest()}  {name}"


def diffs(printed: str) -> list[list[str]]:
    """The lines of each changed text `checksums`, without what they are indented by."""
    found: list[list[str]] = []
    inside = False
    for each in printed.splitlines():
        if re.search(r"~ checksums *: $", each):
            found.append([])
            inside = True
        elif inside and (shown := re.search(r"([-+ ] [0-9a-f]{64}  .+)$", each)):
            found[-1].append(shown[1])
        else:
            inside = False
    return found


def test_programs_and_shells_check_the_assets(project: Project) -> None:
    project.begin(PROGRAM.replace("VERSION", "1.0"))
    project.up()
    assets = json.loads(project.run("stack", "output", "--json"))["assets"]
    assert assets == {name: f"sha256:{hashlib.sha256(content).hexdigest()}" for name, content in FIRST.items()}
    check = f"'{project.cli}' stack output checksums | sha256sum -c"
    words = ["bash", "-o", "pipefail", "-c", check]
    dist = project.folder / "dist"
    printed = subprocess.run(words, cwd=dist, env=project.environ, capture_output=True, text=True, check=True)
    assert (printed.stdout, printed.stderr) == ("".join(f"{name}: OK\n" for name in FIRST), "")
    (dist / "a.txt").write_bytes(b"another")
    assert subprocess.run(words, cwd=dist, env=project.environ, capture_output=True, check=False).returncode == 1


def test_an_asset_that_changes_is_a_line_of_the_diff(project: Project) -> None:
    project.begin(PROGRAM.replace("VERSION", "1.0"))
    project.up()
    project.write("__main__.py", PROGRAM.replace("VERSION", "1.1"))
    project.build({"a.txt": FIRST["a.txt"], "b.txt": b"another beta", "new.txt": b"new"})
    printed = project.run("preview", "--diff")
    changed = [
        f"  {line('a.txt', FIRST['a.txt'])}",
        f"- {line('b.txt', FIRST['b.txt'])}",
        f"- {line('c.txt', FIRST['c.txt'])}",
        f"+ {line('b.txt', b'another beta')}",
        f"+ {line('new.txt', b'new')}",
    ]
    # Of the version, of its promotion, and of the stack.
    assert diffs(printed) == [changed] * 3, printed
    assert printed.count("~ digest ") == 2

    # Somebody publishes another version in the place of this one.
    with opened(project.registry) as client:
        Package(client).delete("1.0")
        Package(client).begin("1.0", "a.txt", b"theirs")
    printed = project.run("refresh", "--yes", "--skip-preview", "--diff")
    gone = [f"- {line(name, content)}" for name, content in FIRST.items()]
    assert diffs(printed) == [[*gone, f"+ {line('a.txt', b'theirs')}"]], printed
