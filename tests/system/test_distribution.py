"""What is in the wheel, and what the quickstart builds from it."""

from __future__ import annotations

import configparser
import hashlib
import json
import subprocess
import zipfile
from pathlib import Path

from examples.quickstart.build import build


def test_the_wheel_has_what_is_not_code(tmp_path: Path) -> None:
    build(tmp_path / "dist")
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        plugin = json.loads(archive.read("pulumi_codeartifact_release/pulumi-plugin.json"))
        [metadata] = (archive.read(name).decode() for name in names if name.endswith(".dist-info/METADATA"))
        [found] = (archive.read(name).decode() for name in names if name.endswith(".dist-info/entry_points.txt"))
    page = ("cli/views/status.html.j2", "cli/views/status.css", "cli/views/status.js")
    schemas = (
        "manifest/release.schema.json",
        "native/schema.json",
        "cli/schemas/plan.schema.json",
        "cli/schemas/verify.schema.json",
    )
    project = ("__main__.py.j2", "requirements.lock", "ci/gitlab-ci.yml", "ci/github/workflows/release.yml")
    for name in ("py.typed", "pulumi-plugin.json", *page, *schemas, *(f"cli/project/{each}" for each in project)):
        assert f"pulumi_codeartifact_release/{name}" in names
    # Without this Pulumi takes any package named pulumi-… for one whose plugin binary it has to download.
    assert plugin == {"resource": False}
    assert not any(name.startswith("tests") for name in names)
    entry_points = configparser.ConfigParser()
    entry_points.read_string(found)
    assert dict(entry_points["console_scripts"]) == {
        "codeartifact-release": "pulumi_codeartifact_release.cli:main",
        "pulumi-resource-codeartifact-release": "pulumi_codeartifact_release.native.main:main",
    }
    # Whoever tests with pytest has the fixtures; whoever does not need not have pytest.
    assert dict(entry_points["pytest11"]) == {"codeartifact-release": "pulumi_codeartifact_release.pytest_plugin"}
    assert "Requires-Dist: pulumi" in metadata
    assert "Requires-Dist: pytest" not in metadata


def test_the_same_sources_are_built_into_the_same_bytes_and_version(tmp_path: Path) -> None:
    build(tmp_path / "one")
    build(tmp_path / "two")
    one, two = (
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (tmp_path / name).iterdir()}
        for name in ("one", "two")
    )
    assert one == two
    assert len(one) == 4


def test_the_checksums_are_what_sha256sum_checks(tmp_path: Path) -> None:
    build(tmp_path)
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path, check=True, capture_output=True)


def test_what_an_older_build_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "pulumi_codeartifact_release-0.0.1.tar.gz").write_text("old")
    build(tmp_path)
    assert not (tmp_path / "pulumi_codeartifact_release-0.0.1.tar.gz").exists()
