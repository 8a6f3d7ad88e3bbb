"""What the AWS config file says, as far as it can be told without a session of botocore, which takes long to make."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def mentions(word: str, environ: Mapping[str, str]) -> bool:
    """Return whether the word stands anywhere in the AWS config file; False where there is none that can be read."""
    try:
        path = Path(environ.get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser()
        return word in path.read_text(encoding="utf-8", errors="replace")
    except (OSError, RuntimeError):
        # RuntimeError: nobody's home, as in a container that runs as any user.
        return False


def ignores_endpoints(profile: str | None, environ: Mapping[str, str]) -> bool:
    """Return whether no endpoint counts that the shell or the AWS config file names. Raises ReleaseError."""
    if ignored := environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
        return ignored.lower() == "true"
    name = "ignore_configured_endpoint_urls"
    if not mentions(name, environ):
        return False
    from .sessions import AwsSession  # noqa: PLC0415 - botocore takes long to import

    return bool(AwsSession(profile).setting(name))
