"""What an error of an AWS service says: its code, its HTTP status, and its message on one line."""

from __future__ import annotations

import botocore.exceptions as boto

_LONGEST_MESSAGE = 500
UNEXPECTED = (
    "Unexpected response: check the endpoint, and whether something else responds in its place (a proxy's login page)."
)
"""The hint where a response is not CodeArtifact's."""
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
"""Codes that mean: the session's token is over."""
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
    """Return the service's name for the error, "" where it has none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def http_status(error: boto.ClientError) -> int:
    """Return the HTTP status of the answer, 0 where it is not there."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_throttled(error: boto.ClientError) -> bool:
    """Return whether the answer means: too many requests, later perhaps."""
    return error_code(error) in _THROTTLED or http_status(error) == 429


def one_line(message: object) -> str:
    """Return a server's message fit for one of ours: on one line, and of a bearable length."""
    text = " ".join(str(message or "no reason given").split())
    return text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + "…"
