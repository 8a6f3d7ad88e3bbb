"""The example in TypeScript, run by its own command where node, npm and Pulumi's host for Node.js are."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from scripts import pulumi_cli

from conftest import WITHOUT_CLI, WITHOUT_NODE

from .test_examples import cloned, command, holdings, without_cli

pytestmark = pytest.mark.timeout(400)

SCRIPT = f"#!{sys.executable}\nfrom pulumi_codeartifact_release.native.main import main\nmain()\n"


def run(clone: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("typescript"),
        shell=True,
        cwd=clone,
        env=environ,
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
    )


@pytest.fixture
def node() -> None:
    """Skip without what runs a TypeScript program."""
    cli = pulumi_cli.find()
    if cli is None:
        pytest.skip(WITHOUT_CLI)
    path = f"{cli.parent}{os.pathsep}{os.environ['PATH']}"
    if not all(shutil.which(name, path=path) for name in ("node", "npm", "pulumi-language-nodejs")):
        pytest.skip(WITHOUT_NODE)
    if subprocess.run(["npm", "view", "@pulumi/pulumi", "version"], capture_output=True, check=False).returncode:
        pytest.skip(WITHOUT_NODE)


@pytest.mark.engine
@pytest.mark.usefixtures("node")
def test_a_typescript_program_releases_promotes_and_downloads(tmp_path: Path, virtualenv: Path) -> None:
    clone = cloned(tmp_path, virtualenv)
    plugin = virtualenv / "bin" / "pulumi-resource-codeartifact-release"
    plugin.unlink(missing_ok=True)
    plugin.write_text(SCRIPT)
    plugin.chmod(0o755)
    done = run(clone, dict(os.environ))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    project = clone / "examples/typescript/.run/project"
    dev, staging = holdings(project / ".registry", "acme/dev", "acme/staging")
    zip_hash = hashlib.sha256((project / "dist" / "payments.zip").read_bytes()).hexdigest()
    assert dev == staging == {("payments", "1.0.0"): ("Published", {"payments.zip": zip_hash})}
    assert "3 unchanged" in done.stdout
    downloaded = Path(done.stdout.splitlines()[-1])
    assert hashlib.sha256(downloaded.read_bytes()).hexdigest() == zip_hash


def test_the_typescript_example_says_what_it_needs(tmp_path: Path, virtualenv: Path) -> None:
    done = run(cloned(tmp_path, virtualenv), without_cli(tmp_path))
    assert done.returncode == 1
    assert done.stderr == "this example needs the Pulumi CLI: https://www.pulumi.com/docs/install/\n"
