"""Keeping to the quota of requests a second, for all resources of a process together.

pacer = Pacer(AWS_RATES)
pacer.wait("PublishPackageVersion")     # returns when the quota allows one more
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

AWS_RATES: Mapping[str, float] = {
    "PublishPackageVersion": 10.0,
    "CopyPackageVersions": 5.0,
    "GetPackageVersionAsset": 50.0,
    "ListPackageVersionAssets": 200.0,
}
"""The service's default quotas, requests a second per account and region."""


class Pacer:
    """A token bucket for each operation that has a rate; the others never wait. Thread-safe, first come first served.

    `rates` are requests a second; the burst is one second's worth.
    """

    def __init__(
        self,
        rates: Mapping[str, float],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rates = rates
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        # When the bucket of an operation would be full again.
        self._full_at: dict[str, float] = {}

    def rate(self, operation: str) -> float | None:
        """Return the requests a second that are kept to, None where there is no rate."""
        return self._rates.get(operation)

    def owed(self, operation: str) -> float:
        """Return how many seconds one more call would wait now."""
        rate = self._rates.get(operation)
        if rate is None:
            return 0.0
        with self._lock:
            full_at = self._full_at.get(operation, 0.0)
        return max(0.0, full_at + 1 / rate - self._clock() - 1.0)

    def wait(self, operation: str) -> None:
        """Return when `operation` may be called once."""
        rate = self._rates.get(operation)
        if rate is None:
            return
        with self._lock:
            now = self._clock()
            full_at = max(self._full_at.get(operation, now), now) + 1 / rate
            self._full_at[operation] = full_at
            # A full bucket holds one second's worth: what was taken beyond that is owed as time.
            owed = full_at - now - 1.0
        if owed > 0:
            self._sleep(owed)
