"""The drivers that the suite runs with.

`CONTRACT=aws` adds a real account, through boto3 and the standard credential chain:

    CONTRACT_DOMAIN            a domain that exists
    CONTRACT_DOMAIN_OWNER      its account, if it is not the caller's
    CONTRACT_REPOSITORY        a repository in it, to publish to
    CONTRACT_OTHER_REPOSITORY  another one, to copy to
    CONTRACT_NAMESPACE         the namespace of what is published; `contract` if absent

Every package has a name of its own and is deleted afterwards.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from pulumi_codeartifact_release.local_registry import start
from pulumi_codeartifact_release.local_registry.server import LocalRegistry

from .drivers import Boto3Driver, CallFailed, CommandLineDriver, Driver, Place

EMBEDDED = Place("acme", "dev", "prod")
ON_REQUEST = pytest.mark.skipif(
    os.environ.get("CONTRACT") != "aws",
    reason="needs a real AWS account: set CONTRACT=aws (see tests/system/contract/conftest.py)",
)


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistry]:
    """A server with a domain and two repositories."""
    with start(tmp_path_factory.mktemp("contract") / "registry") as server:
        client = _client(server)
        client.create_domain(domain=EMBEDDED.domain)
        for repository in (EMBEDDED.repository, EMBEDDED.other_repository):
            client.create_repository(domain=EMBEDDED.domain, repository=repository)
        client.close()
        yield server


@pytest.fixture(
    scope="session",
    params=[
        "boto3",
        "aws-cli",
        pytest.param("aws", marks=[ON_REQUEST, pytest.mark.enable_socket]),
    ],
)
def driver(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    """One way to call one service."""
    if request.param == "aws":
        place = Place(
            os.environ["CONTRACT_DOMAIN"],
            os.environ["CONTRACT_REPOSITORY"],
            os.environ["CONTRACT_OTHER_REPOSITORY"],
            os.environ.get("CONTRACT_NAMESPACE", "contract"),
            os.environ.get("CONTRACT_DOMAIN_OWNER"),
        )
        yield Boto3Driver(boto3.client("codeartifact"), place, patience=5)
        return
    server: LocalRegistry = request.getfixturevalue("embedded")
    if request.param == "boto3":
        with contextlib.closing(_client(server)) as client:
            yield Boto3Driver(client, EMBEDDED)
        return
    yield CommandLineDriver(_environment(server), EMBEDDED, tmp_path_factory.mktemp("aws-cli"))


@pytest.fixture
def package(driver: Driver) -> Iterator[dict[str, Any]]:
    """The coordinates of a new package, which is deleted at the end."""
    coordinates = {
        "domain": driver.place.domain,
        "repository": driver.place.repository,
        "format": "generic",
        "namespace": driver.place.namespace,
        "package": f"contract-{uuid.uuid4().hex[:12]}",
    }
    if driver.place.domain_owner:
        coordinates["domainOwner"] = driver.place.domain_owner
    yield coordinates
    if os.environ.get("CONTRACT") == "aws":
        for repository in (driver.place.repository, driver.place.other_repository):
            with contextlib.suppress(CallFailed):
                driver.call("DeletePackage", **{**coordinates, "repository": repository})


def _client(server: LocalRegistry) -> Any:
    key = server.credentials()
    return boto3.client(
        "codeartifact",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret_access_key,
        config=Config(proxies={}),
    )


def _environment(server: LocalRegistry) -> dict[str, str]:
    key = server.credentials()
    kept = {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")}
    kept = {name: value for name, value in kept.items() if not name.startswith("AWS_")}
    return kept | {
        "AWS_ENDPOINT_URL_CODEARTIFACT": server.url,
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_PAGER": "",
        "NO_PROXY": "127.0.0.1",
    }


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fail if a variable for the real account is missing, instead of skipping half of the suite."""
    if os.environ.get("CONTRACT") == "aws" and any("contract" in item.path.parts for item in items):
        wanted = ("CONTRACT_DOMAIN", "CONTRACT_REPOSITORY", "CONTRACT_OTHER_REPOSITORY")
        missing = [name for name in wanted if name not in os.environ]
        if missing:
            raise pytest.UsageError(f"CONTRACT=aws needs {', '.join(missing)}; see tests/system/contract/conftest.py")
