"""Something to do before every attempt of a request, also those that the client makes by itself.

    watch_attempts(client)
    with before_attempts(lambda: pacer.wait("PublishPackageVersion")):
        client.publish_package_version(...)     # asked before each request that goes out

botocore tries again on its own: that must keep to the quota too, and whoever was cancelled meanwhile must not publish.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_current = threading.local()


@contextmanager
def before_attempts(ask: Callable[[], None]) -> Iterator[None]:
    """Have this thread's requests in the block call `ask` first; what it raises ends the call, with no retry."""
    _current.ask = ask
    try:
        yield
    finally:
        _current.ask = None


def watch_attempts(client: Any) -> None:
    """Make the client ask."""
    # First of the handlers: the one that signs comes later, so a signature never waits for the quota.
    client.meta.events.register_first("request-created.codeartifact", _ask)


def _ask(**_request: Any) -> None:
    ask = getattr(_current, "ask", None)
    if ask:
        ask()
