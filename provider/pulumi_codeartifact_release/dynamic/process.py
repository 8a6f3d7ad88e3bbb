"""The plugin process of Pulumi's dynamic providers: its context, and errors without a traceback.

run_context()                       # the context of this process
with one_line_errors():
    raise ConflictError("…")        # the display shows `error: conflict: …` and no traceback
exit_quietly_on_interrupt()         # in the program: the engine interrupts it when a resource fails
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from ..errors import ReleaseError
from ..plugin.engine import redact
from ..plugin.run_context import RunContext
from ..remedies import command_line

_PROGRAM_HOST = "pulumi-language-python-exec"
"""The script with which Pulumi runs a Python program."""


def engine_address(argv: list[str]) -> str | None:
    """Return the engine's address, the last argument of a plugin process; None in any other process."""
    is_plugin = len(argv) == 2 and Path(argv[0]).parts[-2:] == ("dynamic", "__main__.py")
    return argv[1] if is_plugin else None


def exit_quietly_on_interrupt() -> None:
    """Let SIGINT end the Pulumi program without a traceback, which would hide the error of the resource that failed.

    The engine interrupts the program when a resource fails. This changes nothing if the program handles SIGINT itself,
    or if it is an inline program of the Automation API, which is a thread in a process that is not ours.
    """
    is_program = any(Path(word).name == _PROGRAM_HOST for word in sys.orig_argv)
    in_main_thread = threading.current_thread() is threading.main_thread()
    if is_program and in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


class ReleaseFailedError(Exception):
    """Makes the engine show the message of a ReleaseError without a traceback.

    The plugin prints `traceback.format_exc()`, which omits the module's name only for builtins.
    """

    def __str__(self) -> str:
        # `traceback` calls this after it has collected the (empty) stack. Remove the limit here, so that other
        # providers in this process keep their tracebacks.
        sys.__dict__.pop("tracebacklimit", None)
        return super().__str__()


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Show only the message of a ReleaseError. Any other exception is a bug and keeps its traceback."""
    try:
        yield
    except ReleaseError as error:
        if error.front is command_line:
            # delete() and read() know only the state, not the program. A program of resources is the best guess.
            error.front = run_context().default_front
        _raise_without_traceback(error)


def _raise_without_traceback(error: ReleaseError) -> NoReturn:
    # Python prints an exception as `NAME: text`. The name is the error's code, as in the documentation.
    code, _, text = redact(error.full_text).partition(": ")
    kind = type(code, (ReleaseFailedError,), {"__module__": "builtins"})
    sys.tracebacklimit = 0
    raise kind(text) from None


class _ExitProbe:
    """Returns whether this process is ending, which the SDK does not report to a dynamic provider."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="probe")

    def __call__(self) -> bool:
        # At exit the main thread waits for the other threads and is alive until they end. But executors accept no more
        # work from the moment it begins to wait.
        try:
            self._executor.submit(int)
        except RuntimeError:
            return True
        return not threading.main_thread().is_alive()


_shared: RunContext | None = None
_shared_lock = threading.Lock()


def run_context() -> RunContext:
    """Return the context of this process. The first call creates it."""
    global _shared  # noqa: PLW0603 - one per process is its purpose
    with _shared_lock:
        if _shared is None:
            _shared = RunContext(engine_address(sys.argv), _ExitProbe())
        return _shared
