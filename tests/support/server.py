"""Fixtures: a registry with a domain and two repositories, and a client for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.model import ServiceModel
from mypy_boto3_codeartifact import CodeArtifactClient

from pulumi_codeartifact_release.local_registry import start
from pulumi_codeartifact_release.local_registry.protocol import service_model
from pulumi_codeartifact_release.local_registry.server import LocalRegistry

from .embedded import create_registry
from .local_registry import client_of


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The registry's folder. It does not exist yet, except for tests with the fixture `client`."""
    folder = tmp_path / "registry"
    if "client" in request.fixturenames:
        create_registry(folder, "acme/dev", "acme/prod")
    return folder


@pytest.fixture
def server(folder: Path) -> Iterator[LocalRegistry]:
    """A running server on the folder."""
    with start(folder) as running:
        yield running


@pytest.fixture
def empty(server: LocalRegistry) -> Iterator[CodeArtifactClient]:
    """A client of an empty registry."""
    client = client_of(server)
    yield client
    client.close()


@pytest.fixture
def client(empty: CodeArtifactClient) -> CodeArtifactClient:
    """A client of a registry with the domain acme and its repositories dev and prod."""
    return empty


@pytest.fixture(scope="session")
def model() -> ServiceModel:
    """botocore's model of the service."""
    return service_model()
