"""What becomes of versions that are replaced, superseded and destroyed, with the real engine."""

from __future__ import annotations

import re

import pytest

from embedded import Package, opened

from .test_engine import FIRST, Project, project

__all__ = ["project"]

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

SECOND = {**FIRST, "b.txt": b"the second beta"}


def statuses(project: Project) -> dict[str, str]:
    with opened(project.registry) as client:
        return Package(client).statuses()


def policy(project: Project, text: str) -> None:
    manifest = (project.folder / "release.yaml").read_text()
    project.write("release.yaml", manifest.replace('endpoint: "file:.registry"', f'endpoint: "file:.registry", {text}'))


def test_a_new_version_unlists_the_one_before_and_a_destroy_archives_what_the_last_up_stored(project: Project) -> None:
    project.begin()
    policy(project, "onSupersede: unlist, onDestroy: archive")
    project.up()
    project.write("VERSION", "1.1\n")
    printed = project.up()
    assert "acme/app@1.0 in acme/dev, the version before: Unlisted" in printed
    assert statuses(project) == {"1.0": "Unlisted", "1.1": "Published"}
    # A policy that only the manifest has is not the one that a destroy knows.
    manifest = (project.folder / "release.yaml").read_text()
    project.write("release.yaml", manifest.replace("onDestroy: archive", "onDestroy: retain"))
    project.run("destroy", "--yes", "--skip-preview")
    assert statuses(project) == {"1.0": "Unlisted", "1.1": "Archived"}


def test_deletion_needs_the_operator_twice_and_a_replacement_names_what_it_gives_up(project: Project) -> None:
    project.begin()
    policy(project, "onDestroy: delete")
    assert "a manifest may not decide that" in project.run("preview", fails=True)
    project.run("config", "set", "--path", "allow[0]", "delete")
    project.up()

    project.build(SECOND)
    printed = project.run("preview", fails=True)
    permit = re.search(r"acme/app@1\.0=sha256:[0-9a-f]{64}", printed)
    assert permit
    project.run("config", "set", "--path", "replace[0]", permit[0])
    assert "absent for a moment" in project.run("preview")
    project.up()
    with opened(project.registry) as client:
        assert Package(client).contents("1.0") == SECOND
    # The permission named the first files; it has expired.
    project.build(FIRST)
    assert "already Published, and 1 asset differs" in project.run("preview", fails=True)

    printed = project.run("destroy", "--yes", "--skip-preview", fails=True)
    assert "CODEARTIFACT_RELEASE_ALLOW=delete" in printed
    assert statuses(project) == {"1.0": "Published"}
    project.environ["CODEARTIFACT_RELEASE_ALLOW"] = "delete"
    project.run("destroy", "--yes", "--skip-preview")
    assert statuses(project) == {}
