"""How long a call that is throttled waits, and how often it is made again.

    patience = Patience()
    sleep(patience.wait(asked_by(error)))   # before each further attempt

Retry-After is seconds or a date in HTTP; botocore's model of the service knows whole seconds alone.
"""

from __future__ import annotations

import math
import random
import re
import time
from collections.abc import MutableMapping
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import ClientError

# A quota that is full passes by waiting, so waiting is worth minutes, whatever the answers ask for.
_LEAST_ATTEMPTS, _LEAST_S = 12, 150.0
_LONGEST_WAIT_S, _LONGEST_STEP_S = 20.0, 5.0
_LONGEST_ASKED_S = 86_400


class Patience:
    """That of one call, which has been throttled `attempts` times."""

    def __init__(self) -> None:
        self.attempts = 0
        self._waited = 0.0

    @property
    def is_over(self) -> bool:
        """Whether the attempt that is being made is the last."""
        return self.attempts >= _LEAST_ATTEMPTS - 1 and self._waited >= _LEAST_S

    def wait(self, asked: float | None) -> float:
        """Return the seconds to wait before the next attempt; `asked` is what the answer asks for, if anything."""
        step = min(0.5 * 2 ** min(self.attempts - 2, 10), _LONGEST_STEP_S) if self.attempts > 1 else 0.0
        if self.attempts > 2:
            # Several that were throttled together are not to come back together.
            step *= random.uniform(0.8, 1.2)  # noqa: S311 - no secret
        self.attempts += 1
        wait = min(max(asked or 0.0, step), _LONGEST_WAIT_S)
        self._waited += wait
        return wait


def seconds_of(text: str, now: float) -> int | None:
    """Return the whole seconds that a Retry-After header asks to wait from `now` on (Unix time), None for nonsense."""
    text = text.strip()
    if number := re.fullmatch(r"(\d+)(\.\d*)?", text, re.ASCII):
        return math.ceil(float(text)) if len(number[1]) < len(str(_LONGEST_ASKED_S)) else _LONGEST_ASKED_S
    try:
        at = parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return max(0, min(math.ceil(at - now), _LONGEST_ASKED_S))


def asked_by(error: ClientError) -> int | None:
    """Return the seconds that a throttled answer asks to wait, None where it does not say."""
    headers: dict[str, Any] = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return seconds_of(str(headers.get("retry-after", "")), time.time())


def understand(response_dict: MutableMapping[str, Any], **_response: Any) -> None:
    """Put the header into the form that botocore parses: it takes any other for an answer that cannot be read."""
    headers = response_dict["headers"]
    if "Retry-After" in headers:
        seconds = seconds_of(str(headers["Retry-After"]), time.time())
        del headers["Retry-After"]
        if seconds is not None:
            headers["Retry-After"] = str(seconds)
