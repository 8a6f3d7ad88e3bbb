"""Checks the packages of a manifest in one environment, or versions with digests on the command line.

    report = of_manifest(Path("release.yaml"), "prod", …)
    report.exit_code, [check.outcome for check in report.checks]

Writes nothing to a registry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ..approvals import approved_version, missing_pins, withdrawal_of
from ..errors import PinError, ReleaseError, UsageError
from ..hashing import HashedBytes, hash_files
from ..location import Location, refuse_same_repository
from ..manifest import Environment, Manifest, Package
from ..publishing import Permission, Release, ThreadScheduler, read_version, refuse_withdrawn
from ..publishing.bundle import BUNDLE_ASSET, BundleMember, encode_bundle
from ..publishing.verify import Expectation, ExpectedDigest, refuse_invalid_names
from ..registry.interface import Asset, Coordinates, Status
from .context import (
    OpenEnvironment,
    StopSignal,
    load_environment,
    open_environment,
    read_variables,
    warn_of_endpoint,
    warn_of_unused_pins,
)
from .named_versions import open_location
from .reading_progress import ReadProgress, open_read_progress
from .verify_check import Basis, CheckedVersion, Subject, check


@dataclass(frozen=True)
class Report:
    """The result of `verify`.

    Attributes:
        manifest: its path on the command line; None for versions with digests.
        source: the environment to compare with; None if every expectation comes from files, pins or digests.
        download: whether assets are downloaded and hashed.
        checks: in the order of the manifest or the command line.
    """

    manifest: str | None
    destination: OpenEnvironment
    source: OpenEnvironment | None
    download: bool
    checks: tuple[CheckedVersion, ...]

    @property
    def exit_code(self) -> int:
        """The highest exit code of all checks: 4, 2, 1 or 0."""
        return max((check.exit_code for check in self.checks), default=0)


def of_manifest(
    path: Path, name: str | None, variables: Sequence[str], allow: frozenset[str], *, quiet: bool, download: bool
) -> Report:
    """Check every package of a manifest in one environment. Raises UsageError, ManifestError, FileError.

    `quiet` hides the progress.
    """
    manifest, environment = load_environment(path, name, read_variables(variables), allow)
    stop = StopSignal()
    destination = open_environment(environment, manifest.base, allow, stop)
    source = None
    if environment.promote_from and _needs_source(manifest, environment):
        source = open_environment(manifest.environment(environment.promote_from), manifest.base, allow, stop)
        refuse_same_repository(source.location, destination.location)
    warn_of_endpoint(destination, source)
    # Show progress only now: connecting may ask for a code of an MFA device.
    with open_read_progress(quiet=quiet) as progress:
        if environment.promote_from:
            subjects = _promotion_subjects(manifest, environment, destination, source)
        else:
            subjects = _file_subjects(manifest, destination, progress)
        guard = partial(_unless_withdrawn, manifest=manifest)
        checks = check(subjects, destination, stop, progress, download=download, guard=guard)
        return Report(str(path), destination, source, download, checks)


def of_digests(
    versions: Sequence[Permission], location: Location, allow: frozenset[str], *, quiet: bool, download: bool
) -> Report:
    """Check versions against digests on the command line. Raises UsageError. `quiet` hides the progress."""
    stop = StopSignal()
    destination = open_location(location, [(version.package, version.version) for version in versions], allow, stop)
    subjects = []
    for version in dict.fromkeys(versions):
        at = destination.coordinates(version.package, version.version)
        subjects.append(Subject(at, Basis.DIGEST, partial(ExpectedDigest, at, version.digest)))
    with open_read_progress(quiet=quiet) as progress:
        return Report(
            None, destination, None, download, check(subjects, destination, stop, progress, download=download)
        )


# --- expected content -------------------------------------------------------------------------------------------------


def _file_subjects(manifest: Manifest, destination: OpenEnvironment, progress: ReadProgress) -> list[Subject]:
    """Hash all declared files. The hash cache is not used, because it may be outdated."""
    paths = {file.path for package in manifest.packages for file in package.files}
    hashed = hash_files(paths, on_bytes=progress.hashing(paths))
    releases = []
    for package in manifest.packages:
        at = destination.location.coordinates(package.namespace, package.package, package.version)
        assets = [Asset(file.name, hashed[file.path].size, hashed[file.path].sha256) for file in package.files]
        releases.append(Release(at, tuple(assets), Status(package.status)))
    bundle = manifest.bundle
    if bundle is None:
        return [_file_subject(release) for release in releases]
    at = destination.location.coordinates(bundle.namespace, bundle.package, bundle.version)
    content = HashedBytes(encode_bundle(map(BundleMember.of, releases)))
    own = Release(at, (Asset(BUNDLE_ASSET, content.size, content.sha256),))
    return [_file_subject(own), *(_file_subject(release, at.name) for release in releases)]


def _file_subject(release: Release, bundle: str | None = None) -> Subject:
    return Subject(release.at, Basis.FILES, lambda: release, bundle)


def _needs_source(manifest: Manifest, environment: Environment) -> bool:
    """Return whether to read the environment that this one promotes from; not if every package has a pin.

    Raises UsageError if a package without a pin comes from a Pulumi stack.
    """
    unpinned = any(package.id not in environment.pins for package in manifest.releases)
    if environment.stack and unpinned:
        raise UsageError(
            f"{environment.name} promotes outputs of the Pulumi stack {environment.stack}, which only Pulumi reads",
            hint="Pin every package (`pins`), or pass versions with digests: NAMESPACE/PACKAGE@VERSION=sha256:DIGEST.",
        )
    return unpinned and not environment.pinned


def _promotion_subjects(
    manifest: Manifest, environment: Environment, destination: OpenEnvironment, source: OpenEnvironment | None
) -> list[Subject]:
    warn_of_unused_pins(manifest, environment)
    missing = missing_pins(manifest, environment)

    def subject(package: Package) -> Subject:
        approval = approved_version(manifest, environment, package)
        names = (package.namespace, package.package, approval.version)
        at, status = destination.location.coordinates(*names), Status(package.status)
        if approval.pin:
            return Subject(at, Basis.PINS, partial(ExpectedDigest, at, approval.pin.digest, status))
        if missing or source is None:
            return Subject(at, Basis.PINS, partial(_raise, missing or PinError(f"nothing is approved for {at}")))
        source_at = source.location.coordinates(*names)
        return Subject(at, Basis.ENVIRONMENT, partial(_release_in_source, at, status, source_at, source))

    return [subject(package) for package in manifest.releases]


def _unless_withdrawn(subject: Subject, manifest: Manifest) -> Subject:
    """Return the subject, or one that raises WithdrawnError: nobody should deploy such a version."""
    at = subject.at
    withdrawal = withdrawal_of(manifest, f"{at.namespace}/{at.package}", at.version)

    def expected() -> Expectation:
        refuse_withdrawn(at, withdrawal)
        return subject.expected()

    return replace(subject, expected=expected)


def _raise(error: ReleaseError) -> Expectation:
    raise error


def _release_in_source(at: Coordinates, status: Status, source_at: Coordinates, source: OpenEnvironment) -> Release:
    """Return the version in the source as the expected release. Raises PinError if it is missing or incomplete."""
    remote = read_version(source.connection.planning, source_at, ThreadScheduler())
    if remote is None or not remote.assets or remote.state.status in (Status.UNFINISHED, Status.DISPOSED):
        if remote is None:
            problem = "does not have this version"
        elif remote.state.status is Status.UNFINISHED:
            problem = "has it only as Unfinished"
        else:
            problem = f"has none of its assets ({remote.state.status})"
        raise PinError(
            f"{at} has no pin to compare it with, and {source_at.domain}/{source_at.repository} {problem}",
            hint="Pin its digest (`pins`), or pass it: NAMESPACE/PACKAGE@VERSION=sha256:DIGEST.",
        )
    refuse_invalid_names(source_at, remote)
    # The keys are normalized names, which verify() compares.
    assets = [Asset(name, asset.size, asset.sha256) for name, asset in remote.assets.items()]
    return Release(at, tuple(assets), status)
