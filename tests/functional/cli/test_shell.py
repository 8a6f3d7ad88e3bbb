"""A registry in a folder is not AWS: no AWS setting of the shell changes what a release to it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.command_line import Run
from support.embedded import opened
from support.hostile_shell import SHELLS, shell


@pytest.mark.slow
@pytest.mark.parametrize("name", SHELLS)
def test_no_aws_setting_of_the_shell_reaches_a_registry_in_a_folder(
    name: str, project: Path, run: Run, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = run("plan", "release.yaml", "-e", "dev")
    with monkeypatch.context() as patch:
        for variable, value in shell(name, tmp_path_factory.mktemp("shell") / "files").items():
            patch.setenv(variable, value)
        assert run("plan", "release.yaml", "-e", "dev") == usual
        for environment in ("dev", "staging"):
            applied = run("apply", "release.yaml", "-e", environment, "--yes")
            assert (applied.code, "warning" in applied.err.lower()) == (0, False), applied.err
        assert run("verify", "release.yaml", "-e", "staging", "--download").code == 0
        assert run("status", "release.yaml").code == 0
    with opened(project / ".registry") as client:
        for repository in ("dev", "staging"):
            packages = client.list_packages(domain="acme", repository=repository)["packages"]
            assert [each["package"] for each in packages] == ["app"]
