"""Creates botocore clients from the standard settings of AWS and those of a manifest.

boto3 creates the same clients, but is slow to import because of what it adds (resources, transfers to S3).

client = make_client(ClientSettings(region="eu-west-1", profile="release"))
client.meta.endpoint_url
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.utils import get_environ_proxies

from ..errors import ReleaseError, UsageError, printable
from .aws_endpoints import is_loopback
from .config_file import mentions
from .isolated_session import ISOLATED_USER_AGENT
from .request_hooks import register_hooks
from .response_limits import limit_responses
from .retries_and_concurrency import (
    CALLER_CONNECT_TIMEOUT_S,
    CALLER_READ_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    MAX_CONNECTIONS,
    MAX_TIMEOUT_S,
    READ_TIMEOUT_S,
    REQUEST_ATTEMPTS,
)
from .sessions import AwsSession, unusable_settings

if TYPE_CHECKING:
    from mypy_boto3_codeartifact.client import CodeArtifactClient


@dataclass(frozen=True)
class ClientSettings:
    """Settings of a client; None for the value of the standard chain.

    Attributes:
        endpoint: an http(s) URL.
        aws_only: ignore endpoints of the environment and the AWS config file.
        access_key_id: with `secret_access_key`, instead of the chain.
        isolated: ignore every AWS setting of the environment and its files; region, endpoint and keys are set here.
    """

    region: str | None = None
    profile: str | None = None
    endpoint: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    aws_only: bool = False
    isolated: bool = False


def make_client(
    settings: ClientSettings, session: AwsSession | None = None, environ: Mapping[str, str] = os.environ
) -> CodeArtifactClient:
    """Return a thread-safe client. Raises ReleaseError for settings or credentials that cannot be used.

    `session`: that of the profile, shared with other clients; None to create one.
    """
    session = session or _session(settings)
    region = settings.region or session.region()

    def client(client_settings: ClientSettings, **more: Any) -> Any:
        config = _config(session, client_settings, environ).merge(Config(**more))
        return session.client("codeartifact", region, config, client_settings.endpoint)

    try:
        result = client(settings)
        url = result.meta.endpoint_url
        if is_loopback(url) and not settings.endpoint and get_environ_proxies(url):
            # The chain has selected a loopback endpoint: bypass the proxy.
            result = client(ClientSettings(endpoint=url))
    except (BotoCoreError, ValueError) as error:
        raise _unusable(error, settings) from error
    limit_responses(result)
    register_hooks(result)
    return cast("CodeArtifactClient", result)


def configured_endpoint(profile: str | None, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the endpoint for CodeArtifact in the AWS configuration, or None."""
    # Creating clients takes longer than a whole preview should.
    if not mentions("endpoint_url", environ):
        return None
    # Unused keys: without them botocore would search for credentials, up to the machine's metadata service.
    settings = ClientSettings("us-east-1", profile, access_key_id="unused", secret_access_key="unused")  # noqa: S106
    session = _session(settings)
    urls = [
        make_client(replace(settings, aws_only=aws_only), session, environ).meta.endpoint_url
        for aws_only in (False, True)
    ]
    # Compare with AWS's own host, which FIPS and dual-stack change.
    return None if urls[0] == urls[1] else urls[0]


@dataclass(frozen=True)
class Caller:
    """The caller's identity from STS.

    Attributes:
        account: 12 digits.
        arn: of the user, or of the role's session.
    """

    account: str
    arn: str


def caller(
    settings: ClientSettings, session: AwsSession | None = None, *, configured_only: bool = False
) -> Caller | None:
    """Return the caller (GetCallerIdentity), None if STS does not respond.

    `configured_only`: call STS only if the environment or the AWS config file sets its endpoint.
    """
    try:
        session = session or _session(settings)
        config = Config(
            connect_timeout=CALLER_CONNECT_TIMEOUT_S,
            read_timeout=CALLER_READ_TIMEOUT_S,
            retries={"mode": "standard", "total_max_attempts": 1},
        )
        region = settings.region or session.region()

        def client(**more: Any) -> Any:
            return session.client("sts", region, config.merge(Config(**more)))

        sts = client()
        url = sts.meta.endpoint_url
        if configured_only and url == client(ignore_configured_endpoint_urls=True).meta.endpoint_url:
            return None
        if is_loopback(url):
            sts = client(proxies={})
        elif urlsplit(url).scheme != "https":
            # It would send a session token in clear text.
            return None
        response = sts.get_caller_identity()
        return Caller(printable(str(response["Account"])), printable(str(response["Arn"])))
    except Exception:  # noqa: BLE001 - only a convenience: the real calls report the error
        return None


def _session(settings: ClientSettings) -> AwsSession:
    if settings.isolated:
        return AwsSession.isolated(settings.access_key_id or "", settings.secret_access_key or "")
    session = AwsSession(settings.profile)
    if settings.access_key_id and settings.secret_access_key:
        session.use_keys(settings.access_key_id, settings.secret_access_key)
    return session


def _config(session: AwsSession, settings: ClientSettings, environ: Mapping[str, str]) -> Config:
    options: dict[str, Any] = {
        "connect_timeout": _seconds("CODEARTIFACT_RELEASE_CONNECT_TIMEOUT", CONNECT_TIMEOUT_S, environ),
        "read_timeout": _seconds("CODEARTIFACT_RELEASE_READ_TIMEOUT", READ_TIMEOUT_S, environ),
        "max_pool_connections": MAX_CONNECTIONS,
        # botocore's short form: it builds the long one twice for every request.
        "user_agent": f"{session.botocore.user_agent()} app/codeartifact-release",
    }
    if settings.isolated:
        options["user_agent"] = ISOLATED_USER_AGENT
        environ = {}
    # Read from the sources: botocore's own value may be its default instead of the user's choice.
    profile = session.botocore.get_scoped_config()
    options["retries"] = {"mode": environ.get("AWS_RETRY_MODE") or profile.get("retry_mode") or "standard"}
    if not environ.get("AWS_MAX_ATTEMPTS") and not profile.get("max_attempts"):
        options["retries"]["total_max_attempts"] = REQUEST_ATTEMPTS
    if settings.endpoint and is_loopback(settings.endpoint):
        options["proxies"] = {}
    if settings.aws_only:
        options["ignore_configured_endpoint_urls"] = True
    return Config(**options)


def _seconds(name: str, default: float, environ: Mapping[str, str]) -> float:
    text = environ.get(name)
    if not text:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_TIMEOUT_S:
        raise UsageError(f"{name} is {text!r}", hint="Set it to a number of seconds, such as 60.")
    return seconds


def _unusable(error: Exception, settings: ClientSettings) -> ReleaseError:
    # Some of botocore's own errors are ValueErrors.
    if settings.endpoint and isinstance(error, ValueError) and not isinstance(error, BotoCoreError):
        return UsageError(f"the endpoint {settings.endpoint} cannot be used: {error}")
    return unusable_settings(error)
