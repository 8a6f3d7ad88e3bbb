"""State written by the first version of this package is operated by this one.

`tests/fixtures/state-0.1.0.json` is what that version's `pulumi stack export` printed, less the source positions that
the engine adds. It is never written anew.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from embedded import Package, opened

from .test_engine import FIRST, Project, project

__all__ = ["project"]

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

FIXTURE = Path(__file__).parents[1] / "fixtures" / "state-0.1.0.json"


def test_the_first_versions_state_needs_no_upload_refreshes_updates_and_is_destroyed(project: Project) -> None:
    project.begin()
    subprocess.run(
        [Path(sys.executable).with_name("codeartifact-release"), "apply", "release.yaml", "-e", "dev", "--yes"],
        cwd=project.folder,
        check=True,
        capture_output=True,
    )
    project.run("stack", "import", "--file", str(FIXTURE))
    before = {path: path.stat().st_mtime_ns for path in project.registry.rglob("*")}
    project.up("--expect-no-changes")
    # The version was published anew for this test, so its revision is another one: told, and no drift.
    printed = project.run("refresh", "--yes", "--skip-preview")
    assert "its revision moved from" in printed
    assert "2 unchanged" in printed
    assert {path: path.stat().st_mtime_ns for path in project.registry.rglob("*")} == before
    project.write("VERSION", "1.1\n")
    assert "1 updated" in project.up()
    project.run("destroy", "--yes", "--skip-preview")
    assert project.state() == []
    with opened(project.registry) as client:
        assert Package(client).statuses() == {"1.0": "Published", "1.1": "Published"}
        assert Package(client).contents("1.0") == FIRST
