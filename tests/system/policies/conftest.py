"""The manifest of docs/ci.md with its files, and a registry behind a gate as AWS_ENDPOINT_URL_CODEARTIFACT."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mypy_boto3_codeartifact import CodeArtifactClient

from pulumi_codeartifact_release import connections
from pulumi_codeartifact_release.local_registry import faults, start
from pulumi_codeartifact_release.local_registry.failures import ServiceError
from pulumi_codeartifact_release.local_registry.server import LocalRegistry
from support.command_line import Outcome, Run, run
from support.embedded import Gate, client_of

from .iam import REGION, Need, needs
from .page import FILES

__all__ = ["run"]

PLATFORMS = ("linux", "mac", "windows")
PLACES = {"dev": ("acme", "dev"), "staging": ("acme", "staging"), "prod": ("acme-prod", "releases")}
PACKAGE = "acme/payments-api"


class Stand:
    """Runs the command line, and records the requests to the registry.

    Attributes:
        folder: of the manifest; the working folder.
        registry: the folder that the registry is kept in.
        client: somebody else's, whose requests are not recorded.
        environ: what another process needs to reach the registry.
    """

    def __init__(
        self, folder: Path, registry: Path, client: CodeArtifactClient, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.folder = folder
        self.registry = registry
        self.client = client
        self.environ: dict[str, str] = {}
        self._run = run
        self._monkeypatch = monkeypatch
        self._gates: list[Gate] = []

    def needed(self) -> set[Need]:
        """The permissions that the requests since `forget` need."""
        return needs(request for gate in self._gates for request in gate.requests)

    def forget(self) -> None:
        """Clear the recorded requests."""
        for gate in self._gates:
            gate.requests.clear()

    def ran(self, *words: str, code: int | None = 0) -> Outcome:
        outcome = self._run(*words)
        assert code in (None, outcome.code), outcome
        return outcome

    def plan(self, environment: str, *words: str, code: int | None = 0) -> Outcome:
        return self.ran("plan", "release.yaml", "-e", environment, *words, code=code)

    def apply(self, environment: str, *words: str, code: int | None = 0) -> Outcome:
        return self.ran("apply", "release.yaml", "-e", environment, "--yes", *words, code=code)

    # --- files and manifest

    def build(self, version: str, content: str = "built") -> None:
        """Write the files of a version."""
        (self.folder / "VERSION").write_text(f"{version}\n")
        for platform in PLATFORMS:
            path = self.folder / "dist" / platform / "payments-api.tar.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{content} for {platform}")

    def edit(self, old: str, new: str) -> None:
        """Change the manifest, which must say `old`."""
        path = self.folder / "release.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def declare(self, status: str) -> None:
        self.edit("version: ${version}\n", f"version: ${{version}}\n    status: {status}\n")

    def approve(self, version: str) -> str:
        """Pin what staging holds; returns its digest."""
        digest = self.digest("staging", version)
        pin = FILES["release.yaml"].partition("pins:")[2]
        text = (self.folder / "release.yaml").read_text()
        changed = f"\n      {PACKAGE}:\n        version: {version}\n        digest: {digest}\n"
        assert text.endswith(pin)
        (self.folder / "release.yaml").write_text(text.removesuffix(pin) + changed)
        return digest

    # --- other publishers

    def key(self, environment: str) -> dict[str, Any]:
        domain, repository = PLACES[environment]
        namespace, _, package = PACKAGE.partition("/")
        place = {"domain": domain, "repository": repository, "format": "generic"}
        return {**place, "namespace": namespace, "package": package}

    def begin(self, environment: str, version: str, name: str, content: bytes) -> None:
        """Send one asset of a version, and stop."""
        self.client.publish_package_version(
            **self.key(environment),
            packageVersion=version,
            assetName=name,
            assetContent=content,
            assetSHA256=sha256(content),
            unfinished=True,
        )

    def set_status(self, environment: str, version: str, status: Any) -> None:
        answer = self.client.update_package_versions_status(
            **self.key(environment), versions=[version], targetStatus=status
        )
        assert not answer.get("failedVersions"), answer

    def status(self, environment: str, version: str) -> str:
        told = self.client.describe_package_version(**self.key(environment), packageVersion=version)
        return told["packageVersion"]["status"]

    def digest(self, environment: str, version: str) -> str:
        listed = self.client.list_package_version_assets(**self.key(environment), packageVersion=version)["assets"]
        lines = sorted(f"{asset['hashes']['SHA-256']}  {asset['name']}\n".encode() for asset in listed)
        ordered = sorted(lines, key=lambda line: line.split(b"  ", 1)[1])
        return f"sha256:{sha256(b''.join(ordered))}"

    # --- the registry

    @contextmanager
    def reached(self, server: LocalRegistry) -> Iterator[None]:
        """Start a server behind a gate."""
        with Gate(server) as gate, self._monkeypatch.context() as patch:
            self._gates.append(gate)
            key = server.credentials()
            before, self.environ = (
                self.environ,
                {
                    "AWS_ENDPOINT_URL_CODEARTIFACT": gate.url,
                    "AWS_ACCESS_KEY_ID": key.access_key_id,
                    "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
                    "AWS_REGION": REGION,
                },
            )
            for name, value in self.environ.items():
                patch.setenv(name, value)
            # A process reads its keys once, and each server has other keys.
            connections.close()
            yield
            connections.close()
            self.environ = before

    @contextmanager
    def untyped(self) -> Iterator[None]:
        """Answer every DescribePackageVersion with a 404 that does not say what is missing."""
        fault = {"fail": "ResourceNotFoundException", "operations": ["DescribePackageVersion"]}
        with self._monkeypatch.context() as patch:
            # The embedded registry says what is missing; AWS may not.
            patch.setattr(faults, "ServiceError", lambda shape, message, **_members: ServiceError(shape, message))
            with start(self.registry, faults=faults.parse({"rules": [fault]})) as server, self.reached(server):
                yield


@pytest.fixture
def stand(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    """Nothing is released yet; the built version is 1.4.2."""
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "release.yaml").write_text(FILES["release.yaml"])
    with start(tmp_path / "registry") as server:
        client = client_of(server)
        for domain, repository in PLACES.values():
            with contextlib.suppress(client.exceptions.ConflictException):
                client.create_domain(domain=domain)
            client.create_repository(domain=domain, repository=repository)
        stand = Stand(folder, tmp_path / "registry", client, run, monkeypatch)
        stand.build("1.4.2")
        with stand.reached(server):
            yield stand
        client.close()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
