"""The life of a version of the native provider: what record.py records, and test_native_protocol.py replays."""

from __future__ import annotations

from pathlib import Path

from .scenario import DESTROY, REFRESH, UP, Step, write

PROGRAM = """\
import pulumi

pulumi.CustomResource(
    "codeartifact-release:index:PackageVersion",
    "app",
    {
        "namespace": "acme", "package": "app", "version": "VERSION", "domain": "acme", "repository": "dev",
        "endpoint": "file:.registry", "assets": ["dist/*.txt"], "onSupersede": "unlist", "digest": None,
    },
)
"""


def begin(program: Path) -> None:
    """Lay out what is released first."""
    write(program, "__main__.py", PROGRAM.replace("VERSION", "1.0"))
    write(program, "dist/notes.txt", "first notes\n")
    write(program, "dist/empty.txt", "")


def _rebuild(program: Path) -> None:
    write(program, "dist/notes.txt", "second notes\n")


def _bump(program: Path) -> None:
    write(program, "__main__.py", PROGRAM.replace("VERSION", "1.1"))


NATIVE_STEPS = (
    Step("native/1-preview-of-a-create", ("preview",), begin),
    Step("native/2-create", UP),
    Step("native/3-unchanged", (*UP, "--expect-no-changes")),
    Step("native/4-preview-of-a-conflict", ("preview",), _rebuild, fails=True),
    Step("native/5-new-version", UP, _bump),
    Step("native/6-refresh", REFRESH),
    Step("native/7-destroy", DESTROY),
)
