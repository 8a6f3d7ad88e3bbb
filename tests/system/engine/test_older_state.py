"""State written by the first version of this package is operated by this one.

`tests/support/state-0.1.0.json` is what that version's `pulumi stack export` printed, less the source positions that
the engine adds. It is never written anew.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from support.embedded import Package, opened

from .test_engine import FIRST, Project, project

__all__ = ["project"]

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

FIXTURE = Path(__file__).parents[2] / "support" / "state-0.1.0.json"


@pytest.fixture
def older(project: Project) -> Project:
    """A stack with that state, and a registry that has what it says."""
    project.begin()
    project.apply()
    project.run("stack", "import", "--file", str(FIXTURE))
    return project


def registry(project: Project) -> dict[Path, int]:
    """When each file of the registry was changed."""
    return {path: path.stat().st_mtime_ns for path in project.registry.rglob("*")}


def assert_renewed(project: Project) -> None:
    [resource] = project.state()
    for kind in ("inputs", "outputs"):
        assert {"assets", "checksums", "finish", "finalize"} & set(resource[kind]) == {"checksums", "finalize"}
        assert resource[kind]["checksums"] == "".join(
            f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in FIRST.items()
        )


def test_an_update_changes_its_shape_and_nothing_in_the_registry(older: Project) -> None:
    before = registry(older)
    printed = older.up()
    assert "~ 1 updated" in printed
    # Nor does it look there: what was sent, or was there already, would be told.
    assert "Published: " not in printed
    assert_renewed(older)
    older.up("--expect-no-changes")
    assert registry(older) == before
    older.write("VERSION", "1.1\n")
    assert "1 updated" in older.up()
    older.run("destroy", "--yes", "--skip-preview")
    assert older.state() == []
    with opened(older.registry) as client:
        assert Package(client).statuses() == {"1.0": "Published", "1.1": "Published"}
        assert Package(client).contents("1.0") == FIRST


def test_so_does_a_refresh(older: Project) -> None:
    before = registry(older)
    # The version was published again for this test, so it has another revision: a message, and not drift.
    assert "the revision changed from" in older.run("refresh", "--yes", "--skip-preview")
    assert_renewed(older)
    older.up("--expect-no-changes")
    assert registry(older) == before
