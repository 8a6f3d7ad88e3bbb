"""A command line in this process, and a manifest on an embedded registry."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pulumi_codeartifact_release import connections
from pulumi_codeartifact_release.cli import main
from pulumi_codeartifact_release.local_registry import start
from support.embedded import Gate, create_registry

MANIFEST = """\
schemaVersion: 1
variables:
  version: {default: "1.0"}
defaults:
  namespace: acme
packages:
  - package: app
    version: ${version}
    assets: [dist/*]
environments:
  dev: {domain: acme, repository: dev, endpoint: "file:.registry"}
  minimal: {domain: acme, repository: dev, endpoint: "file:.registry", finalize: last-asset}
  staging: {domain: acme, repository: staging, endpoint: "file:.registry", promoteFrom: dev}
"""


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run `codeartifact-release WORDS`."""

    def run_command(*words: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["codeartifact-release", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main()
        printed = capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return Outcome(caught.value.code, printed.out, printed.err)

    yield run_command
    connections.close()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a manifest and two files; the working folder."""
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "a.txt").write_text("hello\n")
    (tmp_path / "dist" / "b.bin").write_bytes(bytes(100_000))
    (tmp_path / "release.yaml").write_text(MANIFEST)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def gate(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """A registry over HTTP that counts; `dev`, `staging` and `far` are in it."""
    (project / "release.yaml").write_text(
        MANIFEST.replace(', endpoint: "file:.registry"', "")
        + "  far: {domain: acme-far, repository: releases, promoteFrom: dev}\n"
    )
    create_registry(project / ".registry", "acme/dev", "acme/staging", "acme-far/releases")
    with start(project / ".registry") as server:
        counting = Gate(server)
        key = server.credentials()
        for name, value in {
            "AWS_ENDPOINT_URL_CODEARTIFACT": counting.url,
            "AWS_ACCESS_KEY_ID": key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
            "AWS_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)
        yield counting
        counting.close()
