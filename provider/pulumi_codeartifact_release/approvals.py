"""The approved version and digest of each package in an environment.

approved = approvals(manifest, environment)         # raises PinError if `pinned` requires more pins
approved["acme/app"].pin.digest
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .errors import PinError
from .manifest import Environment, Manifest, Package
from .manifest import Pin as ManifestPin
from .publishing import Pin, Withdrawal
from .publishing.bundle import BundleMember
from .publishing.drift import DesiredVersion
from .registry.interface import Status

FindDigests: TypeAlias = Callable[[Sequence[tuple[Package, str]]], Sequence[str | None]]
"""Returns the digests of versions in the source environment; None for one that is not known."""


@dataclass(frozen=True)
class Approval:
    """The approved version of a package in an environment.

    Attributes:
        pin: the approved digest; None if the current version in the source is promoted.
    """

    version: str
    pin: Pin | None = None


def approvals(
    manifest: Manifest, environment: Environment, find_digests: FindDigests | None = None
) -> Mapping[str, Approval]:
    """Return the approval of the bundle, or else of every package, for an environment, by `namespace/package`.

    For a package with several versions, which cannot have a pin, it is the last version. Raises PinError, with all
    packages, if `pinned` requires pins that are missing. `find_digests` reads the digests for its message.
    """
    result = {package.id: approved_version(manifest, environment, package) for package in manifest.releases}
    missing = {package.id: package for package in manifest.releases if not result[package.id].pin}
    if environment.pinned and missing:
        versions = [(package, result[name].version) for name, package in missing.items()]
        raise _missing_pins_error(manifest, environment, versions, find_digests)
    return result


def missing_pins(
    manifest: Manifest, environment: Environment, find_digests: FindDigests | None = None
) -> PinError | None:
    """Return the error of `approvals` about missing pins; None if no pin is missing."""
    try:
        approvals(manifest, environment, find_digests)
    except PinError as error:
        return error
    return None


def _missing_pins_error(
    manifest: Manifest,
    environment: Environment,
    versions: Sequence[tuple[Package, str]],
    find_digests: FindDigests | None,
) -> PinError:
    digests = find_digests(versions) if find_digests else [None] * len(versions)
    # In quotes, because a name may contain YAML's special characters.
    lines = [
        f'\n    "{package.id}": {{version: "{version}", digest: "{digest or "sha256:…"}"}}'
        for (package, version), digest in zip(versions, digests, strict=True)
    ]
    before = environment.promote_from
    unread = f" Without a digest: {before} has no such version that could be promoted, or it could not be read."
    unused = unused_pins(manifest, environment)
    typo = f" (No package in the manifest matches the pins of {', '.join(unused)}.)" if unused else ""
    pin = shlex.join(["codeartifact-release", "pin", str(manifest.path), "-e", environment.name])
    return PinError(
        f"{manifest.path}: {environment.name} is `pinned`, but has no pins for:{''.join(lines)}",
        hint=f"Add these lines to environments.{environment.name}.pins and have them reviewed. `{pin}` adds what "
        f"{before} holds.{unread if find_digests and None in digests else ''}{typo}",
    )


def approved_version(manifest: Manifest, environment: Environment, package: Package) -> Approval:
    """Return the version and pin of a package in an environment.

    Without a pin, the version is that of the source environment. The pin of the source is not inherited: an approval
    is valid for one environment only.
    """
    if pin := environment.pins.get(package.id):
        return Approval(pin.version, Pin(pin.digest, f"`pins` of {environment.name}"))
    if not environment.promote_from:
        return Approval(package.version)
    return Approval(approved_version(manifest, manifest.environment(environment.promote_from), package).version)


def withdrawal_of(manifest: Manifest, package_id: str, version: str) -> Withdrawal | None:
    """Return the withdrawal of a version of the package `namespace/package`; None if it was not withdrawn."""
    entry = manifest.withdrawn.get(f"{package_id}@{version}")
    return Withdrawal(entry.digest, entry.status, entry.reason, f"`withdrawn` of {manifest.path}") if entry else None


def desired_version(
    manifest: Manifest, environment: Environment, package_id: str, declared: Package | None
) -> DesiredVersion | None:
    """Return the version that an environment should have; None if the manifest does not say.

    `declared` is one version of the package in the manifest; None if only pins name the package.
    """
    status = Status(declared.status) if declared else Status.PUBLISHED

    def desired(version: str, pin: ManifestPin | None = None) -> DesiredVersion:
        entry = manifest.withdrawn.get(f"{package_id}@{version}")
        return DesiredVersion(
            version,
            Status(entry.status) if entry else status,
            pin.digest if pin else None,
            pinned=pin is not None,
            withdrawn=entry.reason if entry else "",
        )

    if pin := environment.pins.get(package_id):
        return desired(pin.version, pin)
    bundle = manifest.bundle
    if declared and bundle and package_id != bundle.id and environment.promote_from:
        # The bundle names the version of its member. Only the manifest's version of the bundle is known here.
        whole = desired_version(manifest, environment, bundle.id, manifest.releases[0])
        return desired(declared.version) if whole and whole.version == bundle.version else None
    if declared is None or environment.pinned or environment.stack:
        # Without a pin, such an environment gets no version, or one that only Pulumi can read.
        return None
    return desired(approved_version(manifest, environment, declared).version)


def desired_member(manifest: Manifest, member: BundleMember, bundle: str) -> DesiredVersion:
    """Return the version of a member that an environment with `bundle` (`namespace/package@version`) should have."""
    entry = manifest.withdrawn.get(member.name)
    status = Status(entry.status) if entry else Status.PUBLISHED
    reason = entry.reason if entry else ""
    return DesiredVersion(member.version, status, member.digest, withdrawn=reason, bundle=bundle)


def marks_of(manifest: Manifest, environment: Environment, package_id: str) -> dict[str, str]:
    """Return which versions of a package an environment should have: version -> `pinned` or `declared`."""
    packages = dict.fromkeys((*manifest.packages, *manifest.releases))
    declared: list[Package | None] = [package for package in packages if package.id == package_id]
    desired = [desired_version(manifest, environment, package_id, package) for package in declared or [None]]
    return {item.version: "pinned" if item.pinned else "declared" for item in desired if item}


def unused_pins(manifest: Manifest, environment: Environment) -> list[str]:
    """Return the pins that match neither the bundle of the manifest nor a package: obsolete, or misspelled."""
    return sorted(environment.pins.keys() - {package.id for package in manifest.releases})
