"""A version is one, whatever a program calls the resource or the place: with the real engine."""

from __future__ import annotations

import pytest

from support.embedded import Package, opened

from .test_engine import Project, project

__all__ = ["project"]

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

PROGRAM = """\
import pulumi
from pulumi_codeartifact_release import PackageVersion

PackageVersion(
    "app", namespace="acme", package="app", version="1.0", domain="acme", repository="dev", endpoint="file:.registry",
    assets=["dist/*"], on_destroy="archive",
)
"""


def statuses(project: Project) -> dict[str, str]:
    with opened(project.registry) as client:
        return Package(client).statuses()


def test_neither_a_rename_nor_a_replacement_retires_what_lives_but_a_destroy_does(project: Project) -> None:
    project.begin(PROGRAM)
    project.up()
    # A rename, while the owner is named now and the folder is reached through a link: create, then delete.
    (project.folder / "link").symlink_to(".registry")
    renamed = PROGRAM.replace('"app", ', '"renamed", domain_owner="000000000000", ', 1).replace(
        "file:.", "file:./link/../."
    )
    project.write("__main__.py", renamed)
    printed = project.up()
    assert "1 deleted" in printed
    assert "is declared by another resource now, so it is not changed" in printed
    assert statuses(project) == {"1.0": "Published"}

    # `--replace` of the engine: the same resource is created and deleted in one run.
    [resource] = project.state()
    project.up("--replace", resource["urn"])
    assert statuses(project) == {"1.0": "Published"}

    project.run("destroy", "--yes", "--skip-preview", "--run-program")
    assert project.state() == []
    assert statuses(project) == {"1.0": "Archived"}
