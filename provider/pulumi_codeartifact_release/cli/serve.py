"""`codeartifact-release serve DIR`: run an embedded registry for other programs."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click

from ..errors import UsageError
from ..local_registry import StoreError, start
from ..local_registry.faults import FaultsError, load
from ..local_registry.server import LocalRegistry
from ..local_registry.shell import script, variables
from ..registry.aws_endpoints import is_loopback
from .output_files import remove_if_same, write_atomically


def run(*, directory: Path, host: str, port: int, env_file: Path | None, faults: Path | None) -> None:
    """Run `serve`."""
    server = _start(directory, host, port, faults)
    with server, contextlib.ExitStack() as stack:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            previous = signal.signal(number, lambda *_: stop.set())
            stack.callback(signal.signal, number, previous)
        if not is_loopback(server.url):
            click.echo(
                f"Warning: {server.host} is not a loopback address. Other machines on the network can reach this "
                "registry over plain HTTP.",
                err=True,
            )
        environment = script(
            variables(server, region=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"))
        )
        if env_file is None:
            click.echo(environment, nl=False)
        else:
            stack.enter_context(_temporary_file(env_file, environment))
        hint = f"; its variables are in {env_file}" if env_file else ""
        click.echo(f"Serving {directory} at {server.url}{hint}. Ctrl-C ends it.")
        stop.wait()
    click.echo("The registry has stopped. Its data stays in the folder.")


def _start(directory: Path, host: str, port: int, faults: Path | None) -> LocalRegistry:
    try:
        return start(directory, host=host, port=port, log=_log, faults=load(faults) if faults else None)
    except (FaultsError, StoreError) as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError(
            f"Cannot listen on {host}:{port}: {error.strerror or error}. "
            "Choose another --port, or omit it to use any free one."
        ) from error


def _log(line: str) -> None:
    with contextlib.suppress(OSError):  # stderr may be closed, which must not stop the registry
        click.echo(f"{datetime.now():%H:%M:%S} {line}", err=True)


@contextlib.contextmanager
def _temporary_file(path: Path, text: str) -> Iterator[None]:
    """Create a file that only its owner may read, and remove it at the end."""
    status = write_atomically(path, text, "--env-file", mode=0o600)
    try:
        yield
    finally:
        # Another server may have replaced the file: then keep it.
        remove_if_same(path, status)
