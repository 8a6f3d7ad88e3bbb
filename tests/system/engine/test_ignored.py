"""`ignore_changes` with the real engine."""

from __future__ import annotations

import pytest

from support.embedded import Package, opened

from .test_engine import FIRST, Project, project

__all__ = ["project"]

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

PROGRAM = """\
import pulumi
from pulumi_codeartifact_release import PackageVersion

PackageVersion(
    "app", namespace="acme", package="app", version="1.0", domain="acme", repository="dev", endpoint="file:.registry",
    assets=["dist/*"], opts=pulumi.ResourceOptions(ignore_changes=["*"]),
)
"""


def test_what_is_ignored_stays_and_what_cannot_be_is_said(project: Project) -> None:
    project.begin(PROGRAM)
    project.up()
    project.build({**FIRST, "a.txt": b"another"})
    project.write("__main__.py", PROGRAM.replace("1.0", "1.1"))
    project.up("--expect-no-changes")

    project.write("__main__.py", PROGRAM.replace("1.0", "1.1").replace('"*"', '"checksums"'))
    printed = project.run("preview", fails=True)
    assert "`ignore_changes` keeps the old `checksums`, but the files are different" in printed
    project.build(FIRST)
    project.up()
    with opened(project.registry) as client:
        assert Package(client).statuses() == {"1.0": "Published", "1.1": "Published"}
