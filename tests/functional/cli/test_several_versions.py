"""Several versions of one package in a manifest: told apart wherever one is named."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from pulumi_codeartifact_release.cli.context import StopSignal
from pulumi_codeartifact_release.errors import AccessDeniedError
from pulumi_codeartifact_release.registry import Coordinates, retries_and_concurrency
from pulumi_codeartifact_release.registry.boto import BotoRegistry
from support.command_line import Run
from support.embedded import Gate, Package, opened

COPY = "POST /v1/package/versions/copy"
LIST = "POST /v1/package/version/assets"
DESCRIBE = "GET /v1/package/version"
KEY: Any = {"domain": "acme", "format": "generic", "namespace": "acme"}
STAGING = ("release.yaml", "-e", "staging")
ENVIRONMENTS = """\
environments:
  dev: {domain: acme, repository: dev}
  staging: {domain: acme, repository: staging, promoteFrom: dev}
"""


def written(project: Path, packages: Collection[tuple[str, str]], environments: str = ENVIRONMENTS) -> None:
    """Write a manifest of packages and versions."""
    lines = "".join(f"  - {{package: {name}, version: '{version}', assets: [dist/*]}}\n" for name, version in packages)
    text = f"schemaVersion: 1\ndefaults: {{namespace: acme}}\npackages:\n{lines}{environments}"
    (project / "release.yaml").write_text(text)


def published(project: Path, packages: Collection[tuple[str, str]]) -> None:
    """Write a manifest of packages and versions, which are Published in `dev` by somebody else."""
    written(project, packages)
    with opened(project / ".registry") as client:
        for name, version in packages:
            content = f"{name} {version}".encode()
            client.publish_package_version(
                **KEY,
                repository="dev",
                package=name,
                packageVersion=version,
                assetName="a.txt",
                assetContent=content,
                assetSHA256=hashlib.sha256(content).hexdigest(),
            )


def asked(gate: Gate) -> list[str]:
    return [request.split("?")[0] for request in gate.requests]


def counted(gate: Gate) -> dict[str, int]:
    """How often each operation was asked for, in the order in which they came first."""
    requests = asked(gate)
    return {operation: requests.count(operation) for operation in dict.fromkeys(requests)}


def staged(project: Path) -> dict[tuple[str, str], str]:
    """Package and version -> status in `staging`."""
    where = {**KEY, "repository": "staging"}
    with opened(project / ".registry") as client:
        names = [
            each["package"]
            for page in client.get_paginator("list_packages").paginate(**where)
            for each in page["packages"]
        ]
        pages = client.get_paginator("list_package_versions")
        return {
            (name, each["version"]): each["status"]
            for name in names
            for page in pages.paginate(**where, package=name)
            for each in page["versions"]
        }


VERSIONS = [("app", "1.0"), ("app", "1.1"), ("app", "1.2")]


# --- requests, exactly ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "packages",
    [
        [(f"app-{number}", "1.0") for number in range(50)],
        [("app", "1.0"), ("lib", "1.0"), ("app", "1.1"), ("lib", "2.0"), ("tool", "7")],
    ],
    ids=["50 packages", "mixed"],
)
def test_a_promotion_makes_exactly_these_requests(
    run: Run, project: Path, gate: Gate, packages: list[tuple[str, str]]
) -> None:
    published(project, packages)
    count = len(packages)
    outcome = run("apply", *STAGING, "--yes")
    assert outcome.code == 0, outcome.err
    # Planning: nothing is there, and what is at the source is described and listed. Nothing is downloaded.
    assert counted(gate) == {DESCRIBE: 2 * count, LIST: 2 * count, COPY: count}
    requests = asked(gate)
    assert DESCRIBE not in requests[requests.index(COPY) :]
    assert f"; {len(requests):,} requests.\n" in outcome.out
    assert staged(project) == dict.fromkeys(packages, "Published")


def test_a_plan_of_several_versions_counts_the_requests_exactly(run: Run, project: Path, gate: Gate) -> None:
    published(project, VERSIONS)
    assert run("plan", *STAGING, "-o", "plan.json").code == 0
    plan = json.loads((project / "plan.json").read_text())
    assert [each["requests"] for each in plan["packages"]] == [5, 5, 5]
    assert plan["summary"]["requests"] == 15
    gate.requests.clear()
    assert run("apply", "--plan", "plan.json").code == 0
    assert len(gate.requests) == 15


# --- nothing but what is shown or approved ----------------------------------------------------------------------------


def test_a_changed_version_stops_the_copies_of_the_whole_plan(run: Run, project: Path, gate: Gate) -> None:
    published(project, VERSIONS)
    assert run("plan", *STAGING, "-o", "plan.json").code == 0
    with opened(project / ".registry") as client:
        package = Package(client)
        package.set_status("1.1", "Unlisted")
        package.set_status("1.1", "Published")
    gate.requests.clear()
    outcome = run("apply", "--plan", "plan.json")
    assert (outcome.code, outcome.out) == (4, "")
    assert "acme/app@1.1: its source changed: revision " in outcome.err
    assert COPY not in asked(gate)


def test_an_interrupted_approved_plan_continues(run: Run, project: Path, gate: Gate) -> None:
    published(project, VERSIONS)
    assert run("plan", *STAGING, "-o", "plan.json").code == 0
    # As a killed run of it leaves it: one is there.
    written(project, VERSIONS[:1])
    assert run("apply", *STAGING, "--yes").code == 0
    written(project, VERSIONS)
    gate.requests.clear()
    outcome = run("apply", "--plan", "plan.json")
    assert outcome.code == 0, outcome.err
    assert counted(gate)[COPY] == 2
    assert staged(project) == dict.fromkeys(VERSIONS, "Published")


def test_one_refused_version_prevents_all_releases(run: Run, project: Path, gate: Gate) -> None:
    published(project, VERSIONS)
    with opened(project / ".registry") as client:
        Package(client).set_status("1.1", "Archived")
    gate.requests.clear()
    outcome = run("apply", *STAGING, "--yes")
    assert outcome.code == 4
    assert "acme/app@1.1" in outcome.err
    assert COPY not in asked(gate)


# --- what fails in the middle -----------------------------------------------------------------------------------------


@pytest.fixture
def stops(monkeypatch: pytest.MonkeyPatch) -> list[StopSignal]:
    """The word to stop of every command, of which each releases one package after the other."""
    monkeypatch.setattr(retries_and_concurrency, "PARALLEL_PACKAGES", 1)
    made: list[StopSignal] = []
    begin = StopSignal.__init__

    def noted(self: StopSignal) -> None:
        begin(self)
        made.append(self)

    monkeypatch.setattr(StopSignal, "__init__", noted)
    return made


@pytest.mark.usefixtures("gate")
def test_a_denied_call_is_reported_once(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch, stops: list[StopSignal]
) -> None:
    published(project, VERSIONS)

    def denied(_self: object, at: Coordinates, *_words: Any, **_more: Any) -> None:
        stops[-1].set()
        raise AccessDeniedError(f"CopyPackageVersions for {at} is not allowed")

    monkeypatch.setattr(BotoRegistry, "copy", denied)
    outcome = run("apply", *STAGING, "--yes")
    assert outcome.code == 2
    assert outcome.err.split("\n", 1)[1] == (
        "0 of 3 packages released\n"
        "  acme/app@1.0: 0/1 assets sent\n"
        "error[access-denied]: CopyPackageVersions for acme/app@1.0 in acme/staging is not allowed\n"
    )
    assert staged(project) == {}


# --- told apart -------------------------------------------------------------------------------------------------------

MIXED = [("app", "1.0"), ("lib", "1.0"), ("app", "1.1")]
FILES = """\
environments:
  dev: {domain: acme, repository: dev, endpoint: "file:.registry"}
  staging: {domain: acme, repository: staging, endpoint: "file:.registry", promoteFrom: dev}
"""
NAMES = ["acme/app@1.0", "acme/app@1.1", "acme/lib"]


@pytest.fixture
def mixed(project: Path) -> Path:
    """Two versions of one package from the same files, and one of another."""
    written(project, MIXED, FILES)
    return project


@pytest.mark.parametrize("environment", ["dev", "staging"])
def test_each_version_has_its_own_line(run: Run, mixed: Path, environment: str) -> None:
    if environment == "staging":
        assert run("apply", "release.yaml", "-e", "dev", "--yes").code == 0
    outcome = run("apply", "release.yaml", "-e", environment, "--yes", "--summary", "summary.md")
    assert (outcome.code, outcome.err) == (0, "")
    done = "copied" if environment == "staging" else "sent"
    lines = sorted(line for line in outcome.out.splitlines() if line.startswith("acme/"))
    assert [line.split(": ")[0] for line in lines] == NAMES
    assert all(f": Published: {done} 2 assets" in line for line in lines)
    summary = (mixed / "summary.md").read_text()
    assert summary.count(f"| Published&#58; {done} 2 assets") == 3
    assert "**3 of 3 packages released&#46;**" in summary or "**3 of 3 packages released.**" in summary


def test_verify_checks_each_version(run: Run, mixed: Path) -> None:
    assert run("apply", "release.yaml", "-e", "dev", "--yes").code == 0
    assert run("apply", "release.yaml", "-e", "staging", "--yes").code == 0
    with opened(mixed / ".registry") as client:
        Package(client, repository="staging").set_status("1.1", "Unlisted")
    for environment, code in (("dev", 0), ("staging", 4)):
        outcome = run("verify", "release.yaml", "-e", environment, "--json")
        assert outcome.code == code, outcome.err
        found = [(each["package"], each["version"]) for each in json.loads(outcome.out)["packages"]]
        assert found == MIXED
    (differs,) = [each for each in json.loads(outcome.out)["packages"] if each["result"] == "differs"]
    assert (differs["package"], differs["version"]) == ("app", "1.1")


def test_status_has_a_row_for_each_version(run: Run, mixed: Path) -> None:
    assert run("apply", "release.yaml", "-e", "dev", "--yes").code == 0
    written(mixed, MIXED[:2], FILES)
    assert run("apply", "release.yaml", "-e", "staging", "--yes").code == 0
    written(mixed, MIXED, FILES)
    outcome = run("status", "release.yaml")
    assert outcome.code == 0
    headings = [line for line in outcome.out.splitlines() if line.startswith("acme/")]
    assert headings == ["acme/app@1.0", "acme/lib", "acme/app@1.1"]
    assert outcome.out.splitlines()[-1] == "3 packages in 2 environments: 1 behind, 1 pending."
    report = json.loads(run("status", "release.yaml", "--json").out)
    assert report["summary"]["packages"] == 3
    rows = [(each["package"], each["environments"]["staging"]) for each in report["packages"]]
    assert [(name, cell["wanted"]["version"], cell["declared"], cell["sync"]) for name, cell in rows] == [
        ("acme/app", "1.0", "as-declared", "in-sync"),
        ("acme/lib", "1.0", "as-declared", "in-sync"),
        ("acme/app", "1.1", "pending", "behind"),
    ]
    assert run("status", "release.yaml", "--html", "status.html").code == 0
    page = (mixed / "status.html").read_text()
    assert [page.count(f"</span><wbr>{name}</th>") for name in ("app@1.0", "app@1.1", "lib", "app")] == [1, 1, 1, 0]


def test_a_replacement_affects_only_the_named_version(run: Run, mixed: Path) -> None:
    assert run("apply", "release.yaml", "-e", "dev", "--yes").code == 0
    (mixed / "dist" / "a.txt").write_text("other\n")
    refused = run("plan", "release.yaml", "-e", "dev")
    assert refused.code == 4
    assert len(re.findall(r"^refused\[conflict\]: acme/\w+@1\.[01] in", refused.err, re.MULTILINE)) == 3
    permits = [
        word for permit in re.findall(r"--replace (acme/app@\S+)", refused.err) for word in ("--replace", permit)
    ]
    plan = json.loads(run("plan", "release.yaml", "-e", "dev", "--json", *permits).out)
    assert [each["action"] for each in plan["packages"]] == ["replace", "refuse", "replace"]
    one = json.loads(run("plan", "release.yaml", "-e", "dev", "--json", *permits[:2]).out)
    assert [each["action"] for each in one["packages"]] == ["replace", "refuse", "refuse"]


def test_each_version_has_its_own_soak(run: Run, mixed: Path) -> None:
    written(mixed, MIXED, FILES.replace("promoteFrom: dev", "promoteFrom: dev, soak: 1d"))
    assert run("apply", "release.yaml", "-e", "dev", "--yes").code == 0
    plan = json.loads(run("plan", "release.yaml", "-e", "staging", "--json").out)
    assert [each["action"] for each in plan["packages"]] == ["refuse"] * 3
    permit = f"acme/app@1.1={plan['packages'][2]['digest']}"
    words = ("release.yaml", "-e", "staging", "--json", "--force", permit, "--reason", "a fix")
    forced = json.loads(run("plan", *words).out)
    assert [each["action"] for each in forced["packages"]] == ["refuse", "refuse", "publish"]
