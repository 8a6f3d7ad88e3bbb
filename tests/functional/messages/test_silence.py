"""No answer: what is told of a network that fails, each way with what to do about it."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from support.command_line import MANIFEST, Run

from .conftest import Ask
from .stand import Answer, Certificate, certificate, listener, service, tls, told

ASKED = "DescribePackageVersion: no response from"
CHECK_PROXY = "Correct HTTPS_PROXY, or name the hosts that need no proxy in NO_PROXY."
AWS = "https://codeartifact.us-east-1.amazonaws.com"
AGAIN = "Run again: only what is missing is sent."


def nothing_resolves(*_args: object, **_more: object) -> NoReturn:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def no_way(_self: object, _address: object) -> NoReturn:
    raise OSError(113, "No route to host")


def too_late(_self: object, _address: object) -> NoReturn:
    raise TimeoutError("timed out")


def close_at_once(connection: socket.socket) -> None:
    connection.recv(65536)


def close_half_way(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"packageVersion":')


def speak_ssh(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")


def say_nothing(connection: socket.socket) -> None:
    connection.recv(65536)
    time.sleep(3)


def test_the_connection_is_refused(ask: Ask) -> None:
    assert told(ask("http://127.0.0.1:9")) == (
        f"error[unreachable]: {ASKED} http://127.0.0.1:9: the connection was refused\n"
        "Nothing listens there: start it, or correct host and port of the endpoint."
    )


def test_the_region_has_no_endpoint(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", nothing_resolves)
    assert told(ask(AWS_REGION="eu-west-7")) == (
        f"error[wrong-region]: {ASKED} https://codeartifact.eu-west-7.amazonaws.com: its name does not resolve, and "
        "eu-west-7 is not among the regions with CodeArtifact\n"
        "Correct AWS_REGION, or `region` in the environment of the manifest: it is written like eu-west-1, and not "
        "every region has CodeArtifact. If it is right, because it is new, check this machine's network and DNS."
    )


@pytest.mark.parametrize(
    ("region", "code"), [("us-east-1", 1), ("eu-west-7", 2), ("moon-base-1", 2), ("af-south-1", 2)]
)
def test_a_region_that_is_none_has_to_be_corrected_and_a_network_that_is_down_has_not(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch, region: str, code: int
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", nothing_resolves)
    manifest = MANIFEST.replace(', endpoint: "file:.registry"}', f", region: {region}}}", 1)
    (project / "release.yaml").write_text(manifest)
    for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_MAX_ATTEMPTS": "1"}.items():
        monkeypatch.setenv(name, value)
    for command in ("plan", "verify", "apply"):
        outcome = run(command, "release.yaml", "-e", "dev")
        assert outcome.code == code
        assert f"error[{'unreachable' if code == 1 else 'wrong-region'}]: " in outcome.err
    assert run("status", "release.yaml", "-e", "dev").code == code


def test_no_name_resolves(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", nothing_resolves)
    assert told(ask(AWS_REGION="eu-west-1")) == (
        f"error[unreachable]: {ASKED} https://codeartifact.eu-west-1.amazonaws.com: its name does not resolve\n"
        "Check this machine's network and DNS. If other names resolve, is eu-west-1 the region that you mean? "
        "AWS_REGION, or `region` in the environment of the manifest says so, and AWS_USE_FIPS_ENDPOINT and "
        "AWS_USE_DUALSTACK_ENDPOINT choose hosts that not every region has."
    )


def test_the_endpoints_name_does_not_resolve(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", nothing_resolves)
    assert told(ask("https://registry.example.test")) == (
        f"error[unreachable]: {ASKED} https://registry.example.test: its name does not resolve\n"
        "Correct the host name of the endpoint, or check this machine's network and DNS."
    )


def test_no_route_to_the_host(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", no_way)
    assert told(ask("https://127.0.0.1:9")) == (
        f"error[unreachable]: {ASKED} https://127.0.0.1:9: this machine cannot reach it (No route to host)\n"
        f"Check network, region and endpoint. {AGAIN}"
    )


def test_no_connection_comes_about_in_time(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", too_late)
    assert told(ask("https://127.0.0.1:9", CODEARTIFACT_RELEASE_CONNECT_TIMEOUT="7")) == (
        f"error[unreachable]: {ASKED} https://127.0.0.1:9: no connection within 7 s\n"
        "Check what is in between (a firewall, a VPN, a security group), and the endpoint. "
        "CODEARTIFACT_RELEASE_CONNECT_TIMEOUT=SECONDS makes it wait longer."
    )


BROKEN = "the connection was closed before the response"
IN_BETWEEN = f"{AGAIN} If the error persists, check what is in between: a proxy, a firewall, a VPN."


@pytest.mark.parametrize(
    ("serve", "reason", "hint"),
    [
        (
            say_nothing,
            "it accepted the request, but sent no response within 0.2 s",
            f"{AGAIN} CODEARTIFACT_RELEASE_READ_TIMEOUT=SECONDS makes it wait longer.",
        ),
        (close_at_once, BROKEN, IN_BETWEEN),
        (close_half_way, BROKEN, IN_BETWEEN),
        (speak_ssh, "the server does not speak HTTP", "Correct host and port of the endpoint."),
    ],
)
def test_a_server_that_does_not_respond(
    serve: Callable[[socket.socket], None], reason: str, hint: str, ask: Ask
) -> None:
    with listener(serve) as place:
        err = ask(f"http://{place}", CODEARTIFACT_RELEASE_READ_TIMEOUT="0.2")
    assert told(err, PLACE=place) == f"error[unreachable]: {ASKED} http://PLACE: {reason}\n{hint}"


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for this machine that has signed itself."""
    return certificate(tmp_path_factory.mktemp("own"), "IP:127.0.0.1")


TLS = "error[unreachable]: DescribePackageVersion: TLS to ENDPOINT failed:"


def test_a_certificate_that_signed_itself_is_not_trusted(ask: Ask, own: Certificate) -> None:
    with tls(own) as endpoint:
        err = ask(endpoint)
    assert told(err, ENDPOINT=endpoint) == (
        f"{TLS} this machine does not trust its certificate (self-signed certificate)\n"
        "If it is your own registry's, or that of a proxy which opens TLS, set AWS_CA_BUNDLE to a PEM file with the "
        "certificate of its authority."
    )


def test_a_certificate_is_for_another_host(ask: Ask, tmp_path: Path) -> None:
    made = certificate(tmp_path, "DNS:registry.example.test")
    with tls(made) as endpoint:
        err = ask(endpoint, AWS_CA_BUNDLE=str(made.certificate))
    assert told(err, ENDPOINT=endpoint) == (
        f"{TLS} its certificate is for another host\n"
        "Correct the host name of the endpoint: it must be the certificate's."
    )


@pytest.mark.parametrize(
    ("code", "reason"),
    [(10, "its certificate has expired"), (9, "its certificate is not valid yet")],
)
def test_a_certificate_is_out_of_time(
    code: int, reason: str, ask: Ask, own: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OutOfTime(ssl.SSLContext):
        """openssl programs differ in how they date a certificate; what the library says of one is the same."""

        def wrap_socket(self, *_args: object, **_more: object) -> NoReturn:
            error = ssl.SSLCertVerificationError(1, "certificate verify failed")
            error.verify_code, error.verify_message = code, "out of time"
            raise error

    with tls(own) as endpoint:
        monkeypatch.setattr("botocore.httpsession.SSLContext", OutOfTime)
        err = ask(endpoint)
    assert told(err, ENDPOINT=endpoint) == (
        f"{TLS} {reason}\n"
        "Check this machine's clock. If it is right, whoever runs the endpoint has to renew the certificate."
    )


def test_a_server_that_does_not_speak_tls(ask: Ask) -> None:
    with service(Answer(200, body={})) as url:
        endpoint = url.replace("http:", "https:")
        err = ask(endpoint)
    assert told(err, ENDPOINT=endpoint) == (
        f"{TLS} the server does not speak TLS\n"
        "Correct host and port of the endpoint, or write http:// if it is on this machine."
    )


NONE = "it contains no readable certificates"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing.pem", "No such file or directory"), ("text.pem", NONE),
     ("empty.pem", NONE), ("broken.pem", NONE)],
)  # fmt: skip
def test_the_file_of_trusted_certificates_is_none(
    ask: Ask, own: Certificate, tmp_path: Path, name: str, reason: str
) -> None:
    (tmp_path / "text.pem").write_text("hello")
    (tmp_path / "empty.pem").touch()
    (tmp_path / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nhello\n-----END CERTIFICATE-----\n")
    with tls(own) as endpoint:
        err = ask(endpoint, AWS_CA_BUNDLE=str(tmp_path / name))
    assert told(err, ENDPOINT=endpoint) == (
        f"error[usage]: DescribePackageVersion: the file of trusted certificates cannot be used: {reason}\n"
        "Correct AWS_CA_BUNDLE (or `ca_bundle` of the AWS config file): the path of a PEM file."
    )


# --- proxies ----------------------------------------------------------------------------------------------------------


def test_the_proxy_refuses_the_connection(ask: Ask) -> None:
    assert told(ask(HTTPS_PROXY="http://127.0.0.1:9")) == (
        f"error[unreachable]: {ASKED} {AWS} through the proxy http://127.0.0.1:9: the proxy refused the connection\n"
        f"{CHECK_PROXY}"
    )


def test_the_proxys_name_does_not_resolve(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", nothing_resolves)
    # What is secret in it is not shown.
    assert told(ask(HTTPS_PROXY="http://me:secret@proxy.example.test:3128")) == (
        f"error[unreachable]: {ASKED} {AWS} through the proxy http://***:***@proxy.example.test:3128: "
        f"the proxy's name does not resolve\n{CHECK_PROXY}"
    )


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        ("407 Proxy Authentication Required", "It requires a login: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT."),
        ("502 Bad Gateway", CHECK_PROXY),
    ],
)
def test_the_proxy_refuses(status: str, hint: str, ask: Ask) -> None:
    def refuse(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

    with listener(refuse) as place:
        err = ask(HTTPS_PROXY=f"http://{place}")
    assert told(err, PLACE=place) == (
        f"error[unreachable]: {ASKED} {AWS} through the proxy http://PLACE: the proxy responded with {status}\n{hint}"
    )


def test_the_proxy_is_not_a_url(ask: Ask) -> None:
    assert told(ask(HTTPS_PROXY="::::")) == (
        f"error[unreachable]: {ASKED} {AWS}: a URL of this connection is not valid: '::::' is not a valid host or "
        "port\nCorrect the endpoint, or HTTPS_PROXY."
    )
