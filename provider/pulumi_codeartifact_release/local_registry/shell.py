"""Environment variables with which the aws CLI and the AWS SDKs use a server, whatever else their environment says.

environ = {**os.environ, **variables(server)}       # for a process
print(script(variables(server)))                     # for a shell that is to source it
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .server import LocalRegistry

OWN_ACCOUNT = "000000000000"
OWN_REGION = "us-east-1"


def variables(
    server: LocalRegistry,
    *,
    account: str = OWN_ACCOUNT,
    region: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """Return what is to be set: endpoint, keys, region, and what outranks or empties a setting for AWS itself.

    A profile and the AWS config file still count: whoever uses this replaces them too.
    `region` is OWN_REGION unless given; `environ` says which hosts need no proxy.
    """
    key = server.credentials(account)
    region = region if region and re.fullmatch(r"[a-z0-9-]+", region) else OWN_REGION
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
    """Return lines for a POSIX shell that set these, and do away with all else that the aws CLI and boto3 look at."""
    from botocore.session import Session  # noqa: PLC0415 - importing this package costs nothing

    values = {**values, "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())
    names: set[str] = set()
    for _, found, _, _ in Session.SESSION_VARIABLES.values():
        names.update([found] if isinstance(found, str) else found or ())
    others = sorted(name for name in names - values.keys() if name.startswith("AWS_"))
    return f"{exports}unset {' '.join(others)}\n"
