"""Making botocore clients the way that users of AWS expect: the standard chain, plus what a manifest names.

boto3 makes the same clients out of botocore's sessions; what it adds (resources, transfers to S3) takes long to import.

client = make_client(ClientSettings(region="eu-west-1", profile="release"))
client.meta.endpoint_url
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.loaders import Loader, create_loader
from botocore.session import Session
from botocore.utils import get_environ_proxies

from ..errors import ReleaseError, UsageError, printable
from .address import is_loopback
from .bounded import bound_answers
from .guard import watch_attempts
from .interface import Coordinates
from .isolated import ISOLATED_USER_AGENT, isolated_session
from .models import model_loader
from .translate import translate

if TYPE_CHECKING:
    from mypy_boto3_codeartifact.client import CodeArtifactClient

# Twice boto3's own: a large asset is answered only after the service has stored it whole.
_READ_TIMEOUT_S = 120.0
_CONNECT_TIMEOUT_S = 15.0
_LONGEST_TIMEOUT_S = 86_400.0
_ATTEMPTS = 6
_CONNECTIONS = 64


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


def make_client(settings: ClientSettings, environ: Mapping[str, str] = os.environ) -> CodeArtifactClient:
    """Return a thread-safe client. Raises UsageError for an unknown profile or where no region is known."""
    try:
        session = _session(settings)
        region = _region(session, settings, environ)
        client = session.create_client(
            "codeartifact",
            region_name=region,
            endpoint_url=settings.endpoint,
            config=_config(session, settings, environ),
        )
        url = client.meta.endpoint_url
        if is_loopback(url) and not settings.endpoint and get_environ_proxies(url):
            # Which endpoint the chain chooses is known only now; a proxy must not be asked for this machine.
            client = session.create_client(
                "codeartifact", region_name=region, config=_config(session, ClientSettings(endpoint=url), environ)
            )
    except (BotoCoreError, ValueError) as error:
        raise _unusable(error, settings) from error
    bound_answers(client)
    watch_attempts(client)
    return cast("CodeArtifactClient", client)


def ambient_region(settings: ClientSettings, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the region that a client of these settings will use, None where nothing names one."""
    # Without a session, which takes long to make, where the chain would ask these first anyway.
    if named := settings.region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION"):
        return named
    try:
        return _region(_session(settings), settings, environ)
    except BotoCoreError as error:
        raise _unusable(error, settings) from error


def configured_endpoint(profile: str | None, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the endpoint that the AWS config file names for CodeArtifact, None where it names none."""
    try:
        path = Path(environ.get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser()
        # Most files name none, and a client only to ask takes longer than a whole preview should.
        if "endpoint_url" not in path.read_text(encoding="utf-8", errors="replace"):
            return None
    except (OSError, RuntimeError):
        # RuntimeError: nobody's home, as in a container that runs as any user.
        return None
    # Keys that are never used: without any, boto3 would look for some as far as the instance's metadata.
    settings = ClientSettings("us-east-1", profile, access_key_id="unused", secret_access_key="unused")  # noqa: S106
    url = make_client(settings, environ).meta.endpoint_url
    return None if (urlsplit(url).hostname or "") == "codeartifact.us-east-1.amazonaws.com" else url


@dataclass(frozen=True)
class Caller:
    """Who calls, as STS tells it.

    Attributes:
        account: 12 digits.
        arn: of the user, or of the role's session.
    """

    account: str
    arn: str


def caller(settings: ClientSettings, *, configured_only: bool = False) -> Caller | None:
    """Return who calls (GetCallerIdentity), None where STS does not answer.

    `configured_only`: AWS's own STS is not asked, only one whose endpoint the shell or the AWS config file names.
    """
    try:
        session = _session(settings)
        config = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 1})
        region = _region(session, settings, os.environ)

        def client(**more: Any) -> Any:
            return session.create_client("sts", region_name=region, config=config.merge(Config(**more)))

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


def _session(settings: ClientSettings) -> Session:
    if settings.isolated:
        return isolated_session(settings.access_key_id or "", settings.secret_access_key or "")
    session = Session()

    def loader() -> Loader:
        return model_loader(create_loader(session.get_config_variable("data_path")).search_paths)

    session.lazy_register_component("data_loader", loader)
    if settings.profile is not None:
        session.set_config_variable("profile", settings.profile)
    if settings.access_key_id and settings.secret_access_key:
        session.set_credentials(settings.access_key_id, settings.secret_access_key)
    return session


def _region(session: Session, settings: ClientSettings, environ: Mapping[str, str]) -> str | None:
    # botocore reads AWS_DEFAULT_REGION alone; every other SDK, and so the users, expect AWS_REGION to come first.
    region: str | None = settings.region or environ.get("AWS_REGION") or session.get_config_variable("region")
    return region


def _config(session: Session, settings: ClientSettings, environ: Mapping[str, str]) -> Config:
    options: dict[str, Any] = {
        "connect_timeout": _seconds("CODEARTIFACT_RELEASE_CONNECT_TIMEOUT", _CONNECT_TIMEOUT_S, environ),
        "read_timeout": _seconds("CODEARTIFACT_RELEASE_READ_TIMEOUT", _READ_TIMEOUT_S, environ),
        "max_pool_connections": _CONNECTIONS,
        # Botocore's short form: the long one is put together anew, twice, for every request.
        "user_agent": f"{session.user_agent()} app/codeartifact-release",
    }
    if settings.isolated:
        options["user_agent"] = ISOLATED_USER_AGENT
        environ = {}
    # Asked of the sources themselves: what botocore says without them is its own default, not the user's choice.
    profile = session.get_scoped_config()
    options["retries"] = {"mode": environ.get("AWS_RETRY_MODE") or profile.get("retry_mode") or "standard"}
    if not environ.get("AWS_MAX_ATTEMPTS") and not profile.get("max_attempts"):
        options["retries"]["total_max_attempts"] = _ATTEMPTS
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
    if not 0 < seconds <= _LONGEST_TIMEOUT_S:
        raise UsageError(f"{name} is {text!r}", hint="Set it to a number of seconds, such as 60.")
    return seconds


def _unusable(error: Exception, settings: ClientSettings) -> ReleaseError:
    # botocore has errors of its own that are ValueErrors too.
    if isinstance(error, ValueError) and not isinstance(error, BotoCoreError):
        return UsageError(f"the endpoint {settings.endpoint} cannot be used: {error}")
    nowhere = Coordinates("", "", "", "", "")
    return translate(error, "the AWS settings", nowhere, settings.endpoint or "AWS")
