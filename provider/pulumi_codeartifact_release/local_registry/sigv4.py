"""Signature Version 4, verified with botocore's own code: the server signs what it received and compares."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPMessage
from urllib.parse import quote, unquote_to_bytes

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials as SigningCredentials

from .credentials import Credentials
from .failures import ServiceError, refused

SERVICE = "codeartifact"
CONTENT_HASH = "x-amz-content-sha256"
CLOCK_SKEW = timedelta(minutes=15)
"""How far a signature's time may be from ours; AWS's own tolerance."""

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/(?P<day>\d{8})/(?P<region>[^/,\s]+)/(?P<service>[^/,\s]+)"
    r"/aws4_request\s*,\s*SignedHeaders=(?P<headers>[^,\s]+)\s*,\s*Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True)
class Caller:
    """Who signed a request.

    Attributes:
        account: the account of the key, 12 digits.
        region: the region of the credential scope.
    """

    account: str
    region: str


class _ServerSideAuth(SigV4Auth):
    """Signs exactly the headers that the client says it signed, whatever botocore itself would leave out."""

    def __init__(self, credentials: SigningCredentials, region: str, signed: Iterable[str]) -> None:
        super().__init__(credentials, SERVICE, region)
        self._signed = tuple(signed)

    def headers_to_sign(self, request: AWSRequest) -> HTTPMessage:
        headers = HTTPHeaders()
        for name in self._signed:
            headers[name] = request.headers[name]
        return headers


def verify(
    method: str,
    path: str,
    query: bytes,
    headers: Mapping[str, str],
    payload_hash: str,
    find_key: Callable[[str], Credentials | None],
) -> Caller:
    """Return who signed this request.

    Args:
        method: the HTTP method.
        path: the path of a known route, so plain ASCII.
        query: the raw query string.
        headers: names in lower case.
        payload_hash: SHA-256 of the body, in hex: its own, or for a stream the declared one.
        find_key: the key pair of an access key id.

    Raises:
        ServiceError: 403, or 400 where the Authorization header cannot be read.
    """
    stated, key = check_key(headers, find_key)
    timestamp = headers["x-amz-date"]
    signed = stated["headers"].split(";")
    auth = _ServerSideAuth(SigningCredentials(key.access_key_id, key.secret_access_key), stated["region"], signed)
    if not hmac.compare_digest(headers.get(CONTENT_HASH, payload_hash).encode(), payload_hash.encode()):
        raise refused("InvalidSignatureException", f"The header {CONTENT_HASH} is not the hash of the body.")
    request = AWSRequest(method=method, url=_canonical_url(path, query), headers=dict(headers))
    request.headers[CONTENT_HASH] = payload_hash  # where botocore looks for it before it would hash a body
    request.context["timestamp"] = timestamp
    canonical = auth.canonical_request(request)
    expected = auth.signature(auth.string_to_sign(request, canonical), request)
    if not hmac.compare_digest(expected, stated["signature"]):
        raise refused(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided.",
        )
    return Caller(key.account, stated["region"])


def check_key(
    headers: Mapping[str, str], find_key: Callable[[str], Credentials | None]
) -> tuple[re.Match[str], Credentials]:
    """Return the parts of the Authorization header, and the key that it names; nobody has shown to hold it yet.

    Raises ServiceError as `verify` does.
    """
    authorization = headers.get("authorization")
    if authorization is None:
        raise refused("MissingAuthenticationTokenException", "The request is not signed: no Authorization header.")
    stated = _AUTHORIZATION.fullmatch(authorization.strip())
    timestamp = headers.get("x-amz-date", "")
    signed = stated["headers"].split(";") if stated else []
    if stated is None or not {"host", "x-amz-date"} <= set(signed) or not all(name in headers for name in signed):
        raise ServiceError(
            "IncompleteSignatureException",
            "The Authorization header is not a complete AWS4-HMAC-SHA256 signature over host and x-amz-date.",
            status=400,
        )
    _check_time(timestamp, stated["day"])
    if stated["service"] != SERVICE:
        raise refused("InvalidSignatureException", f"Credential should be scoped to the service {SERVICE}.")
    key = find_key(stated["key"])
    if key is None:
        raise refused(
            "UnrecognizedClientException", "The security token included in the request is invalid: unknown access key."
        )
    return stated, key


def body_hash(body: bytes) -> str:
    """Return the SHA-256 of a body, in hex."""
    return hashlib.sha256(body).hexdigest()


def _check_time(timestamp: str, day: str) -> None:
    try:
        signed_at = datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise ServiceError(
            "IncompleteSignatureException", "The x-amz-date header is not a time like 20060102T150405Z.", status=400
        ) from None
    if not timestamp.startswith(day):
        raise refused("InvalidSignatureException", "The date of the credential scope is not that of x-amz-date.")
    now = datetime.now(UTC)
    if abs(now - signed_at) > CLOCK_SKEW:
        raise refused(
            "InvalidSignatureException",
            f"Signature expired: {timestamp} is more than {CLOCK_SKEW} from the time of this server, "
            f"{now:%Y%m%dT%H%M%SZ}.",
        )


def _canonical_url(path: str, query: bytes) -> str:
    """Return the URL with every name and value encoded as the specification wants, however the client wrote them."""
    pairs = (part.partition(b"=") for part in filter(None, query.split(b"&")))
    encoded = (f"{_encode(key)}={_encode(value)}" for key, _, value in pairs)
    return f"http://registry{path}?{'&'.join(encoded)}"


def _encode(raw: bytes) -> str:
    return quote(unquote_to_bytes(raw), safe="-_.~")
