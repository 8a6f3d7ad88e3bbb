"""What a URL's host says about it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from ..errors import WrongRegionError

_PARTITIONS = r"(amazonaws\.com|amazonaws\.com\.cn|amazonaws\.eu|api\.aws|api\.amazonwebservices\.com\.cn|c2s\.ic\.gov)"
# The service's own hosts alone: below amazonaws.com anybody can have one (API Gateway, S3, EC2).
_CODEARTIFACT = re.compile(
    rf"codeartifact(-fips)?\.[a-z0-9-]+\.{_PARTITIONS}"
    r"|[a-z0-9-]+\.(api\.)?codeartifact(\.api)?\.[a-z0-9-]+\.vpce\.amazonaws\.com(\.cn)?"
)


def is_loopback(url: str) -> bool:
    """Return whether the URL's host is this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_aws(url: str) -> bool:
    """Return whether the URL is an endpoint of CodeArtifact itself, over TLS, and nothing else at AWS."""
    parts = urlsplit(url)
    plain = parts.path in ("", "/") and not parts.query and parts.netloc == parts.hostname
    return parts.scheme == "https" and plain and _CODEARTIFACT.fullmatch(parts.hostname or "") is not None


def refuse_region(region: str, origin: str) -> str:
    """Return the region. Raises WrongRegionError where no region is called like it; `origin` is what says so."""
    if not re.fullmatch(r"[a-z0-9-]{1,63}", region):
        raise WrongRegionError(
            f"{origin} is {region!r}, which is not the name of an AWS region",
            hint="It is written like eu-west-1, without blanks or line breaks.",
        )
    return region


def shell_region(environ: Mapping[str, str]) -> str | None:
    """Return the region that the shell names, None where it names none. Raises WrongRegionError."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        if region := environ.get(name):
            return refuse_region(region, name)
    return None
