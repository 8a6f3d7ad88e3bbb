"""The native provider's process over its protocol: it answers what the real engine was recorded to ask, as it did."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .native_scenario import NATIVE_STEPS
from .plugin import Engine, Plugin
from .scenario import Step
from .test_protocol import Replay, Replayed

MODULE = "pulumi_codeartifact_release"


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Replayed]]:
    """All steps, replayed once: each begins where the one before has ended."""
    program = tmp_path_factory.mktemp("replay") / "program"
    program.mkdir()
    replay = Replay(program, module=MODULE)
    return {step.name: replay.run(step) for step in NATIVE_STEPS}


@pytest.mark.parametrize("step", NATIVE_STEPS, ids=lambda step: step.name)
def test_the_plugin_answers_as_it_was_recorded_to(step: Step, replayed: dict[str, list[Replayed]]) -> None:
    for call in replayed[step.name]:
        assert (call.method, call.answered) == (call.method, call.recorded)


def test_the_recordings_hold_what_they_are_for(replayed: dict[str, list[Replayed]]) -> None:
    methods = {name: [call.method for call in calls] for name, calls in replayed.items()}
    # A preview calls Create and shows the plan there; an unchanged version ends with Diff.
    assert "Create" in methods["native/1-preview-of-a-create"]
    assert "Create" not in methods["native/3-unchanged"]
    assert methods["native/5-new-version"].count("Update") == 1
    assert "Delete" in methods["native/7-destroy"]
    [refused] = [call.answered for call in replayed["native/4-preview-of-a-conflict"] if call.method == "Update"]
    assert refused["errors"][0].startswith("rpc error: code = Unknown desc = conflict: ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_process_and_nothing_is_printed(tmp_path: Path, number: signal.Signals) -> None:
    with Engine() as engine:
        plugin = Plugin(tmp_path, engine, module=MODULE)
        plugin.process.send_signal(number)
        assert plugin.wait(within=10) == ""


def test_the_process_ends_by_itself_when_its_engine_is_gone(tmp_path: Path) -> None:
    with Engine() as engine:
        plugin = Plugin(tmp_path, engine, module=MODULE)
        engine.die()
        assert plugin.wait(within=20) == ""


def test_a_person_who_starts_it_is_told_what_it_is() -> None:
    words = [sys.executable, "-m", MODULE, "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "pulumi-resource-codeartifact-release is started by Pulumi: see docs/native.md\n"
