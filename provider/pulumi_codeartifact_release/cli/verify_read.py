"""What `verify` checks: a manifest's packages in one environment, or versions that are named with their digests.

    report = of_manifest(Path("release.yaml"), "prod", …)
    report.exit_code, [each.result for each in report.checked]

Nothing is written, wherever.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..approvals import approved_version, missing_pins
from ..errors import PinError, ReleaseError, UsageError
from ..hashing import hash_files
from ..location import Location, refuse_same_repository
from ..manifest import Environment, Manifest, Package, Variables, load
from ..publishing import Permission, Release, ThreadScheduler, read_version
from ..publishing.verify import Expected, ExpectedDigest, refuse_invalid_names
from ..registry.interface import Asset, Coordinates, Status
from .context import Site, Stop, open_site, parsed_variables, warn_of_endpoint, warn_of_unused_pins
from .named_versions import open_named_site
from .progress import Reading, open_reading
from .verify_check import Basis, Checked, Subject, check


@dataclass(frozen=True)
class Report:
    """Everything that was checked, in its order.

    Attributes:
        manifest: as it was named; None where versions were.
        source: what is compared with, where an environment promotes without a pin.
        download: whether bytes were to be downloaded and hashed.
    """

    manifest: str | None
    site: Site
    source: Site | None
    download: bool
    checked: tuple[Checked, ...]

    @property
    def exit_code(self) -> int:
        """The gravest of all: 4, 2, 1 or 0."""
        return max((each.exit_code for each in self.checked), default=0)


def of_manifest(
    path: Path, name: str, variables: Sequence[str], allow: frozenset[str], *, quiet: bool, download: bool
) -> Report:
    """Check every package of a manifest in one environment. Raises UsageError, ManifestError, FileError.

    `quiet`: nothing shows how far it is.
    """
    values = Variables(command_line=parsed_variables(variables), environ=os.environ)
    manifest = load(path, environment=name, variables=values, allow=allow)
    environment = manifest.environment(name)
    stop = Stop()
    site = open_site(environment, manifest.base, allow, stop)
    source = None
    if environment.promote_from and _asks_before(manifest, environment):
        source = open_site(manifest.environment(environment.promote_from), manifest.base, allow, stop)
        refuse_same_repository(source.location, site.location)
    warn_of_endpoint(site, source)
    # Nothing is drawn before both have their credentials: a code of an MFA device may be asked for.
    with open_reading(quiet=quiet) as reading:
        if environment.promote_from:
            subjects = _promoted(manifest, environment, site, source)
        else:
            subjects = _published(manifest, site, reading)
        return Report(str(path), site, source, download, check(subjects, site, stop, reading, download=download))


def of_digests(
    versions: Sequence[Permission], location: Location, allow: frozenset[str], *, quiet: bool, download: bool
) -> Report:
    """Check versions that are named with their digests. Raises UsageError. `quiet`: nothing shows how far it is."""
    stop = Stop()
    site = open_named_site(location, [(version.package, version.version) for version in versions], allow, stop)
    subjects = []
    for version in dict.fromkeys(versions):
        namespace, _, package = version.package.partition("/")
        at = site.location.coordinates(namespace, package, version.version)
        subjects.append(Subject(at, Basis.DIGEST, partial(ExpectedDigest, at, version.digest)))
    with open_reading(quiet=quiet) as reading:
        return Report(None, site, None, download, check(subjects, site, stop, reading, download=download))


# --- what must be there -----------------------------------------------------------------------------------------------


def _published(manifest: Manifest, site: Site, reading: Reading) -> list[Subject]:
    """Hash the declared files, all of them: what a cache remembers proves nothing."""
    paths = {file.path for package in manifest.packages for file in package.files}
    hashed = hash_files(paths, on_bytes=reading.hashing(paths))
    subjects = []
    for package in manifest.packages:
        at = site.location.coordinates(package.namespace, package.package, package.version)
        assets = [Asset(file.name, hashed[file.path].size, hashed[file.path].sha256) for file in package.files]
        subjects.append(Subject(at, Basis.FILES, partial(Release, at, tuple(assets), Status(package.status))))
    return subjects


def _asks_before(manifest: Manifest, environment: Environment) -> bool:
    """Return whether the environment before says anything; where pins say all of it nobody needs access to that one.

    Raises UsageError where a Pulumi stack says it.
    """
    unpinned = any(package.id not in environment.pins for package in manifest.packages)
    if environment.stack and unpinned:
        raise UsageError(
            f"the Pulumi stack {environment.stack} says what {environment.name} must hold, and only Pulumi can read it",
            hint="Pin every package (`pins`), or name the versions: NAMESPACE/PACKAGE@VERSION=sha256:DIGEST.",
        )
    return unpinned and not environment.pinned


def _promoted(manifest: Manifest, environment: Environment, site: Site, source: Site | None) -> list[Subject]:
    warn_of_unused_pins(manifest, environment)
    missing = missing_pins(manifest, environment)

    def subject(package: Package) -> Subject:
        approval = approved_version(manifest, environment, package)
        names = (package.namespace, package.package, approval.version)
        at, status = site.location.coordinates(*names), Status(package.status)
        if approval.pin:
            return Subject(at, Basis.PINS, partial(ExpectedDigest, at, approval.pin.digest, status))
        if missing or source is None:
            return Subject(at, Basis.PINS, partial(_raise, missing or PinError(f"nothing is approved for {at}")))
        there = source.location.coordinates(*names)
        return Subject(at, Basis.ENVIRONMENT, partial(_held, at, status, there, source))

    return [subject(package) for package in manifest.packages]


def _raise(error: ReleaseError) -> Expected:
    raise error


def _held(at: Coordinates, status: Status, there: Coordinates, source: Site) -> Release:
    """Return what the environment before holds. Raises PinError where it holds no whole version."""
    remote = read_version(source.connection.planning, there, ThreadScheduler())
    if remote is None or not remote.assets or remote.state.status in (Status.UNFINISHED, Status.DISPOSED):
        held = f"holds none of it ({remote.state.status})" if remote else "does not hold it"
        if remote and remote.state.status is Status.UNFINISHED:
            held = "holds it Unfinished"
        raise PinError(
            f"there is nothing to compare {at} with: it has no pin, and {there.domain}/{there.repository} {held}",
            hint="Pin its digest (`pins`), or name it: NAMESPACE/PACKAGE@VERSION=sha256:DIGEST.",
        )
    refuse_invalid_names(there, remote)
    # Under the names that they are compared by.
    assets = [Asset(name, asset.size, asset.sha256) for name, asset in remote.assets.items()]
    return Release(at, tuple(assets), status)
