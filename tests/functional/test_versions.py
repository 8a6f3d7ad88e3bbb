"""Reading and downloading versions in Python, with and without a Pulumi program."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi
import pytest
from mypy_boto3_codeartifact import CodeArtifactClient

import pulumi_codeartifact_release as package
from pulumi_codeartifact_release import connections
from pulumi_codeartifact_release.errors import BundleError, MismatchError, UsageError, VersionNotFoundError
from support import bundles
from support.embedded import opened
from support.stack import Stack, empty_stack

__all__ = ["empty_stack"]

AT = {"domain": "acme", "repository": "dev", "endpoint": "file:.registry"}
FILES = {"app.zip": b"zip", "b.txt": b"beta"}


@pytest.fixture(autouse=True)
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a registry that holds `acme/app` 1.0; the working folder. The cache is empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODEARTIFACT_RELEASE_CACHE", str(tmp_path / "cache"))
    with opened(tmp_path / ".registry") as client:
        client.create_domain(domain="acme")
        client.create_repository(domain="acme", repository="dev")
        publish(client, "1.0", FILES)
    yield tmp_path
    connections.close()


def publish(client: Any, version: str, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        client.publish_package_version(
            domain="acme",
            repository="dev",
            format="generic",
            namespace="acme",
            package="app",
            packageVersion=version,
            assetContent=content,
            assetName=name,
            assetSHA256=hashlib.sha256(content).hexdigest(),
            unfinished=name != list(files)[-1],
        )


def files_of(version: str = "1.0", **options: str) -> dict[str, Path]:
    digest = options.pop("digest", "") or package.get_package_version("acme", "app", version, **AT).digest
    return dict(package.get_package_version_files("acme", "app", version, digest=digest, **AT))


def test_a_version_is_read() -> None:
    version = package.get_package_version("acme", "app", "1.0", **AT)
    assert (version.status, set(version.assets)) == ("Published", {"app.zip", "b.txt"})
    assert version.assets["b.txt"] == "sha256:" + hashlib.sha256(b"beta").hexdigest()
    text = "".join(f"{sha256.removeprefix('sha256:')}  {name}\n" for name, sha256 in version.assets.items())
    assert version.digest == "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    assert version.revision


def test_the_files_of_a_version_are_verified_and_local() -> None:
    assert {name: path.read_bytes() for name, path in files_of().items()} == FILES


def test_files_in_the_cache_need_no_registry(registry: Path) -> None:
    digest = package.get_package_version("acme", "app", "1.0", **AT).digest
    first = files_of(digest=digest)
    connections.close()
    (registry / ".registry").rename(registry / "gone")
    assert files_of(digest=digest) == first
    assert not (registry / ".registry").exists()


@pytest.mark.parametrize("change", ["different bytes", "missing", "one more"])
def test_a_cache_that_was_changed_is_not_used(change: str) -> None:
    paths = files_of()
    if change == "different bytes":
        paths["b.txt"].write_bytes(b"evil")
    elif change == "missing":
        paths["b.txt"].unlink()
    else:
        paths["b.txt"].with_name("c.txt").write_bytes(b"more")
    assert {name: path.read_bytes() for name, path in files_of().items()} == FILES


def test_another_digest_is_refused() -> None:
    with pytest.raises(MismatchError):
        files_of(digest="sha256:" + "0" * 64)


def test_a_version_that_does_not_exist() -> None:
    with pytest.raises(VersionNotFoundError, match="acme/app@9"):
        package.get_package_version("acme", "app", "9", **AT)


@pytest.mark.parametrize(
    ("values", "message"),
    [({"digest": "abc"}, "digest is 'abc'"), ({"version": "a#b"}, "a#b"), ({"version": ""}, "empty|version")],
)
def test_a_mistake_is_told_before_a_request(values: dict[str, str], message: str) -> None:
    arguments = {"version": "1.0", "digest": "sha256:" + "0" * 64, **values}
    with pytest.raises(UsageError, match=message):
        package.get_package_version_files("acme", "app", **AT, **arguments)


def test_a_preview_gets_the_files(empty_stack: Stack) -> None:
    def program() -> None:
        archive = pulumi.FileArchive(str(files_of()["app.zip"]))
        pulumi.export("content", Path(archive.path).read_text())

    empty_stack.run(program, preview=True)
    assert empty_stack.outputs == {"content": "zip"}


# --- bundles ---


@pytest.fixture
def suite(registry: Path) -> Iterator[CodeArtifactClient]:
    with opened(registry / ".registry") as client:
        bundles.publish_bundle(client)
        yield client


def test_a_bundle_has_its_members_and_their_hashes(suite: CodeArtifactClient) -> None:
    bundle = package.get_bundle("acme", "suite", "1.0", **AT)
    assert bundle.digest == package.get_package_version("acme", "suite", "1.0", **AT).digest
    assert (bundle.status, list(bundle.members)) == ("Published", ["acme/api", "acme/db"])
    database = bundle.members["acme/db"]
    version = package.get_package_version("acme", "db", "1.0", **AT)
    assert (database.version, database.digest, database.size) == ("1.0", version.digest, 6)
    assert database.assets == version.assets == {"db.sql": f"sha256:{hashlib.sha256(b'create').hexdigest()}"}
    assert package.get_bundle("acme", "suite", "1.0", digest=bundle.digest, **AT) == bundle


@pytest.mark.parametrize("status", ["Archived", "Unlisted"])
def test_a_partial_bundle_is_refused(suite: CodeArtifactClient, status: str) -> None:
    bundles.package_of(suite, "acme/db").set_status("1.0", status)
    with pytest.raises(BundleError, match=r"is partial: 1 of 2 members .*\n    acme/db@1\.0 is "):
        package.get_bundle("acme", "suite", "1.0", **AT)


def test_what_is_not_the_expected_bundle_is_refused(suite: CodeArtifactClient) -> None:
    with pytest.raises(BundleError, match=r"acme/app@1\.0 in acme/dev is not a bundle"):
        package.get_bundle("acme", "app", "1.0", **AT)
    with pytest.raises(MismatchError, match="has another digest"):
        package.get_bundle("acme", "suite", "1.0", digest="sha256:" + "0" * 64, **AT)
    with pytest.raises(UsageError, match="digest is 'x'"):
        package.get_bundle("acme", "suite", "1.0", digest="x", **AT)
    with pytest.raises(VersionNotFoundError):
        package.get_bundle("acme", "suite", "2.0", **AT)
