"""What a server allows, learned from its answers: arithmetic alone, no clock and no threads of its own.

    quota = Quota(ceiling=10.0)             # None where nobody knows
    wait = quota.delay(now)                 # 0: one more may go; infinite: not before an answer comes
    sent = quota.sent(now)
    quota.answered(sent, now, Outcome.ACCEPTED)

The server is thought of as a bucket of tokens. What is known firmly is never passed. What is learned is measured: at
each throttled answer the bucket was empty, so what was accepted between two of them is what ran into it meanwhile.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import Enum

from .quota_doubt import Belief, Doubt, Verdict

MOST_IN_FLIGHT = 16
"""Requests under way at once, of one operation."""

_DOCUMENTED = 10.0
_LEAST_RATE = 0.5
_MOST_SHARERS = 12
# What a client in Python gets through by itself: more in flight than that waits in this process, not for the server.
_CLIENT_RATE = 250.0
_SLOW_GAP_S = 0.1
_LONGEST_STALL_S = 1.0
_LONGEST_PAUSE_S = 3.0
_RECENT_S = 3.0
# For how long what was measured is kept to before more is tried.
_SHORTEST_S, _USUAL_S, _LONG_S, _LONGEST_S = 3.0, 5.0, 8.0, 15.0
# Requests: between two throttled only to learn; that tell a rate; that tell it well.
_REQUESTS, _FEW, _MANY = 15, 8, 15
# Those who share a quota come to equal shares by giving back a part of what they have, and taking the same more.
_KEPT = 0.85


class Outcome(Enum):
    """What an answer says about the quota."""

    ACCEPTED = "accepted"
    THROTTLED = "throttled"
    UNKNOWN = "unknown"
    """No answer: it may have counted, or not."""


@dataclass(frozen=True)
class Sent:
    """A request under way: when it was sent, in seconds of the caller's clock."""

    at: float


@dataclass
class _Episode:
    """One time that the quota was full: all throttled answers to what was under way then.

    `rate` was kept to, `settled` was believed in, and `accepted` requests had been accepted when it began.
    """

    began: float
    accepted: int
    rate: float
    settled: float
    interval: float
    ended: float = 0.0


class _Tokens:
    """A bucket of tokens as the server is thought to keep it: `burst` at most, so many run in a second.

    With `firm` it is never thought to hold more than it does, whenever the server judges a request.
    """

    def __init__(self, burst: float, *, firm: bool = False) -> None:
        self.burst = self.left = burst
        self._firm = firm
        self._counted_at: float | None = None
        # A full bucket gains nothing, and when the server first took from it is known only by an answer.
        self._full_since: float | None = None

    def count(self, now: float, rate: float) -> None:
        """Put in what has run in since it was last counted."""
        if self._full_since is not None:
            if now < self._full_since + _LONGEST_STALL_S:
                return
            self._counted_at, self._full_since = self._full_since + _LONGEST_STALL_S, None
        if self._counted_at is not None:
            self.left = min(self.burst, self.left + (now - self._counted_at) * rate)
        self._counted_at = now

    def take(self, now: float) -> None:
        if self._firm and self._full_since is None and self.left >= self.burst - 1e-3:
            self._full_since = now
        self.left -= 1

    def empty(self, now: float) -> None:
        self.left, self._full_since, self._counted_at = 0.0, None, now

    def answered(self, sent: Sent, now: float) -> None:
        if self._full_since is not None and sent.at >= self._full_since:
            self._full_since, self._counted_at = None, now

    def wait(self, now: float, rate: float) -> float:
        """Return the seconds until there is one, counted at `now`."""
        if self.left >= 1 - 1e-6:
            return 0.0
        if self._full_since is not None:
            return max(1e-3, self._full_since + _LONGEST_STALL_S - now)
        return (1 - self.left) / rate


class Quota:
    """The quota of one operation. Not thread-safe; all times are seconds of one monotonic clock.

    `ceiling` is the quota in requests a second where it is known firmly; the burst is one second's worth.
    """

    def __init__(self, ceiling: float | None = None) -> None:
        self._ceiling = ceiling
        self._firm = _Tokens(max(1.0, ceiling), firm=True) if ceiling else None
        # What is believed in, and for how long it is kept to before more is tried.
        self._settled: float | None = None
        self._interval = 0.0
        self._plateau = self._climb = 0.0
        self._learned = self._unlearned()
        self._not_before = -math.inf
        self._in_flight = 0
        self._last_sent = -math.inf
        self._accepted = 0
        self._accepted_at: deque[float] = deque(maxlen=1024)
        self._first_answer: float | None = None
        self._shortest, self._usual = math.inf, 0.0
        self._episode: _Episode | None = None
        self._earlier: deque[_Episode] = deque(maxlen=16)
        self._in_vain = 0
        # How often in a row the same was measured; and before the episode that is on.
        self._same = self._before_same = 0
        self._doubt = Doubt()

    # --- what is known --------------------------------------------------------------------------------------------

    @property
    def rate(self) -> float | None:
        """Requests a second that are kept to now; None while nothing limits them."""
        if self._settled is None:
            return self._ceiling
        # A little more than what was measured last, then more and more, until a throttled answer says no.
        rate = self._settled
        if self._climb > 0:
            # Partly by as much for everybody: so the slower of several that share a quota catches up.
            rate = rate * (1.05 + 0.03 * self._climb**2) + 0.1 * self._climb + 0.05 * self._climb**2
        return min(rate, self._ceiling) if self._ceiling else rate

    def delay(self, now: float) -> float:
        """Return how many seconds one more request has to wait: 0 for none, infinite for: until an answer comes."""
        self._count(now)
        firm = self._firm.wait(now, self._ceiling) if self._firm and self._ceiling else 0.0
        if (wait := self._doubt.waits(now, self._in_flight)) is not None:
            return max(wait, firm)
        if now < self._not_before:
            return self._not_before - now
        rate = self.rate
        wait = max(firm, self._learned.wait(now, rate) if rate is not None else 0.0)
        if wait > 0:
            return wait
        if self._in_flight < self._window():
            return 0.0
        # Bodies that take long to send are no burst: how many of them are under way says nothing about a quota.
        return max(0.0, self._last_sent + _SLOW_GAP_S - now) if self._in_flight < MOST_IN_FLIGHT else math.inf

    def owed(self, now: float, waiting: int = 0) -> float:
        """Return the seconds until the quota allows one more request, after those that are `waiting` for it."""
        self._count(now)
        rate = self.rate
        pause = max(0.0, self._not_before - now)
        tokens = min(self._learned.left, self._firm.left if self._firm else math.inf)
        return max(pause, (1 + waiting - tokens) / rate) if rate is not None else pause

    # --- what happens ---------------------------------------------------------------------------------------------

    def sent(self, now: float) -> Sent:
        """Take note of a request that goes out."""
        self._count(now)
        self._learned.take(now)
        if self._firm:
            self._firm.take(now)
        if self._episode:
            # Counted while requests are sent: that nothing is throttled while nothing is sent means nothing.
            step = min(now - self._last_sent, max(0.5, 1.5 / (self.rate or 1.0)))
            self._plateau -= step
            self._climb += step if self._plateau <= 0 else 0.0
        self._in_flight += 1
        self._last_sent = now
        return Sent(now)

    def answered(self, sent: Sent, now: float, outcome: Outcome) -> None:
        """Take note of an answer, or of the end of a request that got none."""
        self._in_flight -= 1
        self._count(now)
        self._learned.answered(sent, now)
        if self._firm:
            self._firm.answered(sent, now)
        of_episode = self._episode is not None and sent.at <= self._episode.began
        verdict = self._judge(sent, now, outcome)
        if verdict is Verdict.REFUTED:
            self._forget()
        if outcome is Outcome.ACCEPTED:
            self._take_accepted(now - sent.at, now)
        if outcome is Outcome.ACCEPTED and verdict is not Verdict.FULL:
            # Judged before the bucket was empty, answered after.
            if of_episode and self._episode:
                self._episode.ended = now
                self._measure()
            else:
                self._in_vain = 0
        elif verdict is Verdict.FULL or (of_episode and outcome is Outcome.THROTTLED):
            if not of_episode:
                self._begin_episode(now)
            self._take_throttled(now)

    def _judge(self, sent: Sent, now: float, outcome: Outcome) -> Verdict:
        """Return what an answer says about the quota."""
        if outcome is Outcome.UNKNOWN:
            return Verdict.NOTHING

        def belief() -> Belief:
            most = self._ceiling or max(sum(1 for each in self._accepted_at if each > now - 1), _DOCUMENTED)
            room = min(self._firm.left, MOST_IN_FLIGHT) if self._firm else MOST_IN_FLIGHT
            return Belief(self._settled, most, min(self._shortest, now - sent.at), self._accepted, room)

        return self._doubt.answer(sent.at, now, accepted=outcome is Outcome.ACCEPTED, belief=belief)

    def _unlearned(self) -> _Tokens:
        return _Tokens(max(1.0, self._ceiling) if self._ceiling else math.inf)

    def _forget(self) -> None:
        """Take back what was learned: it was no quota."""
        self._episode = self._settled = None
        self._earlier.clear()
        self._learned = self._unlearned()
        self._not_before = -math.inf

    def _take_accepted(self, latency: float, now: float) -> None:
        self._shortest = min(self._shortest, latency)
        self._usual += (latency - self._usual) / 8 if self._accepted else latency
        self._first_answer = now if self._first_answer is None else self._first_answer
        self._accepted += 1
        self._accepted_at.append(now)

    def _begin_episode(self, now: float) -> None:
        self._in_vain += 1
        before, rate = self._episode, self.rate or math.inf
        if before:
            self._earlier.append(before)
        self._before_same = self._same
        self._episode = _Episode(now, self._accepted, rate, self._settled or self._ceiling or math.inf, self._interval)
        if before and self._learned.left >= 1:
            # More was thought to be in the bucket than there was.
            self._learned.burst = max(1.0, self._learned.burst / 2)
        elif before:
            self._learned.burst *= 1.5

    def _take_throttled(self, now: float) -> None:
        self._learned.empty(now)
        if self._in_vain > 1:
            # Nothing was accepted in between: whatever was learned is too much.
            self._not_before = max(self._not_before, now + min(0.25 * 2.0 ** min(self._in_vain, 10), _LONGEST_PAUSE_S))
        self._measure()

    # --- arithmetic -----------------------------------------------------------------------------------------------

    def _count(self, now: float) -> None:
        if self._firm and self._ceiling:
            self._firm.count(now, self._ceiling)
        if (rate := self.rate) is not None:
            self._learned.count(now, rate)

    def _window(self) -> int:
        """Return how many may be under way: as few as keep the pace, since each is a body that may go to waste."""
        useful = 2 + self._shortest * _CLIENT_RATE if self._accepted else 2.0
        if self._episode and self._settled is not None:
            useful = 1 + (self.rate or 0.0) * self._usual * 1.5
        elif self._ceiling:
            useful = min(useful, 4.0 + self._accepted)
        else:
            # Whatever is under way when an unknown quota is full goes to waste, and many are the documented one.
            careful = 4.0 if self._accepted <= _DOCUMENTED / 2 else 2.0
            useful = min(useful, max(careful, self._accepted - _DOCUMENTED))
        return int(max(1.0, min(MOST_IN_FLIGHT, useful)))

    def _since_first_answer(self, now: float) -> float:
        return now - self._first_answer if self._first_answer is not None else 0.0

    def _settle(self, rate: float, interval: float) -> None:
        # A known quota is shared with so many others at most.
        slowest = max(_LEAST_RATE, (self._ceiling or 0.0) / _MOST_SHARERS)
        settled = self._settled = max(slowest, min(rate, self._ceiling or math.inf))
        # Some requests at least between two that are throttled only to learn.
        least = max(_SHORTEST_S, min(_USUAL_S, _REQUESTS / settled))
        self._interval = self._plateau = max(least, min(interval, _LONGEST_S))
        self._climb = 0.0
        # Not quite what is thought to be in the server's bucket.
        self._learned.burst = max(1.0, min(self._learned.burst, settled * 0.9))

    def _measure(self) -> None:
        """Settle on what was accepted up to the episode that is on: more may still be answered that belongs to it."""
        episode = self._episode
        assert episode
        if not self._earlier:
            self._estimate(episode)
            return
        # Far enough back to count some, since each is one of a whole number.
        before = next((each for each in reversed(self._earlier) if self._tells(each, episode)), self._earlier[0])
        seconds = max(episode.began - before.began, 1e-3)
        count = self._accepted - before.accepted
        measured = count / seconds
        if seconds > _RECENT_S:
            # While this was slower than the server the bucket ran over: then the last seconds say more.
            recent = sum(1 for each in self._accepted_at if each > episode.began - _RECENT_S) / _RECENT_S
            measured = max(measured, min(recent, episode.rate))
        if count < _FEW:
            measured = max(measured, episode.settled / 2)
        steady = abs(count - episode.settled * seconds) <= 1.5 + 0.02 * count
        if steady:
            # As it was believed; a little less where that by itself was too much.
            measured = episode.settled if episode.rate > episode.settled else episode.settled * 0.97
        else:
            measured *= _KEPT
        self._same = self._before_same + 1 if steady else 0
        interval = episode.interval * 2 if steady and (count >= _MANY or self._same > 2) else 0.0
        self._settle(measured, min(interval, max(_LONG_S if self._same > 2 else 0.0, 1.5 * measured)))

    def _tells(self, before: _Episode, episode: _Episode) -> bool:
        return self._accepted - before.accepted >= _FEW or episode.began - before.began >= _RECENT_S

    def _estimate(self, episode: _Episode) -> None:
        """Guess from the first episode: a burst of one second's worth, and what ran in meanwhile."""
        ended = max(episode.began, episode.ended)
        seconds = 1 + self._since_first_answer(ended)
        least, most = self._accepted / seconds, (self._accepted + 1) / seconds
        whole = float(math.ceil(least - 0.05))
        guess = max(whole if whole <= most else least, 1.0)
        interval = 0.0
        # In doubt the documented one: answers say only roughly when a request was judged.
        if least - 0.6 <= _DOCUMENTED <= most + 0.6:
            guess, interval = _DOCUMENTED, _LONGEST_S
        self._settle(guess, interval if self._ceiling is None else 0.0)
