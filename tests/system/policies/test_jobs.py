"""Runs the jobs of docs/ci.md unchanged, and compares each with the policies of its role.

GitHub, S3 and KMS are not here: steps that only `uses` an action are passed over, and the bucket is the test's own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from scripts import pulumi_cli

from conftest import WITHOUT_CLI

from .cloud import KEY, Cloud
from .conftest import Stand
from .iam import Grant, Need, Policy, idle, missing, policy
from .page import FILES, PAGE, ROOT, job, policies_of

# GitHub's machines have it.
WITH_JQ = pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not on this machine")


@dataclass
class Runner:
    """Where jobs run: a checkout with the tools installed.

    Attributes:
        environ: what every job has.
        cloud: where state is kept; None without Pulumi.
        ran: the roles that were taken, with what was needed in them.
    """

    stand: Stand
    environ: dict[str, str]
    cloud: Cloud | None
    ran: dict[str, set[Need]]

    def run(self, file: str, name: str, *, fails: bool = False, matrix: str = "", **environ: str) -> str:
        """Run a job, compare it with its role, and return its output."""
        told = job(file, name, **({"stack": matrix} if matrix else {}))
        self._forget()
        output = self.stand.folder / "output"
        output.write_text("")
        settings = {**told.environ, **environ}
        if self.cloud:
            settings |= self.cloud.reached(settings.get("PULUMI_BACKEND_URL", "s3://none/none?region=eu-west-1"))
        printed = ""
        for script in told.scripts:
            code, text = self.shell(script, GITHUB_OUTPUT=str(output), **settings)
            printed += text
            if code:
                assert fails, printed
                break
        else:
            assert not fails, printed
        needed = self.stand.needed() | (self.cloud.needed() if self.cloud else set())
        stack = re.findall(r"payments-api/(\w+)\?", told.environ.get("PULUMI_BACKEND_URL", ""))
        assert missing(allowed(told.role, *stack), needed) == set(), f"{file}: {name}"
        self.ran.setdefault(told.role, set()).update(needed)
        return printed + output.read_text()

    def shell(self, script: str, **environ: str) -> tuple[int, str]:
        """Run a script as GitHub does."""
        done = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self.stand.folder,
            env={**self.environ, **self.stand.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
            check=False,
        )
        return done.returncode, done.stdout

    def _forget(self) -> None:
        self.stand.forget()
        if self.cloud:
            self.cloud.forget()


def allowed(role: str, stack: str = "dev") -> Policy:
    """The permissions of a role."""
    policies = [policy(name) for name in policies_of(role)]
    grants = [grant for each in policies for grant in each.grants]
    # state.json is for dev; the page says to replace the prefix for other environments.
    return Policy(
        tuple(Grant(action, text.replace("payments-api/dev/", f"payments-api/{stack}/")) for action, text in grants)
    )


@pytest.fixture
def runner(stand: Stand, virtualenv: Path) -> Runner:
    (stand.folder / ".venv").symlink_to(virtualenv)
    return Runner(stand, dict(os.environ), None, {})


@WITH_JQ
def test_the_look_job_waits_for_a_soak_and_fails_for_a_pin_mismatch(runner: Runner, stand: Stand) -> None:
    def look(event: str = "schedule", *, fails: bool = False) -> str:
        return runner.run("prod", "look", fails=fails, GITHUB_EVENT_NAME=event)

    for environment in ("dev", "staging"):
        stand.apply(environment)
    digest = stand.approve("1.4.2")
    printed = look()
    assert re.search(r"has been Published for \w+, and `soak` requires 24h: until ", printed)
    assert "go=true" not in printed
    stand.edit(digest, f"sha256:{'0' * 64}")
    assert "is not what was approved" in look(fails=True)
    stand.edit(f"sha256:{'0' * 64}", digest)
    stand.edit("    soak: 24h\n", "")
    assert "go=true" in look()
    stand.apply("prod")
    assert "go=true" not in look()
    assert "go=true" in look("push")
    stand.edit("pinned: true", "pinned: perhaps")
    look(fails=True)


def test_the_same_roles_suffice_without_pulumi(runner: Runner, stand: Stand) -> None:
    for environment in ("dev", "staging"):
        stand.apply(environment)
    stand.approve("1.4.2")
    assert "refused[gate]" in runner.run("prod-without-pulumi", "prod", fails=True)
    stand.edit("    soak: 24h\n", "")
    assert "acme/payments-api: Published" in runner.run("prod-without-pulumi", "prod")
    runner.run("watch", "status")
    assert "1.4.2" in (stand.folder / "public" / "index.html").read_text()


@WITH_JQ
def test_without_pulumi_drift_fails_a_job(runner: Runner, stand: Stand) -> None:
    for environment in ("dev", "staging"):
        stand.apply(environment)
    [drift] = re.findall(r"`(\.venv\S+ status .*?)`, then `(jq .*?)`", PAGE)
    assert runner.shell("\n".join(drift))[0] == 0
    stand.set_status("staging", "1.4.2", "Unlisted")
    assert runner.shell("\n".join(drift))[0] == 1


@pytest.mark.engine
@pytest.mark.timeout(400)
def test_the_jobs_run_with_the_permissions_of_their_roles(runner: Runner, stand: Stand, tmp_path: Path) -> None:
    cli = pulumi_cli.find()
    if cli is None:
        pytest.skip(WITHOUT_CLI)
    with Cloud() as cloud:
        kept = pulumi_cli.environment(cli, tmp_path / "pulumi")
        for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS", "PULUMI_BACKEND_URL"):
            kept.pop(name, None)
        runner.environ, runner.cloud = kept, cloud
        begin_stacks(runner, cloud)

        runner.run("release", "dev", GITHUB_REF_NAME="v1.4.2")
        assert runner.shell(job("release", "dev").scripts[0], GITHUB_REF_NAME="v1.4.3")[0] == 1
        runner.run("release", "staging")
        stand.approve("1.4.2")
        assert "`soak` requires 24h: until" in runner.run("preview", "prod", fails=True)
        stand.edit("    soak: 24h\n", "")
        assert "approved by" in runner.run("prod", "prod")
        assert {stand.status(environment, "1.4.2") for environment in ("dev", "staging", "prod")} == {"Published"}

        # A change by another publisher is detected, and repaired by the next promotion.
        stand.set_status("prod", "1.4.2", "Unlisted")
        runner.run("prod", "prod")
        assert stand.status("prod", "1.4.2") == "Published"
        runner.run("watch", "drift", matrix="dev")
        stand.set_status("dev", "1.4.2", "Unlisted")
        runner.run("watch", "drift", matrix="dev", fails=True)

    state = {
        role: {need for need in needed if not need.action.startswith("codeartifact:")}
        for role, needed in runner.ran.items()
    }
    assert idle(policy("state"), state["payments-api-dev"]) == set()
    assert idle(policy("state-reader"), state["payments-api-reader"]) == set()


def begin_stacks(runner: Runner, cloud: Cloud) -> None:
    """Create the stacks with the commands of the page; check that they write the files on the page."""
    for name in ("Pulumi.yaml", "__main__.py"):
        (runner.stand.folder / name).write_text((ROOT / name).read_text())
    [commands] = re.findall(
        r"\$ export (PULUMI_BACKEND_URL)='(.*)'\n\$ (pulumi stack init .*)\n\$ (pulumi config .*)\n", PAGE
    )
    for stack in ("dev", "staging", "prod"):
        _, backend, init, configure = (text.replace("prod", stack) for text in commands)
        code, printed = runner.shell(f"{init}\n{configure}", **cloud.reached(backend))
        assert code == 0, printed
    assert Need("kms:Encrypt", KEY) in cloud.needed()

    def keys(text: str) -> list[str]:
        return re.findall(r"^ *(\S+):", text, flags=re.MULTILINE)

    written = (runner.stand.folder / "Pulumi.prod.yaml").read_text()
    assert sorted(keys(written)) == sorted(keys(FILES["Pulumi.prod.yaml"]))
