"""What becomes of versions that are replaced, superseded and destroyed, with the real engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.embedded import Package, opened

from .test_engine import Project, project

__all__ = ["project"]

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]


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
    assert "acme/app@1.0 in acme/dev, the previous version: Unlisted" in printed
    assert statuses(project) == {"1.0": "Unlisted", "1.1": "Published"}
    # A policy that only the manifest has is not the one that a destroy knows.
    manifest = (project.folder / "release.yaml").read_text()
    project.write("release.yaml", manifest.replace("onDestroy: archive", "onDestroy: retain"))
    project.run("destroy", "--yes", "--skip-preview")
    assert statuses(project) == {"1.0": "Unlisted", "1.1": "Archived"}


def test_neither_a_refresh_nor_an_up_brings_a_withdrawn_version_back(project: Project) -> None:
    project.begin()
    project.up()
    program = Path(sys.executable).with_name("codeartifact-release")
    words = ["withdraw", "acme/app@1.0", "-e", "dev", "--reason", "loses orders"]
    subprocess.run([program, *words], cwd=project.folder, env=project.environ, check=True, capture_output=True)
    project.run("refresh", "--yes", "--skip-preview")
    printed = project.up(fails=True)
    assert "withdrawn: acme/app@1.0 in acme/dev was withdrawn (`withdrawn` of release.yaml): loses" in printed
    assert statuses(project) == {"1.0": "Archived"}
