"""What the commands do without MANIFEST and without -e, and the command that `apply` names at its end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.command_line import MANIFEST, Run

ENVIRONMENTS = """\
error[usage]: {}: choose an environment with -e:
  dev      file:.registry, repository acme/dev
  minimal  file:.registry, repository acme/dev
  staging  file:.registry, repository acme/staging, promotes from dev
"""

MISSING = (
    "error[usage]: release.yaml: there is no such file\n"
    "Name a manifest, or write one with `codeartifact-release init`.\n"
)


@pytest.mark.parametrize("words", [["plan"], ["apply"], ["verify"], ["download", "--to", "out"], ["list"]])
def test_without_an_environment_they_are_listed(run: Run, project: Path, words: list[str]) -> None:
    command, *options = words
    (project / "other.yaml").write_text(MANIFEST)
    for manifest in ([], ["other.yaml"]):
        outcome = run(command, *manifest, *options)
        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err == ENVIRONMENTS.format(*manifest or ["release.yaml"])


def test_the_list_needs_no_files(run: Run, project: Path) -> None:
    for path in (project / "dist").iterdir():
        path.unlink()
    assert run("plan").err == ENVIRONMENTS.format("release.yaml")


def test_an_environment_of_aws(run: Run, project: Path) -> None:
    (project / "release.yaml").write_text(MANIFEST.replace(', endpoint: "file:.registry"', ""))
    assert "  dev      AWS, repository acme/dev\n" in run("plan").err


def test_without_a_manifest_there_is_one_message(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (["plan"], ["apply"], ["verify"], ["download", "--to", "out"], ["status"], ["list", "-e", "dev"]):
        outcome = run(*words)
        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err == MISSING


def test_each_command_takes_release_yaml(run: Run, project: Path) -> None:
    assert run("plan", "-e", "dev").code == 0
    assert run("apply", "-e", "dev", "--yes").code == 0
    assert run("verify", "-e", "dev").code == 0
    assert run("download", "-e", "dev", "--to", "out").code == 0
    assert run("status").out.startswith("release.yaml, as of ")


def test_apply_ends_with_the_command_of_the_next_environment(run: Run, project: Path) -> None:
    (project / "other.yaml").write_text(MANIFEST)

    def last(*words: str) -> str:
        outcome = run("apply", *words, "--yes")
        assert outcome.code == 0, outcome.err
        return outcome.out.splitlines()[-1]

    assert last("-e", "dev") == "Next: codeartifact-release apply -e staging"
    # Also if there was nothing to do.
    assert last("-e", "dev") == "Next: codeartifact-release apply -e staging"
    assert last("-e", "staging") == "Next: codeartifact-release status"
    again = last("other.yaml", "-e", "dev", "--var", "version=2.0&id")
    assert again == "Next: codeartifact-release apply other.yaml -e staging --var 'version=2.0&id'"
    manifest = project / "release.yaml"
    manifest.write_text(manifest.read_text().replace("promoteFrom: dev}", "promoteFrom: dev, pinned: true}"))
    assert last("-e", "dev") == "Next: codeartifact-release pin -e staging"
    assert run("pin", "-e", "staging").code == 0
    assert last("-e", "dev") == "Next: codeartifact-release apply -e staging"
    assert "Next:" not in run("apply", "-e", "dev", "--yes", "--quiet").out


@pytest.mark.slow
def test_a_shell_completes_the_environments_of_the_right_manifest(tmp_path: Path) -> None:
    (tmp_path / "release.yaml").write_text("environments: {dev: {}, staging: {}}\n")
    (tmp_path / "other.yaml").write_text("environments: {prod: {}}\n")

    def completed(words: str) -> list[str]:
        environ = {
            **os.environ,
            "_CODEARTIFACT_RELEASE_COMPLETE": "bash_complete",
            "COMP_WORDS": f"codeartifact-release {words}",
            "COMP_CWORD": str(len(words.split(" "))),
        }
        command = [str(Path(sys.executable).with_name("codeartifact-release"))]
        printed = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True).stdout
        return [line.split(",")[1] for line in printed.splitlines() if line]

    for command in ("plan", "verify", "download", "status", "list"):
        assert completed(f"{command} -e ") == ["dev", "staging"]
        assert completed(f"{command} other.yaml -e ") == ["prod"]
