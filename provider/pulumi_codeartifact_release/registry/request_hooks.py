"""Hooks around every attempt of a request, including the attempts that botocore adds on its own.

    register_hooks(client)
    with around_attempts("PublishPackageVersion", permit.acquire, on_response):
        client.publish_package_version(...)     # calls permit.acquire before, and on_response after, each attempt

Retries must keep to the quota too, and must not publish after a cancellation. botocore never sees a throttled response:
its retries are for faults, ours for the quota.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from .backoff import normalize_retry_after
from .error_responses import is_throttled

OnResponse = Callable[[Mapping[str, Any] | None], None]
"""Called with a response as botocore has parsed it; None if there is none."""

_current = threading.local()


@contextmanager
def around_attempts(operation: str, before: Callable[[], None], on_response: OnResponse) -> Iterator[None]:
    """Call `before` before each request of this thread in the block; what it raises ends the call without a retry.

    A throttled response ends it too, after `on_response`: with ClientError.
    """
    _current.operation, _current.before, _current.on_response = operation, before, on_response
    try:
        yield
    finally:
        _current.before = _current.on_response = None


def register_hooks(client: Any) -> None:
    """Make a client call the hooks of the current thread."""
    events = client.meta.events
    # Before the handler that signs: a signature never waits for the quota.
    events.register_first("request-created.codeartifact", _before)
    events.register_first("response-received.codeartifact", _on_response)
    events.register("before-parse.codeartifact", normalize_retry_after)


def _before(**_request: Any) -> None:
    before = getattr(_current, "before", None)
    if before:
        before()


def _on_response(parsed_response: Mapping[str, Any] | None = None, **_response: Any) -> None:
    on_response = getattr(_current, "on_response", None)
    if not on_response:
        return
    on_response(parsed_response)
    if was_throttled(parsed_response):
        # Raised here, it bypasses botocore's retries. The response has been read, so the connection is reused.
        raise ClientError(parsed_response or {}, _current.operation)  # type: ignore[arg-type]


def was_throttled(response: Mapping[str, Any] | None) -> bool:
    """Return whether a response, as botocore has parsed it, means: too many requests."""
    is_error = response is not None and response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500) >= 300
    return is_error and is_throttled(ClientError(response, ""))  # type: ignore[arg-type]
