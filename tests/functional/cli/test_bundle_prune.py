"""`prune` with a bundle: no member of a Published bundle goes; a bundle goes first, its members in the next run."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mypy_boto3_codeartifact import CodeArtifactClient

from support import bundles
from support.command_line import Run

from .test_prune import DAY, OPERATIONS_TIME

OLD = {"acme/api": {"api.zip": b"old"}, "acme/db": {"db.sql": b"old"}}


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CodeArtifactClient]:
    """dev has bundles of 200 days ago: 0.1, which names a `db` of its own, 0.2, and 1.0, which is declared."""
    bundles.write_project(tmp_path)
    manifest = tmp_path / "release.yaml"
    rule = 'endpoint: "file:.registry", retention: {newerThan: 90d, keep: 1}}'
    manifest.write_text(manifest.read_text().replace('endpoint: "file:.registry"}', rule, 1))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODEARTIFACT_RELEASE_CACHE", str(tmp_path / "cache"))
    with bundles.opened_registry(tmp_path) as client:
        now = time.time()
        with pytest.MonkeyPatch.context() as patch:
            for days, version in ((200, "0.1"), (190, "0.2"), (180, "1.0")):
                then = now - days * DAY
                patch.setattr(OPERATIONS_TIME, lambda then=then: then)
                bundles.publish_bundle(client, version, packages=OLD)
                if version == "0.1":
                    # No bundle names it.
                    bundles.publish(client, "acme/api", "0.1.1", {"api.zip": b"alone"})
        yield client


def decisions(run: Run, *words: str) -> dict[str, tuple[str, str]]:
    """`package@version` -> action and reason."""
    outcome = run("prune", "release.yaml", "-e", "dev", *words, "--json")
    assert outcome.code == 0, outcome.err
    return {
        f"{package['package']}@{each['version']}": (each["action"], each["reason"])
        for package in json.loads(outcome.out)["packages"]
        for each in package["versions"]
    }


def statuses(client: CodeArtifactClient, name: str) -> dict[str, Any]:
    return bundles.package_of(client, name).statuses()


def test_members_of_published_bundles_stay_and_old_bundles_go(run: Run, client: CodeArtifactClient) -> None:
    found = decisions(run, "--yes")
    assert found["acme/suite@0.1"][0] == found["acme/suite@0.2"][0] == "archive"
    assert found["acme/api@0.1.1"][0] == "archive"
    for package in ("api", "db"):
        for version in ("0.1", "0.2"):
            assert found[f"acme/{package}@{version}"] == ("keep", f"a member of acme/suite@{version}")
    assert statuses(client, "acme/suite") == {"0.1": "Archived", "0.2": "Archived", "1.0": "Published"}
    assert statuses(client, "acme/db") == {"0.1": "Published", "0.2": "Published", "1.0": "Published"}
    # Nothing names them any more.
    again = decisions(run, "--yes")
    assert [again[f"acme/db@{version}"][0] for version in ("0.1", "0.2", "1.0")] == ["archive", "archive", "keep"]
    assert statuses(client, "acme/db") == {"0.1": "Archived", "0.2": "Archived", "1.0": "Published"}


def test_a_bundle_that_stays_keeps_its_members(run: Run, client: CodeArtifactClient, tmp_path: Path) -> None:
    (tmp_path / "protected").write_text("acme/suite@0.1\n")
    for _ in range(2):
        found = decisions(run, "--yes", "--protect", "protected")
    assert found["acme/db@0.1"] == ("keep", "a member of acme/suite@0.1")
    assert statuses(client, "acme/db") == {"0.1": "Published", "0.2": "Archived", "1.0": "Published"}


def test_a_file_that_is_not_a_bundle_protects_nothing(run: Run, client: CodeArtifactClient) -> None:
    bundles.package_of(client, "acme/suite").delete("0.1")
    bundles.publish(client, "acme/suite", "0.1", {"release-bundle.json": b"{}"})
    assert decisions(run)["acme/db@0.1"][0] == "archive"
