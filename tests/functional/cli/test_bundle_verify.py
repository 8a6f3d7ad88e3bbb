"""`verify` of a bundle: the bundle and all its members, from files, a pin, the source, or a digest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from mypy_boto3_codeartifact import CodeArtifactClient

from support import bundles
from support.command_line import Run

PLACE = ("--domain", "acme", "--repository", "dev", "--endpoint", "file:.registry")
HEADER = "dev: file:.registry, account 000000000000, us-east-1, repository acme/dev\n"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CodeArtifactClient]:
    bundles.write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    with bundles.opened_registry(tmp_path) as client:
        yield client


def report(run: Run, *words: str, code: int = 0) -> dict[str, Any]:
    outcome = run("verify", *words, "--json")
    assert outcome.code == code, outcome.err
    answer: dict[str, Any] = json.loads(outcome.out)
    jsonschema.Draft202012Validator(json.loads(run("schema", "verify").out)).validate(answer)
    return answer


def results(answer: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    return {
        each["package"]: (each["result"], each["expected"]["from"], each["bundle"], each["complete"])
        for each in answer["packages"]
    }


def test_a_manifest_is_compared_with_its_files(run: Run, client: CodeArtifactClient) -> None:
    bundles.publish_bundle(client)
    outcome = run("verify", "release.yaml", "-e", "dev")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == HEADER + (
        "  = acme/suite@1.0  ok: Published, 1 asset, 371 bytes; complete: 2 members\n"
        "  =   acme/api@1.0  ok: Published, 2 assets, 8 bytes\n"
        "  =   acme/db@1.0   ok: Published, 1 asset, 6 bytes\n"
        "Verified: 3 packages, 4 assets, 385 bytes as the registry lists them.\n"
    )


def test_a_file_that_changed_changes_the_bundle(run: Run, client: CodeArtifactClient, tmp_path: Path) -> None:
    bundles.publish_bundle(client)
    (tmp_path / "dist" / "db.sql").write_bytes(b"drop!!")
    assert results(report(run, "release.yaml", "-e", "dev", code=4)) == {
        "suite": ("differs", "files", None, False),
        "api": ("verified", "files", "acme/suite@1.0", None),
        "db": ("differs", "files", "acme/suite@1.0", None),
    }


@pytest.mark.parametrize("download", [False, True])
def test_a_digest_of_a_bundle_proves_its_members(run: Run, client: CodeArtifactClient, download: bool) -> None:
    digest = bundles.publish_bundle(client)
    words = ["--download"] if download else []
    answer = report(run, f"acme/suite@1.0={digest}", *PLACE, *words)
    assert results(answer) == {
        "suite": ("verified", "digest", None, True),
        "api": ("verified", "bundle", "acme/suite@1.0", None),
        "db": ("verified", "bundle", "acme/suite@1.0", None),
    }
    assert answer["summary"]["assets"] == 4
    if download:
        assert [each["received"]["assets"] for each in answer["packages"]] == [1, 2, 1]


@pytest.mark.parametrize(
    ("status", "expected"), [("Archived", "differs"), ("Unlisted", "differs"), ("deleted", "missing")]
)
def test_a_partial_bundle_exits_with_4(run: Run, client: CodeArtifactClient, status: str, expected: str) -> None:
    digest = bundles.publish_bundle(client)
    package = bundles.package_of(client, "acme/db")
    if status == "deleted":
        package.delete("1.0")
    else:
        package.set_status("1.0", status)
    assert results(report(run, f"acme/suite@1.0={digest}", *PLACE, code=4)) == {
        "suite": ("verified", "digest", None, False),
        "api": ("verified", "bundle", "acme/suite@1.0", None),
        "db": (expected, "bundle", "acme/suite@1.0", None),
    }


def test_the_text_of_a_partial_bundle(run: Run, client: CodeArtifactClient) -> None:
    digest = bundles.publish_bundle(client)
    bundles.package_of(client, "acme/db").set_status("1.0", "Archived")
    outcome = run("verify", f"acme/suite@1.0={digest}", *PLACE)
    assert outcome.code == 4
    assert outcome.out.removeprefix(HEADER.replace("dev:", "registry:")) == (
        "  ! acme/suite@1.0  Published, 1 asset, 371 bytes; partial: 1 of 2 members not as expected\n"
        "  =   acme/api@1.0  ok: Published, 2 assets, 8 bytes\n"
        "  !   acme/db@1.0   differs: status\n"
        "\n"
        "  acme/db@1.0\n"
        "    status: expected Published, registry Archived\n"
    )
    assert outcome.err == "error[mismatch]: 3 packages: 1 differs, 2 are verified\n"


def test_a_pin_of_a_bundle_proves_its_members_without_files(
    run: Run, client: CodeArtifactClient, tmp_path: Path
) -> None:
    digest = bundles.publish_bundle(client, "0.9", "staging", packages={"acme/old": {"a": b"a"}})
    manifest = tmp_path / "release.yaml"
    pin = f'promoteFrom: dev, pinned: true, pins: {{acme/suite: {{version: "0.9", digest: "{digest}"}}}}}}'
    manifest.write_text(manifest.read_text().replace("promoteFrom: dev}", pin))
    for path in (tmp_path / "dist").iterdir():
        path.unlink()
    assert results(report(run, "release.yaml", "-e", "staging")) == {
        "suite": ("verified", "pins", None, True),
        "old": ("verified", "bundle", "acme/suite@0.9", None),
    }


def test_without_a_pin_the_source_environment_is_compared(run: Run, client: CodeArtifactClient) -> None:
    bundles.publish_bundle(client)
    bundles.publish_bundle(client, repository="staging")
    bundles.package_of(client, "acme/db", "staging").delete("1.0")
    assert results(report(run, "release.yaml", "-e", "staging", code=4)) == {
        "suite": ("verified", "environment", None, False),
        "api": ("verified", "bundle", "acme/suite@1.0", None),
        "db": ("missing", "bundle", "acme/suite@1.0", None),
    }


def test_a_withdrawn_member_is_refused(run: Run, client: CodeArtifactClient, tmp_path: Path) -> None:
    digest = bundles.publish_bundle(client)
    bundles.publish_bundle(client, repository="staging")
    manifest = tmp_path / "release.yaml"
    entry = f'  acme/db@1.0: {{digest: "{digest}", status: Archived, reason: broken}}\n'
    manifest.write_text(f"{manifest.read_text()}withdrawn:\n{entry}")
    answer = report(run, "release.yaml", "-e", "staging", code=4)
    assert [each["problem"] and each["problem"]["code"] for each in answer["packages"]] == [None, None, "withdrawn"]
    assert answer["packages"][0]["complete"] is False


def test_the_members_of_another_bundle_are_not_read(run: Run, client: CodeArtifactClient) -> None:
    bundles.publish_bundle(client)
    answer = report(run, f"acme/suite@1.0=sha256:{'0' * 64}", *PLACE, code=4)
    assert results(answer) == {"suite": ("differs", "digest", None, None)}
