"""Why no answer came, in words for somebody who knows their network and not our libraries.

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
"""The end of many hints: what has arrived stays, and is not sent twice."""

_Kind = TypeVar("_Kind", bound=BaseException)
_UNREACHED = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN}
# OpenSSL's numbers (X509_V_ERR_*), which stay where its texts change.
_NOT_YET_VALID, _EXPIRED, _OTHER_HOST, _OTHER_ADDRESS = 9, 10, 62, 64


class _Why(NamedTuple):
    reason: str
    hint: Text


def network_error(error: boto.BotoCoreError, operation: str, endpoint: str) -> ReleaseError:
    """Return what it means that `operation` has no response from `endpoint`: what failed, and what to look at."""
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
        if unusable := _bundle(error):
            return UsageError(
                f"{operation}: the file of trusted certificates cannot be used: {unusable}",
                hint="Correct AWS_CA_BUNDLE (or `ca_bundle` of the AWS config file): the path of a PEM file.",
            )
        why = _tls(error)
        return UnreachableError(f"{operation}: TLS to {endpoint} failed: {why.reason}", hint=why.hint)
    if through_proxy:
        why = _proxy(error)
        through = f" through the proxy {error.kwargs.get('proxy_url')}"
    else:
        why, through = _direct(error, endpoint), ""
    return UnreachableError(f"{operation}: no response from {endpoint}{through}: {why.reason}", hint=why.hint)


def _regions() -> set[str]:
    """Return the regions that have CodeArtifact, as far as botocore has heard of them: another one may be new."""
    # A name that does not resolve says nothing by itself: without a network none does.
    partitions = create_loader().load_data("endpoints")["partitions"]
    return {region for each in partitions for region in each["services"].get("codeartifact", {}).get("endpoints", {})}


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that it came from: botocore and urllib3 keep them in one place each."""
    yield error
    inner = [*error.args, getattr(error, "kwargs", {}).get("error"), error.__cause__]
    for cause in inner:
        if isinstance(cause, BaseException):
            yield from _chain(cause)


def _first(error: BaseException, kind: type[_Kind]) -> _Kind | None:
    return next((each for each in _chain(error) if isinstance(each, kind)), None)


def _system(error: BaseException) -> OSError | None:
    """Return what the operating system said: botocore's own errors are OSErrors too, and say nothing."""
    told = (each for each in _chain(error) if isinstance(each, OSError) and not isinstance(each, ssl.SSLError))
    return next((each for each in told if each.errno and each.strerror), None)


def _direct(error: boto.BotoCoreError, endpoint: str) -> _Why:
    said = error.kwargs.get("error")
    if _first(error, socket.gaierror):
        return _Why("its name does not resolve", _unresolved(endpoint))
    if _first(error, ConnectionRefusedError):
        return _Why(
            "the connection was refused", "Nothing listens there: start it, or correct host and port of the endpoint."
        )
    if isinstance(error, boto.ConnectTimeoutError):
        return _Why(
            f"no connection{_within(error)}",
            "Look at what is in between (a firewall, a VPN, a security group), and whether the endpoint is right. "
            "CODEARTIFACT_RELEASE_CONNECT_TIMEOUT=SECONDS makes it wait longer.",
        )
    if isinstance(error, boto.ReadTimeoutError):
        waited = said if isinstance(said, str) else f"it accepted the request, but sent no response{_within(error)}"
        return _Why(waited, f"{AGAIN} CODEARTIFACT_RELEASE_READ_TIMEOUT=SECONDS makes it wait longer.")
    return _broken(error) or _unusual(error)


def _broken(error: boto.BotoCoreError) -> _Why | None:
    """Return why a connection that was there did not bring an answer; None where it is something else."""
    strange = _first(error, BadStatusLine)
    if strange and not isinstance(strange, RemoteDisconnected):
        return _Why("the server does not speak HTTP", "Correct host and port of the endpoint.")
    again = f"{AGAIN} If this stays, look at what is in between: a proxy, a firewall, a VPN."
    if isinstance(error, boto.IncompleteReadError):
        came, wanted = error.kwargs.get("actual_bytes"), error.kwargs.get("expected_bytes")
        return _Why(f"the connection broke off after {came} of {wanted} bytes", again)
    if isinstance(error, boto.ResponseStreamingError):
        slow = _first(error, urllib3.exceptions.ReadTimeoutError)
        return _Why("the download stopped coming" if slow else "the connection broke off in a download", again)
    if isinstance(error, boto.ConnectionClosedError):
        return _Why("the connection was closed before the response", again)
    return None


def _unusual(error: boto.BotoCoreError) -> _Why:
    check = f"Check network, region and endpoint. {AGAIN}"
    if place := _first(error, urllib3.exceptions.LocationParseError):
        return _Why(f"a URL on the way there cannot be read: {place.location}", "Correct the endpoint, or HTTPS_PROXY.")
    failed = _system(error)
    if failed and failed.errno in _UNREACHED:
        return _Why(f"this machine has no way there ({failed.strerror})", check)
    said = error.kwargs.get("error")
    reason = said if isinstance(said, str) else str(failed.strerror) if failed else "the connection failed"
    return _Why(reason, check)


def _within(error: boto.BotoCoreError) -> str:
    found = re.search(r"timeout=([0-9.]+)", str(error.kwargs.get("error")))
    return f" within {float(found[1]):g} s" if found else " in time"


def _unresolved(endpoint: str) -> Text:
    if region := region_of(endpoint):
        return (
            f"Check this machine's network and DNS. If other names resolve, is {region} the region that you mean? ",
            Need("region"),
            " says so, and AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT "
            "choose hosts that not every region has.",
        )
    return "Correct the host name of the endpoint, or check this machine's network and DNS."


def _proxy(error: boto.BotoCoreError) -> _Why:
    check = "Correct HTTPS_PROXY, or name the hosts that need no proxy in NO_PROXY."
    if _first(error, socket.gaierror):
        return _Why("the proxy's name does not resolve", check)
    if _first(error, ConnectionRefusedError):
        return _Why("the proxy refused the connection", check)
    if answered := re.search(r"Tunnel connection failed: (\d{3})( [\x20-\x7e]{1,60})?", str(error.kwargs.get("error"))):
        # What else is in the text is Python's way of showing it.
        words = re.split(r"['\")]", answered[2] or "")[0]
        if answered[1] == "407":
            check = "It wants a login: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT."
        return _Why(f"the proxy responded with {answered[1]}{words}", check)
    return _Why("the proxy does not connect", check)


def _bundle(error: boto.BotoCoreError) -> str:
    """Return why the file of trusted certificates cannot be used, "" where it can."""
    failed = _first(error, ssl.SSLError)
    if not failed:
        unread = _system(error)
        return str(unread.strerror) if unread else ""
    # The parts of OpenSSL that read such files; what is wrong with the other side comes from another one.
    return "it holds no certificates that can be read" if getattr(failed, "library", "") in ("X509", "PEM") else ""


def _tls(error: boto.BotoCoreError) -> _Why:
    refused, failed = _first(error, ssl.SSLCertVerificationError), _first(error, ssl.SSLError)
    number = refused.verify_code if refused else None
    if number in (_EXPIRED, _NOT_YET_VALID):
        when = "has expired" if number == _EXPIRED else "is not valid yet"
        return _Why(
            f"its certificate {when}",
            "Check this machine's clock. If it is right, whoever runs the endpoint has to renew the certificate.",
        )
    if number in (_OTHER_HOST, _OTHER_ADDRESS) or _first(error, CertificateError):
        return _Why(
            "its certificate is for another host",
            "Correct the host name of the endpoint: it must be the certificate's.",
        )
    if refused:
        return _Why(
            f"this machine does not trust its certificate ({refused.verify_message})",
            "If it is your own registry's, or that of a proxy which opens TLS, set AWS_CA_BUNDLE to a PEM file "
            "with the certificate of its authority.",
        )
    reason = str(getattr(failed, "reason", None) or "no reason given").replace("_", " ").lower()
    if "version number" in reason or "http request" in reason:
        return _Why(
            "the server does not speak TLS",
            "Correct host and port of the endpoint, or write http:// if it is on this machine.",
        )
    return _Why(reason, "Check endpoint and proxy; AWS_CA_BUNDLE names the certificates to trust.")
