"""The command line, for a registry that the shell names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.command_line import MANIFEST, Run, project, run

__all__ = ["Ask", "project", "run"]

Ask = Callable[..., str]
"""Runs `plan` in an environment of its own; returns what it prints to stderr."""


@pytest.fixture
def ask(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Plan a release to a registry elsewhere: `environ` is the shell's, `more` the keys of the environment."""
    environ = {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }

    def plan(endpoint: str = "", more: str = "", **changed: str) -> str:
        manifest = MANIFEST.replace('repository: dev, endpoint: "file:.registry"}', f"repository: dev{more}}}", 1)
        (project / "release.yaml").write_text(manifest)
        for name, value in {**environ, "AWS_ENDPOINT_URL_CODEARTIFACT": endpoint, **changed}.items():
            monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
        outcome = run("plan", "release.yaml", "-e", "dev")
        assert "Traceback" not in outcome.err
        return outcome.err

    return plan
