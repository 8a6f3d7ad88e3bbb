"""Bundles in an embedded registry, put there through plain boto3, and a manifest with one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mypy_boto3_codeartifact import CodeArtifactClient

from pulumi_codeartifact_release.publishing import digest
from pulumi_codeartifact_release.publishing.bundle import BUNDLE_ASSET, encode_bundle
from support.embedded import Package, create_registry, opened
from support.fakes import asset, bundle_members

MANIFEST = """\
schemaVersion: 1
variables:
  version: {default: "1.0"}
defaults: {namespace: acme, version: "${version}"}
bundle: {package: suite}
packages:
  - {package: api, assets: [dist/api.zip, dist/api.txt], after: [acme/db]}
  - {package: db, assets: [dist/db.sql]}
environments:
  dev: {domain: acme, repository: dev, endpoint: "file:.registry"}
  staging: {domain: acme, repository: staging, endpoint: "file:.registry", promoteFrom: dev}
  prod: {domain: acme, repository: prod, endpoint: "file:.registry", promoteFrom: staging}
"""
FILES = {"acme/api": {"api.zip": b"api", "api.txt": b"notes"}, "acme/db": {"db.sql": b"create"}}


def write_project(folder: Path) -> None:
    """Write the manifest and its files."""
    (folder / "release.yaml").write_text(MANIFEST)
    (folder / "dist").mkdir()
    for contents in FILES.values():
        for name, content in contents.items():
            (folder / "dist" / name).write_bytes(content)


@contextmanager
def opened_registry(folder: Path) -> Iterator[CodeArtifactClient]:
    """A client of the registry `.registry` of a folder, with the repositories dev, staging and prod."""
    create_registry(folder / ".registry", "acme/dev", "acme/staging", "acme/prod")
    with opened(folder / ".registry") as client:
        yield client


def package_of(client: CodeArtifactClient, name: str, repository: str = "dev") -> Package:
    namespace, _, package = name.partition("/")
    return Package(client, package, repository, namespace)


def publish(
    client: CodeArtifactClient, name: str, version: str, contents: dict[str, bytes], repository: str = "dev"
) -> str:
    """Publish a version; return its digest."""
    package = package_of(client, name, repository)
    for asset_name, content in contents.items():
        package.begin(version, asset_name, content)
    package.set_status(version, "Published")
    return digest(asset(*item) for item in contents.items())


def publish_bundle(
    client: CodeArtifactClient,
    version: str = "1.0",
    repository: str = "dev",
    *,
    packages: dict[str, dict[str, bytes]] = FILES,
    name: str = "acme/suite",
) -> str:
    """Publish members of one version, and a bundle that names them; return the digest of the bundle."""
    for member, contents in packages.items():
        publish(client, member, version, contents, repository)
    return publish(client, name, version, {BUNDLE_ASSET: encode_bundle(bundle_members(packages, version))}, repository)
