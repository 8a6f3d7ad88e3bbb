"""The part of IAM that docs/policies uses: the permissions that a request needs, and those that a policy allows.

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

FOLDER = Path(__file__).parents[3] / "docs" / "policies"
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
    """One action on one resource that a policy must allow, without wildcards."""

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
        """The same policy for another repository than `acme/dev`."""
        return Policy(tuple(Grant(action, text.replace("/acme/dev", f"/{place}")) for action, text in self.grants))


def document(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def policy(name: str) -> Policy:
    """Read docs/policies/NAME.json; it must have the simple form that this module supports."""
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
    """Return a value of a policy as a list; it may be a single value."""
    return [value] if isinstance(value, str) else value


def missing(policy: Policy, needed: Iterable[Need]) -> set[Need]:
    """Needed but not allowed."""
    return {need for need in needed if not any(grant.covers(need) for grant in policy.grants)}


def idle(policy: Policy, needed: Iterable[Need]) -> set[Grant]:
    """Allowed but never needed."""
    known = list(needed)
    return {grant for grant in policy.grants if not any(grant.covers(need) for need in known)}


def needs(requests: Iterable[str]) -> set[Need]:
    """Return the permissions that requests to CodeArtifact need; each request is `METHOD /path?query`."""
    return {need for request in requests for need in _needs(request)}


def operation(request: str) -> str:
    """Return the API name of a request. Raises KeyError if it is not CodeArtifact's."""
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
        # Two resource types are required, and by the guide also a second action on the source.
        yield Need(action, package(query["destination-repository"]))
        yield Need(action, repository(query["destination-repository"]))
        yield Need("codeartifact:ReadFromRepository", repository(query["source-repository"]))
    elif name in _OF_A_REPOSITORY:
        yield Need(action, repository(query["repository"]))
    else:
        yield Need(action, package(query["repository"]))
