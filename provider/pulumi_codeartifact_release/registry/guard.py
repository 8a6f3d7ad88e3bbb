"""Something to do around every attempt of a request, also those that the client makes by itself.

    watch_attempts(client)
    with around_attempts(turn.begin, told):
        client.publish_package_version(...)     # begins before each request that goes out, is told each answer

botocore tries again on its own: that must keep to the quota too, and whoever was cancelled meanwhile must not publish.
A throttled answer alone it leaves to the caller, whose quota it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from .quota_learning import Outcome
from .translate import is_throttled

Told = Callable[[Mapping[str, Any] | None], None]
"""Called with an answer as botocore has parsed it, None where there is none."""

_current = threading.local()


@contextmanager
def around_attempts(begin: Callable[[], None], told: Told) -> Iterator[None]:
    """Have this thread's requests in the block call `begin` first; what it raises ends the call, with no retry."""
    _current.begin, _current.told = begin, told
    try:
        yield
    finally:
        _current.begin = _current.told = None


def watch_attempts(client: Any) -> None:
    """Make the client call them."""
    events = client.meta.events
    # First of the handlers: the one that signs comes later, so a signature never waits for the quota.
    events.register_first("request-created.codeartifact", _begin)
    events.register_first("response-received.codeartifact", _tell)
    events.register_first("needs-retry.codeartifact", _leave)


def _begin(**_request: Any) -> None:
    begin = getattr(_current, "begin", None)
    if begin:
        begin()


def _tell(parsed_response: Mapping[str, Any] | None = None, **_response: Any) -> None:
    told = getattr(_current, "told", None)
    if told:
        told(parsed_response)


def _leave(response: tuple[Any, dict[str, Any]] | None = None, **_attempt: Any) -> bool | None:
    """Return False where botocore must not send a request again by itself: the first answer of a handler counts."""
    if getattr(_current, "told", None) and response and "Error" in response[1]:
        return False if is_throttled(ClientError(response[1], "")) else None  # type: ignore[arg-type]
    return None


def outcome_of(answer: Mapping[str, Any] | None) -> Outcome:
    """Return what an answer, as botocore has parsed it, says about the quota."""
    status = (answer or {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    if status < 300:
        return Outcome.ACCEPTED
    if is_throttled(ClientError(answer or {}, "")):  # type: ignore[arg-type]
        return Outcome.THROTTLED
    return Outcome.UNKNOWN if status >= 500 else Outcome.ACCEPTED
