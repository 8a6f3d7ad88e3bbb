"""The Pulumi engine, as this plugin process talks back to it: messages beside a resource, and errors of one line.

log = EngineLog(engine_address(sys.argv))
log.status(urn, "3/7 assets")
with one_line_errors():
    raise ConflictError("…")        # the display shows `error: conflict: …` and no traceback
end_quietly()                       # in the program: the engine interrupts it when a resource fails
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from .errors import ReleaseError, printable
from .remedies import Front, command_line, resource_arguments

_LOOK_EVERY_S = 1.0
_LOST_AFTER = 3
_PROGRAM_HOST = "pulumi-language-python-exec"
"""The script of Pulumi's that runs a program."""
"""How often in a row an engine must be gone: a process that others share is not ended by a slip."""
_GRACE_S = 10.0


def engine_address(argv: list[str]) -> str | None:
    """Return the engine's address if this is the plugin process: its command line ends with it."""
    is_plugin = len(argv) == 2 and Path(argv[0]).parts[-2:] == ("dynamic", "__main__.py")
    return argv[1] if is_plugin else None


def end_quietly() -> None:
    """Have an interruption end the program that Pulumi runs at once: Python's tracebacks would bury a refusal.

    The engine interrupts the program when a resource fails. Whoever handles SIGINT already goes on doing so. An inline
    program of the Automation API is never interrupted: it is a thread of somebody's own process.
    """
    is_program = any(Path(word).name == _PROGRAM_HOST for word in sys.orig_argv)
    in_main_thread = threading.current_thread() is threading.main_thread()
    if is_program and in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def at_terminal(pid: int | None = None, proc: Path = Path("/proc"), environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether the engine that started this process redraws a terminal, as far as the machine lets us see.

    The engine does not say so, and prints every status line where its output is a log.
    """
    if environ.get("CI"):
        return False
    pid = pid or os.getpid()
    try:
        # Between us and the engine there is a shell, at most.
        for _ in range(4):
            name, _, rest = (proc / str(pid) / "stat").read_text().rpartition(")")
            if name.endswith("(pulumi"):
                words = (proc / str(pid) / "cmdline").read_bytes().split(b"\0")
                return b"--non-interactive" not in words and str((proc / str(pid) / "fd" / "1").readlink()).startswith(
                    ("/dev/pts/", "/dev/tty", "/dev/console")
                )
            pid = int(rest.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    return False


_hidden: set[str] = set()


def hide(texts: Iterable[str]) -> None:
    """Show none of these texts from now on: they are secret, and the engine knows only those of its own config."""
    # As the engine does: a shorter one would hide half of every line, and is no secret.
    _hidden.update(text for text in texts if len(text) > 2)


def shown(text: str) -> str:
    """Return a text as it may be shown."""
    for secret in sorted(_hidden, key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    return text


class EngineLog:
    """Messages beside a resource in the engine's own display. Never raises: a message is not worth a release."""

    def __init__(self, address: str | None) -> None:
        self._stub = None
        if address:
            self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))

    def status(self, urn: str, text: str) -> None:
        """Show a line that the next one replaces and no log keeps."""
        self._send(engine_pb2.INFO, urn, text, ephemeral=True)

    def info(self, urn: str, text: str) -> None:
        """Show a line that stays."""
        self._send(engine_pb2.INFO, urn, text + "\n")

    def warn(self, urn: str, text: str) -> None:
        """Show a warning that stays."""
        self._send(engine_pb2.WARNING, urn, text + "\n")

    def alive(self) -> bool:
        """Return whether the engine still answers; True where there is none to ask."""
        return self._send(engine_pb2.DEBUG, "", "", ephemeral=True)

    def _send(
        self, severity: engine_pb2.LogSeverity.ValueType, urn: str, text: str, *, ephemeral: bool = False
    ) -> bool:
        if self._stub is None:
            return True
        request = engine_pb2.LogRequest(
            severity=severity, message=printable(shown(text)), urn=urn, streamId=0, ephemeral=ephemeral
        )
        try:
            self._stub.Log(request, timeout=10)
        except grpc.RpcError as error:
            return bool(getattr(error, "code", lambda: None)() != grpc.StatusCode.UNAVAILABLE)
        return True


def end_with(log: EngineLog, ending: Callable[[], bool]) -> None:
    """End this process once its engine is gone, as after `kill -9`; nobody else would.

    `ending` says whether it ends already. What is under way, ours or another provider's, gets some seconds: ours stops
    before its next write.
    """

    def watch() -> None:
        lost = 0
        while lost < _LOST_AFTER:
            time.sleep(_LOOK_EVERY_S)
            lost = 0 if log.alive() else lost + 1
        if not ending():
            # What the engine itself sends to a plugin that is to end.
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(_GRACE_S)
        os._exit(1)

    threading.Thread(target=watch, name="engine", daemon=True).start()


class ReleaseFailedError(Exception):
    """What the engine shows of an error of ours: the message alone.

    The plugin prints `traceback.format_exc()`, with the module's name before the class's unless it is a builtin.
    """

    def __str__(self) -> str:
        # Asked for after the (empty) stack was taken, so the limit has served; other providers in this process
        # have a right to their tracebacks.
        sys.__dict__.pop("tracebacklimit", None)
        return super().__str__()


@contextmanager
def said_by(front: Front) -> Iterator[None]:
    """Have the errors of a block say what they need as `front` does."""
    try:
        yield
    except ReleaseError as error:
        error.front = front
        raise


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn our own errors into their message; anything else is a bug and keeps its traceback."""
    try:
        yield
    except ReleaseError as error:
        if error.front is command_line:
            # Of what only state knows: no program has said where it would be told.
            error.front = resource_arguments
        _raise_without_traceback(error)


def _raise_without_traceback(error: ReleaseError) -> NoReturn:
    # Python prints `NAME: text` of an error; the code in the place of the name is what the documentation lists.
    code, _, text = shown(error.coded).partition(": ")
    kind = type(code, (ReleaseFailedError,), {"__module__": "builtins"})
    sys.tracebacklimit = 0
    raise kind(text) from None
