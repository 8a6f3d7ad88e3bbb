"""A command line in this process, and a manifest on an embedded registry."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pulumi_codeartifact_release import endpoints
from pulumi_codeartifact_release.cli import main

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
  minimal: {domain: acme, repository: dev, endpoint: "file:.registry", finish: last-asset}
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
    endpoints.close_embedded()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a manifest and two files; the working folder."""
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "a.txt").write_text("hello\n")
    (tmp_path / "dist" / "b.bin").write_bytes(bytes(100_000))
    (tmp_path / "release.yaml").write_text(MANIFEST)
    monkeypatch.chdir(tmp_path)
    return tmp_path
