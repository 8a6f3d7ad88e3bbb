"""Why there is no response, for readers who know their network but not our libraries.

raise network_error(error, "DescribePackageVersion", "https://codeartifact.us-east-1.amazonaws.com")
"""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator
from http.client import BadStatusLine, RemoteDisconnected
from typing import NamedTuple, TypeVar

import botocore.exceptions as boto
import urllib3.exceptions
from botocore.loaders import create_loader
from urllib3.util.ssl_match_hostname import CertificateError

from ..errors import ReleaseError, UnreachableError, UsageError, WrongRegionError
from ..remedies import Need, Text
from .aws_endpoints import region_of

AGAIN = "Run again: only what is missing is sent."
"""The end of many hints: assets that have arrived are not sent again."""

_Kind = TypeVar("_Kind", bound=BaseException)
_UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN}
# OpenSSL's X509_V_ERR_* numbers: unlike its messages, they do not change.
_NOT_YET_VALID, _EXPIRED, _OTHER_HOST, _OTHER_ADDRESS = 9, 10, 62, 64


class _Cause(NamedTuple):
    reason: str
    hint: Text


def network_error(error: boto.BotoCoreError, operation: str, endpoint: str) -> ReleaseError:
    """Return our error for a failed connection: what failed, and what to check."""
    through_proxy = isinstance(error, boto.ProxyConnectionError)
    region = None if through_proxy or not _first(error, socket.gaierror) else region_of(endpoint)
    if region and region not in _regions():
        return WrongRegionError(
            f"{operation}: no response from {endpoint}: its name does not resolve, and {region} is not among the "
            "regions with CodeArtifact",
            hint=(
                "Correct ",
                Need("region"),
                ": it is written like eu-west-1, and not every region has CodeArtifact. If it is right, because it is "
                "new, check this machine's network and DNS.",
            ),
        )
    if isinstance(error, boto.SSLError):
        if unusable := _bundle_problem(error):
            return UsageError(
                f"{operation}: the file of trusted certificates cannot be used: {unusable}",
                hint="Correct AWS_CA_BUNDLE (or `ca_bundle` of the AWS config file): the path of a PEM file.",
            )
        cause = _tls_cause(error)
        return UnreachableError(f"{operation}: TLS to {endpoint} failed: {cause.reason}", hint=cause.hint)
    if through_proxy:
        cause = _proxy_cause(error)
        through = f" through the proxy {error.kwargs.get('proxy_url')}"
    else:
        cause, through = _direct_cause(error, endpoint), ""
    return UnreachableError(f"{operation}: no response from {endpoint}{through}: {cause.reason}", hint=cause.hint)


def _regions() -> set[str]:
    """Return the regions with CodeArtifact that botocore's data lists; newer ones are missing."""
    partitions = create_loader().load_data("endpoints")["partitions"]
    return {name for part in partitions for name in part["services"].get("codeartifact", {}).get("endpoints", {})}


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, wherever botocore and urllib3 keep them."""
    yield error
    inner = [*error.args, getattr(error, "kwargs", {}).get("error"), error.__cause__]
    for cause in inner:
        if isinstance(cause, BaseException):
            yield from _chain(cause)


def _first(error: BaseException, kind: type[_Kind]) -> _Kind | None:
    return next((cause for cause in _chain(error) if isinstance(cause, kind)), None)


def _os_error(error: BaseException) -> OSError | None:
    """Return the operating system's error; botocore's own are OSErrors too, but without errno."""
    errors = (cause for cause in _chain(error) if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError))
    return next((cause for cause in errors if cause.errno and cause.strerror), None)


def _direct_cause(error: boto.BotoCoreError, endpoint: str) -> _Cause:
    text = error.kwargs.get("error")
    if _first(error, socket.gaierror):
        return _Cause("its name does not resolve", _unresolved_hint(endpoint))
    if _first(error, ConnectionRefusedError):
        return _Cause(
            "the connection was refused", "Nothing listens there: start it, or correct host and port of the endpoint."
        )
    if isinstance(error, boto.ConnectTimeoutError):
        return _Cause(
            f"no connection{_timeout_text(error)}",
            "Check what is in between (a firewall, a VPN, a security group), and the endpoint. "
            "CODEARTIFACT_RELEASE_CONNECT_TIMEOUT=SECONDS makes it wait longer.",
        )
    if isinstance(error, boto.ReadTimeoutError):
        reason = (
            text if isinstance(text, str) else f"it accepted the request, but sent no response{_timeout_text(error)}"
        )
        return _Cause(reason, f"{AGAIN} CODEARTIFACT_RELEASE_READ_TIMEOUT=SECONDS makes it wait longer.")
    return _interrupted_cause(error) or _other_cause(error)


def _interrupted_cause(error: boto.BotoCoreError) -> _Cause | None:
    """Return why an open connection brought no response; None for another cause."""
    strange = _first(error, BadStatusLine)
    if strange and not isinstance(strange, RemoteDisconnected):
        return _Cause("the server does not speak HTTP", "Correct host and port of the endpoint.")
    again = f"{AGAIN} If the error persists, check what is in between: a proxy, a firewall, a VPN."
    if isinstance(error, boto.IncompleteReadError):
        received, expected = error.kwargs.get("actual_bytes"), error.kwargs.get("expected_bytes")
        return _Cause(f"the connection broke off after {received} of {expected} bytes", again)
    if isinstance(error, boto.ResponseStreamingError):
        slow = _first(error, urllib3.exceptions.ReadTimeoutError)
        return _Cause("the download stalled" if slow else "the connection broke off in a download", again)
    if isinstance(error, boto.ConnectionClosedError):
        return _Cause("the connection was closed before the response", again)
    return None


def _other_cause(error: boto.BotoCoreError) -> _Cause:
    check = f"Check network, region and endpoint. {AGAIN}"
    if url_error := _first(error, urllib3.exceptions.LocationParseError):
        return _Cause(
            f"a URL of this connection is not valid: {url_error.location}", "Correct the endpoint, or HTTPS_PROXY."
        )
    os_error = _os_error(error)
    if os_error and os_error.errno in _UNREACHABLE:
        return _Cause(f"this machine cannot reach it ({os_error.strerror})", check)
    text = error.kwargs.get("error")
    reason = text if isinstance(text, str) else str(os_error.strerror) if os_error else "the connection failed"
    return _Cause(reason, check)


def _timeout_text(error: boto.BotoCoreError) -> str:
    match = re.search(r"timeout=([0-9.]+)", str(error.kwargs.get("error")))
    return f" within {float(match[1]):g} s" if match else " in time"


def _unresolved_hint(endpoint: str) -> Text:
    if region := region_of(endpoint):
        return (
            f"Check this machine's network and DNS. If other names resolve, is {region} the region that you mean? ",
            Need("region"),
            " says so, and AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT "
            "choose hosts that not every region has.",
        )
    return "Correct the host name of the endpoint, or check this machine's network and DNS."


def _proxy_cause(error: boto.BotoCoreError) -> _Cause:
    check = "Correct HTTPS_PROXY, or name the hosts that need no proxy in NO_PROXY."
    if _first(error, socket.gaierror):
        return _Cause("the proxy's name does not resolve", check)
    if _first(error, ConnectionRefusedError):
        return _Cause("the proxy refused the connection", check)
    if match := re.search(r"Tunnel connection failed: (\d{3})( [\x20-\x7e]{1,60})?", str(error.kwargs.get("error"))):
        # The rest of the text is Python's repr.
        reason = re.split(r"['\")]", match[2] or "")[0]
        if match[1] == "407":
            check = "It requires a login: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT."
        return _Cause(f"the proxy responded with {match[1]}{reason}", check)
    return _Cause("the proxy does not connect", check)


def _bundle_problem(error: boto.BotoCoreError) -> str:
    """Return why the file of trusted certificates cannot be used, "" if it can."""
    ssl_error = _first(error, ssl.SSLError)
    if not ssl_error:
        os_error = _os_error(error)
        return str(os_error.strerror) if os_error else ""
    # These parts of OpenSSL read such files; errors of the server come from another part.
    return "it contains no readable certificates" if getattr(ssl_error, "library", "") in ("X509", "PEM") else ""


def _tls_cause(error: boto.BotoCoreError) -> _Cause:
    certificate_error, ssl_error = _first(error, ssl.SSLCertVerificationError), _first(error, ssl.SSLError)
    number = certificate_error.verify_code if certificate_error else None
    if number in (_EXPIRED, _NOT_YET_VALID):
        when = "has expired" if number == _EXPIRED else "is not valid yet"
        return _Cause(
            f"its certificate {when}",
            "Check this machine's clock. If it is right, whoever runs the endpoint has to renew the certificate.",
        )
    if number in (_OTHER_HOST, _OTHER_ADDRESS) or _first(error, CertificateError):
        return _Cause(
            "its certificate is for another host",
            "Correct the host name of the endpoint: it must be the certificate's.",
        )
    if certificate_error:
        return _Cause(
            f"this machine does not trust its certificate ({certificate_error.verify_message})",
            "If it is your own registry's, or that of a proxy which opens TLS, set AWS_CA_BUNDLE to a PEM file "
            "with the certificate of its authority.",
        )
    reason = str(getattr(ssl_error, "reason", None) or "no reason given").replace("_", " ").lower()
    if "version number" in reason or "http request" in reason:
        return _Cause(
            "the server does not speak TLS",
            "Correct host and port of the endpoint, or write http:// if it is on this machine.",
        )
    return _Cause(reason, "Check endpoint and proxy; AWS_CA_BUNDLE names the certificates to trust.")
