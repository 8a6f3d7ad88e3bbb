"""The running server: a listening socket and an event loop in its own thread."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from .app import Application
from .blobs import Hashers
from .connection_limits import BoundedProtocol
from .credentials import Credentials, Keyring
from .faults import Faults
from .quotas import Quotas
from .store import Store
from .workers import DaemonExecutor

_WORKERS = 16
_SILENT = logging.CRITICAL + 1
_KEEP_ALIVE_SECONDS = 300
_BACKLOG = 512
_GRACE_SECONDS = 1


class LocalRegistry:
    """A server that runs until `close`, or until its process ends. Also a context manager.

    Attributes:
        url: its endpoint: `http://HOST:PORT`.
        host: the address on which it listens.
        port: the port on which it listens.
        directory: the folder with its data.
    """

    def __init__(
        self,
        directory: Path,
        *,
        host: str,
        port: int,
        log: Callable[[str], None] | None,
        quotas: Quotas,
        faults: Faults | None,
        follow_links: bool,
    ) -> None:
        """Start the server; see `local_registry.start`."""
        self.directory = directory
        real = directory.resolve() if follow_links else directory.absolute()
        self._keyring = Keyring()
        self._socket = _listen(host, port)
        self.host, self.port = self._socket.getsockname()[:2]
        self.url = f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"
        self._hashers = Hashers()
        self._workers = DaemonExecutor(_WORKERS, "registry-work")
        self._store = Store(real, self._hashers)
        try:
            # In another thread, because a signal cannot interrupt a query in this one.
            self._workers.submit(self._store.check).result()
        except BaseException:
            self._release()
            raise
        application = Application(self._store, self._keyring, quotas, self._workers, log, faults)
        self._server = _Server(
            uvicorn.Config(
                application,
                http=BoundedProtocol,
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                log_level=_SILENT,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            )
        )
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._serve, name="registry-loop", daemon=True)
        self._thread.start()  # the socket listens already, so clients can connect before the loop runs

    def credentials(self, account: str = "000000000000") -> Credentials:
        """Return the access key of an account. It is random, and the same for every call on this server.

        Raises:
            ValueError: the account is not 12 digits.
        """
        return self._keyring.issue(account)

    def close(self) -> None:
        """Stop listening, give running requests a second to end, and end the threads."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: this is the second call
            self._loop.call_soon_threadsafe(self._server.stop)
        self._thread.join()
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve_quietly())

    async def _serve_quietly(self) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        await self._server.serve(sockets=[self._socket])

    def _release(self) -> None:
        self._store.stop()
        self._socket.close()
        self._workers.shutdown()
        self._hashers.close()


class _Server(uvicorn.Server):
    """uvicorn without its sleeps of a tenth of a second: every command with a registry in a folder waited for them."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Make `serve` return; call it in the event loop."""
        self.should_exit = True
        self._stopping.set()

    async def main_loop(self) -> None:
        """Keep the `date` header right until `stop`."""
        ticks = asyncio.create_task(super().main_loop())
        await self._stopping.wait()
        ticks.cancel()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002
        """Close idle connections, and give running requests a second to end."""
        for listener in self.servers:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_SECONDS):
                while self.server_state.connections or self.server_state.tasks:
                    await asyncio.sleep(0.005)
        for task in self.server_state.tasks:
            task.cancel()


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _name, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
