"""A pytest plugin: a registry of its own for each test of something that publishes to CodeArtifact.

    def test_the_script_publishes(codeartifact_registry):
        environ = {**os.environ, **codeartifact_registry.environ}
        subprocess.run(["sh", "publish.sh", "1.0.0"], env=environ, check=True)
        assert codeartifact_registry.versions("app", namespace="acme") == {"1.0.0": "Published"}

It is loaded in every run of pytest where this distribution is installed, so nothing but pytest is imported before a
test asks for the fixture. `-p no:codeartifact-release` leaves it out. docs/testing.md has whole examples.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

import pytest

if TYPE_CHECKING:
    from mypy_boto3_codeartifact import CodeArtifactClient

    from .local_registry import Credentials
    from .local_registry.faults import Faults
    from .local_registry.server import LocalRegistry

__all__ = ["CodeArtifactRegistry", "codeartifact_environ", "codeartifact_registry"]

_REGION = "us-east-1"
_ACCOUNT = "000000000000"
_LINES = 40
_requests: WeakKeyDictionary[pytest.Item, deque[str]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class CodeArtifactRegistry:
    """A registry that is one test's: CodeArtifact's own HTTP API on 127.0.0.1, as one account sees it.

    Attributes:
        url: where it answers: `http://127.0.0.1:PORT`.
        region: what requests are signed for.
        account: 12 digits, the caller's.
        domain: a domain that exists.
        repository: a repository in it that exists, and is empty.
        client: a boto3 client of it, whatever the shell's AWS settings are.
        environ: variables for whoever else shall use it, to be put over an environment: endpoint, keys, region, and
            what it takes to outrank or empty a profile, a token or a proxy of the shell's.
    """

    url: str
    account: str
    client: CodeArtifactClient = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)
    _connect: Callable[[str], tuple[CodeArtifactClient, Mapping[str, str]]] = field(repr=False)
    _faults: Faults = field(repr=False)
    region: str = _REGION
    domain: str = "acme"
    repository: str = "dev"

    def as_account(self, account: str) -> CodeArtifactRegistry:
        """Return this registry as another account sees it: `client`, `environ`, domain and repository are its own.

        Raises ValueError unless the account is 12 digits.
        """
        client, environ = self._connect(account)
        other = replace(self, account=account, client=client, environ=environ)
        other.create_repository(self.repository)
        return other

    def create_repository(self, name: str, *, domain: str | None = None) -> None:
        """Create a repository of the account, and its domain (default: `domain`), where they are not there yet."""
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
        """Publish what a test starts from: `assets` is name -> content.

        `unfinished` leaves the version as a publisher leaves it that died before the end: Unfinished.
        """
        if not assets:
            raise ValueError("a version has at least one asset")
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
        """Return version -> status (`Published`, `Unfinished`, …) of a package; empty where there is none.

        Raises botocore's ResourceNotFoundException where there is no such repository.
        """
        key = self._key(package, namespace, repository, domain)
        pages = self.client.get_paginator("list_package_versions").paginate(**key)
        try:
            return {each["version"]: str(each["status"]) for page in pages for each in page["versions"]}
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
        """Return name -> content of what a version holds, downloaded.

        Raises botocore's ResourceNotFoundException where there is no such version.
        """
        key = {**self._key(package, namespace, repository, domain), "packageVersion": version}
        pages = self.client.get_paginator("list_package_version_assets").paginate(**key)
        contents = {}
        for name in [each["name"] for page in pages for each in page["assets"]]:
            with self.client.get_package_version_asset(**key, asset=name)["asset"] as body:
                contents[name] = body.read()
        return contents

    def misbehave(self, *rules: Mapping[str, Any], seed: int = 0) -> Counter[str]:
        """Do wrong what the rules say, from the next request on, in place of what was said before; none: behave.

        A rule is one of docs/embedded-registry.md: `{"lose": True, "operations": ["PublishPackageVersion"]}`. Requests
        of this object are hit as all others are. Returns how many requests each kind of fault has hit, and goes on
        counting. Raises ValueError for a rule that is none.
        """
        from .local_registry.faults import parse  # noqa: PLC0415 - pytest starts without it

        self._faults.become(parse({"seed": seed, "rules": list(rules)}))
        return self._faults.applied

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
    """Start a CodeArtifact registry on 127.0.0.1, empty but for a domain and a repository, that ends with the test.

    A `pulumi_codeartifact_release.pytest_plugin.CodeArtifactRegistry`: `client` for boto3, `environ` for the `aws` CLI
    and other processes.
    """
    from .local_registry import start  # noqa: PLC0415 - pytest starts without it
    from .local_registry.faults import parse  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("codeartifact_registry")
    lines: deque[str] = deque(maxlen=_LINES)
    _requests[request.node] = lines
    faults = parse({"rules": []})
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        server = stack.enter_context(start(folder / "registry", log=lines.append, faults=faults))

        def connect(account: str) -> tuple[CodeArtifactClient, Mapping[str, str]]:
            key = server.credentials(account)
            client = stack.enter_context(closing(_client(server.url, key)))
            return client, _environ(server, account, folder / account)

        registry = CodeArtifactRegistry(server.url, _ACCOUNT, *connect(_ACCOUNT), connect, faults)
        registry.create_repository(registry.repository)
        lines.clear()
        yield registry


@pytest.fixture
def codeartifact_environ(
    codeartifact_registry: CodeArtifactRegistry, monkeypatch: pytest.MonkeyPatch
) -> Mapping[str, str]:
    """Let the test's own process use the registry, and all that it starts: `boto3.client("codeartifact")` goes there.

    Puts `environ` of `codeartifact_registry`, which it returns, in place of every AWS_ variable until the test ends.
    """
    import boto3  # noqa: PLC0415 - pytest starts without it

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in codeartifact_registry.environ.items():
        monkeypatch.setenv(name, value)
    # It holds on to the keys that it found first: those of another test's registry.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    return codeartifact_registry.environ


# The old way to wrap a hook: a pytest that does not know the new one would not even start.
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Show with a failure what its registry was asked for last."""
    report = (yield).get_result()
    if report.failed and (lines := _requests.get(item)):
        report.sections.append(("Requests to codeartifact_registry", "\n".join(lines)))


def _client(url: str, key: Credentials) -> CodeArtifactClient:
    from botocore.config import Config  # noqa: PLC0415 - pytest starts without it

    from .registry.isolated import ISOLATED_USER_AGENT, isolated_session  # noqa: PLC0415

    session = isolated_session(key.access_key_id, key.secret_access_key)
    config = Config(proxies={}, user_agent=ISOLATED_USER_AGENT)
    client = session.create_client("codeartifact", region_name=_REGION, endpoint_url=url, config=config)
    return cast("CodeArtifactClient", client)


def _environ(server: LocalRegistry, account: str, profile: Path) -> dict[str, str]:
    from .local_registry.shell import variables  # noqa: PLC0415 - pytest starts without it

    environ = variables(server, account=account, region=_REGION)
    # What is put over an environment unsets nothing, and an empty profile is an error. Some SDKs prefer one to keys.
    profile.touch(mode=0o600)
    profile.write_text(
        f"[default]\nregion = {_REGION}\n"
        f"aws_access_key_id = {environ['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {environ['AWS_SECRET_ACCESS_KEY']}\n",
        encoding="utf-8",
    )
    return {
        **environ,
        "AWS_PROFILE": "default",
        "AWS_DEFAULT_PROFILE": "default",
        "AWS_CONFIG_FILE": str(profile),
        "AWS_SHARED_CREDENTIALS_FILE": str(profile),
        "AWS_PAGER": "",
    }
