"""What a program calls secret is in clear in no state and in no line that the engine prints."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from .test_engine import Project, project, sha256

__all__ = ["project"]

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

OWNER = "123456781234"
PACKAGE = "an-app-of-ours"
VERSION = "9.8.7-hush"
TEXT = b"nobody may know this text"

PROGRAM = """\
import asyncio

import pulumi

from pulumi_codeartifact_release import PackageVersion, Promotion, outputs_of


async def later():
    await asyncio.sleep(0.1)
    return "9.8.7-hush"


def secret(value):
    # No Output says at once that it is secret if it was made of another.
    return pulumi.Output.from_input(value).apply(pulumi.Output.secret)


place = {"domain": "acme", "endpoint": "file:.registry", "on_supersede": "archive", "on_destroy": "archive"}
dev = PackageVersion(
    "app",
    namespace="acme",
    package=secret("an-app-of-ours"),
    version=secret(later()),
    domain_owner=secret("123456781234"),
    repository="dev",
    assets={"a.txt": "dist/a.txt", "b.txt": pulumi.Output.secret(pulumi.StringAsset("nobody may know this text"))},
    **place,
)
staging = Promotion("staging", source=dev, domain_owner=dev.domain_owner, repository="staging", **place)
pulumi.export("releases", outputs_of({"app": dev, "staging": staging}))
pulumi.export("audit", staging.audit)
"""


def stored(project: Project) -> str:
    """The whole state, as it stands on the disk."""
    [state] = (project.backend / "state/.pulumi/stacks").rglob("dev.json")
    return state.read_text(encoding="utf-8")


def assert_kept(project: Project, printed: str, *secrets: str) -> None:
    for secret in secrets:
        assert secret not in stored(project), secret
        assert secret not in printed, secret


def audit(project: Project, number: int) -> dict[str, Any]:
    """What the outputs of a resource say, for whoever may see it."""
    exported = json.loads(project.run("stack", "export", "--show-secrets"))
    ours = [each for each in exported["deployment"]["resources"] if "dynamic/codeartifact" in each["type"]]
    found: dict[str, Any] = json.loads(ours[number]["outputs"]["audit"]["plaintext"])
    return found


def test_what_is_secret_stays_so_in_state_and_in_what_is_printed(project: Project) -> None:
    hashed = hashlib.sha256(TEXT).hexdigest()
    alpha = hashlib.sha256(b"the first alpha").hexdigest()
    digest = sha256(f"{alpha}  a.txt\n{hashed}  b.txt\n".encode())
    secrets = (OWNER, PACKAGE, VERSION, TEXT.decode(), hashed, digest)
    project.begin(PROGRAM)
    assert_kept(project, project.run("up", "--yes", "--diff"), *secrets)
    assert [each["id"] for each in project.state()] == ["app"]
    assert (audit(project, 0)["version"], audit(project, 1)["source"]["domain_owner"]) == (VERSION, OWNER)

    # What is read again; what is refused; what is retired.
    assert_kept(project, project.run("refresh", "--yes", "--skip-preview", "--diff"), *secrets)
    project.write("__main__.py", PROGRAM.replace("may know", "must know"))
    printed = project.run("preview", "--diff", fails=True)
    assert "conflict: acme/[secret]@[secret] in acme/dev is already Published, and 1 asset differs" in printed
    assert_kept(project, printed, *secrets)
    printed = project.run("destroy", "--yes", "--skip-preview")
    assert "acme/[secret]@[secret] in acme/dev: Archived" in printed
    assert_kept(project, printed, *secrets)


PLAIN = """\
import pulumi

from pulumi_codeartifact_release import PackageVersion

PackageVersion(
    "app",
    namespace=pulumi.Output.from_input("acme"),
    package=pulumi.Output.from_input("app"),
    version=pulumi.Output.from_input("9.8.7-hush"),
    domain="acme",
    repository="dev",
    endpoint="file:.registry",
    assets=["dist/*"],
)
"""


def test_what_becomes_secret_is_so_in_the_outputs_after_the_next_run_too(project: Project) -> None:
    project.begin(PLAIN)
    project.up()
    assert VERSION in stored(project)
    registry = {name: entry for name, entry in project.tree().items() if name.startswith(".registry")}
    project.write("__main__.py", PLAIN.replace('from_input("9', 'secret("9'))
    project.up()
    assert VERSION not in stored(project)
    assert {name: entry for name, entry in project.tree().items() if name.startswith(".registry")} == registry
