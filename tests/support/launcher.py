"""A process that has imported everything, and forks for each program that it is told to run.

    process = launcher().start(["-m", "pulumi.dynamic", address], cwd=folder, env=environ, stdout=file)
    process.wait(10)

What is forked is a process of its own: it runs the program from its first line to its end, and signals reach it as they
reach any other. Only the second of imports is saved. `launch.py` starts a program for somebody who knows nothing of
this, such as the Pulumi CLI.

A client sends the program with its streams over a connection, and gets the process id, then the exit code and the most
memory. What the client sends afterwards are signals. If its end closes, the program is killed.
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
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
from collections.abc import Mapping, Sequence
from fcntl import ioctl
from importlib import import_module
from pathlib import Path
from typing import IO, Any

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

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.pid = int(connection.recv(20, socket.MSG_WAITALL))
        self.returncode: int | None = None
        self.peak_kib = 0

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        if self.returncode is None and select.select([self._connection], [], [], 0)[0]:
            self._end()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; returns the exit code. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._connection], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self._end()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _end(self) -> None:
        self.returncode, self.peak_kib = map(int, self._connection.recv(100).split())
        self._connection.close()


class Launcher:
    """Starts programs in this Python environment.

    Attributes:
        address: the path of its socket.
    """

    def __init__(self) -> None:
        # Short, as the path of a socket has to be.
        self._folder = tempfile.mkdtemp(prefix="launcher-")
        self.address = Path(self._folder) / "socket"
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), str(self.address)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # gRPC itself prints that an engine has said good-bye, and decides on that when it is imported.
            env={**os.environ, "GRPC_VERBOSITY": "NONE"},
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == b"ready\n"

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
        task = {"words": [str(word) for word in words], "cwd": str(cwd), "env": dict(env), "terminal": terminal}
        # A file: a task may be larger than what a socket takes at once.
        with Path(os.devnull).open("r+b") as nothing, tempfile.TemporaryFile() as file:
            file.write(json.dumps(task).encode())
            file.flush()
            streams = [nothing if each is None else each for each in (stdin, stdout, stderr)]
            numbers = [each if isinstance(each, int) else each.fileno() for each in streams]
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(str(self.address))
            socket.send_fds(connection, [b"start"], [*numbers, file.fileno()])
            return Process(connection)

    def close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            assert stream
            stream.close()
        self._process.wait(10)
        shutil.rmtree(self._folder)


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
        if path.name != "__main__.py" and path.parent.name != "pytest_plugin":
            import_module(".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__"))
    gc.collect()
    gc.freeze()


class Server:
    """Forks for each connection."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(address)
        self._socket.listen(100)
        self._ended, wakes = os.pipe()
        for number in (self._ended, wakes):
            os.set_blocking(number, False)
        signal.set_wakeup_fd(wakes)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._clients: dict[socket.socket, int] = {}

    def serve(self) -> None:
        """Serve until stdin ends."""
        print("ready", flush=True)
        while True:
            watched: list[Any] = [0, self._ended, self._socket, *self._clients]
            ready, _, _ = select.select(watched, [], [])
            if 0 in ready:
                break
            if self._ended in ready:
                os.read(self._ended, 1000)
                self._reap()
            for client in self._clients.keys() & set(ready):
                self._pass_on(client)
            if self._socket in ready:
                self._start()
        for pid in self._clients.values():
            os.kill(pid, signal.SIGKILL)

    def _start(self) -> None:
        client, _ = self._socket.accept()
        _, descriptors, _, _ = socket.recv_fds(client, 100, 4)
        if not descriptors:
            return
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for each in (self._socket, client, *self._clients):
                each.close()
            become(descriptors)
            sys.exit()
        for descriptor in descriptors:
            os.close(descriptor)
        self._clients[client] = pid
        client.send(f"{pid:20}".encode())

    def _pass_on(self, client: socket.socket) -> None:
        message = client.recv(100)
        os.kill(self._clients[client], int(message.split()[-1]) if message else signal.SIGKILL)
        if not message:
            del self._clients[client]
            client.close()

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for client in [client for client, each in self._clients.items() if each == pid]:
                del self._clients[client]
                with client:
                    client.send(f"{os.waitstatus_to_exitcode(status)} {usage.ru_maxrss}".encode())


def become(descriptors: list[int]) -> None:
    """Become the program: its arguments, folder, environment and streams."""
    *streams, task_file = descriptors
    with os.fdopen(task_file, "rb") as file:
        file.seek(0)
        task = json.load(file)
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    if task["terminal"]:
        os.setsid()
        ioctl(0, termios.TIOCSCTTY, 0)
    words = task["words"]
    sys.orig_argv = [sys.executable, *words]
    unbuffered = words[:1] == ["-u"]
    if unbuffered:
        del words[0]
    # As Python makes them when it starts.
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    raw = os.fdopen(1, "wb", 0 if unbuffered else -1, closefd=False)
    sys.stdout = io.TextIOWrapper(raw, "utf-8", line_buffering=os.isatty(1), write_through=unbuffered)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False, buffering=1)
    os.chdir(task["cwd"])
    os.environ.clear()
    os.environ.update(task["env"])
    if words[0] == "-m":
        sys.argv = words[1:]
        sys.path[0] = task["cwd"]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    elif Path(words[0]).name == "codeartifact-release":
        from pulumi_codeartifact_release.cli import main

        sys.argv = words
        sys.path[0] = str(Path(sys.executable).parent)
        main()
    else:
        sys.argv = words
        sys.path[0] = str(Path(words[0]).parent)
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    server = Server(sys.argv[1])
    load_all()
    server.serve()
