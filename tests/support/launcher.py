"""A process that has imported everything, and forks for each program that it is told to run.

    process = launcher().start(["-m", "pulumi.dynamic", address], cwd=folder, env=environ, stdout=file)
    process.wait(10)

What is forked is a process of its own: it runs the program from its first line to its end, and signals reach it as they
reach any other. Only the second of imports is saved.
"""

from __future__ import annotations

import atexit
import functools
import gc
import io
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
from collections.abc import Mapping, Sequence
from fcntl import ioctl
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Self

MODULES = """
boto3 botocore.auth botocore.httpsession dill grpc importlib.resources.readers jsonschema pulumi pulumi.dynamic rich
uvicorn.lifespan.off
pulumi_codeartifact_release
"""
"""What is imported before the first program runs; of our own package every module."""


class Process:
    """A program under way. It has the parts of `subprocess.Popen` that tests use.

    Attributes:
        peak_kib: the most memory that it has used, once it has ended.
    """

    def __init__(self, launcher: Launcher, pid: int, alive: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.peak_kib = 0
        self._launcher = launcher
        self._alive = alive

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        if self.returncode is None and select.select([self._alive], [], [], 0)[0]:
            self._ended()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; returns the exit code. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._alive], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self._ended()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended(self) -> None:
        # The other end of this pipe closes with the process.
        os.close(self._alive)
        self.returncode, self.peak_kib = self._launcher.reap(self.pid)


class Launcher:
    """Starts programs in this Python environment."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__)), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                # gRPC itself prints that an engine has said good-bye, and decides on that when it is imported.
                env={**os.environ, "GRPC_VERBOSITY": "NONE"},
            )

    def start(
        self,
        words: Sequence[str | Path],
        *,
        cwd: Path,
        env: Mapping[str, str],
        stdin: IO[Any] | int | None = None,
        stdout: IO[Any] | int | None = None,
        stderr: IO[Any] | int | None = None,
        terminal: bool = False,
    ) -> Process:
        """Run a program: `-m MODULE`, or `codeartifact-release`, and its arguments.

        A stream is a file or a descriptor; the default is /dev/null. `terminal` makes stdin the terminal of a session
        of its own.
        """
        ours, theirs = os.pipe()
        task = {"words": [str(word) for word in words], "cwd": str(cwd), "env": dict(env), "terminal": terminal}
        # A file: a task may be larger than what a socket takes at once.
        with Path(os.devnull).open("r+b") as nothing, tempfile.TemporaryFile() as file:
            file.write(json.dumps(task).encode())
            file.flush()
            streams = [nothing if each is None else each for each in (stdin, stdout, stderr)]
            numbers = [each if isinstance(each, int) else each.fileno() for each in streams]
            pid = int(self._ask(b"start", [*numbers, theirs, file.fileno()]))
        os.close(theirs)
        return Process(self, pid, ours)

    def reap(self, pid: int) -> tuple[int, int]:
        """Return exit code and memory of a process that has ended."""
        code, peak_kib = map(int, self._ask(f"reap {pid}".encode()).split())
        return code, peak_kib

    def _ask(self, message: bytes, descriptors: Sequence[int] = ()) -> bytes:
        with self._lock:
            socket.send_fds(self._socket, [message], descriptors)
            return self._socket.recv(100)

    def close(self) -> None:
        self._socket.close()
        self._process.wait(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


@functools.cache
def launcher() -> Launcher:
    """Return one that all tests of this process share."""
    shared = Launcher()
    atexit.register(shared.close)
    return shared


# --- the process ------------------------------------------------------------------------------------------------------


def load_all() -> None:
    for name in MODULES.split():
        import_module(name)
    package = Path(str(sys.modules["pulumi_codeartifact_release"].__file__)).parent
    for path in package.rglob("*.py"):
        if path.name not in ("__main__.py", "pytest_plugin.py"):
            import_module(".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__"))
    gc.collect()
    gc.freeze()


def serve(commands: socket.socket) -> None:
    """Fork for each `start`, and answer each `reap` of a process that has ended."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(commands, 100, 5)
        if not message:
            return
        if message == b"start":
            child = os.fork()
            if child == 0:
                commands.close()
                run(descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
            commands.send(str(child).encode())
        else:
            _, status, usage = os.wait4(int(message.split()[1]), 0)
            commands.send(f"{os.waitstatus_to_exitcode(status)} {usage.ru_maxrss}".encode())


def run(descriptors: list[int]) -> None:
    """Become the program: its arguments, folder, environment and streams."""
    *streams, _alive, task_file = descriptors
    with os.fdopen(task_file, "rb") as file:
        file.seek(0)
        task = json.load(file)
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    if task["terminal"]:
        os.setsid()
        ioctl(0, termios.TIOCSCTTY, 0)
    # As Python makes them when it starts.
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    # A module is run as with -u.
    raw = os.fdopen(1, "wb", 0 if task["words"][0] == "-m" else -1, closefd=False)
    sys.stdout = io.TextIOWrapper(raw, "utf-8", line_buffering=os.isatty(1), write_through=True)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False, buffering=1)
    os.chdir(task["cwd"])
    os.environ.clear()
    os.environ.update(task["env"])
    sys.path[0] = task["cwd"] if task["words"][0] == "-m" else str(Path(sys.executable).parent)
    program, *words = task["words"]
    if program == "-m":
        sys.argv = words
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        sys.exit()
    from pulumi_codeartifact_release.cli import main

    sys.argv = [program, *words]
    main()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    load_all()
    with socket.socket(fileno=int(sys.argv[1])) as commands:
        serve(commands)
