"""Parts of an AWS service's error response: code, HTTP status, message on one line."""

from __future__ import annotations

import botocore.exceptions as boto

_MAX_MESSAGE_LENGTH = 500
UNEXPECTED = (
    "Unexpected response: check the endpoint, and whether something else responds in its place (a proxy's login page)."
)
"""The hint where a response is not CodeArtifact's."""
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
"""Codes for an expired session token."""
_THROTTLED = {
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "SlowDown",
}


def error_code(error: boto.ClientError) -> str:
    """Return the service's code of the error, "" if it has none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def http_status(error: boto.ClientError) -> int:
    """Return the HTTP status of the response, 0 if it is missing."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_throttled(error: boto.ClientError) -> bool:
    """Return whether the service refused the request because there were too many."""
    return error_code(error) in _THROTTLED or http_status(error) == 429


def one_line(message: object) -> str:
    """Return a server's message on one line, shortened to 500 characters."""
    text = " ".join(str(message or "no reason given").split())
    return text if len(text) <= _MAX_MESSAGE_LENGTH else text[:_MAX_MESSAGE_LENGTH] + "…"
