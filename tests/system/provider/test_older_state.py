"""State of the first version of this package, through the real plugin process and without a CLI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pulumi_codeartifact_release.plugin.declaration import Declaration
from support.embedded import Package, opened

from .plugin import PICKLE, Engine, Plugin

FIXTURE = Path(__file__).parents[2] / "support" / "state-0.1.0.json"
FILES = {"a.txt": "the first alpha", "b.txt": "the first beta", "c.txt": ""}
MANIFEST = """\
schemaVersion: 1
packages: [{namespace: acme, package: app, version: "1.0", assets: ["dist/*"]}]
environments: {dev: {domain: acme, repository: dev, endpoint: "file:.registry"}}
"""


def stored() -> dict[str, Any]:
    resources = json.loads(FIXTURE.read_text())["deployment"]["resources"]
    [ours] = [each for each in resources if each["type"].endswith(":PackageVersion")]
    return dict(ours)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program's folder whose registry holds what the state says."""
    (tmp_path / "dist").mkdir()
    for name, text in FILES.items():
        (tmp_path / "dist" / name).write_text(text)
    (tmp_path / "release.yaml").write_text(MANIFEST)
    subprocess.run(
        [Path(sys.executable).with_name("codeartifact-release"), "apply", "release.yaml", "-e", "dev", "--yes"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    return tmp_path


def declaration(program: Path) -> str:
    return Declaration(files={name: str(program / "dist" / name) for name in FILES}, base=str(program)).text()


def today(inputs: dict[str, Any]) -> dict[str, Any]:
    """Inputs of that state in the shape of today."""
    assert inputs["finish"] == "guarded"
    text = "".join(f"{asset['sha256']}  {name}\n" for name, asset in sorted(inputs["assets"].items()))
    kept = {key: value for key, value in inputs.items() if key not in ("finish", "assets")}
    return {**kept, "finalize": "status-update", "checksums": text}


def test_the_pickle_in_it_is_the_one_of_today() -> None:
    assert stored()["inputs"]["__provider"] == stored()["outputs"]["__provider"] == PICKLE


def test_the_same_files_change_the_shape_of_the_state_and_call_nobody(program: Path) -> None:
    old = stored()
    given = {key: old["inputs"][key] for key in ("namespace", "package", "version", "domain", "repository")}
    given |= {"endpoint": "file:.registry", "status": "Published", "__provider": PICKLE}
    given |= {key: old["inputs"][key] for key in ("on_destroy", "on_supersede")}
    given["finalize"] = "status-update"
    before = {path: path.stat().st_mtime_ns for path in (program / ".registry").rglob("*")}
    with Engine() as engine, Plugin(program, engine, os.environ) as plugin:
        plugin.configure()
        checked = plugin.checked(old["inputs"], {**given, "declaration": declaration(program)})
        assert {**checked, "__provider": PICKLE} == today(old["inputs"])
        # Without an update the engine would keep the outputs as they are.
        assert plugin.diff(old["outputs"], checked) == {"changes": "DIFF_SOME"}
        updated = plugin.update(old["outputs"], checked)
        assert updated == {**today(old["outputs"]), "__provider": PICKLE}
        assert plugin.diff(updated, checked) == {"changes": "DIFF_NONE"}
    assert {path: path.stat().st_mtime_ns for path in (program / ".registry").rglob("*")} == before


def test_it_is_refreshed_updated_and_left_as_it_is_by_a_destroy(program: Path) -> None:
    old = stored()
    with Engine() as engine, Plugin(program, engine, os.environ) as plugin:
        plugin.configure()
        read = plugin.read(old["outputs"])
        assert read["id"] == "acme/app"
        assert read["inputs"] == today(old["inputs"])
        bumped = plugin.checked(
            old["inputs"],
            {**old["inputs"], "endpoint": "file:.registry", "version": "1.1", "declaration": declaration(program)},
        )
        plugin.update(old["outputs"], bumped)
        plugin.call("Delete", {"id": "acme/app", "urn": old["urn"], "properties": old["outputs"]})
    with opened(program / ".registry") as client:
        assert Package(client).statuses() == {"1.0": "Published", "1.1": "Published"}
