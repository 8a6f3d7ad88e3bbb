"""Files, manifests, settings and runs on this machine: what is told where the fault is here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pulumi_codeartifact_release.errors import ReleaseError
from pulumi_codeartifact_release.hashing import hash_files
from pulumi_codeartifact_release.local_registry import start
from pulumi_codeartifact_release.publishing import ThreadScheduler, read_version
from pulumi_codeartifact_release.registry import Status
from support.command_line import MANIFEST, Run
from support.embedded import Gate, client_of
from support.fakes import AT, FakeRegistry, InlineScheduler

from .stand import printed, told

COMMAND = str(Path(sys.executable).with_name("codeartifact-release"))


def test_a_file_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ReleaseError) as caught:
        hash_files([tmp_path / "app.zip"])
    assert printed(caught.value, capsys).replace(str(tmp_path), "DIR") == (
        "error[file]: DIR/app.zip cannot be read: No such file or directory\n"
        "Check that it exists and that you may read it. Nothing of this release was published."
    )


def test_a_file_changes_after_it_was_hashed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "app.zip"
    path.write_bytes(b"one")
    hashed = hash_files([path])[path]
    path.write_bytes(b"another")
    with pytest.raises(ReleaseError) as caught, hashed.open():
        raise AssertionError("it is not opened")
    assert printed(caught.value, capsys).replace(str(tmp_path), "DIR") == (
        "error[file-changed]: DIR/app.zip changed after it was hashed\n"
        "Nothing was published. Finish building before releasing, then run again."
    )


def test_a_manifest_has_mistakes(run: Run, project: Path) -> None:
    (project / "release.yaml").write_text(MANIFEST.replace("dist/*", "dost/*").replace("promoteFrom", "promotefrom"))
    outcome = run("plan", "release.yaml", "-e", "dev")
    assert outcome.code == 2
    # As compilers do: first every mistake on a line of its own.
    assert outcome.err == (
        "release.yaml:9:14: packages[0].assets[0]: `dost/*` matches nothing: there is no folder `dost`\n"
        "release.yaml:13:76: environments.staging.promotefrom: unknown key; did you mean `promoteFrom`?\n"
        "error[manifest]: 2 mistakes in release.yaml; nothing was sent\n"
    )


def test_a_flag_is_wrong(run: Run, project: Path) -> None:
    assert project.exists()
    outcome = run("plan", "release.yaml", "-e", "dev", "--var", "version")
    assert outcome.code == 2
    assert told(outcome.err) == "error[usage]: --var version: write NAME=VALUE"


def test_an_endpoint_without_permission(run: Run, project: Path) -> None:
    (project / "release.yaml").write_text(MANIFEST.replace("file:.registry", "https://registry.example.test"))
    outcome = run("plan", "release.yaml", "-e", "dev")
    assert outcome.code == 2
    assert told(outcome.err) == (
        "error[usage]: the endpoint https://registry.example.test is not AWS: a manifest may not choose where "
        "credentials and files are sent\n"
        "If you trust it, permit it with --allow endpoint, or set "
        "AWS_ENDPOINT_URL_CODEARTIFACT instead."
    )


def test_a_file_is_over_the_quota_of_an_asset(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert project.exists()
    monkeypatch.setenv("CODEARTIFACT_RELEASE_MAX_ASSET_SIZE", "50000")
    outcome = run("plan", "release.yaml", "-e", "dev")
    assert outcome.code == 4
    assert told(outcome.err) == (
        "error[quota-exceeded]: 1 asset is over the quota of 50,000 bytes:\n"
        "  dist/b.bin: 100,000 bytes\n"
        "Split or compress it. If your account has a higher quota, set it in "
        "CODEARTIFACT_RELEASE_MAX_ASSET_SIZE."
    )


def test_somebody_changes_the_version_without_an_end(capsys: pytest.CaptureFixture[str]) -> None:
    registry = FakeRegistry()

    def touch(_call: str) -> None:
        registry.holds({"a.txt": b"abc"}, Status.PUBLISHED)

    registry.before = touch
    with pytest.raises(ReleaseError) as caught:
        read_version(registry, AT, InlineScheduler())
    assert printed(caught.value, capsys) == (
        "error[inconsistent-read]: tools/app@1.0 in acme/dev keeps changing: its status and its assets could not be "
        "read at one revision\n"
        "Somebody else is changing this version. Run again when they are done."
    )


def test_the_engine_is_gone(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ReleaseError) as caught:
        ThreadScheduler(lambda: "the Pulumi engine is gone").checkpoint()
    assert printed(caught.value, capsys) == (
        "error[interrupted]: stopped: the Pulumi engine is gone\n"
        "What was sent stays Unfinished. Run again to send the rest."
    )


@pytest.mark.slow
def test_somebody_presses_ctrl_c(project: Path, tmp_path: Path) -> None:
    (project / "release.yaml").write_text(MANIFEST.replace(', endpoint: "file:.registry"', ""))
    arrived, interrupted = threading.Event(), threading.Event()

    def hold(path: str) -> None:
        if "/version/publish" in path:
            arrived.set()
            interrupted.wait(30)

    with start(tmp_path / "registry") as running, Gate(running) as gate:
        client = client_of(running)
        client.create_domain(domain="acme")
        client.create_repository(domain="acme", repository="dev")
        client.close()
        gate.before = hold
        key = running.credentials()
        environ = {
            **os.environ,
            "AWS_ENDPOINT_URL_CODEARTIFACT": gate.url,
            "AWS_ACCESS_KEY_ID": key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
            "AWS_REGION": "us-east-1",
        }
        words = [COMMAND, "apply", "release.yaml", "-e", "dev", "--yes"]
        with subprocess.Popen(
            words, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as apply:
            assert arrived.wait(30)
            apply.send_signal(signal.SIGINT)
            # Until it has said that it stops after the asset under way, which then arrives.
            time.sleep(0.3)
            interrupted.set()
            _, err = apply.communicate(timeout=30)
    assert apply.returncode == 130, err
    assert told(err) == (
        "error[interrupted]: 0 of 1 package released\n"
        "  acme/app: 1/2 assets sent\n"
        "Incomplete versions stay Unfinished. Run again to send the rest."
    )
