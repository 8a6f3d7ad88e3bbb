"""Decides whether a URL or a region belongs to AWS, from the partitions in botocore's data."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import WrongRegionError

# Hosts of CodeArtifact only: anybody can get other hosts below amazonaws.com (API Gateway, S3, EC2).
_HOST = re.compile(r"codeartifact(?:-fips)?\.(?P<region>[a-z0-9-]+)\.(?P<suffix>[a-z0-9.-]+)")
_VPC_HOST = re.compile(
    r"vpce-[a-z0-9-]+\.(?:api\.codeartifact|codeartifact(?:\.api)?)\.(?P<region>[a-z0-9-]+)\.vpce\.(?P<suffix>[a-z0-9.-]+)"
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
    """Return whether the URL is an endpoint of CodeArtifact on AWS, over TLS.

    Standard, FIPS, dual-stack, or in a VPC.
    """
    return region_of(url) is not None


def region_of(url: str) -> str | None:
    """Return the region of an endpoint of CodeArtifact on AWS, None for any other URL."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" or parts.path not in ("", "/") or parts.query or parts.netloc != host:
        return None
    if match := _VPC_HOST.fullmatch(host):
        suffixes: tuple[str, ...] = ("dnsSuffix",)
    elif match := _HOST.fullmatch(host):
        suffixes = ("dnsSuffix", "dualStackDnsSuffix")
    else:
        return None
    outputs = _outputs(match["region"])
    return match["region"] if match["suffix"] in {outputs.get(name) for name in suffixes} else None


def refuse_region(region: str, origin: str) -> str:
    """Return the region. Raises WrongRegionError if no AWS region has such a name; `origin` names the setting.

    A region becomes part of the host name that credentials are sent to. With a name such as `execute-api` or `s3`,
    that host could belong to anybody.
    """
    if not _outputs(region):
        raise WrongRegionError(
            f"{origin} is {region!r}, which is not the name of an AWS region",
            hint="Write it like eu-west-1, without spaces or line breaks.",
        )
    return region


def shell_region(environ: Mapping[str, str]) -> str | None:
    """Return the region that the environment sets, or None. Raises WrongRegionError."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        if region := environ.get(name):
            return refuse_region(region, name)
    return None


def _outputs(region: str) -> dict[str, Any]:
    """Return botocore's data on the partition of a region; empty if it is not a region.

    Matches the partition's pattern for region names, because botocore's lists lack newer regions.
    """
    for partition in _partitions():
        if re.fullmatch(partition["regionRegex"].removesuffix("$"), region, re.ASCII):
            outputs: dict[str, Any] = partition["outputs"]
            return outputs
    return {}


@cache
def _partitions() -> list[dict[str, Any]]:
    spec = find_spec("botocore")
    assert spec
    assert spec.origin
    try:
        # Read from the file, because botocore's loader is slow to import.
        content = Path(spec.origin).with_name("data").joinpath("partitions.json").read_bytes()
        partitions: list[dict[str, Any]] = json.loads(content)["partitions"]
    except FileNotFoundError:
        from botocore.loaders import create_loader  # noqa: PLC0415

        partitions = create_loader().load_data("partitions")["partitions"]
    return partitions
