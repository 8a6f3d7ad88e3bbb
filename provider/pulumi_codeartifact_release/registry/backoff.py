"""How long a throttled call waits before the next attempt, and when it gives up.

    backoff = Backoff()
    sleep(backoff.wait_time(retry_after(error)))    # before each further attempt

Retry-After is whole seconds, as in the service's model. Any other value is treated as absent.
"""

from __future__ import annotations

import random
import re
from collections.abc import MutableMapping
from typing import Any

from botocore.exceptions import ClientError

from .retries_and_concurrency import BACKOFF_FIRST_S, BACKOFF_MAX_S, BACKOFF_TOTAL_S, MAX_RETRY_AFTER_S


class Backoff:
    """The waits of one call: exponential, with jitter, and no shorter than Retry-After."""

    def __init__(self) -> None:
        self._attempts = 0
        self._waited = 0.0

    @property
    def exhausted(self) -> bool:
        """Whether the call has waited long enough to report that it is throttled."""
        return self._waited >= BACKOFF_TOTAL_S

    def wait_time(self, retry_after: int | None) -> float:
        """Return the seconds to wait before the next attempt."""
        longest = min(BACKOFF_FIRST_S * 2 ** min(self._attempts, 10), BACKOFF_MAX_S)
        jittered = random.uniform(longest / 2, longest)  # noqa: S311 - no secret
        wait = max(jittered, retry_after or 0)
        self._attempts += 1
        self._waited += wait
        return wait


def retry_after(error: ClientError) -> int | None:
    """Return the seconds of a response's Retry-After, at most 20; None without one that can be read."""
    headers: dict[str, Any] = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return _seconds(headers.get("retry-after"))


def normalize_retry_after(response_dict: MutableMapping[str, Any], **_response: Any) -> None:
    """Remove a Retry-After that botocore cannot parse: it would reject the whole response (event `before-parse`)."""
    headers = response_dict["headers"]
    if "Retry-After" in headers:
        seconds = _seconds(headers["Retry-After"])
        del headers["Retry-After"]
        if seconds is not None:
            headers["Retry-After"] = str(seconds)


def _seconds(header: object) -> int | None:
    text = str(header or "").strip()
    if not re.fullmatch(r"[0-9]+", text):
        return None
    digits = text.lstrip("0")
    # Python refuses to convert thousands of digits.
    return min(int(digits or 0), MAX_RETRY_AFTER_S) if len(digits) < 5 else MAX_RETRY_AFTER_S
