"""A profile that needs the code of an MFA device, in the real engine at a terminal: nobody is asked, nothing waits."""

from __future__ import annotations

import time

import pytest

from support.terminal import at_a_terminal, unstyled
from system.messages.test_mfa import NEEDS, PROFILES

from .test_engine import Project, Server, project, server, without_endpoint

__all__ = ["project", "server"]
pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]


def test_pulumi_never_waits_for_a_code(project: Project, server: Server) -> None:
    project.begin()
    without_endpoint(project)
    project.write("aws-config", PROFILES)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del project.environ[name]
    project.environ |= {
        "AWS_CONFIG_FILE": str(project.folder / "aws-config"),
        "AWS_PROFILE": "release",
        "AWS_ENDPOINT_URL_STS": server.gate.url,
    }
    before = time.monotonic()
    code, printed = at_a_terminal(
        [str(project.cli), "up", "--yes", "--skip-preview", "--color", "never"],
        project.folder,
        project.environ,
        columns=250,
    )
    assert code != 0
    assert "no-credentials: " in unstyled(printed)
    assert NEEDS in " ".join(unstyled(printed).split())
    assert "Traceback" not in printed
    assert time.monotonic() - before < 80
    assert server.gate.requests == []
