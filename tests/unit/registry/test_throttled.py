"""Throttled responses with a real client: each attempt respects the rate, and none bypasses the limiter."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from pulumi_codeartifact_release import errors
from pulumi_codeartifact_release.registry.boto import BotoRegistry
from pulumi_codeartifact_release.registry.client import ClientSettings, make_client
from pulumi_codeartifact_release.registry.rate_limiter import RateLimiter
from support.fakes import AT

FOUND = b'{"packageVersion": {"status": "Published", "revision": "r"}}'
REFUSED = b'{"message": "Rate exceeded"}'


class Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_kwargs: Any) -> Any:
        yield self._body


class Server:
    """Responds instead of the network, in virtual time."""

    def __init__(self, checkpoint: Callable[[], None] = lambda: None) -> None:
        self.now = 0.0
        self.times: list[float] = []
        self.answers: list[tuple[int, str, dict[str, str]]] = []
        client = make_client(ClientSettings("us-east-1", None, "http://127.0.0.1:9", "x", "y"))
        client.meta.events.register("before-send.codeartifact", self._answer)  # type: ignore[arg-type]
        limiter = RateLimiter({}, clock=lambda: self.now, sleep=self._sleep)
        self.registry = BotoRegistry(client, limiter, sleep=self._sleep, checkpoint=checkpoint)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def _answer(self, request: Any, **_more: Any) -> AWSResponse:
        self.times.append(self.now)
        status, code, headers = self.answers.pop(0) if self.answers else (200, "", {})
        headers = {**headers, "x-amzn-errortype": code} if code else headers
        return AWSResponse(request.url, status, headers, Raw(REFUSED if code else FOUND))  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [429, 503, 400])
def test_retry_after_is_respected_and_botocore_sends_nothing_earlier(status: int) -> None:
    server = Server()
    server.answers = [(status, "ThrottlingException", {"retry-after": "2"})] * 3
    assert server.registry.describe(AT).revision == "r"
    waits = [later - earlier for earlier, later in itertools.pairwise(server.times)]
    assert len(waits) == 3
    assert all(2 <= wait <= 2.5 for wait in waits)


@pytest.mark.parametrize(
    ("header", "least"),
    [
        ("3", 3),
        (" 3 ", 3),
        ("007", 7),
        ("20", 20),
        ("86400", 20),
        ("9" * 400, 20),
        ("9" * 5000, 20),
        ("0", 0),
        ("000", 0),
        ("", 0),
        ("-5", 0),
        ("+5", 0),
        ("1.5", 0),
        ("1_0", 0),
        ("soon", 0),
        ("nan", 0),
        ("1e3", 0),
        ("\u0665", 0),
        ("Wed, 21 Oct 2199 07:28:00 GMT", 0),
    ],
)
@pytest.mark.parametrize("code", ["ThrottlingException", "ServiceUnavailableException"])
def test_retry_after_is_whole_seconds_and_anything_else_is_absent(header: str, least: float, code: str) -> None:
    """An invalid value never makes the response unreadable."""
    server = Server()
    server.answers = [(429, code, {"retry-after": header})]
    assert server.registry.describe(AT).revision == "r"
    assert len(server.times) == 2
    # Without it, the first wait is half a second at most, and the rate is 0.5 requests per second to begin with.
    assert least <= server.times[1] <= max(least, 2) + 0.5


@pytest.mark.parametrize("header", ["soon", "1.5", "Wed, 21 Oct 2199 07:28:00 GMT", "9" * 5000])
def test_an_invalid_retry_after_of_another_error_is_ignored(header: str) -> None:
    server = Server()
    server.answers = [(200, "", {"retry-after": header})]
    assert server.registry.describe(AT).revision == "r"
    server.answers = [(403, "AccessDeniedException", {"retry-after": header})]
    with pytest.raises(errors.AccessDeniedError):
        server.registry.describe(AT)


@pytest.mark.parametrize("header", [{}, {"retry-after": "0"}, {"retry-after": "1"}, {"retry-after": "20"}])
def test_throttling_is_reported_after_minutes_for_any_retry_after(header: dict[str, str]) -> None:
    server = Server()
    server.answers = [(429, "ThrottlingException", header)] * 500
    with pytest.raises(errors.ThrottledError):
        server.registry.describe(AT)
    assert 150 <= server.now <= 300
    assert len(server.times) < 80


def test_a_stop_ends_the_wait_at_once() -> None:
    def stop() -> None:
        if server.now > 5:
            raise errors.InterruptedReleaseError("stopped")

    server = Server(stop)
    server.answers = [(429, "ThrottlingException", {"retry-after": "20"})]
    with pytest.raises(errors.InterruptedReleaseError):
        server.registry.describe(AT)
    assert server.now <= 5.5


def test_retry_after_applies_to_its_request_only() -> None:
    """It only halves the rate for the others. If they waited too, each throttled response would stop all of them."""
    server = Server()
    server.answers = [(429, "ThrottlingException", {"retry-after": "20"})]
    server.registry.describe(AT)
    began = server.now
    server.registry.describe(AT)
    assert server.now - began <= 1


def test_waits_grow_without_a_retry_after() -> None:
    server = Server()
    server.answers = [(429, "ThrottlingException", {})] * 8
    assert server.registry.describe(AT).revision == "r"
    waits = [later - earlier for earlier, later in itertools.pairwise(server.times)]
    assert waits[0] >= 0.25
    # At most five seconds, then the rate limit, which has fallen to 0.5 per second.
    assert 2.5 <= waits[-1] <= 5 + 2


def test_botocore_still_retries_server_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    server = Server()
    server.answers = [(500, "InternalServerException", {})] * 2
    assert server.registry.describe(AT).revision == "r"
    assert len(server.times) == 3


def test_a_throttled_response_costs_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    server = Server()
    server.answers = [(429, "ThrottlingException", {"retry-after": "1"})]
    server.registry.describe(AT)
    assert (len(server.times), slept) == (2, [])


def test_throttled_responses_leave_botocores_retry_quota_for_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore has a retry quota of 500, uses 5 per retry, and gets none back for our retries."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    server = Server()
    for _ in range(130):
        server.answers = [(429, "ThrottlingException", {})]
        server.registry.describe(AT)
    server.times.clear()
    server.answers = [(500, "InternalServerException", {})]
    server.registry.describe(AT)
    assert len(server.times) == 2
