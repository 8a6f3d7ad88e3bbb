"""Quick checks of the AWS config file, without a botocore session, which is slow to create."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def mentions(word: str, environ: Mapping[str, str]) -> bool:
    """Return whether the AWS config file contains the word; False if the file cannot be read."""
    try:
        path = Path(environ.get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser()
        return word in path.read_text(encoding="utf-8", errors="replace")
    except (OSError, RuntimeError):
        # RuntimeError: the user has no home folder, as in some containers.
        return False


def ignores_endpoints(profile: str | None, environ: Mapping[str, str]) -> bool:
    """Return whether endpoints of the environment and the AWS config file are ignored. Raises ReleaseError."""
    if ignored := environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
        return ignored.lower() == "true"
    name = "ignore_configured_endpoint_urls"
    if not mentions(name, environ):
        return False
    from . import sdk  # noqa: PLC0415 - botocore takes long to import

    return bool(sdk.AwsSession(profile).setting(name))
