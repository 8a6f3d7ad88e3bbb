"""Something to do around every attempt of a request, also those that the client makes by itself.

    register_hooks(client)
    with around_attempts("PublishPackageVersion", permit.acquire, told):
        client.publish_package_version(...)     # begins before each request that goes out, is told each answer

botocore tries again on its own: that must keep to the quota too, and whoever was cancelled meanwhile must not publish.
A throttled answer it never sees: the quota is ours, and its own allowance for retries is for faults.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from .backoff import normalize_retry_after
from .error_responses import is_throttled

Told = Callable[[Mapping[str, Any] | None], None]
"""Called with an answer as botocore has parsed it, None where there is none."""

_current = threading.local()


@contextmanager
def around_attempts(operation: str, begin: Callable[[], None], told: Told) -> Iterator[None]:
    """Have this thread's requests in the block call `begin` first; what it raises ends the call, with no retry.

    So does a throttled answer, after `told`: as ClientError.
    """
    _current.operation, _current.begin, _current.told = operation, begin, told
    try:
        yield
    finally:
        _current.begin = _current.told = None


def register_hooks(client: Any) -> None:
    """Make the client call them."""
    events = client.meta.events
    # First of the handlers: the one that signs comes later, so a signature never waits for the quota.
    events.register_first("request-created.codeartifact", _begin)
    events.register_first("response-received.codeartifact", _tell)
    events.register("before-parse.codeartifact", normalize_retry_after)


def _begin(**_request: Any) -> None:
    begin = getattr(_current, "begin", None)
    if begin:
        begin()


def _tell(parsed_response: Mapping[str, Any] | None = None, **_response: Any) -> None:
    told = getattr(_current, "told", None)
    if not told:
        return
    told(parsed_response)
    if was_throttled(parsed_response):
        # Raised here, it passes by botocore's retries; the answer is read, so the connection is used again.
        raise ClientError(parsed_response or {}, _current.operation)  # type: ignore[arg-type]


def was_throttled(answer: Mapping[str, Any] | None) -> bool:
    """Return whether an answer, as botocore has parsed it, means: too many requests."""
    failed = answer is not None and answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 500) >= 300
    return failed and is_throttled(ClientError(answer, ""))  # type: ignore[arg-type]
