"""A last look before every attempt of a write, also those that the client makes by itself.

    watch_attempts(client)
    with guarded(checkpoint):
        client.publish_package_version(...)     # calls checkpoint() before each request that goes out

botocore tries again after seconds; whoever was cancelled meanwhile must not publish.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_current = threading.local()


@contextmanager
def guarded(checkpoint: Callable[[], None] | None) -> Iterator[None]:
    """Have this thread's requests in the block ask `checkpoint` first; None asks nobody."""
    _current.checkpoint = checkpoint
    try:
        yield
    finally:
        _current.checkpoint = None


def watch_attempts(client: Any) -> None:
    """Make the client ask; what a checkpoint raises ends the call, and is not tried again."""
    client.meta.events.register("before-send.codeartifact", _ask)


def _ask(**_request: Any) -> None:
    checkpoint = getattr(_current, "checkpoint", None)
    if checkpoint:
        checkpoint()
