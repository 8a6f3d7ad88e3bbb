"""The process of the plugin `pulumi-resource-codeartifact-release`.

The engine starts one for each provider of a program, passes its address as the last argument, and reads the port from
the first line of the output.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from concurrent import futures
from importlib.metadata import version
from importlib.resources import files

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from ..plugin.run_context import RunContext
from ..remedies import resource_properties
from .server import Provider, service

# A component waits in its thread until its resources exist, and they need threads of the same process.
_MAX_THREADS = 4096
_MAX_MESSAGE_BYTES = 400 << 20
"""The engine's own limit."""
_GRACE_S = 4.0
"""How long operations have to end before the engine kills the process."""


def main() -> None:
    """Serve until the engine ends the process, or is gone."""
    if len(sys.argv) < 2 or sys.argv[-1].startswith("-"):
        raise SystemExit("pulumi-resource-codeartifact-release is started by Pulumi: see docs/native.md")
    ended, cancelled = threading.Event(), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    context = RunContext(sys.argv[-1], lambda: cancelled.is_set() or ended.is_set(), default_front=resource_properties)
    context.knows_preview = False
    schema = files(__package__).joinpath("schema.json").read_text(encoding="utf-8")
    server = grpc.server(
        futures.ThreadPoolExecutor(_MAX_THREADS),
        options=[
            ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
        ],
    )
    provider = Provider(context, cancelled, schema, version("pulumi-codeartifact-release"))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(service(provider), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    ended.wait()
    # Operations stop before their next write. A request to a registry that hangs must not keep the process.
    server.stop(_GRACE_S).wait(_GRACE_S)
    os._exit(0)
