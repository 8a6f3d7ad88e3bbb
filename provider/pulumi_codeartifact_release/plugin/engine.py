"""Sends messages and errors to the Pulumi engine.

log = EngineLog("127.0.0.1:40001")
log.status(urn, "3/7 assets")
with word_errors_for(front):
    raise ConflictError("…")
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from ..errors import ReleaseError, printable
from ..remedies import Front

_PING_INTERVAL_S = 1.0
_MAX_FAILED_PINGS = 3
"""More than one, because other providers may share this process."""
_GRACE_S = 10.0


def at_terminal(pid: int | None = None, proc: Path = Path("/proc"), environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether the engine that started this process writes to a terminal; False if that cannot be determined.

    The engine does not report it. If its output is a log, it prints every status message on a line of its own.
    """
    if environ.get("CI"):
        return False
    pid = pid or os.getpid()
    try:
        # There may be a shell between this process and the engine.
        for _ in range(4):
            name, _, rest = (proc / str(pid) / "stat").read_text().rpartition(")")
            if name.endswith("(pulumi"):
                arguments = (proc / str(pid) / "cmdline").read_bytes().split(b"\0")
                stdout = str((proc / str(pid) / "fd" / "1").readlink())
                terminals = ("/dev/pts/", "/dev/tty", "/dev/console")
                return b"--non-interactive" not in arguments and stdout.startswith(terminals)
            pid = int(rest.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    return False


_secrets: set[str] = set()


def add_secrets(texts: Iterable[str]) -> None:
    """Redact these texts in every message from now on. The engine redacts only the secrets of its config."""
    # Shorter texts are left alone, as the engine does: they occur in every line.
    _secrets.update(text for text in texts if len(text) > 2)


def redact(text: str) -> str:
    """Return a text with every secret replaced by `[secret]`."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    return text


class EngineLog:
    """Messages beside a resource in the engine's display. Never raises: a release does not fail for a message."""

    def __init__(self, address: str | None) -> None:
        self._stub = None
        if address:
            self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))

    def status(self, urn: str, text: str) -> None:
        """Show a status, which the next one replaces."""
        self._send(engine_pb2.INFO, urn, text, ephemeral=True)

    def info(self, urn: str, text: str) -> None:
        """Show a permanent line."""
        self._send(engine_pb2.INFO, urn, text + "\n")

    def warn(self, urn: str, text: str) -> None:
        """Show a permanent warning."""
        self._send(engine_pb2.WARNING, urn, text + "\n")

    def alive(self) -> bool:
        """Return whether the engine still responds; True if there is no engine."""
        return self._send(engine_pb2.DEBUG, "", "", ephemeral=True)

    def _send(
        self, severity: engine_pb2.LogSeverity.ValueType, urn: str, text: str, *, ephemeral: bool = False
    ) -> bool:
        if self._stub is None:
            return True
        request = engine_pb2.LogRequest(
            severity=severity, message=printable(redact(text)), urn=urn, streamId=0, ephemeral=ephemeral
        )
        try:
            self._stub.Log(request, timeout=10)
        except grpc.RpcError as error:
            return bool(getattr(error, "code", lambda: None)() != grpc.StatusCode.UNAVAILABLE)
        return True


def exit_with_engine(log: EngineLog, is_exiting: Callable[[], bool]) -> None:
    """Start a thread that ends this process when the engine is gone, as after `kill -9`.

    `is_exiting` returns whether the process is ending already. Running operations, of this or another provider, have
    some seconds to end; those of this provider stop before their next write.
    """

    def watch() -> None:
        failures = 0
        while failures < _MAX_FAILED_PINGS:
            time.sleep(_PING_INTERVAL_S)
            failures = 0 if log.alive() else failures + 1
        if not is_exiting():
            # The signal that the engine sends to end a plugin.
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(_GRACE_S)
        os._exit(1)

    threading.Thread(target=watch, name="engine", daemon=True).start()


@contextmanager
def word_errors_for(front: Front) -> Iterator[None]:
    """Word what the errors of a block need as `front` does."""
    try:
        yield
    except ReleaseError as error:
        error.front = front
        raise
