"""`download` of a bundle: all members in folders of their own, from a version or a manifest, or nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from mypy_boto3_codeartifact import CodeArtifactClient

from pulumi_codeartifact_release.publishing.bundle import BUNDLE_ASSET, encode_bundle
from support import bundles
from support.command_line import Run
from support.fakes import bundle_members

PLACE = ("--domain", "acme", "--repository", "dev", "--endpoint", "file:.registry")
TREE = {f"{member}/{name}": content for member, files in bundles.FILES.items() for name, content in files.items()}


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CodeArtifactClient]:
    bundles.write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    with bundles.opened_registry(tmp_path) as client:
        yield client


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_version_that_is_a_bundle(run: Run, client: CodeArtifactClient, tmp_path: Path) -> None:
    digest = bundles.publish_bundle(client)
    outcome = run("download", f"acme/suite@1.0={digest}", *PLACE, "--to", "out")
    assert (outcome.code, outcome.err) == (0, "")
    assert tree(tmp_path / "out") == TREE
    assert outcome.out == (
        "acme/suite@1.0: 2 members, 3 files, 14 bytes, verified in out\n"
        f"  {digest}, as approved\n"
        "  acme/api@1.0: 2 files\n"
        "  acme/db@1.0: 1 file\n"
    )


def test_the_bundle_of_a_manifest_and_some_of_its_members(run: Run, client: CodeArtifactClient, tmp_path: Path) -> None:
    bundles.publish_bundle(client)
    assert run("download", "release.yaml", "-e", "dev", "--to", "all").code == 0
    assert run("download", "release.yaml", "-e", "dev", "acme/suite", "--to", "suite").code == 0
    assert run("download", "release.yaml", "-e", "dev", "acme/db", "--to", "db").code == 0
    assert tree(tmp_path / "all") == tree(tmp_path / "suite") == TREE
    assert tree(tmp_path / "db") == {"acme/db/db.sql": b"create"}


def test_the_pin_of_the_bundle_says_which_members(run: Run, client: CodeArtifactClient, tmp_path: Path) -> None:
    old = {**bundles.FILES, "acme/old": {"old.txt": b"old"}}
    digest = bundles.publish_bundle(client, "0.9", "staging", packages=old)
    bundles.publish_bundle(client, "1.0", "staging")
    manifest = tmp_path / "release.yaml"
    pin = f'promoteFrom: dev, pins: {{acme/suite: {{version: "0.9", digest: "{digest}"}}}}}}'
    manifest.write_text(manifest.read_text().replace("promoteFrom: dev}", pin))
    assert run("download", "release.yaml", "-e", "staging", "--to", "out").code == 0
    assert tree(tmp_path / "out") == TREE | {"acme/old/old.txt": b"old"}


def test_a_partial_bundle_exits_with_4_and_names_its_members(
    run: Run, client: CodeArtifactClient, tmp_path: Path
) -> None:
    bundles.publish_bundle(client)
    bundles.package_of(client, "acme/db").delete("1.0")
    outcome = run("download", "acme/suite@1.0", *PLACE, "--to", "out")
    assert (outcome.code, outcome.out) == (4, "")
    assert outcome.err == (
        "error[bundle]: acme/suite@1.0 in acme/dev is partial: 1 of 2 members are not as the bundle names them:\n"
        "    acme/db@1.0 does not exist\n"
        "Nothing was downloaded. Restore these members, or use another version of the bundle.\n"
    )
    assert not (tmp_path / "out").exists()


def test_the_json_has_the_bundle_and_its_members(run: Run, client: CodeArtifactClient, tmp_path: Path) -> None:
    digest = bundles.publish_bundle(client)
    outcome = run("download", "acme/suite@1.0", *PLACE, "--to", "out", "--json")
    answer = json.loads(outcome.out)
    jsonschema.Draft202012Validator(json.loads(run("schema", "download").out)).validate(answer)
    suite, api, db = answer["versions"]
    assert (suite["digest"], suite["bundle"], suite["assets"]) == (digest, None, [])
    assert (api["bundle"], api["folder"], api["expectedDigest"]) == ("acme/suite@1.0", "out/acme/api", api["digest"])
    assert [each["path"] for each in db["assets"]] == [str(tmp_path / "out" / "acme" / "db" / "db.sql")]


def test_the_asset_of_a_bundle_on_standard_output(run: Run, client: CodeArtifactClient) -> None:
    bundles.publish_bundle(client)
    outcome = run("download", "acme/suite@1.0", *PLACE, "--asset", BUNDLE_ASSET, "--to", "-")
    assert outcome.out == encode_bundle(bundle_members(bundles.FILES)).decode()
