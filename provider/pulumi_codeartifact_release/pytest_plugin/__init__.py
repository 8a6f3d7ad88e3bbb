"""A pytest plugin: a CodeArtifact registry per test, for programs that publish packages.

    def test_the_script_publishes(codeartifact_registry):
        environ = {**os.environ, **codeartifact_registry.environ}
        subprocess.run(["sh", "publish.sh", "1.0.0"], env=environ, check=True)
        assert codeartifact_registry.versions("app", namespace="acme") == {"1.0.0": "Published"}

pytest loads this module wherever the distribution is installed, so it imports only pytest until a test uses a fixture.
`-p no:codeartifact-release` disables it. docs/testing.md has complete examples.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import pytest

if TYPE_CHECKING:
    from mypy_boto3_codeartifact import CodeArtifactClient

__all__ = ["CodeArtifactRegistry", "codeartifact_environ", "codeartifact_registry"]

_ACCOUNT = "000000000000"
_LINES = 40
_requests: WeakKeyDictionary[pytest.Item, deque[str]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class CodeArtifactRegistry:
    """A registry for one test: CodeArtifact's HTTP API on 127.0.0.1, as seen by one account.

    Attributes:
        url: the endpoint: `http://127.0.0.1:PORT`.
        region: the AWS region for signatures.
        account: the caller's account, 12 digits.
        domain: the name of an existing domain.
        repository: the name of an existing, empty repository in the domain.
        client: a boto3 client of the registry; ignores the AWS settings of the shell.
        environ: environment variables for processes that use the registry: `{**os.environ, **registry.environ}`. They
            set the endpoint, access key and region, and override a profile, session token or proxy of the shell.
    """

    url: str
    account: str
    client: CodeArtifactClient = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)
    _connect: Callable[[str], tuple[CodeArtifactClient, Mapping[str, str]]] = field(repr=False)
    _replace_faults: Callable[[Mapping[str, Any]], Counter[str]] = field(repr=False)
    region: str = "us-east-1"
    domain: str = "acme"
    repository: str = "dev"

    def as_account(self, account: str) -> CodeArtifactRegistry:
        """Return this registry as seen by another account, with its own `client`, `environ`, domain and repository.

        Raises ValueError if the account is not 12 digits.
        """
        client, environ = self._connect(account)
        other = replace(self, account=account, client=client, environ=environ)
        other.create_repository(self.repository)
        return other

    def create_repository(self, name: str, *, domain: str | None = None) -> None:
        """Create a repository in `domain` (by default `self.domain`). Also creates the domain if it does not exist."""
        domain = domain or self.domain
        with suppress(self.client.exceptions.ConflictException):
            self.client.create_domain(domain=domain)
        with suppress(self.client.exceptions.ConflictException):
            self.client.create_repository(domain=domain, repository=name)

    def publish(
        self,
        package: str,
        version: str,
        assets: Mapping[str, bytes],
        *,
        namespace: str,
        unfinished: bool = False,
        repository: str | None = None,
        domain: str | None = None,
    ) -> None:
        """Publish a version for a test to start from.

        Args:
            package: the package's name.
            version: the version.
            assets: asset name -> content; at least one.
            namespace: the package's namespace.
            unfinished: leave the version Unfinished, as a publisher does that was killed.
            repository: by default `self.repository`.
            domain: by default `self.domain`.

        Raises ValueError if there are no assets, and botocore's ClientError.
        """
        if not assets:
            raise ValueError("a version must have at least one asset")
        key = {**self._key(package, namespace, repository, domain), "packageVersion": version}
        *_, last = assets
        for name, content in assets.items():
            self.client.publish_package_version(
                **key,
                assetName=name,
                assetContent=content,
                assetSHA256=hashlib.sha256(content).hexdigest(),
                unfinished=unfinished or name != last,
            )

    def versions(
        self, package: str, *, namespace: str, repository: str | None = None, domain: str | None = None
    ) -> dict[str, str]:
        """Return version -> status (`Published`, `Unfinished`, …) of a package; {} if the package does not exist.

        Raises botocore's ResourceNotFoundException if the repository does not exist.
        """
        key = self._key(package, namespace, repository, domain)
        pages = self.client.get_paginator("list_package_versions").paginate(**key)
        try:
            return {item["version"]: str(item["status"]) for page in pages for item in page["versions"]}
        except self.client.exceptions.ResourceNotFoundException as error:
            if error.response.get("resourceType") in ("domain", "repository"):
                raise
            return {}

    def assets(
        self,
        package: str,
        version: str,
        *,
        namespace: str,
        repository: str | None = None,
        domain: str | None = None,
    ) -> dict[str, bytes]:
        """Download a version; return asset name -> content.

        Raises botocore's ResourceNotFoundException if the version does not exist.
        """
        key = {**self._key(package, namespace, repository, domain), "packageVersion": version}
        pages = self.client.get_paginator("list_package_version_assets").paginate(**key)
        contents = {}
        for name in [item["name"] for page in pages for item in page["assets"]]:
            with self.client.get_package_version_asset(**key, asset=name)["asset"] as body:
                contents[name] = body.read()
        return contents

    def misbehave(self, *rules: Mapping[str, Any], seed: int = 0) -> Counter[str]:
        """Inject faults from the next request on. These rules replace earlier ones; without rules, there are no faults.

        Args:
            *rules: such as `{"lose": True, "operations": ["PublishPackageVersion"]}`; see docs/embedded-registry.md.
                They also apply to the requests of this object.
            seed: of the random numbers for `probability`.

        Returns a counter: kind of fault -> number of requests that it has hit so far. It is updated by later requests.
        Raises ValueError for an invalid rule.
        """
        return self._replace_faults({"seed": seed, "rules": list(rules)})

    def _key(self, package: str, namespace: str, repository: str | None, domain: str | None) -> dict[str, Any]:
        return {
            "domain": domain or self.domain,
            "repository": repository or self.repository,
            "format": "generic",
            "namespace": namespace,
            "package": package,
        }


@pytest.fixture
def codeartifact_registry(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CodeArtifactRegistry]:
    """Provide a CodeArtifact registry on 127.0.0.1 with the domain `acme` and the empty repository `dev`.

    The value is a `pulumi_codeartifact_release.pytest_plugin.CodeArtifactRegistry`: `client` is for boto3, `environ`
    for the `aws` CLI and other processes. After the test the registry is stopped and removed.
    """
    from .server import Server  # noqa: PLC0415 - pytest starts without it

    lines: deque[str] = deque(maxlen=_LINES)
    _requests[request.node] = lines
    with Server(tmp_path_factory.mktemp("codeartifact_registry"), lines.append) as server:
        connection = server.connect(_ACCOUNT)
        registry = CodeArtifactRegistry(server.url, _ACCOUNT, *connection, server.connect, server.replace_faults)
        registry.create_repository(registry.repository)
        lines.clear()
        yield registry


@pytest.fixture
def codeartifact_environ(
    codeartifact_registry: CodeArtifactRegistry, monkeypatch: pytest.MonkeyPatch
) -> Mapping[str, str]:
    """Make the test process and its subprocesses use the registry, such as `boto3.client("codeartifact")`.

    Until the test ends, replaces all AWS_ variables with `codeartifact_registry.environ`, which is also the value.
    """
    import boto3  # noqa: PLC0415 - pytest starts without it

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in codeartifact_registry.environ.items():
        monkeypatch.setenv(name, value)
    # It may have cached the keys of another test's registry.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    return codeartifact_registry.environ


# The old style of hook wrappers, for pytest 7.
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Add the last requests to the registry to the report of a failed test."""
    report = (yield).get_result()
    if report.failed and (lines := _requests.get(item)):
        report.sections.append(("Requests to codeartifact_registry", "\n".join(lines)))
