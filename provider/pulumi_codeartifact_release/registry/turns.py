"""Whose turn it is: round robin over releases, so that a small one never waits for the end of a large one.

turns = Turns()
place = turns.join("acme/app@1.0")
turns.first is place                    # then it may go
turns.leave(place)
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field


@dataclass(eq=False)
class Place:
    """One that waits: for which release, and how it is woken."""

    release: Hashable
    awake: threading.Event = field(default_factory=threading.Event)


class Turns:
    """Those that wait, in the order in which they may go. Not thread-safe."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[Hashable, deque[Place]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many wait."""
        return sum(map(len, self._waiting.values()))

    @property
    def first(self) -> Place | None:
        """Whose turn it is, None where nobody waits."""
        return next(iter(self._waiting.values()))[0] if self._waiting else None

    def join(self, release: Hashable) -> Place:
        """Wait, behind those of the same release, and behind one of each other."""
        place = Place(release)
        self._waiting.setdefault(release, deque()).append(place)
        return place

    def leave(self, place: Place) -> None:
        """Wait no more. If it was this one's turn, that of the next release comes."""
        places = self._waiting[place.release]
        had_its_turn = self.first is place
        places.remove(place)
        if not places:
            del self._waiting[place.release]
        elif had_its_turn:
            self._waiting.move_to_end(place.release)
