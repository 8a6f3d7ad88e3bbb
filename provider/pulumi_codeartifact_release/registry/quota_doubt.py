"""Telling a quota that is full from throttling that has nothing to do with how fast one is: arithmetic alone.

    doubt = Doubt()
    verdict = doubt.answer(sent, now, accepted=False, belief=lambda: belief)

A bucket that was empty a moment ago holds only what ran in since. So after a throttled answer a few requests are sent
together: if more of them are accepted than any such bucket can hold, it was not empty.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

# How many answers are looked back at, and how many of them are throttled often, or mostly.
_ANSWERS, _OFTEN, _MOSTLY = 16, 4, 8
# What was learned is asked about where it is a part like this of what may be, after so many throttled answers, and
# after twice as many each time that it was true: each question costs bodies, also to others who share the quota.
_SLOW, _PATIENCE, _MOST_PATIENCE = 4, 5, 10
_AT_LEAST = 4
# And anyway after so many answers, and after twice as many each time: rare throttled ones keep a rate down, too.
_LATER = 200
# A fresh bucket of any service holds more than this.
_FEW = 8
_LONGEST_S = 3.0
_MOST_REFUTED = 4


class Verdict(Enum):
    """What an answer says."""

    FULL = auto()
    """The quota is full."""
    REFUTED = auto()
    """It was not: more was accepted than a bucket that was empty can have held."""
    NOTHING = auto()


@dataclass(frozen=True)
class Belief:
    """What is thought of the quota when an answer comes. Rates are requests a second.

    `learned` is what was learned of it, None for nothing; `most` is the most that it can be for all who share it;
    `latency` the seconds from sending to an answer; `accepted` how many were; `room` how many more may go together.
    """

    learned: float | None
    most: float
    latency: float
    accepted: int
    room: float


@dataclass
class _Inquiry:
    """Requests sent together right after a throttled answer, which came at `since`."""

    since: float
    wanted: int
    # Sent before it, and every one throttled.
    before: int = 0
    answered: int = 0
    accepted: int = 0

    @property
    def known(self) -> int:
        return self.before + self.answered


class Doubt:
    """Whether throttled answers mean a full quota. In doubt they do. Not thread-safe."""

    def __init__(self) -> None:
        self._inquiry: _Inquiry | None = None
        self._refuted = 0
        self._throttled = 0
        self._patience = _PATIENCE
        self._answered_since, self._later = 0, _LATER
        self._answers: deque[bool] = deque(maxlen=_ANSWERS)

    def waits(self, now: float, under_way: int) -> float | None:
        """Return for how many seconds to wait for answers that will tell; 0 to send one more, None to go on."""
        inquiry = self._inquiry
        if inquiry is None or now >= inquiry.since + _LONGEST_S:
            return None
        return inquiry.since + _LONGEST_S - now if inquiry.known + under_way >= inquiry.wanted else 0.0

    def answer(self, sent: float, now: float, *, accepted: bool, belief: Callable[[], Belief]) -> Verdict:
        """Return what an answer says that came at `now` to a request sent at `sent`, seconds of one clock.

        `belief` is called only where it matters: hardly ever.
        """
        self._answers.append(accepted)
        self._answered_since += 1
        inquiry = self._inquiry
        if inquiry and now >= inquiry.since + _LONGEST_S:
            # Large bodies: by now as much may have run in as was asked for.
            inquiry = self._inquiry = None
        if inquiry:
            return self._answered(inquiry, sent, now, accepted=accepted, belief=belief())
        if accepted:
            return Verdict.NOTHING
        self._throttled += 1
        return self._asked(now, belief())

    def _asked(self, now: float, belief: Belief) -> Verdict:
        """Decide what a throttled answer means: already known, or to be asked."""
        throttled = self._answers.count(False)
        # So many accepted refute it; the answers take a little longer than the quickest did.
        refute = int(1.3 * belief.most * belief.latency + 1.7)
        wanted = 2 * refute + self._refuted
        if belief.learned is not None:
            slow = belief.learned <= belief.most / _SLOW
            often = throttled >= _OFTEN and self._throttled >= self._patience
            if not (slow and often) and self._answered_since < self._later:
                return Verdict.FULL
            wanted = max(wanted, _AT_LEAST)
        elif self._refuted and throttled < _MOSTLY:
            # As often as when it was found to be no quota.
            return Verdict.NOTHING
        elif not self._refuted and refute == 1:
            wanted = 1
        elif not self._refuted and belief.accepted >= _FEW:
            # One more request would not tell, and it is what a bucket that runs dry looks like.
            return Verdict.FULL
        wanted = int(min(wanted, belief.room))
        if wanted < (1.5 * refute if refute > 1 else 1):
            # So much runs in until they are answered that they could not tell.
            return Verdict.FULL
        self._inquiry = _Inquiry(now, wanted)
        self._throttled = self._answered_since = 0
        return Verdict.NOTHING

    def _answered(self, inquiry: _Inquiry, sent: float, now: float, *, accepted: bool, belief: Belief) -> Verdict:
        if sent < inquiry.since:
            # An accepted one may have been judged before, and says nothing.
            inquiry.before = 0 if accepted else inquiry.before + 1
        else:
            inquiry.answered += 1
            inquiry.accepted += accepted
        # Less than one token was left, and by and large more than a third of it lacked.
        if inquiry.accepted > belief.most * (now - inquiry.since) + 0.7:
            self._inquiry = None
            self._refuted = min(self._refuted + 1, _MOST_REFUTED)
            self._throttled, self._patience, self._later = 0, _PATIENCE, _LATER
            self._answers.clear()
            return Verdict.REFUTED
        if inquiry.known < inquiry.wanted:
            return Verdict.NOTHING
        self._inquiry = None
        if belief.learned is not None:
            self._patience = min(2 * self._patience, _MOST_PATIENCE)
            self._later *= 2
        return Verdict.FULL
