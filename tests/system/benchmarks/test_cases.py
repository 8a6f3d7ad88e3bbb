"""Every case of the benchmarks at a tiny scale: it runs, says something of each figure, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from benchmarks.__main__ import measure_one
from benchmarks.cases import CASES

ROOT = Path(__file__).parents[3]
FIGURES = {
    "cold": 2,
    "one-large": 2,
    "twenty": 1,
    "unchanged": 3,
    "quota": 4,
    "four-processes": 3,
    "packages": 1,
    "promotion": 1,
    "bundle": 4,
    "downloads": 4,
    "embedded": 2,
    "startup": 4,
}


def test_every_case_but_the_engines_is_tried() -> None:
    # Its processes take longer than all others together.
    assert {name for name, case in CASES.items() if not case.quick} == {"engine"}
    assert set(FIGURES) == {name for name, case in CASES.items() if case.quick}


@pytest.mark.skipif(sys.platform != "linux", reason="opened files are counted by Linux alone")
@pytest.mark.parametrize("name", FIGURES)
def test_a_case_measures_each_of_its_figures(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    result, error = measure_one(CASES[name], quick=True)
    assert error is None
    assert len(result.rows) == FIGURES[name]
    assert result.runs
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_ended_in_the_middle_it_leaves_nothing_behind(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks", "--quick", "--output", str(tmp_path), "promotion"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    # The home folder of the contenders: the server runs, and the first of them is about to.
    until = time.monotonic() + 20
    while not list(tmp_path.glob("codeartifact-bench-*/home")):
        assert time.monotonic() < until
        time.sleep(0.02)
    [folder] = tmp_path.glob("codeartifact-bench-*")
    process.send_signal(signal.SIGTERM)
    _, printed = process.communicate(timeout=20)
    assert process.returncode == 130
    assert printed == "interrupted: the cases that were done are kept\n"
    assert not folder.exists()
    assert not processes_that_name(folder)


def processes_that_name(folder: Path) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_text(errors="replace"))
    return [line for line in found if str(folder) in line]
