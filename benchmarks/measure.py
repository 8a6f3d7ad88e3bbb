"""Measures whole processes: time, processor time, memory, bytes read.

run = measure(["openssl", "dgst", "-sha256", "file"], env={...})
run.wall_s, run.cpu_s, run.peak_bytes
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.executable).parent
_PAGE = os.sysconf("SC_PAGE_SIZE")
_SAMPLE_S = 0.02
_SHOWN_LINES = 12
_PROC = Path("/proc")


class BenchmarkError(Exception):
    """A contender failed, or a figure cannot be measured here."""

    @property
    def brief(self) -> str:
        """The error without the output of the contender, which contains paths of this machine."""
        return str(self).partition(": ")[0]


class NotRunError(BenchmarkError):
    """A program or resource that a figure needs is missing on this machine."""


@dataclass(frozen=True)
class Run:
    """The measurement of one process.

    Attributes:
        wall_s: seconds.
        cpu_s: user and system time of the process and its children, in seconds.
        peak_bytes: the most memory that the process and its children held together, 0 where it was not watched.
        read_bytes: what all of them read by system calls, from files, pipes and connections; 0 where unknown.
        started: when, by the monotonic clock.
        ended: when, by the same.
        printed: on stdout and stderr.
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int
    read_bytes: int
    started: float
    ended: float
    printed: str


def end_children() -> None:
    """Kill every child process and its group, even if an interrupt arrived before its measurement started."""
    for path in Path("/proc/self/task").glob("*/children"):
        for pid in map(int, path.read_text().split()):
            with contextlib.suppress(ProcessLookupError, PermissionError, ChildProcessError):
                os.killpg(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


class Process:
    """A measured process in its own group; `wait` ends the measurement."""

    def __init__(self, command: Sequence[str | Path], env: Mapping[str, str], cwd: Path | None = None) -> None:
        self._command = [str(word) for word in command]
        # A file, because nothing reads a pipe during the measurement.
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `wait`
        self.started = time.monotonic()
        self._process = subprocess.Popen(
            self._command,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.pid = self._process.pid

    def wait(self, *, watch_memory: bool = False) -> Run:
        """Wait for the end. Raises BenchmarkError if the process failed. Always kills its whole group."""
        memory = _Memory(self.pid) if watch_memory else None
        try:
            with memory or contextlib.nullcontext():
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
                ended = time.monotonic()
            # Available until the process is reaped; includes its children.
            read = _io_of(self.pid).get("rchar", 0)
            _pid, status, usage = os.wait4(self.pid, 0)
        except BaseException:
            self.kill()
            raise
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._output.seek(0)
        printed = self._output.read().decode(errors="replace")
        self._output.close()
        if self._process.returncode:
            last = " / ".join([line.strip() for line in printed.splitlines() if line.strip()][-_SHOWN_LINES:])
            raise BenchmarkError(f"{Path(self._command[0]).name} exited with {self._process.returncode}: {last}")
        return Run(
            wall_s=ended - self.started,
            cpu_s=usage.ru_utime + usage.ru_stime,
            peak_bytes=max(memory.peak_bytes, usage.ru_maxrss * 1024) if memory else 0,
            read_bytes=read,
            started=self.started,
            ended=ended,
            printed=printed,
        )

    def kill(self) -> None:
        """End it and its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._output.close()


def measure(
    command: Sequence[str | Path], env: Mapping[str, str], cwd: Path | None = None, *, watch_memory: bool = False
) -> Run:
    """Run one process from start to end. Raises BenchmarkError if it fails."""
    return Process(command, env, cwd).wait(watch_memory=watch_memory)


def find(tool: str) -> Path | None:
    """Return the path of a program in this virtual environment or on PATH; None if it is missing."""
    found = shutil.which(tool, path=f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}")
    return Path(found) if found else None


class _Memory:
    """Samples the memory of a process and its descendants, and keeps the maximum."""

    def __init__(self, pid: int) -> None:
        self.peak_bytes = 0
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE_S):
            self.peak_bytes = max(self.peak_bytes, sum(_resident(pid) for pid in family(self._pid)))


def family(pid: int) -> Iterator[int]:
    """Yield a process and its living descendants."""
    yield pid
    with contextlib.suppress(OSError):
        for task in (_PROC / str(pid) / "task").iterdir():
            for child in (task / "children").read_text().split():
                yield from family(int(child))


def _resident(pid: int) -> int:
    try:
        _size, resident, shared, *_ = map(int, (_PROC / str(pid) / "statm").read_text().split())
    except (OSError, ValueError):
        return 0
    del shared  # pages of libraries count for each process: rather too much than too little
    return resident * _PAGE


def _io_of(pid: int) -> dict[str, int]:
    try:
        lines = (_PROC / str(pid) / "io").read_text().splitlines()
    except OSError:
        return {}
    return {name: int(value) for name, _, value in (line.partition(":") for line in lines)}
