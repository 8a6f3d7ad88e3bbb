"""Servers on loopback that answer as CodeArtifact would, or not at all, and what of an error is printed."""

from __future__ import annotations

import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pulumi_codeartifact_release.cli.error_output import show_error
from pulumi_codeartifact_release.errors import ReleaseError

WITHOUT_OPENSSL = "no openssl program is on this machine"


class Answer(NamedTuple):
    """What a server answers: the error's name in the service's model ("" for none), and its members or any bytes."""

    status: int
    kind: str = ""
    body: Any = b""
    headers: tuple[tuple[str, str], ...] = ()


def printed(error: ReleaseError, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command line prints of an error."""
    capsys.readouterr()
    show_error(error)
    return capsys.readouterr().err.removesuffix("\n")


def told(err: str, **places: str) -> str:
    """The error in what a command printed; `places` (name=url or path) are written by their names."""
    found = re.search(r"^(error|refused)\[", err, flags=re.MULTILINE)
    assert found, err
    text = err[found.start() :].removesuffix("\n")
    for name, place in places.items():
        text = text.replace(place, name)
    return text


@contextmanager
def service(answer: Answer) -> Iterator[str]:
    """A server that answers every request like this; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response_only(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            if answer.kind:
                self.send_header("x-amzn-ErrorType", answer.kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = serve  # noqa: N815

        def log_message(self, *_args: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def listener(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A port where `serve` has every connection to itself; yields HOST:PORT."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=handle, args=(connection,), daemon=True).start()

        def handle(connection: socket.socket) -> None:
            with connection:
                try:
                    serve(connection)
                except OSError:
                    # The client went away, which is what most of these tests are about.
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        # What closing alone does not do: wake the thread that waits for a connection.
        server.shutdown(socket.SHUT_RDWR)


class Certificate(NamedTuple):
    """PEM files of a certificate that has signed itself, and of its key."""

    certificate: Path
    key: Path


def certificate(folder: Path, host: str) -> Certificate:
    """Make a certificate for a host (`IP:…` or `DNS:…`)."""
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip(WITHOUT_OPENSSL)
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=registry"]
    files = ["-keyout", str(made.key), "-out", str(made.certificate)]
    subprocess.run([openssl, *words, "-addext", f"subjectAltName={host}", *files], check=True, capture_output=True)
    return made


@contextmanager
def tls(made: Certificate) -> Iterator[str]:
    """A server that shows a certificate; yields its URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*made)

    def shake_hands(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as encrypted:
            encrypted.recv(1)

    with listener(shake_hands) as place:
        yield f"https://{place}"
