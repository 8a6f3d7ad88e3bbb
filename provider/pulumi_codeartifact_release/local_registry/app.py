"""The HTTP layer: an ASGI application that calls the operations.

Blocking calls run on worker threads. The event loop only moves bytes, so a slow client occupies no thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, ParamSpec, TypeAlias, TypeVar

from botocore.model import OperationModel

from . import protocol, sigv4
from .blobs import Blob, Upload
from .credentials import Keyring
from .failures import (
    ServiceError,
    StoreError,
    invalid,
    quota_exceeded,
)
from .faults import FaultEffect, Faults
from .operations import OPERATIONS, Call, Operation
from .protocol import Response
from .quotas import Quotas
from .store import Store
from .workers import DaemonExecutor

Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
P = ParamSpec("P")
T = TypeVar("T")

BLOCK = 1024 * 1024
"""Size of the blocks that are hashed and written, or read, in bytes."""

MAX_DOCUMENT = 1024 * 1024
"""Maximum size of a JSON document in bytes."""

IDLE_SECONDS = 120.0
"""How long a client may take for one block."""


class ClientGone(Exception):  # noqa: N818 - it is an event, not an error
    """The client closed the connection before its request was complete."""


class Severed(Exception):  # noqa: N818 - it is an event, not an error
    """A fault rule requires that the connection is closed without a response."""


SEVER = "codeartifact.sever"
"""An extension of ASGI: closes the connection at once."""


class Exchange:
    """One request and its response, in terms of ASGI."""

    def __init__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["raw_path"].decode("ascii", "backslashreplace")
        self.query: bytes = scope["query_string"]
        self.headers: dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            self.headers[name] = f"{self.headers[name]},{value}" if name in self.headers else value
        self.effect = FaultEffect()
        self._sever: Callable[[], None] = scope.get("extensions", {}).get(SEVER, lambda: None)
        self._receive = receive
        self._send = send
        self._begun = False
        self._complete = False
        self.received = 0

    async def blocks(self) -> AsyncIterator[bytes]:
        """Yield the body in blocks of about BLOCK bytes. This sends `100 Continue` to a client that waits for it.

        Raises:
            ClientGone: the client closed the connection.
            TimeoutError: the client sent nothing for IDLE_SECONDS.
        """
        parts: list[bytes] = []
        size = 0
        async for part in self._parts():
            parts.append(part)
            size += len(part)
            if size >= BLOCK or (self._complete and size):
                yield b"".join(parts)
                parts.clear()
                size = 0

    async def _parts(self) -> AsyncIterator[bytes]:
        self._begun = True
        while not self._complete:
            async with asyncio.timeout(IDLE_SECONDS):
                message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            self._complete = not message.get("more_body", False)
            self.received += len(message["body"])
            yield message["body"]

    async def respond(self, response: Response, run: Callable[..., Awaitable[bytes]]) -> None:
        """Send the response. Afterwards the connection is ready for the next request, or closed."""
        headers = {"x-amzn-requestid": str(uuid.uuid4()), **response.headers}
        if not self._begun and self.headers.get("expect", "").lower() == "100-continue":
            headers["connection"] = "close"  # the client waits for 100 Continue, and will not send its body
        else:
            async for _ in self._parts():  # a client that is still sending would not read an early response
                pass
        stream = response.stream
        whole = self.effect.cut != "response"
        headers["content-length"] = str(len(response.body) if stream is None else stream.size)
        raw = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": response.status, "headers": raw})
        if stream is None:
            body = response.body if whole else response.body[: len(response.body) // 2]
            await self._send({"type": "http.response.body", "body": body, "more_body": not whole})
            return
        gone = asyncio.ensure_future(self._receive())  # returns when the connection is closed
        try:
            left = stream.size if whole else stream.size // 2
            while left and not gone.done():
                block = await run(stream.read, min(BLOCK // 4, left))
                if not block:
                    raise ClientGone  # the file is shorter than it was; an incomplete response shows that
                left -= len(block)
                async with asyncio.timeout(IDLE_SECONDS):
                    await self._send({"type": "http.response.body", "body": block, "more_body": True})
            if not left and whole:
                await self._send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()

    async def read_half(self) -> None:
        """Receive half of the body, by its Content-Length."""
        length = self.headers.get("content-length", "")
        half = int(length) // 2 if length.isdigit() else 0
        self._begun = True
        while self.received < half:
            async with asyncio.timeout(IDLE_SECONDS):
                message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            self.received += len(message["body"])

    async def sever(self) -> None:
        """Close the connection at once."""
        self._sever()
        async with asyncio.timeout(IDLE_SECONDS):
            while (await self._receive())["type"] != "http.disconnect":
                pass


@dataclass
class Application:
    """The registry over ASGI.

    Attributes:
        store: rows and blobs.
        keyring: the accepted access keys.
        quotas: the account's quotas.
        workers: threads for blocking calls.
        log: called with one line per request; None for no log.
        faults: errors to inject; None for none.
    """

    store: Store
    keyring: Keyring
    quotas: Quotas
    workers: DaemonExecutor
    log: Callable[[str], None] | None = None
    faults: Faults | None = None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Respond to one request."""
        began = time.perf_counter()
        exchange = Exchange(scope, receive, send)
        outcome = "client gone"
        response: Response | None = None
        try:
            response = await self._respond(exchange)
            outcome = f"{response.status} {response.error}".strip()
            if exchange.effect.stall:
                await asyncio.sleep(exchange.effect.stall)
            if exchange.effect.lose:
                raise Severed
            await exchange.respond(response, self._run)
        except Severed:
            outcome = f"{outcome}, not sent" if response else "no response"
            await exchange.sever()
        except (ClientGone, TimeoutError):
            outcome = "client gone"
        finally:
            if response is not None and response.stream is not None:
                response.stream.close()
            if self.log:
                query = exchange.query.decode("ascii", "backslashreplace")
                duration_ms = (time.perf_counter() - began) * 1000
                if exchange.effect.rules:
                    outcome += f", fault: {' + '.join(exchange.effect.rules)}"
                self.log(f"{exchange.method} {exchange.path}?{query} -> {outcome} ({duration_ms:.0f} ms)")

    async def _respond(self, exchange: Exchange) -> Response:
        try:
            model = protocol.route(exchange.method, exchange.path)
            if refusal := await self._inject_fault(exchange, model):
                return refusal
            operation = OPERATIONS.get(model.name)
            if operation is None:
                raise invalid(f"The embedded registry does not support {model.name}.", "UNKNOWN_OPERATION")
            if model.has_streaming_input:
                return await self._respond_to_upload(exchange, model, operation)
            sigv4.check_key(exchange.headers, self.keyring.find)  # without a key, nothing is received
            body = b""
            async for block in exchange.blocks():
                body += block
                if len(body) > MAX_DOCUMENT:
                    raise invalid(f"The body is larger than {MAX_DOCUMENT} bytes.", "CANNOT_PARSE")
            return await self._run(self._respond_to_document, exchange, model, operation, body)
        except ServiceError as error:
            return protocol.serialise_error(error)
        except (ClientGone, Severed, TimeoutError):
            raise
        except (OSError, sqlite3.Error, StoreError) as error:
            return _internal(f"The registry's folder cannot be used: {error}")
        except Exception:  # noqa: BLE001 - also for a bug, the client gets a response that it can parse
            return _internal("Internal error of the embedded registry.")

    async def _inject_fault(self, exchange: Exchange, model: OperationModel) -> Response | None:
        """Return the response that replaces the operation; None if the operation is to run."""
        if self.faults is None:
            return None
        exchange.effect = self.faults.decide(model.name, exchange.query)
        if exchange.effect.cut == "request":
            await exchange.read_half()
        if exchange.effect.cut in ("before", "request"):
            raise Severed
        return exchange.effect.response

    def _respond_to_document(
        self, exchange: Exchange, model: OperationModel, operation: Operation, body: bytes
    ) -> Response:
        call = self._call(exchange, model, sigv4.body_hash(body), body)
        result = self._apply(operation, call, exchange.effect.age)
        try:
            return protocol.serialise(model, result)
        except BaseException:
            for value in result.values():
                if isinstance(value, Blob):
                    value.close()
            raise

    async def _respond_to_upload(self, exchange: Exchange, model: OperationModel, operation: Operation) -> Response:
        call = await self._run(self._admit, exchange, model, operation)
        upload = self.store.blobs.receive()
        try:
            await self._receive(exchange, upload, call["assetName"])
            return await self._run(self._finish, model, operation, replace(call, upload=upload))
        finally:
            upload.close()  # not awaited: a server that shuts down cancels what is awaited, and this must run

    def _admit(self, exchange: Exchange, model: OperationModel, operation: Operation) -> Call:
        """Check what can be checked before the body is received."""
        declared = exchange.headers.get(sigv4.CONTENT_HASH, "")
        if not declared and "authorization" in exchange.headers:
            raise invalid("Value at 'assetSHA256' is required.")  # the signature covers this hash, not the body
        call = self._call(exchange, model, declared, b"")
        if operation.admit is not None:
            with self.store.read() as rows:
                operation.admit(rows, call)
        self.store.prepare()
        return call

    async def _receive(self, exchange: Exchange, upload: Upload, asset: str) -> None:
        writing: Awaitable[None] | None = None
        try:
            async for block in exchange.blocks():  # while a block is hashed, the next one is received
                if writing is not None:
                    await writing
                if exchange.received > self.quotas.asset_bytes:
                    raise quota_exceeded(f"An asset may have at most {self.quotas.asset_bytes} bytes.", "asset", asset)
                writing = asyncio.ensure_future(self._run(upload.write, block))
        finally:
            if writing is not None:
                await writing

    def _finish(self, model: OperationModel, operation: Operation, call: Call) -> Response:
        assert call.upload is not None
        try:
            call.upload.finish()
            return protocol.serialise(model, self._apply(operation, call))
        finally:
            call.upload.close()  # here on a worker thread, because removing a large file takes a while

    def _call(self, exchange: Exchange, model: OperationModel, payload_hash: str, body: bytes) -> Call:
        caller = sigv4.verify(
            exchange.method, exchange.path, exchange.query, exchange.headers, payload_hash, self.keyring.find
        )
        params = protocol.parse_request(model, exchange.query, exchange.headers, body)
        length = exchange.headers.get("content-length", "")
        return Call(
            caller.account,
            caller.region,
            exchange.headers.get("host", ""),
            params,
            self.store.blobs,
            self.quotas,
            size=int(length) if length.isdigit() else None,
        )

    def _apply(self, operation: Operation, call: Call, age: float = 0.0) -> dict[str, Any]:
        if operation.writes:
            with self.store.write(create=operation.creates) as rows:
                if self.faults:
                    self.faults.snapshot(rows)
                return operation.rule(rows, call)
        past = self.faults.rows_at(age) if self.faults and age else None
        if past:
            with contextlib.closing(past), contextlib.suppress(FileNotFoundError):
                return operation.rule(past, call)
        try:
            with self.store.read() as rows:
                return operation.rule(rows, call)
        except FileNotFoundError:  # another process removed the blob after the row was read: read again
            with self.store.read() as rows:
                return operation.rule(rows, call)

    async def _run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.wrap_future(self.workers.submit(function, *args, **kwargs))


def _internal(message: str) -> Response:
    return protocol.serialise_error(ServiceError("InternalServerException", message))
