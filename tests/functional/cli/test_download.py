"""`download` at the command line: from a version or a manifest into a folder, a file or JSON."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from support.command_line import Outcome, Run

PLACE = ("--domain", "acme", "--repository", "dev", "--endpoint", "file:.registry")


def content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.fixture
def released(run: Run, project: Path) -> dict[str, str]:
    """The files of the version 1.0 of `acme/app`, which is released to dev."""
    assert run("apply", "release.yaml", "-e", "dev", "--yes").code == 0
    return content(project / "dist")


def digest_of(outcome: Outcome) -> str:
    [version] = json.loads(outcome.out)["versions"]
    digest: str = version["digest"]
    return digest


def test_one_package_of_a_manifest(run: Run, project: Path, released: dict[str, str]) -> None:
    outcome = run("download", "release.yaml", "-e", "dev", "acme/app", "--to", "out")
    assert (outcome.code, content(project / "out")) == (0, released)
    first, second = outcome.out.splitlines()
    assert first.startswith(f"acme/app@1.0: {len(released)} file")
    assert first.endswith("verified in out")
    assert second.endswith("not confirmed: no digest was given")


def test_all_packages_of_a_manifest_have_folders(run: Run, project: Path, released: dict[str, str]) -> None:
    assert run("download", "release.yaml", "-e", "dev", "--to", "out").code == 0
    assert content(project / "out" / "acme" / "app") == released


def test_a_version_with_its_digest(run: Run, project: Path, released: dict[str, str]) -> None:
    digest = digest_of(run("download", "acme/app@1.0", *PLACE, "--to", "first", "--json"))
    outcome = run("download", f"acme/app@1.0={digest}", *PLACE, "--to", "out")
    assert (outcome.code, content(project / "out")) == (0, released)
    assert outcome.out.splitlines()[1] == f"  {digest}, as approved"


def test_another_digest_exits_with_4_and_leaves_nothing(run: Run, project: Path, released: dict[str, str]) -> None:
    outcome = run("download", f"acme/app@1.0=sha256:{'0' * 64}", *PLACE, "--to", "out")
    assert outcome.code == 4
    assert outcome.err.startswith("error[mismatch]: acme/app@1.0")
    assert not (project / "out").exists()


def test_a_pin_is_checked(run: Run, project: Path, released: dict[str, str]) -> None:
    manifest = project / "release.yaml"
    manifest.write_text(
        manifest.read_text()
        + '  pinned: {domain: acme, repository: dev, endpoint: "file:.registry", promoteFrom: staging,\n'
        + f'    pins: {{acme/app: {{version: "1.0", digest: "sha256:{"0" * 64}"}}}}}}\n'
    )
    outcome = run("download", "release.yaml", "-e", "pinned", "acme/app", "--to", "out")
    assert outcome.code == 4
    assert outcome.err.startswith("error[mismatch]")


def test_the_json_follows_its_schema(run: Run, project: Path, released: dict[str, str]) -> None:
    schema = json.loads(run("schema", "download").out)
    done = run("download", "release.yaml", "-e", "dev", "--to", "out", "--json")
    failed = run("download", "acme/app@9.9", *PLACE, "--to", "out", "--json")
    for outcome in (done, failed):
        jsonschema.Draft202012Validator(schema).validate(json.loads(outcome.out))
    [version] = json.loads(done.out)["versions"]
    assert {asset["name"] for asset in version["assets"]} == released.keys()
    assert json.loads(failed.out)["errors"][0]["code"] == "version-not-found"
    assert failed.code == 1


def test_one_asset_to_standard_output(run: Run, released: dict[str, str]) -> None:
    name, text = next(iter(released.items()))
    outcome = run("download", "acme/app@1.0", *PLACE, "--asset", name, "--to", "-")
    assert (outcome.code, outcome.out) == (0, text)


def test_assets_by_glob(run: Run, project: Path, released: dict[str, str]) -> None:
    name = next(iter(released))
    assert run("download", "acme/app@1.0", *PLACE, "--asset", f"{name[:-1]}?", "--to", "out").code == 0
    assert name in content(project / "out")


def test_the_files_are_not_needed(run: Run, project: Path, released: dict[str, str]) -> None:
    for path in (project / "dist").iterdir():
        path.unlink()
    assert run("download", "release.yaml", "-e", "dev", "acme/app", "--to", "out").code == 0
    assert content(project / "out") == released


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("release.yaml", "-e", "dev", "acme/ap", "--to", "out"),
            "there is no package acme/ap; did you mean `acme/app`?",
        ),
        (("release.yaml", "-e", "dev", "--domain", "acme", "--to", "out"), "--domain: release.yaml is a manifest"),
        (("acme/app@1.0", "--to", "out"), "acme/app@1.0: --domain and --repository missing"),
        (("acme/app@1.0", *PLACE, "-e", "dev", "--to", "out"), "-e: acme/app@1.0 names a version"),
        (("acme/app@1.0=sha256:abc", *PLACE, "--to", "out"), "is neither a manifest nor a version"),
        (("acme/app@1.0", *PLACE, "--to", "-"), "`--to -` writes one asset of one version"),
        (("acme/a#p@1.0", *PLACE, "--to", "out"), "is neither a manifest nor a version"),
        (("acme/app@1.0", *PLACE[:-1], "file:../other", "--to", "out"), "--endpoint file:../other is neither AWS nor"),
    ],
)
def test_mistakes_are_one_line_and_exit_with_2(run: Run, project: Path, words: tuple[str, ...], message: str) -> None:
    outcome = run("download", *words)
    assert outcome.code == 2
    assert message in outcome.err
    assert not (project / "out").exists()
