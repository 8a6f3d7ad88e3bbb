"""Making botocore clients the way that users of AWS expect: the standard chain, plus what a manifest names.

boto3 makes the same clients out of botocore's sessions; what it adds (resources, transfers to S3) takes long to import.

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
from .isolated import ISOLATED_USER_AGENT
from .limits import (
    CALLER_CONNECT_TIMEOUT_S,
    CALLER_READ_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    MAX_CONNECTIONS,
    MAX_TIMEOUT_S,
    READ_TIMEOUT_S,
    REQUEST_ATTEMPTS,
)
from .request_hooks import register_hooks
from .response_limits import limit_responses
from .sessions import AwsSession, unusable_settings

if TYPE_CHECKING:
    from mypy_boto3_codeartifact.client import CodeArtifactClient


@dataclass(frozen=True)
class ClientSettings:
    """What a client is made from; everything that is None comes from the standard chain.

    Attributes:
        endpoint: an http(s) URL.
        aws_only: whatever endpoint the shell or the AWS config file names is not meant.
        access_key_id: with `secret_access_key`, instead of the chain.
        isolated: no AWS setting of the shell or of its files counts at all: region, endpoint and keys are named here.
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

    `session`: of the settings' profile, shared with other clients; None: one of its own.
    """
    session = session or _session(settings)
    region = settings.region or session.region()

    def client(made_for: ClientSettings, **more: Any) -> Any:
        config = _config(session, made_for, environ).merge(Config(**more))
        return session.client("codeartifact", region, config, made_for.endpoint)

    try:
        made = client(settings)
        url = made.meta.endpoint_url
        if is_loopback(url) and not settings.endpoint and get_environ_proxies(url):
            # Which endpoint the chain chooses is known only now; a proxy must not be asked for this machine.
            made = client(ClientSettings(endpoint=url))
    except (BotoCoreError, ValueError) as error:
        raise _unusable(error, settings) from error
    limit_responses(made)
    register_hooks(made)
    return cast("CodeArtifactClient", made)


def configured_endpoint(profile: str | None, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the endpoint that the AWS configuration names for CodeArtifact, None where it names none."""
    # A client only to ask takes longer than a whole preview should.
    if not mentions("endpoint_url", environ):
        return None
    # Keys that are never used: nobody is asked for any, and boto3 would look for some as far as the machine's metadata.
    settings = ClientSettings("us-east-1", profile, access_key_id="unused", secret_access_key="unused")  # noqa: S106
    session = _session(settings)
    urls = [
        make_client(replace(settings, aws_only=aws_only), session, environ).meta.endpoint_url
        for aws_only in (False, True)
    ]
    # Whatever AWS's own host is: FIPS and dual-stack have others.
    return None if urls[0] == urls[1] else urls[0]


@dataclass(frozen=True)
class Caller:
    """Who calls, as STS tells it.

    Attributes:
        account: 12 digits.
        arn: of the user, or of the role's session.
    """

    account: str
    arn: str


def caller(
    settings: ClientSettings, session: AwsSession | None = None, *, configured_only: bool = False
) -> Caller | None:
    """Return who calls (GetCallerIdentity), None where STS does not answer.

    `configured_only`: AWS's own STS is not asked, only one whose endpoint the shell or the AWS config file names.
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
            # A session's token would go out in the clear.
            return None
        answer = sts.get_caller_identity()
        return Caller(printable(str(answer["Account"])), printable(str(answer["Arn"])))
    except Exception:  # noqa: BLE001 - only a convenience: whatever goes wrong shows again in the real calls
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
        # Botocore's short form: the long one is put together anew, twice, for every request.
        "user_agent": f"{session.botocore.user_agent()} app/codeartifact-release",
    }
    if settings.isolated:
        options["user_agent"] = ISOLATED_USER_AGENT
        environ = {}
    # Asked of the sources themselves: what botocore says without them is its own default, not the user's choice.
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
    # botocore has errors of its own that are ValueErrors too.
    if settings.endpoint and isinstance(error, ValueError) and not isinstance(error, BotoCoreError):
        return UsageError(f"the endpoint {settings.endpoint} cannot be used: {error}")
    return unusable_settings(error)
