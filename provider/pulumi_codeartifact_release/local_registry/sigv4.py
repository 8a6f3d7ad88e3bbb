"""Verifies Signature Version 4 with botocore: signs the received request and compares the signatures."""

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
from .failures import ServiceError, forbidden

SERVICE = "codeartifact"
CONTENT_HASH = "x-amz-content-sha256"
CLOCK_SKEW = timedelta(minutes=15)
"""How much the time of a signature may differ from the server's; the same as AWS's."""

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/(?P<day>\d{8})/(?P<region>[^/,\s]+)/(?P<service>[^/,\s]+)"
    r"/aws4_request\s*,\s*SignedHeaders=(?P<headers>[^,\s]+)\s*,\s*Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True)
class Caller:
    """Who signed a request.

    Attributes:
        account: the account of the access key, 12 digits.
        region: the region of the credential scope.
    """

    account: str
    region: str


class _ServerSideAuth(SigV4Auth):
    """Signs the headers that the client signed, even those that botocore would exclude."""

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
        path: the path of a route in the model, which is ASCII.
        query: the raw query string.
        headers: names in lower case.
        payload_hash: SHA-256 of the body in hex; for a streaming body the declared one.
        find_key: returns the credentials for an access key ID.

    Raises:
        ServiceError: 403, or 400 for an incomplete Authorization header.
    """
    parts, key = check_key(headers, find_key)
    timestamp = headers["x-amz-date"]
    signed = parts["headers"].split(";")
    auth = _ServerSideAuth(SigningCredentials(key.access_key_id, key.secret_access_key), parts["region"], signed)
    if not hmac.compare_digest(headers.get(CONTENT_HASH, payload_hash).encode(), payload_hash.encode()):
        raise forbidden("InvalidSignatureException", f"The header {CONTENT_HASH} is not the hash of the body.")
    request = AWSRequest(method=method, url=_canonical_url(path, query), headers=dict(headers))
    request.headers[CONTENT_HASH] = payload_hash  # botocore uses this header instead of hashing the body
    request.context["timestamp"] = timestamp
    canonical = auth.canonical_request(request)
    expected = auth.signature(auth.string_to_sign(request, canonical), request)
    if not hmac.compare_digest(expected, parts["signature"]):
        raise forbidden(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided.",
        )
    return Caller(key.account, parts["region"])


def check_key(
    headers: Mapping[str, str], find_key: Callable[[str], Credentials | None]
) -> tuple[re.Match[str], Credentials]:
    """Return the parsed Authorization header and its credentials. Does not verify the signature.

    Raises ServiceError as `verify` does.
    """
    authorization = headers.get("authorization")
    if authorization is None:
        raise forbidden("MissingAuthenticationTokenException", "The request is not signed: no Authorization header.")
    parts = _AUTHORIZATION.fullmatch(authorization.strip())
    timestamp = headers.get("x-amz-date", "")
    signed = parts["headers"].split(";") if parts else []
    if parts is None or not {"host", "x-amz-date"} <= set(signed) or not all(name in headers for name in signed):
        raise ServiceError(
            "IncompleteSignatureException",
            "The Authorization header is not a complete AWS4-HMAC-SHA256 signature over host and x-amz-date.",
            status=400,
        )
    _check_time(timestamp, parts["day"])
    if parts["service"] != SERVICE:
        raise forbidden("InvalidSignatureException", f"Credential should be scoped to the service {SERVICE}.")
    key = find_key(parts["key"])
    if key is None:
        raise forbidden(
            "UnrecognizedClientException", "The security token included in the request is invalid: unknown access key."
        )
    return parts, key


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
        raise forbidden("InvalidSignatureException", "The date of the credential scope differs from x-amz-date.")
    now = datetime.now(UTC)
    if abs(now - signed_at) > CLOCK_SKEW:
        raise forbidden(
            "InvalidSignatureException",
            f"Signature expired: {timestamp} is more than {CLOCK_SKEW} from the time of this server, "
            f"{now:%Y%m%dT%H%M%SZ}.",
        )


def _canonical_url(path: str, query: bytes) -> str:
    """Return the URL with the query encoded as the specification requires, independent of the client's encoding."""
    pairs = (part.partition(b"=") for part in filter(None, query.split(b"&")))
    encoded = (f"{_encode(key)}={_encode(value)}" for key, _, value in pairs)
    return f"http://registry{path}?{'&'.join(encoded)}"


def _encode(raw: bytes) -> str:
    return quote(unquote_to_bytes(raw), safe="-_.~")
