"""Requests per second, limited for the whole process: one token bucket per operation.

    limiter = RateLimiter(AWS_RATES)
    permit = limiter.permit("PublishPackageVersion", release)
    permit.acquire()                        # returns when one more request may be sent
    permit.release(throttled=False)         # call it with the response

A throttled response halves the rate; the rate then recovers by a constant step (AIMD, as in TCP), so that processes
that share a quota converge on equal shares.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping

from ..errors import UsageError
from .aws_endpoints import is_aws
from .fair_queue import FairQueue
from .retries_and_concurrency import AWS_RATES, BURST_S, CHECKPOINT_S, MAX_IN_FLIGHT, MIN_RATE, RATE_RECOVERY


def rate_limits(url: str, environ: Mapping[str, str] = os.environ) -> Mapping[str, float]:
    """Return the limits that apply at an endpoint: the documented ones on AWS, and the operator's own.

    Raises UsageError for an invalid CODEARTIFACT_RELEASE_RATE.
    """
    rates = dict(AWS_RATES) if is_aws(url) else {}
    if text := environ.get("CODEARTIFACT_RELEASE_RATE"):
        try:
            rates["PublishPackageVersion"] = float(text)
        except ValueError:
            rates["PublishPackageVersion"] = 0.0
        if not 0 < rates["PublishPackageVersion"] < float("inf"):
            raise UsageError(
                f"CODEARTIFACT_RELEASE_RATE is {text!r}",
                hint="Set it to a number above 0: PublishPackageVersion requests a second.",
            )
    return rates


class TokenBucket:
    """The rate of one operation: arithmetic only, with times in seconds of the caller's clock. Not thread-safe.

    `limit` is never exceeded; without one the rate is unlimited until a response is throttled.
    """

    def __init__(self, limit: float = math.inf) -> None:
        self.rate = self._limit = limit
        self._tokens = self._burst
        self._refilled_at = 0.0
        self._halved_at = -math.inf
        self._accepted: deque[float] = deque(maxlen=1000)

    @property
    def _burst(self) -> float:
        return max(1.0, self.rate * BURST_S)

    def wait_time(self, now: float, ahead: int = 0) -> float:
        """Return the seconds until one more request may be sent, after those `ahead` of it."""
        if self.rate < math.inf:
            elapsed = now - self._refilled_at
            self._tokens = min(self._burst, self._tokens + elapsed * self.rate)
            self.rate = min(self._limit, self.rate + elapsed * RATE_RECOVERY)
        self._refilled_at = now
        missing = ahead + 1 - self._tokens
        return missing / self.rate if missing > 1e-6 else 0.0

    def take(self) -> None:
        """Use the token of a request that is sent."""
        self._tokens -= 1

    def accepted(self, now: float) -> None:
        """Record a response that was not throttled."""
        self._accepted.append(now)

    def throttled(self, sent_at: float, now: float) -> None:
        """Halve the rate, once for all requests that were in flight."""
        if sent_at < self._halved_at:
            return
        self.wait_time(now)
        rate = self.rate if self.rate < math.inf else sum(1 for time in self._accepted if time > now - 1)
        self.rate = max(rate / 2, min(MIN_RATE, self._limit))
        self._tokens = min(self._tokens, 0.0)
        self._halved_at = now


class _Operation:
    def __init__(self, limit: float) -> None:
        self.bucket = TokenBucket(limit)
        self.queue = FairQueue()
        self.in_flight = 0

    def wake_first(self) -> None:
        if waiter := self.queue.first:
            waiter.wake.set()


class RateLimiter:
    """The limits of one account in one region. Thread-safe.

    `limits` are requests per second by operation. `clock` and `sleep` are for tests in virtual time.
    """

    def __init__(
        self,
        limits: Mapping[str, float],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._operations: dict[str, _Operation] = {}

    def wait_time(self, operation: str) -> float:
        """Return the seconds that one more request would wait now, behind those that wait already."""
        with self._lock:
            state = self._state(operation)
            return state.bucket.wait_time(self._clock(), len(state.queue))

    def permit(self, operation: str, release: Hashable, checkpoint: Callable[[], None] = lambda: None) -> Permit:
        """Return a permit for one call of a release. `checkpoint` is called while it waits: its error ends the wait."""
        return Permit(self, operation, release, checkpoint)

    def _state(self, operation: str) -> _Operation:
        if operation not in self._operations:
            self._operations[operation] = _Operation(self._limits.get(operation, math.inf))
        return self._operations[operation]

    def _acquire(self, operation: str, release: Hashable, checkpoint: Callable[[], None]) -> float:
        with self._lock:
            state = self._state(operation)
            waiter = state.queue.join(release)
        try:
            while True:
                with self._lock:
                    waiter.wake.clear()
                    now, wait = self._clock(), math.inf
                    if state.queue.first is waiter and state.in_flight < MAX_IN_FLIGHT:
                        wait = state.bucket.wait_time(now)
                    if wait == 0:
                        state.bucket.take()
                        state.in_flight += 1
                        return now
                (self._sleep or waiter.wake.wait)(min(wait, CHECKPOINT_S))
                checkpoint()
        finally:
            with self._lock:
                state.queue.leave(waiter)
                state.wake_first()

    def _release(self, operation: str, sent_at: float, *, throttled: bool) -> None:
        with self._lock:
            state, now = self._state(operation), self._clock()
            state.in_flight -= 1
            if throttled:
                state.bucket.throttled(sent_at, now)
            else:
                state.bucket.accepted(now)
            state.wake_first()


class Permit:
    """Permission for the requests of one call, one after the other. For one thread."""

    def __init__(self, limiter: RateLimiter, operation: str, release: Hashable, checkpoint: Callable[[], None]) -> None:
        self._limiter = limiter
        self._operation = operation
        self._release = release
        self._checkpoint = checkpoint
        self._sent_at: float | None = None

    def acquire(self) -> None:
        """Wait until one more request may be sent. Raises what the checkpoint raises."""
        self.release()
        self._sent_at = self._limiter._acquire(self._operation, self._release, self._checkpoint)

    def release(self, *, throttled: bool = False) -> None:
        """End the request in flight, if there is one."""
        sent_at, self._sent_at = self._sent_at, None
        if sent_at is not None:
            self._limiter._release(self._operation, sent_at, throttled=throttled)
