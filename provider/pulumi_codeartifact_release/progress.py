"""What a release's events say to a person: one line that changes while it runs, and one that stays at the end.

    progress = Progress(rate=10.0, waiting=connection.waiting_s)
    for event in apply(...):
        progress.add(event)
        show(progress.line())

`line` may be asked from another thread than `add`, also while nothing happens: time passes, the quota is waited for.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from .publishing import (
    Action,
    AssetProgress,
    AssetSent,
    AssetStarted,
    Copied,
    Deleted,
    Event,
    Finished,
    Plan,
    Planned,
    Publishing,
    Rechecking,
    Route,
    StatusSet,
)
from .review import count_text, part_text, plan_text, seconds_text, size_text

_WINDOW_S = 8.0
"""The speed is that of the last seconds."""
_SAMPLE_S = 0.25
_WAIT_WORTH_TELLING_S = 0.05


class Progress:
    """Follows the events of one release.

    `rate` is the quota of uploads a second, None where it is not known; `waiting` returns the seconds that one more
    upload would have to wait for it now.
    """

    def __init__(
        self,
        rate: float | None = None,
        waiting: Callable[[], float] = lambda: 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = rate
        self._waiting = waiting
        self._clock = clock
        self._lock = threading.Lock()
        self._plan: Plan | None = None
        self._actions: list[Action] = []
        self._sent_bytes: dict[str, int] = {}
        self._moving: set[str] = set()
        self._sent = 0
        self._phase = "looking at the registry"
        self._finished: Finished | None = None
        self._began: float | None = None
        self._samples: deque[tuple[float, int]] = deque()

    @property
    def bytes_sent(self) -> int:
        """Bytes on their way or there, of this run."""
        return sum(self._sent_bytes.values())

    def add(self, event: Event) -> None:
        """Take note of an event."""
        with self._lock:
            self._add(event)
            now = self._clock()
            if not self._samples or now - self._samples[-1][0] >= _SAMPLE_S:
                self._samples.append((now, self.bytes_sent))
                while len(self._samples) > 2 and now - self._samples[1][0] >= _WINDOW_S:
                    self._samples.popleft()

    def _add(self, event: Event) -> None:
        match event:
            case Planned(plan):
                self._plan = plan
                self._actions.append(plan.action)
                self._began = self._began if self._began is not None else self._clock()
                self._phase = "copying" if plan.copies else "publishing" if plan.expected_uploads else plan_text(plan)
            case AssetStarted(asset):
                self._sent_bytes.setdefault(asset.name, 0)
                self._moving.discard(asset.name)
            case AssetProgress(asset, sent):
                self._sent_bytes[asset.name] = sent
                self._moving.add(asset.name)
            case AssetSent(asset):
                self._sent_bytes[asset.name] = asset.size
                self._moving.add(asset.name)
                self._sent += 1
            case Copied():
                self._phase = "copied; comparing it with its source"
            case Publishing():
                self._phase = "making it Published"
            case Deleted():
                self._phase = "what was published is deleted"
            case StatusSet(status):
                self._phase = f"now {status}"
            case Rechecking():
                self._phase = "reading what the registry holds"
            case Finished():
                self._finished = event

    def line(self) -> str:
        """Return where the release stands."""
        with self._lock:
            if self._finished:
                return self._last_line(self._finished)
            if self._plan is None or not self._plan.expected_uploads or self._phase != "publishing":
                return self._phase
            total = max(self._plan.upload_bytes, self.bytes_sent)
            left, rest = self._times()
            # What matters most comes first: the engine cuts the line where its column ends.
            return ", ".join(filter(None, (self._count(), left, part_text(self.bytes_sent, total), *rest)))

    def count_text(self) -> str:
        """Return how many assets are sent: `45/150 assets`."""
        with self._lock:
            return self._count()

    def _count(self) -> str:
        total = max(len(self._plan.expected_uploads), self._sent) if self._plan else self._sent
        return f"{self._sent:,}/{total:,} assets"

    def tail(self) -> str:
        """Return what of the line is about time: how fast, how long still, what is waited for; often nothing."""
        with self._lock:
            if self._finished or self._phase != "publishing":
                return "" if self._finished else self._phase
            left, rest = self._times()
            # What is waited for is last, and says more than how fast it is then.
            return ", ".join(filter(None, (left, *rest[-1:])))

    def _times(self) -> tuple[str, list[str]]:
        """Return how long it takes still, "" where nobody knows, and how fast it is and what is waited for."""
        if self._plan is None or self._sent >= len(self._plan.expected_uploads):
            return "", []
        speed = self._speed()
        left = self._left_s(self._plan, speed)
        told = [f"{size_text(int(speed))}/s"] if speed else []
        if not self._sent_bytes and not self._plan.release.hashed:
            told.append("hashing")
        fetching = len(self._sent_bytes) - len(self._moving)
        if self._waiting() > _WAIT_WORTH_TELLING_S:
            told.append("waiting for the quota")
        elif fetching and self._plan.route is not Route.FILES:
            told.append(f"downloading {fetching}")
        return "" if left is None else f"{seconds_text(left)} left", told

    def _speed(self) -> float:
        """Return bytes a second, 0 where that cannot be said."""
        if len(self._samples) < 2:
            return 0.0
        (since, before), now = self._samples[0], self._clock()
        return max(0.0, (self.bytes_sent - before) / (now - since)) if now - since >= 2 * _SAMPLE_S else 0.0

    def _left_s(self, plan: Plan, speed: float) -> float | None:
        """Return the seconds that what is left will take, by the speed or by the quota; None where nobody knows."""
        if not self._sent:
            return None
        by_speed = (plan.upload_bytes - self.bytes_sent) / speed if speed else None
        by_quota = (len(plan.expected_uploads) - self._sent) / self._rate if self._rate else None
        known = [each for each in (by_speed, by_quota) if each is not None and each >= 0]
        return max(known) if known else None

    def _last_line(self, finished: Finished) -> str:
        moved = finished.copied or finished.sent
        present = self._plan.present if self._plan else ()
        there = len([asset for asset in present if asset not in moved])
        if not moved:
            assets = count_text(there, "asset")
            verb = "the status is changed" if Action.SET_STATUS in self._actions else "nothing to send"
            return f"{finished.state.status}: {verb}, {assets} already there"
        size = size_text(sum(asset.size for asset in moved))
        took = self._clock() - self._began if self._began is not None else 0.0
        took_text = f" in {seconds_text(took)}" if took >= 1 else ""
        verb = "copied" if finished.copied else "sent"
        return (
            f"{finished.state.status}: {verb} {count_text(len(moved), 'asset')}, {size}{took_text}; "
            f"{there:,} already there"
        )


class Live:
    """Shows a line that changes: when something happens, but not too often, and now and then while nothing does.

    with Live(progress.line, show) as live:
        ...
        live.moved()

    There are at least `least_s` seconds between two lines, and `first_s` before the first one. Every `poll_s` seconds
    it is shown without being moved.
    """

    def __init__(
        self,
        line: Callable[[], str],
        show: Callable[[str], None],
        *,
        least_s: float = 0.2,
        poll_s: float = 1.0,
        first_s: float = 0.0,
    ) -> None:
        self._line = line
        self._show = show
        self._least_s = least_s
        self._poll_s = poll_s
        self._next = time.monotonic() + first_s
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def __enter__(self) -> Live:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        # So that no line comes after the last one.
        self._thread.join()

    def moved(self) -> None:
        """Show the line, or leave it out if the last one was just now."""
        with self._lock:
            now = time.monotonic()
            if now < self._next:
                return
            self._next = now + self._least_s
        # A line that cannot be shown is not worth a release.
        with suppress(OSError):
            self._show(self._line())

    def _run(self) -> None:
        while not self._end.wait(self._poll_s):
            self.moved()
