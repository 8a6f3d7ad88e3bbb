"""The native provider with the real engine: YAML programs, and a Python program that moves to it and back."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import WITHOUT_YAML
from support.embedded import Package, opened

from .test_engine import ROOT, Project, Server, descendants, kill, project, server

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

__all__ = ["project", "server"]

TYPE = "codeartifact-release:index:PackageVersion"
DYNAMIC_TYPE = "pulumi-python:dynamic/codeartifact:PackageVersion"
VERSION = """\
  app:
    type: codeartifact-release:PackageVersion
    properties:
      namespace: acme
      package: app
      version: ${version}
      domain: acme
      repository: dev
      endpoint: file:.registry
      assets:
        - dist/*
"""
SCRIPT = """\
#!{python}
from pulumi_codeartifact_release.native.main import main
main()
"""


@dataclasses.dataclass
class Native:
    """A program's folder, a plugin in a folder, and a stack `dev`."""

    project: Project
    plugin: Path

    @property
    def folder(self) -> Path:
        return self.project.folder

    def write_program(self, resources: str, *, variables: str = "version: 1.0.0", more: str = "") -> None:
        """Write a YAML program."""
        plugins = f"plugins: {{providers: [{{name: codeartifact-release, path: '{self.plugin}'}}]}}\n"
        text = f"name: native\nruntime: yaml\n{plugins}variables:\n  {variables}\nresources:\n{resources}{more}"
        self.project.write("Pulumi.yaml", text)

    def run(self, *words: str, fails: bool = False) -> str:
        return self.project.run(*words, fails=fails)

    def up(self, *words: str, fails: bool = False) -> str:
        return self.project.up(*words, fails=fails)

    def resources(self, kind: str = TYPE) -> list[dict[str, object]]:
        """Return the resources of a type in state."""
        exported = json.loads(self.run("stack", "export"))
        return [each for each in exported["deployment"].get("resources", []) if each["type"] == kind]


@pytest.fixture
def native(project: Project, tmp_path: Path) -> Native:
    return Native(project, plugin_in(tmp_path / "bin"))


@pytest.fixture
def yaml(native: Native) -> Native:
    """A program that the host for YAML can run."""
    beside = native.project.cli.with_name("pulumi-language-yaml")
    if not beside.exists() and not shutil.which("pulumi-language-yaml"):
        pytest.skip(WITHOUT_YAML)
    native.write_program(VERSION)
    native.project.build({"a.txt": b"alpha", "b.txt": b"beta"})
    native.run("stack", "init", "dev")
    return native


def plugin_in(folder: Path) -> Path:
    """Write what `pip install` writes, and return its folder."""
    folder.mkdir()
    path = folder / "pulumi-resource-codeartifact-release"
    path.write_text(SCRIPT.format(python=sys.executable))
    path.chmod(0o755)
    return folder


def test_a_yaml_program_releases_imports_and_leaves_a_version(yaml: Native) -> None:
    outputs = 'outputs:\n  digest: ${app.digest}\n  hash: ${app.assets["a.txt"]}\n'
    yaml.write_program(VERSION, more=outputs)
    printed = yaml.run("up", "--yes")
    assert "acme/app@1.0.0: publish 2 assets, 9 bytes" in printed
    assert "Published: sent 2 assets, 9 bytes" in printed
    assert 'hash  : "sha256:' in printed
    with opened(yaml.project.registry) as client:
        assert Package(client).contents("1.0.0") == {"a.txt": b"alpha", "b.txt": b"beta"}
    yaml.up("--expect-no-changes")
    [resource] = yaml.resources()
    state = json.dumps({key: resource[key] for key in ("id", "inputs", "outputs")})
    for secret in (str(yaml.folder), str(Path.home()), "dist/", "__provider"):
        assert secret not in state

    yaml.project.build({"a.txt": b"alpha", "b.txt": b"other"})
    printed = yaml.run("preview", "--diff", fails=True)
    assert "conflict: acme/app@1.0.0 in acme/dev is already Published, and 1 asset differs" in printed
    assert "b.txt" in printed
    assert "Traceback" not in printed
    yaml.project.build({"a.txt": b"alpha", "b.txt": b"beta"})

    assert "2 unchanged" in yaml.run("refresh", "--yes", "--skip-preview")
    with opened(yaml.project.registry) as client:
        Package(client).set_status("1.0.0", "Archived")
    assert '"Published" => "Archived"' in yaml.run("refresh", "--yes", "--skip-preview", "--diff")
    yaml.up()
    with opened(yaml.project.registry) as client:
        assert Package(client).statuses() == {"1.0.0": "Published"}

    # Nothing is replaced: a new version is an update.
    yaml.write_program(VERSION, variables="version: 1.1.0")
    printed = yaml.up("--diff")
    assert "1 updated" in printed
    assert "replace" not in printed
    printed = yaml.run("destroy", "--yes", "--skip-preview")
    assert "acme/app@1.1.0 stays in acme/dev (`onDestroy: retain`)" in printed
    with opened(yaml.project.registry) as client:
        assert Package(client).statuses() == {"1.0.0": "Published", "1.1.0": "Published"}

    # An import needs no files.
    shutil.rmtree(yaml.folder / "dist")
    yaml.write_program("  {}\n")
    yaml.run("config", "set", "codeartifact-release:endpoint", "file:.registry")
    yaml.up()
    wrong = yaml.run("import", TYPE, "app", "acme/dev/app", "--yes", fails=True)
    assert "expected DOMAIN/REPOSITORY/NAMESPACE/PACKAGE/VERSION" in wrong
    words = ["import", TYPE, "app", "acme/dev/acme/app/1.0.0", "--yes", "--protect=false", "--out", "imported.yaml"]
    yaml.run(*words)
    imported = (yaml.folder / "imported.yaml").read_text()
    yaml.write_program(re.sub("(?s).*resources:\n", "", imported))
    yaml.up("--expect-no-changes")


def test_six_lines_release_a_manifest(yaml: Native) -> None:
    plugins = f"plugins: {{providers: [{{name: codeartifact-release, path: '{yaml.plugin}'}}]}}\n"
    program = f"name: native\nruntime: yaml\n{plugins}resources:\n  release:\n    type: codeartifact-release:Release\n"
    assert len(program.splitlines()) == 6
    yaml.project.write("Pulumi.yaml", program)
    yaml.project.write(
        "release.yaml",
        "schemaVersion: 1\n"
        "packages:\n"
        '  - {namespace: acme, package: app, version: "1.0", assets: ["dist/*"]}\n'
        '  - {namespace: acme, package: tools, version: "2.0", assets: ["dist/a.txt"]}\n'
        'environments: {dev: {domain: acme, repository: dev, endpoint: "file:.registry"}}\n',
    )
    printed = yaml.run("up", "--yes")
    assert "dev: file:.registry, account 000000000000, us-east-1, repository acme/dev" in printed
    assert len(yaml.resources()) == 2
    yaml.up("--expect-no-changes")
    # A manifest may come from a pull request: what it needs is permitted by the configuration alone.
    text = (yaml.folder / "release.yaml").read_text()
    yaml.project.write("release.yaml", text.replace("dist/a.txt", "/etc/hostname"))
    assert "outside" in yaml.run("preview", fails=True)


def test_the_example_releases_and_promotes(yaml: Native) -> None:
    example = ROOT / "examples" / "yaml"
    shutil.copytree(example / "files", yaml.folder / "files")
    yaml.project.write(
        "Pulumi.yaml", (example / "Pulumi.yaml").read_text().replace("../../.venv/bin", str(yaml.plugin))
    )
    yaml.run("stack", "init", "example")
    yaml.run("up", "--yes", "--stack", "example")
    yaml.up("--expect-no-changes", "--stack", "example")
    with opened(yaml.project.registry) as client:
        versions = [
            client.describe_package_version(
                domain="acme", repository=name, format="generic", namespace="acme", package="payments",
                packageVersion="1.0.0",
            )["packageVersion"]["status"]
            for name in ("dev", "staging")
        ]  # fmt: skip
    assert versions == ["Published", "Published"]


def test_forty_components_do_not_wait_for_each_other(yaml: Native) -> None:
    resources = "".join(
        f"  r{number}:\n    type: codeartifact-release:Release\n    properties: {{variables: {{name: app{number}}}}}\n"
        for number in range(40)
    )
    yaml.write_program(resources)
    yaml.project.write(
        "release.yaml",
        "schemaVersion: 1\n"
        "variables: {name: {default: app}}\n"
        'packages: [{namespace: acme, package: "${name}", version: "1.0", assets: ["dist/a.txt"]}]\n'
        'environments: {dev: {domain: acme, repository: dev, endpoint: "file:.registry"}}\n',
    )
    # The stack, and 40 components with a version each.
    assert "81 created" in yaml.up("--parallel", "64")


def test_what_one_provider_declares_another_does_not_retire(yaml: Native) -> None:
    provider = "  other:\n    type: pulumi:providers:codeartifact-release\n    properties: {region: us-east-1}\n"
    first = VERSION + "      onDestroy: archive\n"
    yaml.write_program(first + provider)
    yaml.up()
    # Under another name, by another provider, which is another process.
    moved = first.replace("  app:\n", "  renamed:\n") + "    options: {provider: '${other}'}\n"
    yaml.write_program(moved + provider)
    printed = yaml.up()
    assert "is declared by another resource now, so it is not changed" in printed
    with opened(yaml.project.registry) as client:
        assert Package(client).statuses() == {"1.0.0": "Published"}


PYTHON = """\
import pulumi

pulumi.CustomResource(
    "codeartifact-release:index:PackageVersion",
    "app",
    {{
        "namespace": "acme", "package": "app", "version": "{version}", "domain": "acme", "repository": "dev",
        "endpoint": "file:.registry", "assets": ["dist/*"], "digest": None, "revision": None,
    }},
    pulumi.ResourceOptions(aliases=[pulumi.Alias(type_="{alias}")]),
)
"""
DYNAMIC = """\
import pulumi
from pulumi_codeartifact_release import PackageVersion

version = PackageVersion(
    "app", namespace="acme", package="app", version="1.0", domain="acme", repository="dev", endpoint="file:.registry",
    assets=["dist/*"], opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(type_="{alias}")]),
)
pulumi.export("assets", version.assets)
"""


def test_a_stack_moves_from_the_dynamic_resources_and_back(native: Native) -> None:
    project = native.project
    project.begin(DYNAMIC.format(alias=DYNAMIC_TYPE))
    settings = (native.folder / "Pulumi.yaml").read_text()
    plugins = f"\nplugins:\n  providers:\n    - name: codeartifact-release\n      path: {native.plugin}\n"
    project.write("Pulumi.yaml", settings + plugins)
    project.up()
    published = {path: path.stat().st_mtime_ns for path in project.registry.rglob("*")}
    project.write("__main__.py", PYTHON.format(alias=DYNAMIC_TYPE, version="1.0"))
    project.up("--expect-no-changes")
    [moved] = native.resources()
    assert moved["id"] == "acme/app"
    project.write("__main__.py", DYNAMIC.format(alias=TYPE))
    project.up("--expect-no-changes")
    assert native.resources() == []
    assert len(project.state()) == 1
    assert {path: path.stat().st_mtime_ns for path in project.registry.rglob("*")} == published
    # The first real update removes the pickle.
    project.write("__main__.py", PYTHON.format(alias=DYNAMIC_TYPE, version="1.1"))
    project.up()
    [updated] = native.resources()
    assert "__provider" not in json.dumps([updated["inputs"], updated["outputs"]])
    # Without the alias, the dynamic resource is created: it adopts, and the other one retires nothing.
    project.write("__main__.py", DYNAMIC.format(alias=DYNAMIC_TYPE))
    project.up()
    with opened(project.registry) as client:
        assert Package(client).statuses() == {"1.0": "Published", "1.1": "Published"}


# --- the end of a run -------------------------------------------------------------------------------------------------

ASSETS = 60


@pytest.fixture
def slow(yaml: Native, server: Server) -> Iterator[Server]:
    """A registry that takes a while for each asset."""
    yaml.write_program(VERSION.replace("      endpoint: file:.registry\n", ""))
    yaml.project.build({f"{number:03}.txt": str(number).encode() for number in range(ASSETS)})
    server.gate.before = lambda path: time.sleep(0.5) if "/version/publish" in path else None
    yield server
    server.gate.before = lambda _path: None


def until_sending(server: Server, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 100
    while server.gate.uploads < 2:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_interrupt_stops_before_the_next_asset_and_the_next_run_resumes(yaml: Native, slow: Server) -> None:
    process = yaml.project.start("up", "--yes", "--skip-preview")
    until_sending(slow, process)
    process.send_signal(signal.SIGINT)
    time.sleep(2)
    uploads = slow.gate.uploads
    printed, _ = process.communicate(timeout=60)
    assert uploads == slow.gate.uploads < ASSETS
    assert process.returncode != 0
    assert "interrupted: " in printed
    assert "Traceback" not in printed
    assert slow.package.statuses() == {"1.0.0": "Unfinished"}
    slow.gate.before = lambda _path: None
    assert "already there" in yaml.up()
    assert slow.package.statuses() == {"1.0.0": "Published"}
    assert slow.gate.uploads == ASSETS


def test_the_plugin_ends_with_a_killed_engine(yaml: Native, slow: Server) -> None:
    process = yaml.project.start("up", "--yes", "--skip-preview")
    until_sending(slow, process)
    children = descendants(process.pid)
    kill(process.pid)
    process.communicate(timeout=20)
    deadline = time.monotonic() + 20
    while running := _plugins(children):
        assert time.monotonic() < deadline, running
        time.sleep(0.2)
    assert slow.package.statuses() == {"1.0.0": "Unfinished"}
    slow.gate.before = lambda _path: None
    yaml.run("cancel", "--yes", "dev")
    yaml.up()
    assert slow.package.statuses() == {"1.0.0": "Published"}


def _plugins(pids: list[int]) -> list[str]:
    words = ["ps", "-o", "stat=,args=", "-p", ",".join(map(str, pids))]
    lines = subprocess.run(words, capture_output=True, text=True, check=False).stdout.splitlines()
    return [line for line in lines if "pulumi-resource-codeartifact" in line and not line.lstrip().startswith("Z")]
