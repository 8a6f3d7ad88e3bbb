"""`status` of a bundle: what each environment holds of it and of its members, and whether it is complete."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mypy_boto3_codeartifact import CodeArtifactClient

from pulumi_codeartifact_release.publishing import digest
from support import bundles
from support.command_line import Run
from support.fakes import asset


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CodeArtifactClient]:
    bundles.write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    with bundles.opened_registry(tmp_path) as client:
        yield client


def cells(run: Run, environment: str) -> dict[str, dict[str, Any]]:
    outcome = run("status", "release.yaml", "--json", "-e", environment)
    assert outcome.code == 0, outcome.err
    return {each["package"]: each["environments"][environment] for each in json.loads(outcome.out)["packages"]}


def test_a_complete_bundle_and_its_members(run: Run, client: CodeArtifactClient) -> None:
    own = bundles.publish_bundle(client)
    answer = json.loads(run("status", "release.yaml", "--json").out)
    assert [(each["package"], each["bundle"]) for each in answer["packages"]] == [
        ("acme/suite", None),
        ("acme/api", "acme/suite"),
        ("acme/db", "acme/suite"),
    ]
    suite, api, _ = (each["environments"]["dev"] for each in answer["packages"])
    assert (suite["digest"], suite["declared"], suite["complete"]) == (own, "as-declared", True)
    expected = digest(asset(*item) for item in bundles.FILES["acme/api"].items())
    assert suite["members"][0] == {
        "package": "acme/api",
        "version": "1.0",
        "digest": expected,
        "size": 8,
        "problem": None,
    }
    assert (api["declared"], api["basis"], api["complete"], api["members"]) == ("as-declared", "bundle", None, None)
    assert api["wanted"] == {"version": "1.0", "status": "Published", "digest": expected, "from": "bundle"}
    staging = answer["packages"][0]["environments"]["staging"]
    assert (staging["declared"], staging["sync"], staging["complete"]) == ("pending", "behind", None)
    assert answer["summary"] == {"packages": 3, "problem": 0, "drifted": 0, "behind": 3, "pending": 3}


@pytest.mark.parametrize(
    ("change", "problem", "declared"),
    [
        ("Archived", "is Archived, not Published", "drifted"),
        ("Unlisted", "is Unlisted, not Published", "drifted"),
        ("deleted", "does not exist", "pending"),
        ("begun", "is Unfinished, not Published", "pending"),
        ("replaced", "has the digest sha256:", "drifted"),
    ],
)
def test_a_partial_bundle_names_its_members(
    run: Run, client: CodeArtifactClient, change: str, problem: str, declared: str
) -> None:
    bundles.publish_bundle(client)
    package = bundles.package_of(client, "acme/db")
    if change in ("Archived", "Unlisted"):
        package.set_status("1.0", change)
    else:
        package.delete("1.0")
    if change == "begun":
        package.begin("1.0", "db.sql", b"create")
    if change == "replaced":
        bundles.publish(client, "acme/db", "1.0", {"db.sql": b"drop"})
    answer = cells(run, "dev")
    suite, database = answer["acme/suite"], answer["acme/db"]
    assert (suite["declared"], suite["complete"]) == ("drifted", False)
    assert suite["reasons"][0].startswith(f"partial, 1 of 2 members: acme/db@1.0 {problem}")
    assert suite["members"][1]["problem"].startswith(problem)
    assert database["declared"] == declared
    assert answer["acme/api"]["declared"] == "as-declared"


def test_an_environment_with_an_older_bundle_has_its_members(
    run: Run, client: CodeArtifactClient, tmp_path: Path
) -> None:
    bundles.publish_bundle(client)
    old = {"acme/db": {"db.sql": b"old"}, "acme/old": {"old.txt": b"old"}}
    own = bundles.publish_bundle(client, "0.9", "staging", packages=old)
    manifest = tmp_path / "release.yaml"
    pin = f'promoteFrom: dev, pinned: true, pins: {{acme/suite: {{version: "0.9", digest: "{own}"}}}}}}'
    manifest.write_text(manifest.read_text().replace("promoteFrom: dev}", pin))
    answer = cells(run, "staging")
    assert list(answer) == ["acme/suite", "acme/api", "acme/db", "acme/old"]
    assert (answer["acme/suite"]["basis"], answer["acme/suite"]["complete"]) == ("pinned", True)
    assert (answer["acme/old"]["version"], answer["acme/old"]["declared"]) == ("0.9", "as-declared")
    assert (answer["acme/db"]["version"], answer["acme/db"]["sync"]) == ("0.9", "behind")
    # The bundle that is pinned does not have it.
    assert answer["acme/api"]["wanted"] is None


def test_the_table_has_the_members_below_their_bundle(run: Run, client: CodeArtifactClient) -> None:
    bundles.publish_bundle(client)
    bundles.package_of(client, "acme/db").set_status("1.0", "Archived")
    outcome = run("status", "release.yaml", "-e", "dev")
    lines = outcome.out.splitlines()
    names = [line for line in lines if line.startswith("acme/")]
    assert names == ["acme/suite", "acme/api (member of acme/suite)", "acme/db (member of acme/suite)"]
    assert next(line for line in lines if line.startswith("  dev  1.0")).endswith("partial, in sync")
    assert "    dev: partial, 1 of 2 members: acme/db@1.0 is Archived, not Published" in lines
    assert lines[-1] == "3 packages in 1 environment: 2 drifted."


def test_the_page_has_the_members_of_the_bundle(run: Run, client: CodeArtifactClient, tmp_path: Path) -> None:
    bundles.publish_bundle(client)
    bundles.package_of(client, "acme/db").delete("1.0")
    assert run("status", "release.yaml", "--html", "status.html").code == 0
    page = (tmp_path / "status.html").read_text()
    assert page.count('<span class="where">member of acme/suite</span>') == 2
    assert '<span class="chip drifted">Partial</span>' in page
    assert '<span class="chip plain">2 members</span>' in page
    assert "partial, 1 of 2 members: acme/db@1.0 does not exist" in page


def test_a_version_that_is_not_a_bundle_has_no_members(run: Run, client: CodeArtifactClient) -> None:
    bundles.publish(client, "acme/suite", "1.0", {"release-bundle.json": b"{}"})
    suite = cells(run, "dev")["acme/suite"]
    assert (suite["declared"], suite["complete"], suite["members"]) == ("as-declared", None, None)
