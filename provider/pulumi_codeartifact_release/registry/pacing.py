"""Keeping to the quota of requests a second, for all resources of a process together.

pacer = Pacer(AWS_RATES)
turn = pacer.turn("PublishPackageVersion", release)
turn.begin()                            # returns when one more may be sent
turn.end(Outcome.ACCEPTED)              # what is learned from the answer holds for all
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Hashable, Mapping

from ..errors import UsageError
from .address import is_aws
from .quota_learning import Outcome, Quota, Sent
from .turns import Turns

AWS_RATES: Mapping[str, float] = {
    "PublishPackageVersion": 10.0,
    "CopyPackageVersions": 5.0,
    "GetPackageVersionAsset": 50.0,
    "ListPackageVersionAssets": 200.0,
}
"""The service's default quotas, requests a second per account and region."""


def known_rates(url: str, environ: Mapping[str, str] = os.environ) -> Mapping[str, float]:
    """Return the quotas that are known firmly at an endpoint: the documented ones on AWS, and what the operator says.

    Raises UsageError for a CODEARTIFACT_RELEASE_RATE that is no rate.
    """
    rates = dict(AWS_RATES) if is_aws(url) else {}
    # Elsewhere nobody knows the quota: the answers tell, or the operator.
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


# Whoever waits looks this often whether to stop.
_LOOK_S = 0.25


class _Bucket:
    """One operation: what is known of its quota, and who waits for it. The lock guards both."""

    def __init__(self, ceiling: float | None) -> None:
        self.lock = threading.Lock()
        self.quota = Quota(ceiling)
        self.turns = Turns()

    def wake_first(self) -> None:
        """Have the one whose turn it is look again."""
        if place := self.turns.first:
            place.awake.set()


class Pacer:
    """The quotas of one account in one region: a bucket for each operation. Thread-safe.

    `rates` are those that are known firmly, requests a second; nothing above them is tried. What the others allow is
    learned from throttled answers. `sleep` is for tests: it is called with seconds instead of waiting.
    """

    def __init__(
        self,
        rates: Mapping[str, float],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._rates = rates
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._buckets: dict[str, _Bucket] = {}

    def rate(self, operation: str) -> float | None:
        """Return the requests a second that are kept to now, None where nothing limits them."""
        bucket = self._bucket(operation)
        with bucket.lock:
            return bucket.quota.rate

    def owed(self, operation: str) -> float:
        """Return how many seconds one more call would wait for the quota now, behind those that wait."""
        bucket = self._bucket(operation)
        with bucket.lock:
            return bucket.quota.owed(self._clock(), len(bucket.turns))

    def turn(self, operation: str, release: Hashable, checkpoint: Callable[[], None] = lambda: None) -> Turn:
        """Return a turn of a release for one call of `operation`.

        `checkpoint` is asked while it waits: what it raises ends the wait.
        """
        return Turn(self, operation, release, checkpoint)

    def _bucket(self, operation: str) -> _Bucket:
        with self._lock:
            if operation not in self._buckets:
                self._buckets[operation] = _Bucket(self._rates.get(operation))
            return self._buckets[operation]

    def _begin(self, operation: str, release: Hashable, checkpoint: Callable[[], None]) -> Sent:
        bucket = self._bucket(operation)
        with bucket.lock:
            place = bucket.turns.join(release)
        try:
            while True:
                with bucket.lock:
                    place.awake.clear()
                    now = self._clock()
                    wait = bucket.quota.delay(now) if bucket.turns.first is place else math.inf
                    if wait <= 0:
                        return bucket.quota.sent(now)
                if self._sleep:
                    self._sleep(wait)
                else:
                    place.awake.wait(min(wait, _LOOK_S))
                checkpoint()
        finally:
            with bucket.lock:
                bucket.turns.leave(place)
                bucket.wake_first()

    def _end(self, operation: str, sent: Sent, outcome: Outcome) -> None:
        bucket = self._bucket(operation)
        with bucket.lock:
            bucket.quota.answered(sent, self._clock(), outcome)
            bucket.wake_first()


class Turn:
    """One call, all its attempts: each begins when it is its turn, and ends with what its answer says. One thread's."""

    def __init__(self, pacer: Pacer, operation: str, release: Hashable, checkpoint: Callable[[], None]) -> None:
        self._pacer = pacer
        self._operation = operation
        self._release = release
        self._checkpoint = checkpoint
        self._sent: Sent | None = None

    def begin(self) -> None:
        """Wait until one more request may be sent. Raises what the checkpoint raises."""
        self.end()
        self._sent = self._pacer._begin(self._operation, self._release, self._checkpoint)

    def end(self, outcome: Outcome = Outcome.UNKNOWN) -> None:
        """Take note of the answer to the request; nothing where none is under way."""
        sent, self._sent = self._sent, None
        if sent:
            self._pacer._end(self._operation, sent, outcome)
