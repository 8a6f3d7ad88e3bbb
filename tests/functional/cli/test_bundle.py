"""`plan` and `apply` of a manifest with a bundle, against embedded registries."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from pulumi_codeartifact_release.publishing.bundle import BundleMember, encode_bundle
from support.command_line import Run
from support.embedded import opened

MANIFEST = """\
schemaVersion: 1
variables:
  version: {default: "1.0"}
defaults: {namespace: acme, version: "${version}"}
bundle: {package: suite}
packages:
  - {package: api, assets: [api.zip], after: [acme/db]}
  - {package: db, assets: [db.sql]}
environments:
  dev: {domain: acme, repository: dev, endpoint: "file:.registry"}
  staging: {domain: acme, repository: staging, endpoint: "file:.registry", promoteFrom: dev}
  prod: {domain: acme-prod, repository: releases, endpoint: "file:.far", promoteFrom: staging}
"""


@pytest.fixture(autouse=True)
def files(project: Path) -> None:
    (project / "release.yaml").write_text(MANIFEST)
    write(project, "1.0")


def write(project: Path, version: str) -> None:
    (project / "api.zip").write_text(f"api {version}")
    (project / "db.sql").write_text(f"db {version}")


def test_a_release_and_two_promotions_of_a_bundle(run: Run, project: Path) -> None:
    planned = run("plan", "-e", "dev", "--detailed-exitcode")
    assert planned.code == 3
    assert "3 packages to change: 3 assets to send" in planned.out
    for environment in ("dev", "staging", "prod"):
        released = run("apply", "-e", environment)
        assert released.code == 0, released.err
        # The bundle is the last that becomes Published.
        lines = [line for line in released.out.splitlines() if ": Published: " in line]
        assert [line.partition(":")[0] for line in lines] == ["acme/db", "acme/api", "acme/suite"]
        again = run("apply", "-e", environment)
        assert "Nothing to do: 3 packages published and unchanged." in again.out


def test_every_refusal_comes_at_once_and_nothing_is_sent(run: Run, project: Path) -> None:
    assert run("apply", "-e", "dev").code == 0
    write(project, "other")
    refused = run("apply", "-e", "dev")
    assert refused.code == 4
    assert [line[: line.index("acme/")] for line in refused.err.splitlines() if line.startswith("refused")] == [
        "refused[conflict]: "
    ] * 3
    assert "acme/suite@1.0 in acme/dev is already Published with other members:" in refused.err


def test_an_approved_plan_of_a_bundle_is_applied(run: Run, project: Path) -> None:
    assert run("plan", "-e", "dev", "-o", "plan.json").code == 0
    names = [package["package"] for package in json.loads((project / "plan.json").read_text())["packages"]]
    assert names == ["api", "db", "suite"]
    (project / "db.sql").write_text("changed")
    stale = run("apply", "--plan", "plan.json")
    assert stale.code == 4
    assert "stale-plan" in stale.err
    write(project, "1.0")
    applied = run("apply", "--plan", "plan.json")
    assert applied.code == 0, applied.err


def test_one_pin_promotes_all_and_a_revert_rolls_back(run: Run, project: Path) -> None:
    for version in ("1.0", "2.0"):
        write(project, version)
        assert run("apply", "-e", "dev", "--var", f"version={version}").code == 0
    digests = {version: bundle_digest(project, version) for version in ("1.0", "2.0")}

    def pin(version: str) -> None:
        text = MANIFEST.replace(
            "promoteFrom: dev}",
            f'promoteFrom: dev, pinned: true, pins: {{acme/suite: {{version: "{version}", '
            f'digest: "{digests[version]}"}}}}}}',
        )
        (project / "release.yaml").write_text(text)

    pin("2.0")
    assert run("apply", "-e", "staging").code == 0
    pin("1.0")
    promoted = run("apply", "-e", "staging")
    assert promoted.code == 0, promoted.err
    assert "acme/db@1.0" in promoted.out
    pin("2.0")
    assert "Nothing to do" in run("apply", "-e", "staging").out


def test_a_replaced_member_is_named_with_the_bundles_that_become_partial(run: Run, project: Path) -> None:
    assert run("apply", "-e", "dev").code == 0
    (project / "db.sql").write_text("repaired")
    (project / "release.yaml").write_text(MANIFEST.replace("package: suite", 'package: suite, version: "1.1"'))
    line = f"{hashlib.sha256(b'db 1.0').hexdigest()}  db.sql\n"
    old = "sha256:" + hashlib.sha256(line.encode()).hexdigest()
    planned = run("plan", "-e", "dev", "--replace", f"acme/db@1.0={old}")
    assert planned.code == 0, planned.err
    assert "warning: acme/suite@1.0 in acme/dev becomes partial: it names acme/db@1.0\n" in planned.err
    replaced = run("apply", "-e", "dev", "--replace", f"acme/db@1.0={old}")
    assert replaced.code == 0, replaced.err
    assert "warning: acme/suite@1.0 in acme/dev becomes partial: it names acme/db@1.0\n" in replaced.err
    assert run("verify", "-e", "dev").code == 0


def test_a_bundle_can_be_replaced(run: Run, project: Path) -> None:
    assert run("apply", "-e", "dev").code == 0
    old = bundle_digest(project, "1.0")
    line = f"{hashlib.sha256(b'db 1.0').hexdigest()}  db.sql\n"
    member = "sha256:" + hashlib.sha256(line.encode()).hexdigest()
    (project / "db.sql").write_text("repaired")
    words = ("--replace", f"acme/suite@1.0={old}", "--replace", f"acme/db@1.0={member}")
    replaced = run("apply", "-e", "dev", *words)
    assert (replaced.code, replaced.err) == (0, "")
    assert bundle_digest(project, "1.0") != old


def test_a_member_can_be_replaced_by_a_promotion_and_a_typo_is_refused(run: Run, project: Path) -> None:
    for environment in ("dev", "staging"):
        assert run("apply", "-e", environment).code == 0
    typo = run("plan", "-e", "staging", "--replace", f"acme/dbx@1.0=sha256:{'0' * 64}")
    assert typo.code == 2
    assert "the manifest declares no acme/dbx@1.0" in typo.err
    assert run("plan", "-e", "staging", "--replace", f"acme/db@1.0=sha256:{'0' * 64}").code == 0


def bundle_digest(project: Path, version: str) -> str:
    with opened(project / ".registry") as client:
        content = client.get_package_version_asset(
            domain="acme",
            repository="dev",
            format="generic",
            namespace="acme",
            package="suite",
            packageVersion=version,
            asset="release-bundle.json",
        )["asset"].read()
    line = f"{hashlib.sha256(content).hexdigest()}  release-bundle.json\n"
    return "sha256:" + hashlib.sha256(line.encode()).hexdigest()


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("acme/api@1.0", "acme/api has no soak of its own: name the bundle acme/suite"),
        ("acme/suite@2.0", "the manifest declares no acme/suite@2.0"),
    ],
)
def test_force_is_for_the_bundle_alone(run: Run, version: str, reason: str) -> None:
    assert run("apply", "-e", "dev").code == 0
    permission = f"{version}=sha256:{'0' * 64}"
    outcome = run("plan", "-e", "staging", "--force", permission, "--reason", "urgent")
    assert outcome.code == 2
    assert outcome.err == f"error[usage]: --force {permission}: {reason}\n"


def test_another_version_that_somebody_stages_makes_no_approved_plan_stale(run: Run, project: Path) -> None:
    assert run("apply", "-e", "dev").code == 0
    write(project, "2.0")
    assert run("plan", "-e", "dev", "--var", "version=2.0", "-o", "plan.json").code == 0
    content = encode_bundle([BundleMember("acme", "web", "3.0", "sha256:" + "0" * 64, 1)])
    with opened(project / ".registry") as client:
        client.publish_package_version(
            domain="acme",
            repository="dev",
            format="generic",
            namespace="acme",
            package="suite",
            packageVersion="3.0",
            assetName="release-bundle.json",
            assetSHA256=hashlib.sha256(content).hexdigest(),
            assetContent=content,
            unfinished=True,
        )
    applied = run("apply", "--plan", "plan.json")
    assert applied.code == 0, applied.err
    assert "warning: acme/suite@3.0 in acme/dev is Unfinished: its release is running, or was abandoned." in applied.err
    assert applied.err.splitlines()[0].endswith("what is Unfinished of its members: acme/web@3.0")
