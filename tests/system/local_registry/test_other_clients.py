"""Behavior that other SDKs and the aws CLI rely on, but boto3 and this project do not."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_codeartifact import CodeArtifactClient

from pulumi_codeartifact_release.local_registry import Quotas, start
from pulumi_codeartifact_release.local_registry.faults import Faults, parse
from pulumi_codeartifact_release.local_registry.server import LocalRegistry
from pulumi_codeartifact_release.local_registry.shell import script, variables
from support.local_registry import PACKAGE, WHERE, client_of, publish


def error_of(call: Callable[[], Any]) -> Any:
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response


# --- names in headers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a b.txt", "x+y,z;~!@^&()-`_[]{}.zip", "app-1.4.2.tar.gz"])
def test_a_download_has_the_assets_name_in_a_header(client: CodeArtifactClient, name: str) -> None:
    publish(client, name=name)
    assert client.get_package_version_asset(**PACKAGE, packageVersion="1.0", asset=name)["assetName"] == name


@pytest.mark.parametrize("text", ["\u00fcn", "caf\u00e9", "\u65e5\u672c", "\u0430"])
def test_a_name_that_is_not_ascii_is_in_no_header(server: LocalRegistry, client: CodeArtifactClient, text: str) -> None:
    publish(client, name=f"{text}.zip", version=f"1.0-{text}")
    key = {**PACKAGE, "packageVersion": f"1.0-{text}"}
    answer = client.get_package_version_asset(**key, asset=f"{text}.zip")
    assert answer["asset"].read() == b"data"
    assert not {"assetName", "packageVersion"} & answer.keys()
    assert answer["packageVersionRevision"]
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert [name for name, value in headers.items() if not value.isascii() or "%" in value] == []


def test_a_percent_sign_in_a_version_is_preserved(client: CodeArtifactClient) -> None:
    publish(client, version="1%2B")
    answer = client.get_package_version_asset(**PACKAGE, packageVersion="1%2B", asset="a.txt")
    assert answer["packageVersion"] == "1%2B"


# --- errors: what they are about --------------------------------------------------------------------------------------


def test_a_wrong_revision_is_a_404_of_that_version(client: CodeArtifactClient) -> None:
    publish(client)
    key = {**PACKAGE, "packageVersion": "1.0"}
    response = error_of(
        lambda: client.get_package_version_asset(**key, asset="a.txt", packageVersionRevision="another")
    )
    assert response["Error"]["Code"] == "ResourceNotFoundException"
    assert (response["resourceType"], response["resourceId"]) == ("package-version", "ns/app@1.0")


def test_an_asset_that_grows_over_the_quota_is_named(tmp_path: Path) -> None:
    with start(tmp_path / "registry", quotas=Quotas(asset_bytes=10)) as server:
        client = client_of(server)
        client.create_domain(domain="acme")
        client.create_repository(domain="acme", repository="dev")
        response = error_of(lambda: publish(client, b"x" * 11, "big.bin"))
        assert (response["resourceType"], response["resourceId"]) == ("asset", "big.bin")
        client.close()


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[tuple[CodeArtifactClient, Faults]]:
    faults = parse({"rules": []})
    with start(tmp_path / "registry", faults=faults) as server:
        client = client_of(server)
        yield client, faults
        client.close()


@pytest.mark.parametrize(
    ("call", "kind", "name"),
    [
        (lambda client: publish(client, b"x", "a.txt"), "asset", "a.txt"),
        (
            lambda client: client.describe_package_version(**PACKAGE, packageVersion="1+2"),
            "package-version",
            "ns/app@1+2",
        ),
        (lambda client: client.list_package_versions(**PACKAGE), "package", "ns/app"),
        (lambda client: client.list_packages(**WHERE), "repository", "dev"),
        (lambda client: client.create_domain(domain="acme"), "domain", "acme"),
    ],
)
@pytest.mark.parametrize(
    "error", ["ServiceQuotaExceededException", "ConflictException", "ResourceNotFoundException", "ValidationException"]
)
def test_an_injected_error_has_all_members_of_a_real_one(
    faulty: tuple[CodeArtifactClient, Faults],
    call: Callable[[CodeArtifactClient], Any],
    kind: str,
    name: str,
    error: str,
) -> None:
    client, faults = faulty
    faults.replace_with(parse({"rules": [{"fail": error}]}))
    response = error_of(lambda: call(client))
    assert response["Error"]["Code"] == error
    if error == "ValidationException":
        assert response["reason"] == "OTHER"
        assert "resourceId" not in response
    else:
        assert (response["resourceType"], response["resourceId"]) == (kind, name)


# --- package managers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [1, 10, 899])
def test_a_token_of_less_than_a_quarter_of_an_hour_is_refused(client: CodeArtifactClient, seconds: int) -> None:
    response = error_of(lambda: client.get_authorization_token(domain="acme", durationSeconds=seconds))
    assert response["Error"]["Code"] == "ValidationException"
    assert "durationSeconds" in response["Error"]["Message"]


@pytest.mark.parametrize("seconds", [0, 900, 43_200])
def test_a_token_has_the_requested_duration(client: CodeArtifactClient, seconds: int) -> None:
    answer = client.get_authorization_token(domain="acme", durationSeconds=seconds)
    sent = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
    assert sent
    assert answer["authorizationToken"]


def test_a_token_of_more_than_twelve_hours_is_refused(server: LocalRegistry, client: CodeArtifactClient) -> None:
    with pytest.raises(ClientError, match="durationSeconds"):
        client.get_authorization_token(domain="acme", durationSeconds=43_201)


@pytest.mark.parametrize("kind", ["npm", "pypi", "maven", "nuget", "ruby", "swift", "cargo"])
def test_no_package_manager_is_sent_to_aws(client: CodeArtifactClient, kind: Any) -> None:
    response = error_of(lambda: client.get_repository_endpoint(**WHERE, format=kind))
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == ("ValidationException", 400)
    assert f"has no {kind} packages" in response["Error"]["Message"]


def test_the_endpoint_of_generic_packages_is_this_server(server: LocalRegistry, client: CodeArtifactClient) -> None:
    for kind in ("ipv4", "dualstack"):
        answer = client.get_repository_endpoint(**WHERE, format="generic", endpointType=kind)
        assert answer["repositoryEndpoint"] == f"{server.url}/acme-000000000000/generic/dev/"
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_repository_endpoint(domain="acme", repository="nope", format="generic")


@pytest.mark.parametrize("tool", ["pip", "npm", "twine"])
def test_aws_codeartifact_login_is_refused_and_changes_nothing(
    server: LocalRegistry, client: CodeArtifactClient, tool: str, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    aws = Path(sys.executable).with_name("aws")
    words = [str(aws), "codeartifact", "login", "--tool", tool, "--domain", "acme", "--repository", "dev"]
    done = subprocess.run(
        ["sh", "-c", f"{script(variables(server))}{shlex.join(words)}"],
        env={"PATH": f"{aws.parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "the embedded registry has no " in done.stderr
    assert "amazonaws.com" not in done.stdout + done.stderr
    assert [path.name for path in home.rglob("*") if path.is_file()] == []
