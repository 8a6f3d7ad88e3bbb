"""The HTTP layer: an ASGI application that turns requests into calls of the operations.

What blocks runs on worker threads; the event loop only moves bytes, so a slow or idle client holds no thread.
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
from .faults import Faults, Verdict
from .limits import Limits
from .operations import OPERATIONS, Call, Operation
from .protocol import Answer
from .store import Store
from .workers import DaemonExecutor

Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
P = ParamSpec("P")
T = TypeVar("T")

BLOCK = 1024 * 1024
"""Bytes that are hashed and written, or read, at a time."""

MAX_DOCUMENT = 1024 * 1024
"""Bytes that a JSON document may have."""

IDLE_SECONDS = 120.0
"""How long a client may take over a single block."""


class ClientGone(Exception):  # noqa: N818 - it is an event, and nobody is told of it
    """The client went away before its request was complete."""


class Severed(Exception):  # noqa: N818 - it is an event, and was asked for
    """A fault wants the connection closed with no further word."""


SEVER = "codeartifact.sever"
"""The ASGI extension with which the server closes a connection at once."""


class Exchange:
    """One request and its answer, as ASGI hands them over."""

    def __init__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["raw_path"].decode("ascii", "backslashreplace")
        self.query: bytes = scope["query_string"]
        self.headers: dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            self.headers[name] = f"{self.headers[name]},{value}" if name in self.headers else value
        self.verdict = Verdict()
        self._sever: Callable[[], None] = scope.get("extensions", {}).get(SEVER, lambda: None)
        self._receive = receive
        self._send = send
        self._begun = False
        self._complete = False
        self.received = 0

    async def blocks(self) -> AsyncIterator[bytes]:
        """Yield the body in blocks of about BLOCK bytes. Only now is a waiting client told to continue.

        Raises:
            ClientGone: the body stopped half-way.
            TimeoutError: the client stalled.
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

    async def answer(self, answer: Answer, run: Callable[..., Awaitable[bytes]]) -> None:
        """Send the answer; afterwards the connection is fit for another request, or closed."""
        headers = {"x-amzn-requestid": str(uuid.uuid4()), **answer.headers}
        if not self._begun and self.headers.get("expect", "").lower() == "100-continue":
            headers["connection"] = "close"  # the client holds its body back, and never needs to send it
        else:
            async for _ in self._parts():  # a client that is still sending would not hear an early answer
                pass
        stream = answer.stream
        whole = self.verdict.cut != "response"
        headers["content-length"] = str(len(answer.body) if stream is None else stream.size)
        raw = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": answer.status, "headers": raw})
        if stream is None:
            body = answer.body if whole else answer.body[: len(answer.body) // 2]
            await self._send({"type": "http.response.body", "body": body, "more_body": not whole})
            return
        gone = asyncio.ensure_future(self._receive())  # it returns when the connection is lost
        try:
            left = stream.size if whole else stream.size // 2
            while left and not gone.done():
                block = await run(stream.read, min(BLOCK // 4, left))
                if not block:
                    raise ClientGone  # the file is shorter than it was: cut the answer short, visibly
                left -= len(block)
                async with asyncio.timeout(IDLE_SECONDS):
                    await self._send({"type": "http.response.body", "body": block, "more_body": True})
            if not left and whole:
                await self._send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()

    async def read_half(self) -> None:
        """Take in half of the body that was announced."""
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
        """Close the connection now, whatever is under way on it."""
        self._sever()
        async with asyncio.timeout(IDLE_SECONDS):
            while (await self._receive())["type"] != "http.disconnect":
                pass


@dataclass
class Application:
    """The registry over ASGI.

    Attributes:
        store: rows and blobs.
        keyring: whose signatures are accepted.
        limits: the account's quotas.
        workers: threads for what blocks.
        log: called with a line for every request; None is silent.
        faults: what to do wrong, and when; None is never.
    """

    store: Store
    keyring: Keyring
    limits: Limits
    workers: DaemonExecutor
    log: Callable[[str], None] | None = None
    faults: Faults | None = None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        began = time.perf_counter()
        exchange = Exchange(scope, receive, send)
        outcome = "client gone"
        answer: Answer | None = None
        try:
            answer = await self._answer(exchange)
            outcome = f"{answer.status} {answer.error}".strip()
            if exchange.verdict.stall:
                await asyncio.sleep(exchange.verdict.stall)
            if exchange.verdict.lose:
                raise Severed
            await exchange.answer(answer, self._run)
        except Severed:
            outcome = f"{outcome}, not sent" if answer else "no answer"
            await exchange.sever()
        except (ClientGone, TimeoutError):
            outcome = "client gone"
        finally:
            if answer is not None and answer.stream is not None:
                answer.stream.close()
            if self.log:
                query = exchange.query.decode("ascii", "backslashreplace")
                milliseconds = (time.perf_counter() - began) * 1000
                if exchange.verdict.rules:
                    outcome += f", fault: {' + '.join(exchange.verdict.rules)}"
                self.log(f"{exchange.method} {exchange.path}?{query} -> {outcome} ({milliseconds:.0f} ms)")

    async def _answer(self, exchange: Exchange) -> Answer:
        try:
            model = protocol.route(exchange.method, exchange.path)
            if refusal := await self._misbehave(exchange, model):
                return refusal
            operation = OPERATIONS.get(model.name)
            if operation is None:
                raise invalid(f"The embedded registry does not do {model.name}.", "UNKNOWN_OPERATION")
            if model.has_streaming_input:
                return await self._answer_streamed(exchange, model, operation)
            sigv4.check_key(exchange.headers, self.keyring.find)  # nothing is kept for somebody without one
            body = b""
            async for block in exchange.blocks():
                body += block
                if len(body) > MAX_DOCUMENT:
                    raise invalid(f"The body has more than {MAX_DOCUMENT} bytes.", "CANNOT_PARSE")
            return await self._run(self._answer_document, exchange, model, operation, body)
        except ServiceError as error:
            return protocol.serialise_error(error)
        except (ClientGone, Severed, TimeoutError):
            raise
        except (OSError, sqlite3.Error, StoreError) as error:
            return _internal(f"The registry's folder cannot be used: {error}")
        except Exception:  # noqa: BLE001 - whatever it is, the client gets an answer it can parse
            return _internal("The embedded registry failed.")

    async def _misbehave(self, exchange: Exchange, model: OperationModel) -> Answer | None:
        """Return the answer that is given instead of the work; None where the work is to be done."""
        if self.faults is None:
            return None
        exchange.verdict = self.faults.judge(model.name, exchange.query)
        if exchange.verdict.cut == "request":
            await exchange.read_half()
        if exchange.verdict.cut in ("before", "request"):
            raise Severed
        return exchange.verdict.answer

    def _answer_document(self, exchange: Exchange, model: OperationModel, operation: Operation, body: bytes) -> Answer:
        call = self._call(exchange, model, sigv4.body_hash(body), body)
        result = self._apply(operation, call, exchange.verdict.age)
        try:
            return protocol.serialise(model, result)
        except BaseException:
            for value in result.values():
                if isinstance(value, Blob):
                    value.close()
            raise

    async def _answer_streamed(self, exchange: Exchange, model: OperationModel, operation: Operation) -> Answer:
        call = await self._run(self._admit, exchange, model, operation)
        upload = self.store.blobs.receive()
        try:
            await self._receive(exchange, upload, call["assetName"])
            return await self._run(self._finish, model, operation, replace(call, upload=upload))
        finally:
            upload.close()  # not awaited: a server that ends cancels what is awaited, and this must happen

    def _admit(self, exchange: Exchange, model: OperationModel, operation: Operation) -> Call:
        """Check all that can be checked before the body is received."""
        declared = exchange.headers.get(sigv4.CONTENT_HASH, "")
        if not declared and "authorization" in exchange.headers:
            raise invalid("Value at 'assetSHA256' is required.")  # the signature covers this, not the body
        call = self._call(exchange, model, declared, b"")
        if operation.admit is not None:
            with self.store.read() as rows:
                operation.admit(rows, call)
        self.store.prepare()
        return call

    async def _receive(self, exchange: Exchange, upload: Upload, asset: str) -> None:
        writing: Awaitable[None] | None = None
        try:
            async for block in exchange.blocks():  # the next block arrives while this one is hashed
                if writing is not None:
                    await writing
                if exchange.received > self.limits.asset_bytes:
                    raise quota_exceeded(f"An asset has at most {self.limits.asset_bytes} bytes.", "asset", asset)
                writing = asyncio.ensure_future(self._run(upload.write, block))
        finally:
            if writing is not None:
                await writing

    def _finish(self, model: OperationModel, operation: Operation, call: Call) -> Answer:
        assert call.upload is not None
        try:
            call.upload.finish()
            return protocol.serialise(model, self._apply(operation, call))
        finally:
            call.upload.close()  # here already, since removing a large file takes a while

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
            self.limits,
            size=int(length) if length.isdigit() else None,
        )

    def _apply(self, operation: Operation, call: Call, age: float = 0.0) -> dict[str, Any]:
        if operation.writes:
            with self.store.write(create=operation.creates) as rows:
                if self.faults:
                    self.faults.remember(rows)
                return operation.rule(rows, call)
        past = self.faults.past(age) if self.faults and age else None
        if past:
            with contextlib.closing(past), contextlib.suppress(FileNotFoundError):
                return operation.rule(past, call)
        try:
            with self.store.read() as rows:
                return operation.rule(rows, call)
        except FileNotFoundError:  # a blob was removed between row and file: the rows know better now
            with self.store.read() as rows:
                return operation.rule(rows, call)

    async def _run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.wrap_future(self.workers.submit(function, *args, **kwargs))


def _internal(message: str) -> Answer:
    return protocol.serialise_error(ServiceError("InternalServerException", message))
