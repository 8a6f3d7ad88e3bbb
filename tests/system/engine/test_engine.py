"""The real engine: programs run by the Pulumi CLI, each in a folder and with a backend of its own.

A run of the CLI takes seconds, so each test walks through one story.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from scripts import pulumi_cli

from conftest import WITHOUT_CLI
from pulumi_codeartifact_release.local_registry import start
from support.embedded import Gate, Package, client_of, opened

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[3]
TOKEN = "pulumi-python:dynamic/codeartifact:PackageVersion"

MANIFEST = """\
schemaVersion: 1
variables:
  version: {file: VERSION}
packages:
  - namespace: acme
    package: app
    version: ${version}
    assets: ["dist/*"]
environments:
  dev: {domain: acme, repository: dev, endpoint: "file:.registry"}
"""
_new_stack: dict[str, bytes] = {}
"""What `pulumi stack init` writes: the files of the backend by path, and the `salt` in the settings of the stack."""
FIRST = {"a.txt": b"the first alpha", "b.txt": b"the first beta", "c.txt": b""}


@dataclass
class Project:
    """A program's folder, and a stack `dev` that only this test knows.

    Attributes:
        folder: of the program and the manifest.
        virtualenv: what the program runs in.
        environ: what the CLI and the plugin run in.
    """

    cli: Path
    backend: Path
    folder: Path
    virtualenv: Path
    environ: dict[str, str]
    config: dict[str, str] = field(default_factory=lambda: {"manifest": "release.yaml"})

    def begin(self, program: str | None = None) -> None:
        """Lay out the root program, or one of the test's own, and make the stack."""
        self.write("Pulumi.yaml", self._settings())
        self.write("__main__.py", program or (ROOT / "__main__.py").read_text(encoding="utf-8"))
        self.write("release.yaml", MANIFEST)
        self.write("VERSION", "1.0\n")
        self.build(FIRST)
        lines = "".join(f"  codeartifact-release:{key}: {value}\n" for key, value in self.config.items())
        self.write("Pulumi.dev.yaml", f"config:\n{lines}")
        self._init()

    def _init(self) -> None:
        """Create the stack. Only the first test of a process runs the CLI for it; the others copy what that wrote."""
        settings = self.folder / "Pulumi.dev.yaml"
        if not _new_stack:
            self.run("stack", "init", "dev")
            state = {path: path.read_bytes() for path in (self.backend / "state").rglob("*") if path.is_file()}
            _new_stack.update({str(path.relative_to(self.backend)): content for path, content in state.items()})
            [salt] = re.findall("^encryptionsalt: .*\n", settings.read_text(encoding="utf-8"), flags=re.MULTILINE)
            _new_stack["salt"] = salt.encode()
            return
        for name, content in _new_stack.items():
            if name != "salt":
                (self.backend / name).parent.mkdir(parents=True, exist_ok=True)
                (self.backend / name).write_bytes(content)
        with settings.open("ab") as file:
            file.write(_new_stack["salt"])

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def build(self, contents: dict[str, bytes]) -> None:
        """Write what is released."""
        shutil.rmtree(self.folder / "dist", ignore_errors=True)
        (self.folder / "dist").mkdir()
        for name, content in contents.items():
            (self.folder / "dist" / name).write_bytes(content)

    def run(self, *words: str, fails: bool = False) -> str:
        """Run the CLI; returns what it prints."""
        with self.start(*words) as process:
            printed, _ = process.communicate(timeout=100)
        assert (process.returncode != 0) is fails, printed
        assert "Traceback" not in printed, printed
        return printed

    def start(self, *words: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.cli, *words, "--color", "never", "--non-interactive"],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def up(self, *words: str, fails: bool = False) -> str:
        return self.run("up", "--yes", "--skip-preview", *words, fails=fails)

    def apply(self, *options: str) -> None:
        """Publish by the command line, which takes a fraction of the time that `up` takes."""
        words = ["apply", "release.yaml", "-e", "dev", "--yes", *options]
        program = Path(sys.executable).with_name("codeartifact-release")
        subprocess.run([program, *words], cwd=self.folder, env=self.environ, check=True, capture_output=True)

    def tree(self) -> dict[str, tuple[int, bytes]]:
        """Everything in the folder: path -> time of change and content. Python's own caches apart."""
        return {
            str(path.relative_to(self.folder)): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
            for path in sorted(self.folder.rglob("*"))
            if "__pycache__" not in path.parts
        }

    def state(self) -> list[dict[str, Any]]:
        """Our resources in the stack's state."""
        [stored] = (self.backend / "state/.pulumi/stacks").rglob("dev.json")
        latest = json.loads(stored.read_bytes())["checkpoint"]["latest"]
        return [resource for resource in latest.get("resources", []) if resource["type"] == TOKEN]

    @property
    def registry(self) -> Path:
        return self.folder / ".registry"

    def _settings(self) -> str:
        settings = (ROOT / "Pulumi.yaml").read_text(encoding="utf-8")
        return settings.replace("virtualenv: .venv", f"virtualenv: {self.virtualenv}")


@pytest.fixture
def project(tmp_path: Path, virtualenv: Path) -> Project:
    cli = pulumi_cli.find()
    if cli is None:
        pytest.skip(WITHOUT_CLI)
    folder = tmp_path / "program"
    folder.mkdir()
    environ = {**pulumi_cli.environment(cli, tmp_path / "pulumi"), "PULUMI_STACK": "dev"}
    return Project(cli, tmp_path / "pulumi", folder, virtualenv, environ)


@dataclass
class Server:
    """A registry in this process that the shell names, behind a gate."""

    gate: Gate
    package: Package


@pytest.fixture
def server(project: Project, tmp_path: Path) -> Iterator[Server]:
    with start(tmp_path / "registry") as running, Gate(running) as gate:
        client = client_of(running)
        client.create_domain(domain="acme")
        client.create_repository(domain="acme", repository="dev")
        key = running.credentials()
        project.environ |= {
            "AWS_ENDPOINT_URL_CODEARTIFACT": gate.url,
            "AWS_ACCESS_KEY_ID": key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
            "AWS_REGION": "us-east-1",
        }
        yield Server(gate, Package(client))
        client.close()


def without_endpoint(project: Project) -> None:
    project.write("release.yaml", MANIFEST.replace(', endpoint: "file:.registry"', ""))


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def descendants(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [(int(line.split()[0]), int(line.split()[1])) for line in listed.splitlines()]
    found, queue = [], [pid]
    while queue:
        parent = queue.pop()
        children = [child for child, its_parent in pairs if its_parent == parent]
        found += children
        queue += children
    return found


def plugins(pids: list[int]) -> list[str]:
    """The command lines of those among them that are plugins of ours and still run."""
    words = ["ps", "-o", "stat=,args=", "-p", ",".join(map(str, pids))]
    lines = subprocess.run(words, capture_output=True, text=True, check=False).stdout.splitlines()
    return [line for line in lines if "dynamic" in line and not line.lstrip().startswith("Z")]


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


# --- stories ----------------------------------------------------------------------------------------------------------


def test_a_release_is_published_then_left_alone_and_a_new_version_leaves_the_old_one(project: Project) -> None:
    project.begin()
    before = project.tree()
    printed = project.run("preview")
    assert "1.0" in printed
    assert project.tree() == before
    assert not project.registry.exists()

    printed = project.up()
    assert "Published: sent 3 assets, 29 bytes" in printed
    with opened(project.registry) as client:
        assert Package(client).statuses() == {"1.0": "Published"}
        assert Package(client).contents("1.0") == FIRST

    # What stands in state is the same on every machine, and tells nothing.
    [resource] = project.state()
    told = json.dumps({key: resource.get(key) for key in ("id", "inputs", "outputs", "urn")})
    assert resource["id"] == "acme/app"
    assert sorted(resource["inputs"]) == sorted(set(resource["outputs"]) - {"revision", "audit"})
    for secret in (str(project.folder), str(Path.home()), "the first alpha", "AWS_", "secret"):
        assert secret not in told
    assert resource["retainOnDelete"] is True

    published = {name: entry for name, entry in project.tree().items() if name.startswith(".registry")}
    # Another checkout, elsewhere: no diff, and nothing is done in the registry, not even looked at.
    moved = project.folder.with_name("elsewhere")
    project.folder.rename(moved)
    project.folder = moved
    project.up("--expect-no-changes")
    assert {name: entry for name, entry in project.tree().items() if name.startswith(".registry")} == published

    # Different bytes are refused in the preview.
    second = {**FIRST, "b.txt": b"the second beta"}
    project.build(second)
    before = project.tree()
    printed = project.run("preview", fails=True)
    assert "has a problem: conflict: acme/app@1.0 in acme/dev is already Published, and 1 asset differs" in printed
    assert "b.txt" in printed
    assert sha256(FIRST["b.txt"]) in printed
    assert sha256(second["b.txt"]) in printed
    assert project.tree() == before

    project.write("VERSION", "1.1\n")
    printed = project.up("--diff")
    assert "1 updated" in printed
    assert "replace" not in printed
    # The files go, the state moves on, and what is published stays.
    shutil.rmtree(project.folder / "dist")
    project.run("destroy", "--yes", "--skip-preview")
    assert project.state() == []
    with opened(project.registry) as client:
        package = Package(client)
        assert package.statuses() == {"1.0": "Published", "1.1": "Published"}
        assert package.contents("1.0") == FIRST
        assert package.contents("1.1") == second


def test_drift_is_shown_by_refresh_and_repaired_by_the_next_up(project: Project) -> None:
    project.begin()
    project.up()
    with opened(project.registry) as client:
        Package(client).set_status("1.0", "Archived")
    printed = project.run("refresh", "--yes", "--skip-preview", "--diff")
    assert '"Published" => "Archived"' in printed
    project.up()
    with opened(project.registry) as client:
        assert Package(client).statuses() == {"1.0": "Published"}

        Package(client).delete("1.0")
    printed = project.run("refresh", "--yes", "--skip-preview")
    assert "1 deleted" in printed
    # The next update creates it, as it did the first time.
    assert project.state() == []


def test_what_another_tool_has_published_is_adopted_without_a_write(project: Project, server: Server) -> None:
    project.begin()
    without_endpoint(project)
    project.apply()
    revision, uploads = server.package.revision("1.0"), server.gate.uploads
    assert uploads == 3
    written = len(server.gate.requests)
    printed = project.run("up", "--yes")
    assert f"the endpoint {server.gate.url} comes from AWS_ENDPOINT_URL_CODEARTIFACT" in printed
    assert "Published: nothing to send, 3 assets already there" in printed
    assert server.gate.uploads == uploads
    assert not [request for request in server.gate.requests[written:] if "status" in request]
    assert server.package.revision("1.0") == revision
    [resource] = project.state()
    assert resource["outputs"]["revision"] == revision
    # An unchanged stack asks nothing; with the registry gone a refresh fails and forgets nothing.
    asked = len(server.gate.requests)
    printed = project.run("preview", "--expect-no-changes")
    assert len(server.gate.requests) == asked
    # Nor does it show what the state does not have, here an account, as if it were about to change.
    assert "[unknown]" not in printed
    server.gate.close()
    project.environ["AWS_MAX_ATTEMPTS"] = "1"
    printed = project.run("refresh", "--yes", "--skip-preview", fails=True)
    assert "error: unreachable: DescribePackageVersion: no response from " in printed
    [kept] = project.state()
    for part in ("id", "inputs", "outputs"):
        assert kept[part] == resource[part]


PROGRAM = """\
import pulumi
from pulumi_codeartifact_release import PackageVersion

WHERE = dict(namespace="acme", domain="acme", repository="dev", endpoint="file:.registry")


class Releases(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("acme:index:Releases", name)
        child = pulumi.ResourceOptions(parent=self)
        self.app = PackageVersion(
            "app", **WHERE, package="app", version="1.0", opts=child,
            assets={
                "a.txt": pulumi.FileAsset("dist/a.txt"),
                "inline.txt": pulumi.StringAsset("content from the program"),
            },
        )
        # Nothing of this one is known before the other is there.
        self.docs = PackageVersion(
            "docs", **WHERE, package="docs", opts=child,
            version=self.app.revision.apply(lambda _revision: "7"),
            assets={"copy.txt": self.app.revision.apply(lambda _revision: "dist/b.txt")},
        )
        self.register_outputs({})


releases = Releases("releases")
PackageVersion(
    "frozen", **WHERE, package="frozen", version="1.0", assets=["dist/c.txt"],
    opts=pulumi.ResourceOptions(ignore_changes=["checksums", "digest"]),
)
pulumi.export("digest", releases.app.digest)
"""


def test_a_program_of_ones_own(project: Project) -> None:
    project.begin(PROGRAM)
    printed = project.run("preview")
    assert "4 to create" in printed or "5 to create" in printed
    assert not project.registry.exists()

    printed = project.up()
    # Messages stand beside the right resource, whatever its parents: the URN was right.
    for name in ("app", "docs", "frozen"):
        assert f"PackageVersion ({name}):\n    Published: sent " in printed
    with opened(project.registry) as client:
        app = {"a.txt": FIRST["a.txt"], "inline.txt": b"content from the program"}
        assert Package(client).contents("1.0") == app
        assert Package(client, "docs").contents("7") == {"copy.txt": FIRST["b.txt"]}
        assert Package(client, "frozen").contents("1.0") == {"c.txt": b""}
    stored = json.dumps(project.state())
    assert "content from the program" not in stored
    assert str(project.folder) not in stored
    assert f"acme:index:Releases${TOKEN}::app" in stored

    project.build({**FIRST, "c.txt": b"ignored"})
    project.up("--expect-no-changes")
