"""Read and download published versions in Python, in a Pulumi program or without one.

    version = get_package_version("acme", "app", "1.4.2", domain="acme", repository="releases")
    version.digest, version.assets["app.zip"]

    files = get_package_version_files(
        "acme", "app", "1.4.2", domain="acme", repository="releases", digest="sha256:6a3f…"
    )
    pulumi.FileArchive(str(files["app.zip"]))

    bundle = get_bundle("acme", "suite", "1.4.2", domain="acme", repository="releases", digest="sha256:07a9…")
    bundle.members["acme/app"].version

All run immediately, also in previews, and write nothing to the registry.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .connections import connect
from .errors import BundleError, UsageError
from .hashing import default_folder, hash_files
from .location import Location, resolve
from .manifest import value_problem
from .publishing import RemoteVersion, ThreadScheduler, read_version
from .publishing.bundle_check import read_bundle_state
from .publishing.digest import digest as digest_of_assets
from .publishing.download import download, missing_version, read_downloadable
from .publishing.read_bundle import read_bundle
from .registry.interface import Asset, Coordinates, Registry

_DIGEST = re.compile("sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class PublishedVersion:
    """A version in the registry.

    Attributes:
        status: Published, Unlisted, Archived, Unfinished or Disposed.
        digest: `sha256:` and the SHA-256 of the checksums of all assets.
        revision: changes with every change of the version.
        assets: asset name -> `sha256:` and 64 hex digits, as the output of the resources.
    """

    status: str
    digest: str
    revision: str
    assets: Mapping[str, str]


@dataclass(frozen=True)
class PublishedMember:
    """A member of a bundle: a Published version with the digest that the bundle names.

    Attributes:
        namespace: the package's namespace.
        package: the package's name.
        version: the version.
        digest: `sha256:` and the SHA-256 of the checksums of all assets.
        size: of all assets, in bytes.
        assets: asset name -> `sha256:` and 64 hex digits.
    """

    namespace: str
    package: str
    version: str
    digest: str
    size: int
    assets: Mapping[str, str]


@dataclass(frozen=True)
class PublishedBundle:
    """A complete bundle in the registry.

    Attributes:
        status: Published or Unlisted.
        digest: `sha256:` and the SHA-256 of its checksums. It proves the digests of all members.
        revision: changes with every change of the version of the bundle.
        members: by `namespace/package`.
    """

    status: str
    digest: str
    revision: str
    members: Mapping[str, PublishedMember]


def get_package_version(
    namespace: str,
    package: str,
    version: str,
    *,
    domain: str,
    repository: str,
    domain_owner: str | None = None,
    region: str | None = None,
    profile: str | None = None,
    endpoint: str | None = None,
) -> PublishedVersion:
    """Read a version from the registry.

    Args:
        namespace: the package's namespace.
        package: the package's name.
        version: the version.
        domain: the domain.
        repository: the repository.
        domain_owner: the account that owns the domain, 12 digits; by default the caller's.
        region: by default that of the AWS SDK's chain.
        profile: by default the credential chain of the AWS SDK.
        endpoint: a URL, or `file:DIR` for an embedded registry, relative to the working folder. By default
            AWS_ENDPOINT_URL_CODEARTIFACT, then AWS.

    Raises:
        VersionNotFoundError: there is no such version.
        ReleaseError: an argument is wrong, or the registry cannot be read.
    """
    location = Location(domain, repository, domain_owner, region, profile, endpoint or "")
    at, registry = _open(location, namespace, package, version)
    remote = read_version(registry, at, ThreadScheduler())
    if remote is None:
        raise missing_version(at)
    return PublishedVersion(str(remote.state.status), remote.digest, remote.state.revision, _hashes(remote))


def get_bundle(  # noqa: D417 - the others are those of get_package_version
    namespace: str,
    package: str,
    version: str,
    *,
    domain: str,
    repository: str,
    digest: str | None = None,
    domain_owner: str | None = None,
    region: str | None = None,
    profile: str | None = None,
    endpoint: str | None = None,
) -> PublishedBundle:
    """Read a bundle and all its members, and check that the bundle is complete.

    The other arguments are those of `get_package_version`.

    Args:
        digest: the expected digest of the bundle, `sha256:` and 64 hex digits; by default any.

    Raises:
        BundleError: the version is not a bundle, or a member is not Published with the digest that the bundle names.
        MismatchError: the bundle has another digest, or is neither Published nor Unlisted.
        VersionNotFoundError: there is no such version.
        ReleaseError: an argument is wrong, or the registry cannot be read.
    """
    if digest is not None:
        _refuse_malformed(digest)
    location = Location(domain, repository, domain_owner, region, profile, endpoint or "")
    at, registry = _open(location, namespace, package, version)
    scheduler = ThreadScheduler()
    remote = read_downloadable(at, registry, scheduler, digest)
    members = read_bundle(registry, at, remote.assets)
    if members is None:
        raise BundleError(f"{at} is not a bundle", hint="Read it with get_package_version.")
    state = read_bundle_state(registry, at, members, scheduler)
    state.refuse_partial("Nothing was returned.")
    return PublishedBundle(
        str(remote.state.status),
        remote.digest,
        remote.state.revision,
        {
            member.id: PublishedMember(
                member.namespace, member.package, member.version, member.digest, member.size, _hashes(actual)
            )
            for member, actual in ((checked.member, checked.remote) for checked in state.members)
            if actual
        },
    )


def get_package_version_files(  # noqa: D417 - the others are those of get_package_version
    namespace: str,
    package: str,
    version: str,
    *,
    digest: str,
    domain: str,
    repository: str,
    domain_owner: str | None = None,
    region: str | None = None,
    profile: str | None = None,
    endpoint: str | None = None,
) -> Mapping[str, Path]:
    """Return asset name -> local file of a version, verified against `digest` (`sha256:` and 64 hex digits).

    The files are in the cache of the user, or in the folder CODEARTIFACT_RELEASE_CACHE. Do not change them. Every call
    hashes them, and downloads those that are missing or wrong. The other arguments are those of `get_package_version`.

    Args:
        digest: the expected digest; `sha256:` and 64 hex digits.

    Raises:
        MismatchError: the version has another digest, or cannot be downloaded.
        ReleaseError: an argument is wrong, or the registry cannot be read.
    """
    _refuse_malformed(digest)
    folder = default_folder() / "versions" / digest.removeprefix("sha256:")
    if files := _files_in_cache(folder, digest):
        return files
    location = Location(domain, repository, domain_owner, region, profile, endpoint or "")
    at, registry = _open(location, namespace, package, version)
    return download(at, registry, folder, ThreadScheduler(), digest=digest, bundles=False).files


def _hashes(remote: RemoteVersion) -> dict[str, str]:
    return {name: f"sha256:{asset.sha256}" for name, asset in sorted(remote.assets.items())}


def _refuse_malformed(digest: str) -> None:
    if not _DIGEST.fullmatch(digest):
        raise UsageError(f"digest is {digest!r}", hint="Write sha256: and 64 hex digits, as `status --json` prints it.")


def _open(location: Location, namespace: str, package: str, version: str) -> tuple[Coordinates, Registry]:
    values = {
        "domain": location.domain,
        "repository": location.repository,
        "domainOwner": location.domain_owner,
        "region": location.region,
        "namespace": namespace,
        "package": package,
        "version": version,
    }
    for key, value in values.items():
        if value is not None and (problem := value_problem(key, value)):
            raise UsageError(problem)
    # The user trusts the program that they run, so it may choose any endpoint.
    location = resolve(location, base=Path.cwd(), allow=frozenset(["endpoint"]))
    return location.coordinates(namespace, package, version), connect(location).planning


def _files_in_cache(folder: Path, digest: str) -> dict[str, Path] | None:
    """Return the files in the cache if they are exactly the assets of the version, else None."""
    try:
        paths = {path.name: path for path in folder.iterdir() if path.is_file() and not path.is_symlink()}
    except OSError:
        return None
    hashes = hash_files(paths.values())
    assets = [Asset(name, hashes[path].size, hashes[path].sha256) for name, path in paths.items()]
    return paths if digest_of_assets(assets) == digest else None
