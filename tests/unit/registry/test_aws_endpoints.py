"""Hosts of CodeArtifact and names of regions."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import botocore.config
import botocore.loaders
import pytest
from botocore.session import Session

from pulumi_codeartifact_release.connections import connect, resolved_region
from pulumi_codeartifact_release.errors import UsageError, WrongRegionError
from pulumi_codeartifact_release.location import Location, resolve
from pulumi_codeartifact_release.registry.aws_endpoints import is_aws, is_loopback, refuse_region, region_of
from pulumi_codeartifact_release.registry.client import ClientSettings, caller, make_client


@pytest.mark.parametrize(
    ("url", "loopback", "aws"),
    [
        ("http://127.0.0.1:80", True, False),
        ("http://127.8.8.8", True, False),
        ("http://[::1]:80", True, False),
        ("http://localhost:80", True, False),
        ("http://localhost.example.test", False, False),
        ("http://10.0.0.1", False, False),
        ("https://codeartifact.eu-west-1.amazonaws.com", False, True),
        ("http://codeartifact.eu-west-1.amazonaws.com", False, False),
        ("https://vpce-1.codeartifact.us-east-1.vpce.amazonaws.com", False, True),
        ("https://codeartifact.cn-north-1.amazonaws.com.cn", False, True),
        ("https://amazonaws.com.example.test", False, False),
        ("https://evil-amazonaws.com", False, False),
        ("https://user@example.test/.amazonaws.com", False, False),
        ("https://codeartifact-fips.us-east-1.amazonaws.com", False, True),
        ("https://codeartifact.us-east-1.api.aws/", False, True),
        ("https://abc123.execute-api.eu-west-1.amazonaws.com/prod", False, False),
        ("https://evil-bucket.s3.amazonaws.com", False, False),
        ("https://ec2-1-2-3-4.compute-1.amazonaws.com", False, False),
        ("https://codeartifact.evil.execute-api.eu-west-1.amazonaws.com", False, False),
        ("https://codeartifact.eu-west-1.amazonaws.com/prod", False, False),
        ("https://codeartifact.eu-west-1.amazonaws.com:8443", False, False),
        ("https://user@codeartifact.eu-west-1.amazonaws.com", False, False),
    ],
)
def test_loopback_and_aws_hosts_are_recognized(url: str, loopback: bool, aws: bool) -> None:
    assert (is_loopback(url), is_aws(url)) == (loopback, aws)


OWN = [
    ("https://codeartifact.{}.{}", "dnsSuffix"),
    ("https://codeartifact-fips.{}.{}", "dnsSuffix"),
    ("https://codeartifact.{}.{}", "dualStackDnsSuffix"),
    ("https://codeartifact-fips.{}.{}", "dualStackDnsSuffix"),
    ("https://vpce-0743fe535b883ffff-76ddffff.api.codeartifact.{}.vpce.{}", "dnsSuffix"),
    ("https://vpce-0743fe535b883ffff-76ddffff-{0}a.api.codeartifact.{0}.vpce.{1}", "dnsSuffix"),
    ("https://vpce-0743fe535b883ffff-76ddffff.codeartifact.{}.vpce.{}", "dnsSuffix"),
]
PARTITIONS = {each["id"]: each for each in botocore.loaders.create_loader().load_data("partitions")["partitions"]}
REGIONS = [
    ("aws", "us-east-1"),
    ("aws", "mx-central-1"),
    ("aws", "eu-northwest-42"),  # newer than any botocore
    ("aws-cn", "cn-north-1"),
    ("aws-us-gov", "us-gov-west-1"),
    ("aws-iso", "us-iso-east-1"),
    ("aws-iso-b", "us-isob-east-1"),
]


@pytest.mark.parametrize(("pattern", "suffix"), OWN)
@pytest.mark.parametrize(("partition", "region"), REGIONS)
def test_hosts_of_every_partition_are_aws_hosts(pattern: str, suffix: str, partition: str, region: str) -> None:
    url = pattern.format(region, PARTITIONS[partition]["outputs"][suffix])
    assert is_aws(url)
    assert region_of(url) == region
    assert resolve(Location("acme", "dev", endpoint=url), base=Path.cwd(), environ={}).endpoint == url


@pytest.mark.parametrize("fips", [True, False])
@pytest.mark.parametrize("dual", [True, False])
@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1", "us-gov-east-1", "ap-southeast-9"])
def test_botocores_host_for_a_region_is_an_aws_host(region: str, dual: bool, fips: bool) -> None:
    config = botocore.config.Config(use_dualstack_endpoint=dual, use_fips_endpoint=fips)
    session = Session()
    session.set_credentials("unused", "unused")
    url = session.create_client("codeartifact", region_name=region, config=config).meta.endpoint_url
    assert region_of(url) == region


def test_every_region_of_botocore_is_accepted() -> None:
    listed = {region for each in PARTITIONS.values() for region in each["regions"] if not region.endswith("-global")}
    assert len(listed) > 35
    assert {refuse_region(region, "the region") for region in listed} == listed


STRANGE = [
    "execute-api",
    "s3",
    "compute-1",
    "us-east-1a.evil",
    "us-east-1.evil",
    "us-east-1/",
    "us-east-1@evil.example.test",
    "us-east-1#",
    "us-east-1\n",
    "us-east-1 ",
    "\nus-east-1",
    "US-EAST-1",
    "us-éast-1",
    "us-east-१",
    "us-east-1-fips",
    "fips-us-east-1",
    "aws-global",
    "us-east",
    "us--1",
    "xx-east-1",
    "local",
    "evil.execute-api.us-east-1",
]


@pytest.mark.parametrize("region", STRANGE)
def test_an_invalid_region_is_refused(region: str) -> None:
    for endpoint in ("", "https://registry.example.test", "http://127.0.0.1:1"):
        location = Location("acme", "dev", endpoint=endpoint)
        for each, environ in (
            (replace(location, region=region), {}),
            (location, {"AWS_REGION": region}),
            (location, {"AWS_DEFAULT_REGION": region}),
        ):
            with pytest.raises(WrongRegionError, match="which is not the name of an AWS region") as caught:
                resolved_region(each, environ)
            assert next(iter(environ), "") in caught.value.message
            assert len(caught.value.message.splitlines()) == 1
    with pytest.raises(WrongRegionError):
        connect(Location("acme", "dev", region=region))
    with pytest.raises(WrongRegionError):
        make_client(ClientSettings(region=region))
    # No request for the caller goes to a host with such a name.
    assert caller(ClientSettings(region, access_key_id="x", secret_access_key="y")) is None
    # A local folder may use any name as its region.
    assert resolved_region(Location("acme", "dev", region=region, endpoint="file:x"), {}) == region


def test_a_region_of_the_config_file_is_checked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config").write_text("[default]\nregion = execute-api\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(WrongRegionError):
        resolved_region(Location("acme", "dev"), {})


@pytest.mark.parametrize(
    "host",
    [
        "codeartifact.s3.amazonaws.com",
        "codeartifact.execute-api.amazonaws.com",
        "codeartifact.s3.api.aws",
        "codeartifact.us-east-1.amazonaws.com.cn",
        "codeartifact.cn-north-1.amazonaws.com",
        "codeartifact.cn-north-1.api.aws",
        "codeartifact.us-east-1.amazonaws.eu",
        "codeartifact.us-east-1.amazonaws.com.evil.example.test",
        "codeartifact.us-east-1.evil-amazonaws.com",
        "codeartifact.us-east-1.s3.amazonaws.com",
        "codeartifact-evil.us-east-1.amazonaws.com",
        "evil.codeartifact.us-east-1.amazonaws.com",
        "codeartifact.us-east-1.vpce.amazonaws.com",
        "evil.codeartifact.us-east-1.vpce.amazonaws.com",
        "vpce-1.vpce-svc-2.us-east-1.vpce.amazonaws.com",
        "vpce-1.codeartifact.s3.vpce.amazonaws.com",
        "vpce-1.evil.codeartifact.us-east-1.vpce.amazonaws.com",
        "vpce-1.codeartifact.us-east-1.vpce.amazonaws.com.cn",
        "vpce-1.codeartifact.us-east-1.amazonaws.com",
        "codeartifact.us-east-1.amazonaws.com.",
        "codeartifact..amazonaws.com",
        "codeartifact.amazonaws.com",
    ],
)
def test_a_host_that_others_can_own_needs_permission(host: str) -> None:
    assert not is_aws(f"https://{host}")
    with pytest.raises(UsageError, match="a manifest may not choose where credentials and files are sent"):
        resolve(Location("acme", "dev", endpoint=f"https://{host}"), base=Path.cwd(), environ={})


def test_the_partitions_are_read_without_slow_imports() -> None:
    code = (
        "import sys\n"
        "from pulumi_codeartifact_release.registry.aws_endpoints import refuse_region\n"
        "refuse_region('eu-west-1', '')\n"
        "print('botocore.loaders' in sys.modules, 'urllib3' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"]
