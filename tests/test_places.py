"""One place has many names: what they resolve to is compared, and what they do not tell is not guessed at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pulumi_codeartifact_release import endpoints
from pulumi_codeartifact_release.endpoints import Destination, Endpoint, stored
from pulumi_codeartifact_release.errors import UsageError
from pulumi_codeartifact_release.places import refuse_same_place, same_domain, same_repository
from pulumi_codeartifact_release.registry.client import Caller

ONE, TWO = "111122223333", "444455556666"
AWS = ""
VPC = "https://vpce-0123456789abcdef0-abcdefgh.codeartifact.eu-west-1.vpce.amazonaws.com"
LOCAL = "http://127.0.0.1:8000"


@pytest.fixture(autouse=True)
def _nobody_knows_the_caller(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def caller(destination: Destination, endpoint: Endpoint) -> Caller | None:
        return Caller(ONE, "arn") if destination.profile == "one" and endpoint.is_aws else None

    monkeypatch.setattr(endpoints, "known_caller", caller)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".registry").mkdir()
    (tmp_path / "link").symlink_to(".registry")
    (tmp_path / "other").mkdir()


def compared(one: str, other: str, first: dict[str, Any], second: dict[str, Any]) -> bool | None:
    place = {"domain": "acme", "repository": "dev", "region": "eu-west-1"}
    places = Destination(**{**place, **first}), stored(one), Destination(**{**place, **second}), stored(other)
    answer = same_repository(*places)
    assert same_repository(*places[2:], *places[:2]) is answer
    assert same_domain(*places) is (answer is True)
    return answer


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (AWS, AWS, True),
        (AWS, "https://codeartifact.eu-west-1.amazonaws.com", True),
        (AWS, "https://codeartifact.eu-west-1.amazonaws.com/", True),
        (AWS, VPC, True),
        (AWS, "https://proxy.acme.example", None),
        (AWS, LOCAL, None),
        (AWS, "file:.registry", False),
        (VPC, "file:.registry", False),
        (LOCAL, "http://127.0.0.1:8000/", True),
        (LOCAL, "http://localhost:8000", True),
        (LOCAL, "http://LOCALHOST:8000/", True),
        (LOCAL, "http://localhost.:8000", True),
        (LOCAL, "http://[::1]:8000", True),
        ("http://[::1]:8000", "http://[0:0:0:0:0:0:0:1]:8000", True),
        (LOCAL, "http://127.0.0.1:8001", None),
        (LOCAL, "http://127.0.0.2:8000", None),
        (LOCAL, "file:.registry", None),
        ("http://localhost", "http://127.0.0.1:80/", True),
        ("https://Registry.acme.example", "https://registry.ACME.example:443/", True),
        ("https://registry.acme.example", "https://alias.acme.example", None),
        ("https://registry.acme.example/a", "https://registry.acme.example/b", None),
        ("file:.registry", "file:.registry", True),
        ("file:.registry", "file:./other/../.registry/", True),
        ("file:.registry", "file:link", True),
        ("file:.registry", "file:other", False),
        ("file:missing", "file:./missing", True),
        ("file:missing", "file:other", False),
    ],
)
def test_endpoints_are_compared_by_where_they_lead(one: str, other: str, same: bool | None) -> None:
    owner = {"domain_owner": ONE}
    assert compared(one, other, owner, owner) is same


@pytest.mark.parametrize(
    ("one", "other", "at", "same"),
    [
        ({}, {}, AWS, True),
        ({}, {"domain_owner": ONE}, AWS, None),
        ({"profile": "one"}, {"domain_owner": ONE}, AWS, True),
        ({"profile": "one"}, {"domain_owner": TWO}, AWS, False),
        ({"domain_owner": ONE}, {"domain_owner": TWO}, AWS, False),
        ({"profile": "x"}, {"profile": "y"}, AWS, None),
        ({}, {"domain_owner": ONE}, LOCAL, None),
        ({}, {"domain_owner": "000000000000"}, "file:.registry", True),
        ({}, {"domain_owner": ONE}, "file:.registry", False),
        ({}, {"region": "us-east-1"}, AWS, False),
        ({"domain_owner": ONE}, {"domain_owner": ONE, "region": "us-east-1"}, LOCAL, None),
        ({}, {"region": "us-east-1"}, "file:.registry", True),
        ({}, {"repository": "prod"}, AWS, False),
        ({}, {"domain": "other"}, LOCAL, False),
    ],
)
def test_owners_and_regions_are_what_they_resolve_to(
    one: dict[str, str], other: dict[str, str], at: str, same: bool | None
) -> None:
    place = {"domain": "acme", "repository": "dev", "region": "eu-west-1"}
    places = Destination(**{**place, **one}), stored(at), Destination(**{**place, **other}), stored(at)
    assert same_repository(*places) is same
    assert same_repository(*places[2:], *places[:2]) is same


@pytest.mark.parametrize(("one", "other"), [("file:.registry", "file:link"), (LOCAL, "http://localhost:8000/")])
def test_a_promotion_to_the_same_place_by_another_name_is_refused(one: str, other: str) -> None:
    place = Destination("acme", "dev", region="eu-west-1")
    with pytest.raises(UsageError, match="acme/dev is promoted to itself"):
        refuse_same_place(place, stored(one), place, stored(other))
