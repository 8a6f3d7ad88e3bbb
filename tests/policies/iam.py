"""IAM, as far as the policies of docs/policies need it: what a request needs, and what a policy allows.

needed = {Need("codeartifact:PublishPackageVersion", "arn:…:package/acme/dev/generic/acme/app")}
missing(policy("publisher"), needed), idle(policy("publisher"), needed)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from botocore.session import get_session

FOLDER = Path(__file__).parents[2] / "docs" / "policies"
ACCOUNT = "111122223333"
REGION = "eu-west-1"

_MODEL = get_session().get_service_model("codeartifact")
_OPERATIONS = {
    (model.http["method"], model.http["requestUri"]): name
    for name in _MODEL.operation_names
    for model in [_MODEL.operation_model(name)]
}

# Resource types as the service authorization reference has them: an action takes the package, or the repository.
_OF_A_REPOSITORY = {"DescribeRepository"}


class Need(NamedTuple):
    """One action on one resource: what a policy must allow, word for word, without wildcards."""

    action: str
    resource: str


class Grant(NamedTuple):
    """One action on one resource as a policy allows it; the resource may have wildcards."""

    action: str
    resource: str

    def covers(self, need: Need) -> bool:
        return self.action == need.action and fnmatchcase(need.resource, self.resource)


@dataclass(frozen=True)
class Policy:
    """An identity policy that only allows."""

    grants: tuple[Grant, ...]

    def __add__(self, other: Policy) -> Policy:
        return Policy(self.grants + other.grants)

    def at(self, place: str) -> Policy:
        """The same for another repository than `acme/dev`."""
        return Policy(tuple(Grant(action, text.replace("/acme/dev", f"/{place}")) for action, text in self.grants))


def document(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def policy(name: str) -> Policy:
    """Read docs/policies/NAME.json; it must be of the simple form that this module judges."""
    loaded = document(name)
    assert loaded["Version"] == "2012-10-17"
    grants = []
    for statement in loaded["Statement"]:
        assert set(statement) == {"Sid", "Effect", "Action", "Resource"}, statement
        assert re.fullmatch("[A-Za-z0-9]+", statement["Sid"])
        assert statement["Effect"] == "Allow"
        for action in listed(statement["Action"]):
            assert "*" not in action
            grants += [Grant(action, resource) for resource in listed(statement["Resource"])]
    return Policy(tuple(grants))


def listed(value: str | list[str]) -> list[str]:
    """A value of a policy that may stand alone."""
    return [value] if isinstance(value, str) else value


def missing(policy: Policy, needed: Iterable[Need]) -> set[Need]:
    """What is needed and not allowed."""
    return {need for need in needed if not any(grant.covers(need) for grant in policy.grants)}


def idle(policy: Policy, needed: Iterable[Need]) -> set[Grant]:
    """What is allowed and never needed."""
    known = list(needed)
    return {grant for grant in policy.grants if not any(grant.covers(need) for need in known)}


def needs(requests: Iterable[str]) -> set[Need]:
    """What requests to CodeArtifact need, each `METHOD /path?query` as it came over the wire."""
    return {need for request in requests for need in _needs(request)}


def operation(request: str) -> str:
    """The API's name of a request; raises KeyError for one that is not CodeArtifact's."""
    method, _, path = request.partition(" ")
    return _OPERATIONS[method, urlsplit(path).path]


def _needs(request: str) -> Iterator[Need]:
    name = operation(request)
    query = {key: values[0] for key, values in parse_qs(urlsplit(request.partition(" ")[2]).query).items()}
    account = query.get("domain-owner", ACCOUNT)
    domain = query["domain"]

    def repository(named: str) -> str:
        return f"arn:aws:codeartifact:{REGION}:{account}:repository/{domain}/{named}"

    def package(named: str) -> str:
        path = f"{domain}/{named}/{query['format']}/{query['namespace']}/{query['package']}"
        return f"arn:aws:codeartifact:{REGION}:{account}:package/{path}"

    action = f"codeartifact:{name}"
    if name == "CopyPackageVersions":
        # Two resource types are required; and the guide asks for a second action, on the source.
        yield Need(action, package(query["destination-repository"]))
        yield Need(action, repository(query["destination-repository"]))
        yield Need("codeartifact:ReadFromRepository", repository(query["source-repository"]))
    elif name in _OF_A_REPOSITORY:
        yield Need(action, repository(query["repository"]))
    else:
        yield Need(action, package(query["repository"]))
