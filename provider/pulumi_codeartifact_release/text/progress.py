"""Turns the events of a release into a progress line and a final line.

    progress = Progress(rate=10.0, waiting=connection.waiting_s)
    for event in apply(...):
        progress.add(event)
        show(progress.line())

`line` may be called from another thread than `add`. It may change without a new event, like the remaining time.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

from ..publishing import (
    Action,
    AssetProgress,
    AssetSent,
    AssetStarted,
    Copied,
    Deleted,
    Event,
    Finished,
    MemberEvent,
    Plan,
    Planned,
    Publishing,
    Rechecking,
    Route,
    StatusSet,
)
from ..registry.interface import Asset
from .plan import plan_text
from .sizes import count_text, part_text, seconds_text, size_text

_WINDOW_S = 8.0
"""The speed is the average of this period."""
_SAMPLE_S = 0.25
_MIN_SHOWN_WAIT_S = 0.05


@dataclass(frozen=True)
class Share:
    """What is done of the uploads of a release; `left_s` is None if unknown."""

    sent: int
    assets: int
    sent_bytes: int
    size: int
    left_s: float | None


def overview_text(shares: Sequence[Share]) -> str:
    """Return one line for several releases: `28%, 40 s left, 17/60 assets, 1.1 of 3.9 MiB`; "" without uploads."""
    sent, assets = sum(each.sent for each in shares), sum(each.assets for each in shares)
    sent_bytes, size = sum(each.sent_bytes for each in shares), sum(each.size for each in shares)
    if not assets:
        return ""
    # The most important parts first: the engine truncates the line.
    percent = 100 * sent_bytes // size if size else 100 * sent // assets
    left = [each.left_s for each in shares if each.left_s is not None]
    left_text = f"{seconds_text(max(left))} left" if left else ""
    parts = (f"{percent}%", left_text, f"{sent:,}/{assets:,} assets", part_text(sent_bytes, size))
    return ", ".join(filter(None, parts))


class Progress:
    """Follows the events of one release.

    `rate` is the quota of uploads per second; None if it is not known. `waiting` returns the seconds that the next
    upload must wait for the quota.
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
        self._transferring: set[str] = set()
        self._sent = 0
        self._phase = "reading the registry"
        self._finished: Finished | None = None
        self._start: float | None = None
        self._samples: deque[tuple[float, int]] = deque()

    @property
    def finished(self) -> bool:
        """Whether the version is released."""
        return self._finished is not None

    @property
    def transferred(self) -> tuple[Asset, ...]:
        """The assets that this run sent or that the service copied; none before the release is finished."""
        return (*self._finished.sent, *self._finished.copied) if self._finished else ()

    @property
    def bytes_sent(self) -> int:
        """The bytes that this run has sent so far."""
        return sum(self._sent_bytes.values())

    def add(self, event: Event) -> None:
        """Update the state with an event."""
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
                self._start = self._start if self._start is not None else self._clock()
                self._phase = "copying" if plan.copies else "publishing" if plan.expected_uploads else plan_text(plan)
            case AssetStarted(asset):
                self._sent_bytes.setdefault(asset.name, 0)
                self._transferring.discard(asset.name)
            case AssetProgress(asset, sent):
                self._sent_bytes[asset.name] = sent
                self._transferring.add(asset.name)
            case AssetSent(asset):
                self._sent_bytes[asset.name] = asset.size
                self._transferring.add(asset.name)
                self._sent += 1
            case Copied():
                self._phase = "copied; comparing with the source"
            case Publishing():
                self._phase = "publishing the version"
            case Deleted():
                self._phase = "deleted the published version"
            case StatusSet(status):
                self._phase = f"now {status}"
            case Rechecking():
                self._phase = "reading the registry again"
            case Finished():
                self._finished = event

    def line(self) -> str:
        """Return the progress line."""
        with self._lock:
            if self._finished:
                return self._last_line(self._finished)
            if self._plan is None or not self._plan.expected_uploads or self._phase != "publishing":
                return self._phase
            total = max(self._plan.upload_bytes, self.bytes_sent)
            left, details = self._times()
            # The most important part first: the engine truncates the line to its column.
            return ", ".join(filter(None, (self._count(), left, part_text(self.bytes_sent, total), *details)))

    def share(self) -> Share:
        """Return what is done of the uploads."""
        with self._lock:
            assets = max(len(self._plan.expected_uploads), self._sent) if self._plan else self._sent
            size = max(self._plan.upload_bytes if self._plan else 0, self.bytes_sent)
            unfinished = self._plan and self._sent < assets and not self._finished
            left_s = self._left_s(self._plan, self._speed()) if self._plan and unfinished else None
            return Share(self._sent, assets, self.bytes_sent, size, left_s)

    def count_text(self) -> str:
        """Return the number of sent assets: `45/150 assets`."""
        with self._lock:
            return self._count()

    def _count(self) -> str:
        total = max(len(self._plan.expected_uploads), self._sent) if self._plan else self._sent
        return f"{self._sent:,}/{total:,} assets"

    def tail(self) -> str:
        """Return the remaining time and the reason for waiting; "" if there is neither."""
        with self._lock:
            if self._finished or self._phase != "publishing":
                return "" if self._finished else self._phase
            left, details = self._times()
            # The last part is the reason for waiting, if there is one. Then the speed does not matter.
            return ", ".join(filter(None, (left, *details[-1:])))

    def _times(self) -> tuple[str, list[str]]:
        """Return the remaining time ("" if unknown), and a list of the speed and the reason for waiting."""
        if self._plan is None or self._sent >= len(self._plan.expected_uploads):
            return "", []
        speed = self._speed()
        left = self._left_s(self._plan, speed)
        details = [f"{size_text(int(speed))}/s"] if speed else []
        if not self._sent_bytes and not self._plan.release.hashed:
            details.append("hashing")
        downloading = len(self._sent_bytes) - len(self._transferring)
        if self._waiting() > _MIN_SHOWN_WAIT_S:
            details.append("waiting for the quota")
        elif downloading and self._plan.route is not Route.FILES:
            details.append(f"downloading {downloading}")
        return "" if left is None else f"{seconds_text(left)} left", details

    def _speed(self) -> float:
        """Return bytes per second; 0 if there are too few samples."""
        if len(self._samples) < 2:
            return 0.0
        (since, before), now = self._samples[0], self._clock()
        return max(0.0, (self.bytes_sent - before) / (now - since)) if now - since >= 2 * _SAMPLE_S else 0.0

    def _left_s(self, plan: Plan, speed: float) -> float | None:
        """Return the remaining seconds, by speed and by quota; None if unknown."""
        if not self._sent:
            return None
        by_speed = (plan.upload_bytes - self.bytes_sent) / speed if speed else None
        by_quota = (len(plan.expected_uploads) - self._sent) / self._rate if self._rate else None
        estimates = [seconds for seconds in (by_speed, by_quota) if seconds is not None and seconds >= 0]
        return max(estimates) if estimates else None

    def _last_line(self, finished: Finished) -> str:
        transferred = finished.copied or finished.sent
        present = self._plan.present if self._plan else ()
        skipped = len([asset for asset in present if asset not in transferred])
        if not transferred:
            assets = count_text(skipped, "asset")
            verb = "status changed" if Action.SET_STATUS in self._actions else "nothing to send"
            return f"{finished.state.status}: {verb}, {assets} already there"
        size = size_text(sum(asset.size for asset in transferred))
        took = self._clock() - self._start if self._start is not None else 0.0
        took_text = f" in {seconds_text(took)}" if took >= 1 else ""
        verb = "copied" if finished.copied else "sent"
        return (
            f"{finished.state.status}: {verb} {count_text(len(transferred), 'asset')}, {size}{took_text}; "
            f"{skipped:,} already there"
        )


class BundleProgress(Progress):
    """Follows the events of a bundle and its members."""

    def __init__(self, rate: float | None = None, waiting: Callable[[], float] = lambda: 0.0) -> None:
        super().__init__(rate, waiting)
        self._members: dict[str, Progress] = {}

    def add(self, event: Event) -> None:
        """Update the state with an event of the bundle or of a member."""
        if not isinstance(event, MemberEvent):
            super().add(event)
            return
        with self._lock:
            member = self._members.setdefault(event.name, Progress(self._rate, self._waiting))
        member.add(event.event)

    def line(self) -> str:
        """Return the progress of all members, or the last line of the bundle."""
        members = self._all()
        if not members:
            return super().line()
        if self._finished:
            assets = [asset for release in (self, *members) for asset in release.transferred]
            bundle = f"{self._finished.state.status}: bundle of {count_text(len(members), 'member')}"
            if not assets:
                return f"{bundle}; nothing to send"
            verb = "copied" if self._finished.copied else "sent"
            return f"{bundle}; {verb} {count_text(len(assets), 'asset')}, {size_text(sum(a.size for a in assets))}"
        published = sum(member.finished for member in members)
        count = f"{published:,}/{len(members):,} members published, " if published else ""
        return count + (overview_text([self.share()]) or count_text(len(members), "member"))

    def share(self) -> Share:
        """Return what is done of the uploads of the bundle and its members."""
        shares = [super().share(), *(member.share() for member in self._all())]
        left = [share.left_s for share in shares if share.left_s is not None]
        return Share(
            sum(share.sent for share in shares),
            sum(share.assets for share in shares),
            sum(share.sent_bytes for share in shares),
            sum(share.size for share in shares),
            max(left, default=None),
        )

    def _all(self) -> list[Progress]:
        with self._lock:
            return list(self._members.values())


class LiveLine:
    """Shows a changing line after events and at regular intervals, but not too often.

    with LiveLine(progress.line, show) as live:
        ...
        live.update()

    The first line appears after at least `first_s` seconds, and the others at least `interval_s` seconds apart. Without
    events, a line appears every `poll_s` seconds.
    """

    def __init__(
        self,
        line: Callable[[], str],
        show: Callable[[str], None],
        *,
        interval_s: float = 0.2,
        poll_s: float = 1.0,
        first_s: float = 0.0,
    ) -> None:
        self._line = line
        self._show = show
        self._interval_s = interval_s
        self._poll_s = poll_s
        self._next = time.monotonic() + first_s
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def __enter__(self) -> LiveLine:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        # Wait, so that no line follows the final one.
        self._thread.join()

    def update(self) -> None:
        """Show the line, unless the last one was less than `interval_s` seconds ago."""
        with self._lock:
            now = time.monotonic()
            if now < self._next:
                return
            self._next = now + self._interval_s
        # A failure to show a line must not stop the release.
        with suppress(OSError):
            self._show(self._line())

    def _run(self) -> None:
        while not self._end.wait(self._poll_s):
            self.update()
