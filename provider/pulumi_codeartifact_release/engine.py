"""The Pulumi engine, as this plugin process talks back to it: messages beside a resource, and errors of one line.

log = EngineLog(engine_address(sys.argv))
log.status(urn, "3/7 assets")
with one_line_errors():
    raise ConflictError("…")        # the display shows `error: ConflictError: …` and no traceback
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from .errors import ReleaseError, printable


def engine_address(argv: list[str]) -> str | None:
    """Return the engine's address if this is the plugin process: its command line ends with it."""
    is_plugin = len(argv) == 2 and Path(argv[0]).parts[-2:] == ("dynamic", "__main__.py")
    return argv[1] if is_plugin else None


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
            severity=severity, message=printable(text), urn=urn, streamId=0, ephemeral=ephemeral
        )
        try:
            self._stub.Log(request, timeout=10)
        except grpc.RpcError as error:
            return bool(getattr(error, "code", lambda: None)() != grpc.StatusCode.UNAVAILABLE)
        return True


class Paced:
    """Passes on at most a few lines a second."""

    def __init__(self, show: Callable[[str], None], interval_s: float = 0.2) -> None:
        self._show = show
        self._interval_s = interval_s
        self._next = 0.0

    def show(self, text: str) -> None:
        """Show the line, or leave it out if the last one was just now."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self._interval_s
            self._show(text)


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
def one_line_errors() -> Iterator[None]:
    """Turn our own errors into their message; anything else is a bug and keeps its traceback."""
    try:
        yield
    except ReleaseError as error:
        _raise_without_traceback(error)


def _raise_without_traceback(error: ReleaseError) -> NoReturn:
    # Named like the error itself: the engine prints `error: ConflictError: …`.
    kind = type(type(error).__name__, (ReleaseFailedError,), {"__module__": "builtins"})
    sys.tracebacklimit = 0
    raise kind(str(error)) from None
