"""Environment variables that make the aws CLI and the AWS SDKs use a server, whatever the other variables are.

environ = {**os.environ, **variables(server)}       # for a process
print(script(variables(server)))                     # for a shell that sources it
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.session import Session

if TYPE_CHECKING:
    from .server import LocalRegistry

DEFAULT_ACCOUNT = "000000000000"
DEFAULT_REGION = "us-east-1"


def variables(
    server: LocalRegistry,
    *,
    account: str = DEFAULT_ACCOUNT,
    region: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """Return variable -> value: endpoint, access key, region, and overrides of settings for AWS itself.

    These do not override a profile or the AWS config file; the caller must replace those too. `region` is
    DEFAULT_REGION by default. The result extends NO_PROXY of `environ`.
    """
    key = server.credentials(account)
    region = region if region and re.fullmatch(r"[a-z0-9-]+", region) else DEFAULT_REGION
    direct = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    hosts = ",".join(dict.fromkeys([*filter(None, direct.split(",")), server.host]))
    return {
        "AWS_ENDPOINT_URL_CODEARTIFACT": server.url,
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "NO_PROXY": hosts,
        "no_proxy": hosts,
        "AWS_SESSION_TOKEN": "",
        "AWS_SECURITY_TOKEN": "",
        "AWS_CREDENTIAL_EXPIRATION": "",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
        "AWS_USE_FIPS_ENDPOINT": "false",
        "AWS_USE_DUALSTACK_ENDPOINT": "false",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def script(values: Mapping[str, str]) -> str:
    """Return lines for a POSIX shell that set these variables and unset all others that the aws CLI and boto3 read."""
    values = {**values, "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())
    names: set[str] = set()
    for _, variable, _, _ in Session.SESSION_VARIABLES.values():
        names.update([variable] if isinstance(variable, str) else variable or ())
    others = sorted(name for name in names - values.keys() if name.startswith("AWS_"))
    return f"{exports}unset {' '.join(others)}\n"
