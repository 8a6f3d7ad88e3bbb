"""The fixtures of the pytest plugin, used as in the tests of a script."""

from __future__ import annotations

import os
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from pulumi_codeartifact_release.pytest_plugin import CodeArtifactRegistry
from support.hostile_shell import SHELLS, shell

HOSTILE = {
    "AWS_PROFILE": "not-there",
    "AWS_DEFAULT_PROFILE": "not-there",
    "AWS_SESSION_TOKEN": "of-another-account",
    "AWS_SECURITY_TOKEN": "of-another-account",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_USE_DUALSTACK_ENDPOINT": "true",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "NO_PROXY": "example.com",
}
"""Settings of a shell that would redirect or break requests."""


@pytest.fixture
def hostile_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)


def test_a_version_is_unfinished_until_the_last_asset(codeartifact_registry: CodeArtifactRegistry) -> None:
    one = codeartifact_registry
    assert one.versions("app", namespace="acme") == {}
    one.publish("app", "1.0.0", {"a": b"alpha", "b": b""}, namespace="acme", unfinished=True)
    assert one.versions("app", namespace="acme") == {"1.0.0": "Unfinished"}
    one.publish("app", "1.0.0", {"a": b"alpha", "c": b"gamma"}, namespace="acme")
    assert one.versions("app", namespace="acme") == {"1.0.0": "Published"}
    assert one.assets("app", "1.0.0", namespace="acme") == {"a": b"alpha", "b": b"", "c": b"gamma"}
    with pytest.raises(ValueError, match="at least one asset"):
        one.publish("app", "1.0.0", {}, namespace="acme")


def test_each_test_has_a_registry_of_its_own(codeartifact_registry: CodeArtifactRegistry) -> None:
    # The test above published this version in its own registry.
    assert codeartifact_registry.versions("app", namespace="acme") == {}
    listed = codeartifact_registry.client.list_repositories()["repositories"]
    assert [(each.get("domainName"), each.get("name")) for each in listed] == [("acme", "dev")]


def test_missing_repositories_and_domains_are_created(codeartifact_registry: CodeArtifactRegistry) -> None:
    one = codeartifact_registry
    for _ in range(2):
        one.create_repository("staging")
        one.create_repository("releases", domain="acme-prod")
    one.publish("app", "1.0.0", {"a": b"alpha"}, namespace="acme", repository="releases", domain="acme-prod")
    assert one.versions("app", namespace="acme", repository="releases", domain="acme-prod") == {"1.0.0": "Published"}
    assert one.versions("app", namespace="acme", repository="staging") == {}
    # A misspelled repository must not look like an empty one.
    with pytest.raises(one.client.exceptions.ResourceNotFoundException):
        one.versions("app", namespace="acme", repository="stagin")
    with pytest.raises(one.client.exceptions.ResourceNotFoundException):
        one.assets("app", "1.0.0", namespace="acme")


def test_another_account_has_keys_and_a_domain_of_its_own(codeartifact_registry: CodeArtifactRegistry) -> None:
    other = codeartifact_registry.as_account("111122223333")
    other = codeartifact_registry.as_account("111122223333")
    assert other.account == "111122223333"
    assert other.url == codeartifact_registry.url
    assert other.environ["AWS_ACCESS_KEY_ID"] != codeartifact_registry.environ["AWS_ACCESS_KEY_ID"]
    other.publish("app", "1.0.0", {"a": b"alpha"}, namespace="acme")
    assert codeartifact_registry.versions("app", namespace="acme") == {}
    described = codeartifact_registry.client.describe_package_version(
        domain="acme",
        domainOwner="111122223333",
        repository="dev",
        format="generic",
        namespace="acme",
        package="app",
        packageVersion="1.0.0",
    )
    assert described["packageVersion"]["status"] == "Published"
    with pytest.raises(ValueError, match="12 digits"):
        codeartifact_registry.as_account("1")


def test_faults_are_injected_until_they_are_cleared(codeartifact_registry: CodeArtifactRegistry) -> None:
    one = codeartifact_registry
    hits = one.misbehave({"fail": "AccessDeniedException", "operations": ["PublishPackageVersion"]})
    with pytest.raises(ClientError, match="AccessDeniedException"):
        one.publish("app", "1.0.0", {"a": b"alpha"}, namespace="acme")
    assert one.versions("app", namespace="acme") == {}
    assert hits == {"fail": 1}
    stale = one.misbehave({"stale": 60})
    one.publish("app", "1.0.0", {"a": b"alpha"}, namespace="acme")
    assert one.versions("app", namespace="acme") == {}
    assert stale == {"stale": 2}
    assert one.misbehave() == {}
    assert one.versions("app", namespace="acme") == {"1.0.0": "Published"}
    assert hits == {"fail": 1}
    with pytest.raises(ValueError, match=r"rules\[0\]: must have exactly one of"):
        one.misbehave({"operations": ["PublishPackageVersion"]})


@pytest.mark.parametrize("name", SHELLS)
def test_its_client_ignores_the_settings_of_the_shell(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    for variable, value in shell(name, tmp_path / "files").items():
        monkeypatch.setenv(variable, value)
    one: CodeArtifactRegistry = request.getfixturevalue("codeartifact_registry")
    one.publish("app", "1.0.0", {"a": b"alpha"}, namespace="acme")
    assert one.as_account("111122223333").versions("app", namespace="acme") == {}


def test_the_settings_of_the_shell_are_overridden(
    hostile_shell: None, codeartifact_registry: CodeArtifactRegistry, request: pytest.FixtureRequest
) -> None:
    one = codeartifact_registry
    assert one.client.meta.endpoint_url == one.url
    assert one.versions("app", namespace="acme") == {}
    assert os.environ["AWS_PROFILE"] == "not-there"
    # With the second fixture, in this process too.
    environ = request.getfixturevalue("codeartifact_environ")
    client = boto3.client("codeartifact")
    assert client.meta.endpoint_url == one.url
    assert [each["name"] for each in client.list_domains()["domains"]] == ["acme"]
    client.close()
    assert environ is one.environ
    assert environ["NO_PROXY"] == environ["no_proxy"] == "example.com,127.0.0.1"
    assert {name for name in os.environ if name.startswith("AWS_")} <= environ.keys()


@pytest.mark.usefixtures("codeartifact_environ")
def test_boto3_does_not_use_the_keys_of_the_test_before(codeartifact_registry: CodeArtifactRegistry) -> None:
    client = boto3.client("codeartifact")
    assert client.list_domains()["domains"]
    client.close()
    # They are in no report, and no other user can read them.
    secret = codeartifact_registry.environ["AWS_SECRET_ACCESS_KEY"]
    assert secret not in repr(codeartifact_registry)
    profile = Path(codeartifact_registry.environ["AWS_SHARED_CREDENTIALS_FILE"])
    assert secret in profile.read_text()
    assert profile.stat().st_mode & 0o777 == 0o600
