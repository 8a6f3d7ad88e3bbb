"""Round robin over releases, so that a small release never waits for the end of a large one.

queue = FairQueue()
waiter = queue.join("acme/app@1.0")
queue.first is waiter                   # then it may go
queue.leave(waiter)
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field


@dataclass(eq=False)
class Waiter:
    """One request that waits: for which release, and the event that wakes its thread."""

    release: Hashable
    wake: threading.Event = field(default_factory=threading.Event)


class FairQueue:
    """Waiters in the order in which they may go. Not thread-safe."""

    def __init__(self) -> None:
        self._releases: OrderedDict[Hashable, deque[Waiter]] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of waiters."""
        return sum(map(len, self._releases.values()))

    @property
    def first(self) -> Waiter | None:
        """The waiter that may go next, None in an empty queue."""
        return next(iter(self._releases.values()))[0] if self._releases else None

    def join(self, release: Hashable) -> Waiter:
        """Add a waiter: behind those of its own release, and behind one of each other release."""
        waiter = Waiter(release)
        self._releases.setdefault(release, deque()).append(waiter)
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """Remove a waiter. If it was the first, the next release is."""
        waiters = self._releases[waiter.release]
        was_first = self.first is waiter
        waiters.remove(waiter)
        if not waiters:
            del self._releases[waiter.release]
        elif was_first:
            self._releases.move_to_end(waiter.release)
