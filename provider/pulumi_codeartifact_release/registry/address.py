"""What a URL's host says about it."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

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
