"""Throttled answers over a real client: each attempt is paced, none is made behind the pacer's back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from fakes import AT
from pulumi_codeartifact_release import errors
from pulumi_codeartifact_release.registry.boto import BotoRegistry
from pulumi_codeartifact_release.registry.client import ClientSettings, make_client
from pulumi_codeartifact_release.registry.pacing import Pacer

FOUND = b'{"packageVersion": {"status": "Published", "revision": "r"}}'
REFUSED = b'{"message": "Rate exceeded"}'


class Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_kwargs: Any) -> Any:
        yield self._body


class Server:
    """Answers instead of the network, in virtual time."""

    def __init__(self, checkpoint: Callable[[], None] = lambda: None) -> None:
        self.now = 0.0
        self.times: list[float] = []
        self.answers: list[tuple[int, str, dict[str, str]]] = []
        client = make_client(ClientSettings("us-east-1", None, "http://127.0.0.1:9", "x", "y"))
        client.meta.events.register("before-send.codeartifact", self._answer)  # type: ignore[arg-type]
        pacer = Pacer({}, clock=lambda: self.now, sleep=self._sleep)
        self.registry = BotoRegistry(client, pacer, sleep=self._sleep, checkpoint=checkpoint)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def _answer(self, request: Any, **_more: Any) -> AWSResponse:
        self.times.append(self.now)
        status, code, headers = self.answers.pop(0) if self.answers else (200, "", {})
        headers = {**headers, "x-amzn-errortype": code} if code else headers
        return AWSResponse(request.url, status, headers, Raw(REFUSED if code else FOUND))  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [429, 503, 400])
def test_retry_after_is_kept_to_and_botocore_sends_nothing_in_between(status: int) -> None:
    server = Server()
    server.answers = [(status, "ThrottlingException", {"retry-after": "2"})] * 3
    assert server.registry.describe(AT).revision == "r"
    assert server.times == pytest.approx([0, 2, 4, 6])


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("1.5", 2, 2),
        (" 3 ", 3, 3),
        ("0", 0, 0),
        ("", 0, 0),
        ("-5", 0, 0),
        ("soon", 0, 0),
        ("nan", 0, 0),
        ("1e3", 0, 0),
        ("9" * 400, 20, 20),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Wed, 21 Oct 2199 07:28:00 GMT", 20, 20),
        ("Wed, 99 Oct 2199 07:28:00 GMT", 0, 0),
    ],
)
def test_retry_after_in_each_of_its_forms(header: str, least: float, most: float) -> None:
    """A date and a fraction are HTTP's, too; nonsense is as good as none. None of them makes an answer unreadable."""
    server = Server()
    server.answers = [(429, "ThrottlingException", {"retry-after": header})]
    assert server.registry.describe(AT).revision == "r"
    assert len(server.times) == 2
    assert least <= server.times[1] <= most


@pytest.mark.parametrize("header", [{}, {"retry-after": "0"}, {"retry-after": "1"}])
def test_minutes_it_is_whatever_the_answers_ask_for(header: dict[str, str]) -> None:
    server = Server()
    server.answers = [(429, "ThrottlingException", header)] * 500
    with pytest.raises(errors.ThrottledError):
        server.registry.describe(AT)
    assert 120 <= server.now <= 300
    assert len(server.times) < 60


def test_it_is_tried_for_minutes_and_a_stop_ends_the_wait_at_once() -> None:
    server = Server()
    server.answers = [(429, "ThrottlingException", {"retry-after": "20"})] * 12
    with pytest.raises(errors.ThrottledError):
        server.registry.describe(AT)
    assert len(server.times) == 12
    assert server.now >= 11 * 20

    def stop() -> None:
        if server.now > began + 5:
            raise errors.InterruptedReleaseError("stopped")

    server = Server(stop)
    began = server.now
    server.answers = [(429, "ThrottlingException", {"retry-after": "20"})]
    with pytest.raises(errors.InterruptedReleaseError):
        server.registry.describe(AT)
    assert server.now <= began + 5.5


def test_what_one_request_is_told_to_wait_is_not_the_others_to_wait() -> None:
    """The rate is learned from it; all of them waiting for the time that one is told would stop them at each answer."""
    server = Server()
    server.answers = [(429, "ThrottlingException", {"retry-after": "20"})]
    server.registry.describe(AT)
    began = server.now
    server.registry.describe(AT)
    assert server.now - began <= 1


def test_without_a_time_it_waits_and_waits_longer() -> None:
    server = Server()
    server.answers = [(429, "ThrottlingException", {})] * 8
    assert server.registry.describe(AT).revision == "r"
    waits = [later - earlier for earlier, later in zip(server.times, server.times[1:], strict=False)]
    # One more at once, which tells whether it is a quota that is full.
    assert 0 == waits[0] < waits[1] <= waits[-1] <= 20
    assert sum(waits) > 8


def test_a_fault_is_still_botocore_s_to_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    server = Server()
    server.answers = [(500, "InternalServerException", {})] * 2
    assert server.registry.describe(AT).revision == "r"
    assert len(server.times) == 3


def test_a_throttled_answer_is_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    server = Server()
    server.answers = [(429, "ThrottlingException", {"retry-after": "1"})]
    server.registry.describe(AT)
    assert (len(server.times), slept) == (2, [])


def test_throttled_answers_leave_botocore_s_allowance_for_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has 500 to give away, takes 5 for each retry, and gives them back for none that we make."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    server = Server()
    for _ in range(130):
        server.answers = [(429, "ThrottlingException", {})]
        server.registry.describe(AT)
    server.times.clear()
    server.answers = [(500, "InternalServerException", {})]
    server.registry.describe(AT)
    assert len(server.times) == 2
