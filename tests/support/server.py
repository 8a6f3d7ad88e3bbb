"""Fixtures: a registry with a domain and two repositories, and a client for it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.model import ServiceModel
from mypy_boto3_codeartifact import CodeArtifactClient

from pulumi_codeartifact_release.local_registry import start
from pulumi_codeartifact_release.local_registry.protocol import service_model
from pulumi_codeartifact_release.local_registry.server import LocalRegistry

from .local_registry import client_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The registry's folder, which does not exist yet."""
    return tmp_path / "registry"


@pytest.fixture(scope="session")
def closers() -> Iterator[ThreadPoolExecutor]:
    """Closes servers in threads while the next test starts: each takes a fifth of a second, mostly asleep."""
    with ThreadPoolExecutor(8) as pool:
        yield pool


@pytest.fixture
def server(folder: Path, closers: ThreadPoolExecutor) -> Iterator[LocalRegistry]:
    """A running server on an empty folder."""
    running = start(folder)
    yield running
    closers.submit(running.close)


@pytest.fixture
def empty(server: LocalRegistry) -> Iterator[CodeArtifactClient]:
    """A client of an empty registry."""
    client = client_of(server)
    yield client
    client.close()


@pytest.fixture
def client(empty: CodeArtifactClient) -> CodeArtifactClient:
    """A client of a registry with the domain acme and its repositories dev and prod."""
    empty.create_domain(domain="acme")
    empty.create_repository(domain="acme", repository="dev")
    empty.create_repository(domain="acme", repository="prod")
    return empty


@pytest.fixture(scope="session")
def model() -> ServiceModel:
    """botocore's model of the service."""
    return service_model()
