"""Credentials in the plugin process: nobody is asked, nothing hangs, and what is broken is one message of ours."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import grpc
import pytest

from pulumi_codeartifact_release.errors import NoCredentialsError
from pulumi_codeartifact_release.registry.logins import Login
from system.messages.test_mfa import DEVICE, LEAVE_OUT, NEEDS, PROFILES, SESSION

from .test_protocol import World, failed, world

__all__ = ["world"]

BROKEN = "[profile ci]\ncredential_process = /no/such/program\n"
NO_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}


def settings(world: World, text: str, profile: str) -> dict[str, str]:
    path = world.program.parent / "aws-config"
    path.write_text(text)
    return {**NO_KEYS, "AWS_CONFIG_FILE": str(path), "AWS_PROFILE": profile, "AWS_ENDPOINT_URL_STS": world.gate.url}


@pytest.mark.parametrize("profile", ["release", "chain"])
def test_nobody_is_asked_for_a_code(world: World, profile: str) -> None:
    _inputs, outputs = world.published()
    asked = len(world.gate.requests)
    before = time.monotonic()
    with world.plugin(**settings(world, PROFILES, profile)) as plugin:
        plugin.configure()
        for _ in range(2):
            [failure] = plugin.check({}, world.news(version="1.1", declared={"dry_run": True}))["failures"]
            said = f"no-credentials: {NEEDS}\n{SESSION}"
            assert failure["reason"] == said.replace("profile release", f"profile {profile}")
        checked = plugin.checked({}, world.news(version="1.1"))
        calls: list[Callable[[], object]] = [lambda: plugin.create(checked), lambda: plugin.read(outputs)]
        for call in calls:
            with pytest.raises(grpc.RpcError) as raised:
                call()
            assert DEVICE in failed(raised.value, "no-credentials")
    assert time.monotonic() - before < 40
    assert len(world.gate.requests) == asked


def test_a_profile_that_the_stack_names_is_to_be_left_out(world: World) -> None:
    with world.plugin(**settings(world, PROFILES, "")) as plugin:
        plugin.configure(**{"aws:profile": "release"})
        [failure] = plugin.check({}, world.news(declared={"dry_run": True}))["failures"]
    assert failure["reason"] == f"no-credentials: {NEEDS}\n{SESSION}{LEAVE_OUT}"


def test_a_source_that_is_broken_is_one_message(world: World) -> None:
    _inputs, outputs = world.published()
    with world.plugin(**settings(world, BROKEN, "ci")) as plugin:
        plugin.configure()
        [failure] = plugin.check({}, world.news(version="1.1", declared={"dry_run": True}))["failures"]
        assert failure["reason"].startswith("no-credentials: `credential_process` of the AWS profile ci (/no/such/")
        calls: list[Callable[[], object]] = [
            lambda: plugin.create(plugin.checked({}, world.news(version="1.1"))),
            lambda: plugin.read(outputs),
            lambda: plugin.call("Delete", {"id": "acme/app", "properties": {**outputs, "on_destroy": "archive"}}),
        ]
        for call in calls:
            with pytest.raises(grpc.RpcError) as raised:
                call()
            assert "(/no/such/program)" in failed(raised.value, "no-credentials")


def test_what_is_unchanged_needs_no_credentials(world: World) -> None:
    _inputs, outputs = world.published()
    with world.plugin(**settings(world, BROKEN, "ci")) as plugin:
        plugin.configure()
        checked = plugin.checked(outputs, world.news(declared={"dry_run": True}))
        assert plugin.diff(outputs, checked)["changes"] == "DIFF_NONE"


def test_a_region_of_the_stack_has_a_line_break(world: World) -> None:
    with world.plugin() as plugin:
        plugin.configure(**{"aws:region": "eu-west-1\n"})
        [failure] = plugin.check({}, world.news(declared={"dry_run": True}))["failures"]
    assert failure["property"] == "region"
    assert failure["reason"].startswith("wrong-region: the region (`region`, or aws:region) is 'eu-west-1\\n', which")


def test_a_terminal_makes_no_difference_where_nobody_may_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    with pytest.raises(NoCredentialsError):
        Login("release").code(f"Enter MFA code for {DEVICE}: ")
