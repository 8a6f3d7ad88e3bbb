"""The real plugin process with an engine of the test's own: the provider over its protocol, without a CLI.

    with Engine() as engine, Plugin(program, engine) as plugin:
        plugin.call("Configure", {"args": {}})
        plugin.call("Check", {"olds": {}, "news": {...}})["inputs"]

Leaving the block ends the process as the engine does and holds that it has printed nothing.
"""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from concurrent import futures
from pathlib import Path
from typing import Any, Self

import grpc
from google.protobuf import json_format, message_factory
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc

from support.launcher import launcher

PICKLE = (
    "gASVRwAAAAAAAACMJXB1bHVtaV9jb2RlYXJ0aWZhY3RfcmVsZWFzZS5wcm92aWRlcnOUjBZQYWNrYWdlVmVyc2lvblByb3ZpZGVylJOUKYGULg=="
)
PROMOTION_PICKLE = (
    "gASVQgAAAAAAAACMJXB1bHVtaV9jb2RlYXJ0aWZhY3RfcmVsZWFzZS5wcm92aWRlcnOUjBFQcm9tb3Rpb25Qcm92aWRlcpSTlCmBlC4="
)
"""What stands in users' state as `__provider`, byte for byte."""

URN = "urn:pulumi:dev::project::pulumi-python:dynamic/codeartifact:PackageVersion::acme/app"
PROMOTION_URN = "urn:pulumi:staging::project::pulumi-python:dynamic/codeartifact:Promotion::acme/app"


def pickled(module: str, name: str) -> str:
    """A pickle of a provider by reference, for a class that this process need not be able to import."""
    return base64.b64encode(f"c{module}\n{name}\n(tR.".encode()).decode()


class Engine(engine_pb2_grpc.EngineServicer):
    """The engine's side of a plugin: takes its messages."""

    def __init__(self) -> None:
        self.messages: list[engine_pb2.LogRequest] = []
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
        engine_pb2_grpc.add_EngineServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def Log(self, request: engine_pb2.LogRequest, context: object) -> Empty:  # noqa: N802 - gRPC's name
        # A question whether the engine is there says nothing.
        if request.message:
            self.messages.append(request)
        return Empty()

    def lines(self, *, ephemeral: bool) -> list[str]:
        return [each.message for each in self.messages if each.ephemeral is ephemeral]

    def die(self) -> None:
        """Be gone, as after kill -9."""
        self._server.stop(grace=None).wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.die()


class Plugin:
    """One plugin process; one operation of the engine, on one resource of the kind that `pickle` and `urn` name."""

    def __init__(
        self,
        program: Path,
        engine: Engine,
        environ: Mapping[str, str] | None = None,
        *,
        pickle: str = PICKLE,
        urn: str = URN,
        module: str = "pulumi.dynamic",
    ) -> None:
        self._pickle = pickle
        self._urn = urn
        self.answers: list[dict[str, Any]] = []
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        ours, theirs = os.pipe()
        self._stdout = os.fdopen(ours, "rb")
        self.process = launcher().start(
            ["-u", "-m", module, engine.address],
            cwd=program,
            env={**os.environ, "PULUMI_PROJECT": "project", **(environ or {})},
            stdout=theirs,
            stderr=self._errors,
        )
        os.close(theirs)
        port = self._stdout.readline().decode().strip()
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        self._methods = provider_pb2.DESCRIPTOR.services_by_name["ResourceProvider"].methods_by_name

    def call(self, method: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Make one call; raises grpc.RpcError."""
        kind = message_factory.GetMessageClass(self._methods[method].input_type)
        message = json_format.ParseDict(dict(request), kind(), ignore_unknown_fields=True)
        reply = getattr(self._stub, method)(message, timeout=50)
        answer: dict[str, Any] = json_format.MessageToDict(reply)
        self.answers.append(answer)
        return answer

    def configure(self, **config: str) -> None:
        self.call("Configure", {"args": config})

    def check(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, Any]:
        return self.call("Check", {"urn": self._urn, "olds": olds, "news": {"__provider": self._pickle, **news}})

    def checked(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, Any]:
        """What check() returns as inputs, where it has nothing against them."""
        answer = self.check(olds, news)
        assert "failures" not in answer, answer["failures"]
        inputs: dict[str, Any] = answer["inputs"]
        return inputs

    def diff(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, Any]:
        return self.call("Diff", {"id": "acme/app", "urn": self._urn, "olds": olds, "news": news})

    def create(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        properties: dict[str, Any] = self.call("Create", {"urn": self._urn, "properties": inputs})["properties"]
        return properties

    def update(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, Any]:
        request = {"id": "acme/app", "urn": self._urn, "olds": olds, "news": news}
        properties: dict[str, Any] = self.call("Update", request)["properties"]
        return properties

    def read(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        return self.call("Read", {"id": "acme/app", "urn": self._urn, "properties": properties})

    def end(self, *, within: float = 10) -> str:
        """End the process as the engine does, and return what it has printed, its port apart."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                # Now and then the SDK's main thread sleeps through it; the engine would kill. Whoever is on the way
                # out, only slowly, prints a traceback at a second one.
                self.process.send_signal(signal.SIGINT)
        return self.wait(within)

    def wait(self, within: float) -> str:
        """Wait for the process to end by itself; returns what it has printed, its port apart."""
        self._channel.close()
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            printed = self._stdout.read()
            self._stdout.close()
            self._errors.seek(0)
            printed += self._errors.read()
            self._errors.close()
        return printed.decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_error: object) -> None:
        if self._stdout.closed:
            return
        printed = self.end()
        if kind is None:
            assert not printed, f"the plugin printed: {printed}"
