"""The location of packages: a repository, and how to reach it.

    location = Location("acme", "dev", endpoint="file:.registry")
    location = resolve(location, base=manifest.base, allow=frozenset())
    location.coordinates("tools", "app", "1.0")
    same_repository(location, other)        # True, False, or None if that is unknown

One location can be written in several ways: with or without its owner; as localhost or 127.0.0.1; as AWS or a VPC
endpoint; by two paths to one folder. So `same_repository` may not know. Callers then take the safe way: they keep a
version, and transfer bytes instead of copying them.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from .errors import UsageError
from .registry.aws_endpoints import is_aws, is_loopback
from .registry.config_file import ignores_endpoints
from .registry.interface import Coordinates
from .remedies import Need

EMBEDDED_ACCOUNT = "000000000000"
"""The account that owns the domains of an embedded registry, where no domainOwner is named."""
EMBEDDED_REGION = "us-east-1"
"""The region of an embedded registry, where none is named: the shell's must not move a folder."""

_SHELL_VARIABLES = ("AWS_ENDPOINT_URL_CODEARTIFACT", "AWS_ENDPOINT_URL")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Location:
    """A repository, where requests for it go, and the profile that makes them.

    Attributes:
        domain_owner: the 12-digit account that owns the domain; None for the caller's.
        region: None for that of the shell or the profile.
        profile: None for the standard chain of the AWS SDKs.
        endpoint: "" for AWS, an http(s) URL, or `file:DIR`: relative to the manifest's folder as it is declared, to the
            working folder after `resolve`.
        endpoint_source: the setting that the endpoint comes from; "" for AWS or the manifest.
    """

    domain: str
    repository: str
    domain_owner: str | None = None
    region: str | None = None
    profile: str | None = None
    endpoint: str = ""
    endpoint_source: str = field(default="", compare=False)

    names: ClassVar[tuple[str, ...]] = ("domain", "domain_owner", "repository", "region", "profile", "endpoint")
    """The names of its properties in state, and of the arguments of resources."""

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any]) -> Location:
        """Read what `properties` returned; ignores other keys. Raises TypeError without domain or repository."""
        return cls(**{name: str(properties[name]) for name in cls.names if properties.get(name)})

    def properties(self) -> dict[str, str]:
        """Return it as JSON: texts, without the values that are None or empty."""
        return {name: value for name in self.names if (value := getattr(self, name))}

    @cached_property
    def folder(self) -> Path | None:
        """The folder of an embedded registry, absolute; None for any other. Only of a resolved location."""
        if not self.endpoint.startswith("file:"):
            return None
        # As it was resolved: a symbolic link that replaced it later is not followed.
        return Path(os.path.normpath(Path.cwd().resolve() / self.endpoint.removeprefix("file:")))

    @property
    def is_aws(self) -> bool:
        """Whether this is AWS: its quotas apply, and STS knows the caller."""
        return not self.endpoint or is_aws(self.endpoint)

    @property
    def owner(self) -> str | None:
        """The account that owns the domain, None if it is the caller's and not known."""
        return self.domain_owner or (EMBEDDED_ACCOUNT if self.folder else None)

    @property
    def summary(self) -> str:
        """The endpoint, the account, the region and the repository, for the first line of a preview."""
        account = self.owner or "of the caller"
        return f"{self.endpoint or 'AWS'}, account {account}, {self.region}, repository {self}"

    def coordinates(self, namespace: str, package: str, version: str) -> Coordinates:
        """Return the coordinates of a version in this repository."""
        return Coordinates(self.domain, self.repository, namespace, package, version, self.domain_owner)

    def coordinates_of(self, package_id: str, version: str) -> Coordinates:
        """Return the coordinates of a version of the package `namespace/package` in this repository."""
        namespace, _, package = package_id.partition("/")
        return self.coordinates(namespace, package, version)

    def __str__(self) -> str:
        return f"{self.domain}/{self.repository}"


# --- are two locations the same? --------------------------------------------------------------------------------------


def same_repository(one: Location, other: Location) -> bool | None:
    """Return whether two locations are one repository; None if that is unknown."""
    return False if one.repository != other.repository else _same_domain(one, other)


def same_domain(one: Location, other: Location) -> bool:
    """Return whether two repositories are certainly in one domain, so that the service can copy between them."""
    return _same_domain(one, other) is True


def refuse_same_repository(source: Location, destination: Location) -> None:
    """Raise UsageError for a promotion from a repository to itself: its gates would have no effect."""
    if same_repository(source, destination):
        raise UsageError(
            f"{source} is promoted to itself", hint="Name another repository as source, or as destination."
        )


def _same_domain(one: Location, other: Location) -> bool | None:
    answers = (
        one.domain == other.domain,
        _same_server(one, other),
        _same_region(one, other),
        _same_owner(one, other),
    )
    return False if False in answers else None if None in answers else True


def _same_server(one: Location, other: Location) -> bool | None:
    if one.folder and other.folder:
        try:
            return one.folder.samefile(other.folder)
        except OSError:
            # One does not exist yet.
            return one.folder.resolve() == other.folder.resolve()
    if one.is_aws and other.is_aws:
        return True
    if (one.folder and other.is_aws) or (one.is_aws and other.folder):
        return False
    if one.folder or other.folder or one.is_aws or other.is_aws:
        # A server may serve the folder, or forward to AWS.
        return None
    return True if _address(one.endpoint) == _address(other.endpoint) else None


def _same_region(one: Location, other: Location) -> bool | None:
    if one.folder and other.folder:
        # Its region is only a name.
        return True
    if None in (one.region, other.region):
        return _same_chain(one, other, one.region == other.region)
    if one.region == other.region:
        return True
    return False if one.is_aws and other.is_aws else None


def _same_owner(one: Location, other: Location) -> bool | None:
    if None in (one.owner, other.owner):
        return _same_chain(one, other, one.owner == other.owner)
    return one.owner == other.owner


def _same_chain(one: Location, other: Location, unknown: bool) -> bool | None:
    """Compare an unknown value: it is the same if both come from one profile."""
    return True if unknown and one.profile == other.profile else None


def _address(url: str) -> tuple[object, ...]:
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    with contextlib.suppress(ValueError):
        host = str(ipaddress.ip_address(host))
    host = "localhost" if host in _LOOPBACK else host
    return parts.scheme, host, parts.port or _PORTS.get(parts.scheme), parts.path.rstrip("/"), parts.query


# --- which endpoint may be used? --------------------------------------------------------------------------------------


def resolve(
    location: Location,
    *,
    base: Path,
    allow: frozenset[str] = frozenset(),
    environ: Mapping[str, str] = os.environ,
) -> Location:
    """Decide where requests go: to the declared endpoint, else to that of the shell or the AWS configuration, else AWS.

    `base` is the folder that `file:` is relative to. Raises UsageError for an endpoint that is not permitted, or
    that would send credentials in clear text.
    """
    endpoint = location.endpoint
    if not endpoint:
        url, source = _ambient(location.profile, environ)
        return replace(location, endpoint=url, endpoint_source=source)
    if endpoint.startswith("file:"):
        return replace(location, endpoint=_embedded(endpoint.removeprefix("file:"), base, allow))
    refuse_clear_text(endpoint, "the manifest")
    if not is_aws(endpoint) and "endpoint" not in allow:
        raise UsageError(
            f"the endpoint {endpoint} is not AWS: a manifest may not choose where credentials and files are sent",
            hint=(
                "If you trust it, permit it with ",
                Need("allow", "endpoint"),
                ", or set AWS_ENDPOINT_URL_CODEARTIFACT instead.",
            ),
        )
    return location


def refuse_local_source(source: Location, destination: Location, allow: frozenset[str]) -> None:
    """Raise UsageError for a promotion out of a `file:` registry that the operator has not permitted."""
    if source.folder and not destination.folder and "local-source" not in allow:
        raise UsageError(
            f"the source {source.endpoint} is a folder on this machine, which anybody who changes the repository may "
            "fill: a manifest may not promote from it to a registry elsewhere",
            hint=("If you trust what is in it, permit it with ", Need("allow", "local-source"), "."),
        )


def refuse_clear_text(url: str, source: str) -> None:
    """Raise UsageError for a URL that would send credentials in clear text; `source` is the setting that it is from."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"the endpoint from {source} is not a URL: {error}", hint="Write https://HOST.") from error
    if "@" in parts.netloc:
        raise UsageError(
            f"the endpoint from {source} has a user name or a password in it",
            hint="Remove it: credentials come from the standard chain, and endpoints are shown and stored.",
        )
    scheme = parts.scheme
    if scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"the endpoint {url} (from {source}) is not a URL", hint="Write https://HOST, or file:DIR.")
    if scheme == "http" and not is_loopback(url):
        raise UsageError(
            f"the endpoint {url} (from {source}) is plain HTTP", hint="Use https. Plain HTTP is only for this machine."
        )


def _ambient(profile: str | None, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the endpoint of the shell or the AWS configuration, and which setting it is from."""
    for name in _SHELL_VARIABLES:
        if (url := environ.get(name)) and not ignores_endpoints(profile, environ):
            refuse_clear_text(url, name)
            return url, name
    from .registry import sdk  # noqa: PLC0415 - botocore takes long to import

    if url := sdk.configured_endpoint(profile, environ):
        refuse_clear_text(url, "the AWS config file")
        return url, "the AWS config file"
    return "", ""


def _embedded(text: str, base: Path, allow: frozenset[str]) -> str:
    """Return `file:DIR`, relative to the working folder."""
    if not text or text.startswith("//"):
        raise UsageError(
            f"the endpoint file:{text} names no folder", hint="Write file:DIR, relative to the manifest's folder."
        )
    try:
        # Resolve both: a path through a link is specific to this machine, and must not be in state.
        top, here = base.resolve(), Path.cwd().resolve()
        real = (top / text).resolve()
        real.exists()
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"the endpoint file:{text[:80]} is not a usable path: {error}") from error
    if "endpoint" not in allow:
        permit = ("permit it with ", Need("allow", "endpoint"), ".")
        if not real.is_relative_to(top):
            raise UsageError(
                f"the endpoint file:{text} is outside the manifest's folder", hint=("Move it inside, or ", *permit)
            )
        if real != Path(os.path.normpath(top / text)):
            raise UsageError(
                f"the endpoint file:{text} leads through a symbolic link", hint=("Name the folder itself, or ", *permit)
            )
    # Relative, so that state holds no path of one machine.
    return "file:" + Path(os.path.relpath(real, here)).as_posix()
