"""Connections to registries: those that can share a session, client, rate limiter or embedded server do.

    connection = connect(location)
    connection.prepare()                    # file: only: creates the domain and the repository
    connection.registry.describe(...)

`file:DIR` starts the embedded registry inside this process.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from .errors import NoRegionError, UsageError
from .location import EMBEDDED_ACCOUNT, EMBEDDED_REGION, Location, refuse_clear_text
from .registry.access_keys import account_of
from .registry.aws_endpoints import refuse_region, shell_region
from .registry.interface import Registry
from .registry.missing_as_empty import missing_as_empty
from .registry.rate_limiter import RateLimiter, rate_limits

if TYPE_CHECKING:
    from mypy_boto3_codeartifact.client import CodeArtifactClient

    from .local_registry.server import LocalRegistry
    from .registry.client import Caller, ClientSettings
    from .registry.sessions import AwsSession

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Connection:
    """A registry that requests can be sent to.

    Attributes:
        location: where it is, with its region.
        registry: what `publishing` calls.
        url: where requests go.
        rate: the quota of uploads a second, None if it is not known.
    """

    location: Location
    registry: Registry
    url: str
    rate: float | None
    _limiter: RateLimiter
    _client: CodeArtifactClient
    _create_missing: Callable[[], None]

    def prepare(self) -> None:
        """Create the domain and the repository of a `file:` registry unless they exist; do nothing elsewhere."""
        location = self.location
        if location.folder:
            _cache.created.get(location, self._create_missing)

    @property
    def keys_account(self) -> str | None:
        """The account of the access key; None if the key does not contain it."""
        return account_of(self._client)

    def waiting_s(self) -> float:
        """Return how many seconds one more upload would have to wait for the quota now."""
        return self._limiter.wait_time("PublishPackageVersion")

    @property
    def planning(self) -> Registry:
        """The registry for planning: a `file:` one that does not exist yet is empty, since `prepare` creates it."""
        return missing_as_empty(self.registry) if self.location.folder else self.registry


def connect(location: Location, checkpoint: Callable[[], None] = lambda: None, *, asks: bool = False) -> Connection:
    """Return a connection to a resolved location, with its credentials; sends it no request. Raises ReleaseError.

    `checkpoint` is called before every attempt of a write, and raises when nothing more may be written; `asks` is
    whether to prompt for an MFA code at a terminal.
    """
    from .registry import sdk  # noqa: PLC0415 - botocore takes long to import

    region = resolved_region(location)
    session: AwsSession | None = None
    if location.folder:
        server = _cache.servers.get(location.folder, lambda: _start(location))
        key = server.credentials(location.owner or EMBEDDED_ACCOUNT)
        settings = sdk.ClientSettings(region, None, server.url, key.access_key_id, key.secret_access_key, isolated=True)
    else:
        session = _session(location.profile)
        session.log_in(region, asks=asks)
        settings = sdk.ClientSettings(
            region, location.profile, location.endpoint or None, aws_only=not location.endpoint
        )
    client = _cache.clients.get(settings, lambda: sdk.make_client(settings, session))
    url = client.meta.endpoint_url
    refuse_clear_text(url, "the AWS configuration")
    rates = rate_limits(url)
    # Two profiles of one account share its quotas.
    account = _cache.accounts.get(settings, lambda: account_of(client))
    caller = (account, None) if account else (None, location.profile)
    limiter = _cache.limiters.get((url, region, *caller), lambda: RateLimiter(rates))
    registry = sdk.BotoRegistry(client, limiter, checkpoint=checkpoint)
    rate = rates.get("PublishPackageVersion")
    create = partial(sdk.create_missing, client, location.domain, location.repository)
    return Connection(replace(location, region=region), registry, url, rate, limiter, client, create)


def resolved_region(location: Location, environ: Mapping[str, str] = os.environ) -> str:
    """Return the region that requests to this location carry. Raises NoRegionError, WrongRegionError.

    Unless the location is a folder, it must be an AWS region: the role of a profile comes from the STS of that region.
    """
    if location.folder:
        return location.region or EMBEDDED_REGION
    if location.region:
        return refuse_region(location.region, "the region (`region`, or aws:region)")
    # Without a session, which is slow to create, where the chain would read these first anyway.
    if region := shell_region(environ) or _session(location.profile).region():
        return region
    raise NoRegionError


def resolved_owner(location: Location) -> str | None:
    """Return the account that owns the domain: the declared one, else the caller's if it can be known."""
    if location.owner or not location.is_aws:
        return location.owner
    caller = known_caller(location)
    return caller.account if caller else None


def known_caller(location: Location) -> Caller | None:
    """Return the caller's identity from STS; None for an embedded registry, or if STS does not respond."""
    if location.folder:
        return None
    from .registry import sdk  # noqa: PLC0415 - botocore takes long to import

    settings = sdk.ClientSettings(region=location.region, profile=location.profile)

    def ask() -> Caller | None:
        # Outside AWS, STS is called only if the shell sets its endpoint: keys of a test must not go to AWS.
        return sdk.caller(settings, _session(location.profile), configured_only=not location.is_aws)

    return _cache.callers.get((location.region, location.profile, location.is_aws), ask)


# --- one cache per process --------------------------------------------------------------------------------------------


class _Once(Generic[_Key, _Value]):
    """Values, each made at the first request for its key. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.values: dict[_Key, _Value] = {}

    def get(self, key: _Key, make: Callable[[], _Value]) -> _Value:
        with self._lock:
            if key not in self.values:
                self.values[key] = make()
            return self.values[key]


class _Cache:
    """What the connections of this process share: by profile, client settings, folder, or caller.

    Attributes:
        roles: credentials of roles, see `Login`.
        accounts: those of the access keys.
        limiters: by URL, region, and the caller's account; the profile where the account is not known.
        created: the locations that `prepare` has created.
        callers: by region, profile, and whether they are those of AWS; None if STS did not respond.
    """

    def __init__(self) -> None:
        self.roles: dict[str, object] = {}
        self.sessions: _Once[str | None, AwsSession] = _Once()
        self.clients: _Once[ClientSettings, CodeArtifactClient] = _Once()
        self.accounts: _Once[ClientSettings, str | None] = _Once()
        self.limiters: _Once[tuple[str, str, str | None, str | None], RateLimiter] = _Once()
        self.callers: _Once[tuple[str | None, str | None, bool], Caller | None] = _Once()
        self.servers: _Once[Path, LocalRegistry] = _Once()
        self.created: _Once[Location, None] = _Once()


_cache = _Cache()


def close() -> None:
    """Stop every embedded registry of this process and forget all clients, in tests and at exit."""
    global _cache
    closed, _cache = _cache, _Cache()
    for server in closed.servers.values.values():
        server.close()


def _session(profile: str | None) -> AwsSession:
    from .registry import sdk  # noqa: PLC0415 - botocore takes long to import

    return _cache.sessions.get(profile, lambda: sdk.AwsSession(profile, _cache.roles))


def _start(location: Location) -> LocalRegistry:
    from .local_registry import StoreError, start  # noqa: PLC0415 - only `file:` endpoints need a server

    assert location.folder is not None
    if location.folder.exists() and not location.folder.is_dir():
        raise UsageError(f"the embedded registry {location.endpoint} cannot be opened: it is not a folder")
    try:
        return start(location.folder, follow_links=False)
    except (StoreError, OSError) as error:
        raise UsageError(f"the embedded registry {location.endpoint} cannot be opened: {error}") from error
