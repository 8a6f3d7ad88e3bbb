"""From what a manifest, a resource or a shell says about the endpoint to a registry that can be used.

    endpoint = resolve("file:.registry", base=manifest.base, allow=frozenset())
    connection = connect(Destination("acme", "dev"), endpoint)
    connection.prepare()                    # file: only: makes the domain and the repository
    connection.registry.describe(...)

`file:DIR` starts the embedded registry inside this process. Clients and servers are made once a process.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

from .errors import NoRegionError, UsageError
from .registry.access_keys import account_of
from .registry.aws_endpoints import is_aws, is_loopback, refuse_region, shell_region
from .registry.config_file import ignores_endpoints
from .registry.interface import Coordinates, Registry
from .registry.missing_as_empty import missing_as_empty
from .registry.rate_limiter import RateLimiter, rate_limits
from .registry.repositories import create_missing
from .remedies import Need

if TYPE_CHECKING:
    from mypy_boto3_codeartifact.client import CodeArtifactClient

    from .local_registry.server import LocalRegistry
    from .registry.client import Caller
    from .registry.sessions import AwsSession

_T = TypeVar("_T")

EMBEDDED_ACCOUNT = "000000000000"
"""The account that owns the domains of an embedded registry, where no domainOwner is named."""
EMBEDDED_REGION = "us-east-1"
"""The region of an embedded registry, where none is named: the shell's must not move a folder."""

_SHELL_VARIABLES = ("AWS_ENDPOINT_URL_CODEARTIFACT", "AWS_ENDPOINT_URL")


@dataclass(frozen=True)
class Endpoint:
    """Where requests go.

    Attributes:
        text: what state and plans show: "" for AWS, an http(s) URL, or `file:DIR` relative to the working folder.
        origin: who said so, for a warning; "" where it is AWS or the manifest.
        folder: of the embedded registry, absolute and without a link; None for any other.
    """

    text: str = ""
    origin: str = ""
    folder: Path | None = None

    @property
    def is_aws(self) -> bool:
        """Whether this is AWS itself: its quotas hold, and STS knows the caller."""
        return not self.text or is_aws(self.text)


@dataclass(frozen=True)
class Destination:
    """The repository to publish to, and the caller. None: what the standard chain of the AWS SDKs says."""

    domain: str
    repository: str
    domain_owner: str | None = None
    region: str | None = None
    profile: str | None = None

    def coordinates(self, namespace: str, package: str, version: str) -> Coordinates:
        """Return the coordinates of a version in this repository."""
        return Coordinates(self.domain, self.repository, namespace, package, version, self.domain_owner)


@dataclass(frozen=True)
class Connection:
    """A usable registry.

    Attributes:
        registry: as the core sees it.
        url: where requests really go.
        region: in use.
        embedded: whether it is a `file:` registry.
        rate: the quota of uploads a second, None where it is not known.
    """

    registry: Registry
    url: str
    region: str
    embedded: bool
    rate: float | None
    _limiter: RateLimiter
    _client: CodeArtifactClient
    _destination: Destination

    def prepare(self) -> None:
        """Make the domain and the repository of a `file:` registry where they are missing; nothing elsewhere."""
        if self.embedded:
            create_missing(self._client, self._destination.domain, self._destination.repository)

    @property
    def keys_account(self) -> str | None:
        """The account whose keys are used, as far as they say it themselves."""
        return account_of(self._client)

    def waiting_s(self) -> float:
        """Return how many seconds one more upload would have to wait for the quota now."""
        return self._limiter.wait_time("PublishPackageVersion")

    @property
    def planning(self) -> Registry:
        """The registry for planning: a `file:` one that does not exist yet reads as empty, since `prepare` makes it."""
        return missing_as_empty(self.registry) if self.embedded else self.registry


def on_first_use(connect: Callable[[], Registry]) -> Registry:
    """Return a registry that is connected when it is first asked: most sources of promotions never are."""
    return cast(Registry, _OnFirstUse(connect))


class _OnFirstUse:
    def __init__(self, connect: Callable[[], object]) -> None:
        self._connect = connect

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connect(), name)


def resolve(
    endpoint: str | None,
    *,
    base: Path,
    allow: frozenset[str] = frozenset(),
    profile: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Endpoint:
    """Decide where requests go: what is given, else what the shell or the AWS configuration says, else AWS.

    `base` is the folder that `file:` is relative to. Raises UsageError for an endpoint that is not permitted, or
    that would send credentials in the clear.
    """
    if not endpoint:
        return _ambient(profile, environ)
    if endpoint.startswith("file:"):
        return _embedded(endpoint.removeprefix("file:"), base, allow)
    _refuse_clear_text(endpoint, "the manifest")
    if not is_aws(endpoint) and "endpoint" not in allow:
        raise UsageError(
            f"the endpoint {endpoint} is not AWS: a manifest may not choose where credentials and files are sent",
            hint=(
                "If you trust it, permit it with ",
                Need("allow", "endpoint"),
                ", or set AWS_ENDPOINT_URL_CODEARTIFACT instead.",
            ),
        )
    return Endpoint(endpoint)


def stored(text: str) -> Endpoint:
    """Return the endpoint that state holds: it was permitted when it was stored."""
    if text.startswith("file:"):
        # As it was resolved then: a link that has come into its place is not followed.
        return Endpoint(text, folder=Path(os.path.normpath(Path.cwd().resolve() / text.removeprefix("file:"))))
    return Endpoint(text)


def resolved_region(destination: Destination, endpoint: Endpoint, environ: Mapping[str, str] = os.environ) -> str:
    """Return the region that requests to this endpoint carry. Raises NoRegionError, WrongRegionError.

    Wherever they go it must be one of AWS: a profile's role is asked for at the STS of that region.
    """
    if endpoint.folder:
        return destination.region or EMBEDDED_REGION
    if destination.region:
        return refuse_region(destination.region, "the region (`region`, or aws:region)")
    # Without a session, which takes long to make, where the chain would ask these first anyway.
    if region := shell_region(environ) or _session(destination.profile).region():
        return region
    raise NoRegionError


def resolved_owner(destination: Destination, endpoint: Endpoint) -> str | None:
    """Return the account that owns the domain: the one named, else the caller's where it can be known."""
    if destination.domain_owner:
        return destination.domain_owner
    if endpoint.folder:
        return EMBEDDED_ACCOUNT
    caller = known_caller(destination, endpoint) if endpoint.is_aws else None
    return caller.account if caller else None


def known_caller(destination: Destination, endpoint: Endpoint) -> Caller | None:
    """Return who calls there, as STS tells it; None for an embedded registry, or where STS does not answer."""
    if endpoint.folder:
        return None
    from .registry.client import ClientSettings, caller  # noqa: PLC0415 - boto3 takes long to import

    settings = ClientSettings(region=destination.region, profile=destination.profile)
    key = _caller_key(destination, endpoint)
    # Elsewhere than on AWS, STS is asked only if the shell says where it is: keys of a test are not AWS's business.
    return _shared(key, lambda: caller(settings, _session(destination.profile), configured_only=not endpoint.is_aws))


def _caller_key(destination: Destination, endpoint: Endpoint) -> tuple[object, ...]:
    return "caller", destination.region, destination.profile, endpoint.is_aws


def refuse_local_source(source: Endpoint, to: Endpoint, allow: frozenset[str]) -> None:
    """Raise UsageError for a promotion out of a `file:` registry that the operator has not permitted."""
    if source.folder and not to.folder and "local-source" not in allow:
        raise UsageError(
            f"the source {source.text} is a folder on this machine, which anybody who changes the repository may fill: "
            "a manifest may not promote from it to a registry elsewhere",
            hint=("If you trust what is in it, permit it with ", Need("allow", "local-source"), "."),
        )


def connect(
    destination: Destination,
    endpoint: Endpoint,
    checkpoint: Callable[[], None] = lambda: None,
    *,
    asks: bool = False,
) -> Connection:
    """Return a connection to the destination, with its credentials; the registry is not asked. Raises ReleaseError.

    `checkpoint` is asked before every attempt of a write, and raises where nothing more may be written; `asks` is
    whether somebody at a terminal may be asked for the code of an MFA device.
    """
    from .registry.boto import BotoRegistry  # noqa: PLC0415 - boto3 takes long to import
    from .registry.client import ClientSettings, make_client  # noqa: PLC0415

    region = resolved_region(destination, endpoint)
    if endpoint.folder:
        server = _shared(("server", endpoint.folder), lambda: _start(endpoint))
        account = destination.domain_owner or EMBEDDED_ACCOUNT
        key = server.credentials(account)
        settings = ClientSettings(region, None, server.url, key.access_key_id, key.secret_access_key, isolated=True)
        session = None
    else:
        session = _session(destination.profile)
        session.log_in(region, asks=asks)
        settings = ClientSettings(region, destination.profile, endpoint.text or None, aws_only=not endpoint.text)
    client = _shared(("client", settings), lambda: make_client(settings, session))
    url = client.meta.endpoint_url
    _refuse_clear_text(url, "the AWS configuration")
    rates = rate_limits(url)
    rate = rates.get("PublishPackageVersion")

    def choose() -> RateLimiter:
        # Two profiles of one account share its quotas; who it is, nobody is asked only for that.
        chosen = "limiter of", url, region, destination.profile
        if chosen not in _things:
            known = cast("Caller | None", _things.get(_caller_key(destination, endpoint)))
            account = known.account if known else ("profile", destination.profile)
            limiter = _shared(("limiter", url, region, account), lambda: RateLimiter(rates))
            return _shared(chosen, lambda: limiter)
        return cast(RateLimiter, _things[chosen])

    # PromotionCandidate when something is sent first: by then the caller is mostly known.
    limiter = cast(RateLimiter, _OnFirstUse(choose))
    registry = BotoRegistry(client, limiter, checkpoint=checkpoint)
    return Connection(registry, url, region, endpoint.folder is not None, rate, limiter, client, destination)


# --- one of each a process --------------------------------------------------------------------------------------------

_things: dict[object, object] = {}
_things_lock = threading.RLock()


def _shared(key: object, make: Callable[[], _T]) -> _T:
    with _things_lock:
        if key not in _things:
            _things[key] = make()
        return _things[key]  # type: ignore[return-value]


def close_embedded() -> None:
    """Stop every embedded registry of this process and forget all clients; for tests and orderly ends."""
    from .local_registry.server import LocalRegistry  # noqa: PLC0415

    with _things_lock:
        for thing in _things.values():
            if isinstance(thing, LocalRegistry):
                thing.close()
        _things.clear()


def _start(endpoint: Endpoint) -> LocalRegistry:
    from .local_registry import StoreError, start  # noqa: PLC0415 - only `file:` endpoints need a server

    assert endpoint.folder is not None
    if endpoint.folder.exists() and not endpoint.folder.is_dir():
        raise UsageError(f"the embedded registry {endpoint.text} cannot be opened: it is not a folder")
    try:
        return start(endpoint.folder, follow_links=False)
    except (StoreError, OSError) as error:
        raise UsageError(f"the embedded registry {endpoint.text} cannot be opened: {error}") from error


def _session(profile: str | None) -> AwsSession:
    from .registry.sessions import AwsSession  # noqa: PLC0415 - botocore takes long to import

    return _shared(("session", profile), lambda: AwsSession(profile, _shared("roles", dict)))


# --- rules ------------------------------------------------------------------------------------------------------------


def _ambient(profile: str | None, environ: Mapping[str, str]) -> Endpoint:
    for name in _SHELL_VARIABLES:
        if (url := environ.get(name)) and not ignores_endpoints(profile, environ):
            _refuse_clear_text(url, name)
            return Endpoint(url, origin=name)
    from .registry.client import configured_endpoint  # noqa: PLC0415 - boto3 takes long to import

    if url := configured_endpoint(profile, environ):
        _refuse_clear_text(url, "the AWS config file")
        return Endpoint(url, origin="the AWS config file")
    return Endpoint()


def _embedded(text: str, base: Path, allow: frozenset[str]) -> Endpoint:
    if not text or text.startswith("//"):
        raise UsageError(
            f"the endpoint file:{text} names no folder", hint="Write file:DIR, relative to the manifest's folder."
        )
    try:
        # Resolved on both sides: the way to a folder through a link is one machine's, and must not be in state.
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
    return Endpoint("file:" + Path(os.path.relpath(real, here)).as_posix(), folder=real)


def _refuse_clear_text(url: str, origin: str) -> None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"the endpoint from {origin} is not a URL: {error}", hint="Write https://HOST.") from error
    if "@" in parts.netloc:
        raise UsageError(
            f"the endpoint from {origin} has a user name or a password in it",
            hint="Take it out: credentials come from the standard chain, and an endpoint is shown and stored.",
        )
    scheme = parts.scheme
    if scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"the endpoint {url} (from {origin}) is not a URL", hint="Write https://HOST, or file:DIR.")
    if scheme == "http" and not is_loopback(url):
        raise UsageError(
            f"the endpoint {url} (from {origin}) is plain HTTP", hint="Use https; plain HTTP is for this machine alone."
        )
