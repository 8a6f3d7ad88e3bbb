"""The versions that an environment must hold, and the digests that its pins approve.

approved = approvals(manifest, environment)         # raises PinError where `pinned` asks for more
approved["acme/app"].pin.digest
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .errors import PinError
from .manifest import Environment, Manifest, Package
from .publishing import Pin


@dataclass(frozen=True)
class Approval:
    """The version of a package that an environment must hold, and what was approved of it.

    Attributes:
        pin: None where the source decides.
    """

    version: str
    pin: Pin | None = None


def approvals(manifest: Manifest, environment: Environment) -> Mapping[str, Approval]:
    """Return, by `namespace/package`, the version of every package of the manifest for one of its environments.

    Of a package with several versions, which no pin can be about, it is the last. Raises PinError, naming all of them,
    where `pinned` asks for pins that are not there.
    """
    found = {package.id: wanted(manifest, environment, package) for package in manifest.packages}
    missing = [(name, approval.version) for name, approval in found.items() if not approval.pin]
    if environment.pinned and missing:
        raise _unapproved(manifest, environment, missing)
    return found


def unapproved(manifest: Manifest, environment: Environment) -> PinError | None:
    """Return why some packages have no pin, where all of them must."""
    try:
        approvals(manifest, environment)
    except PinError as error:
        return error
    return None


def _unapproved(manifest: Manifest, environment: Environment, missing: Sequence[tuple[str, str]]) -> PinError:
    # Quoted, whatever is in a name.
    lines = [f'\n    "{name}": {{version: "{version}", digest: "sha256:…"}}' for name, version in missing]
    idle = idle_pins(manifest, environment)
    slip = f" (It pins {', '.join(idle)}, which is no package of the manifest.)" if idle else ""
    status = shlex.join(["codeartifact-release", "status", str(manifest.path), "--json"])
    return PinError(
        f"{manifest.path}: {environment.name} is `pinned`, and nothing is approved for:{''.join(lines)}",
        hint=f"Write these lines below environments.{environment.name}.pins, with the digest that was approved "
        f"(`{status}` has it), and have them reviewed.{slip}",
    )


def wanted(manifest: Manifest, environment: Environment, package: Package) -> Approval:
    """Return the version that an environment must hold: its pin's, else what the environment before must hold.

    Only a version is handed on like that: what was approved for one environment is not for the next.
    """
    if pin := environment.pins.get(package.id):
        return Approval(pin.version, Pin(pin.digest, f"`pins` of {environment.name}"))
    if not environment.promote_from:
        return Approval(package.version)
    return Approval(wanted(manifest, manifest.environment(environment.promote_from), package).version)


def idle_pins(manifest: Manifest, environment: Environment) -> list[str]:
    """Return the pins that are about no package of the manifest: left over, or a slip of the pen."""
    return sorted(environment.pins.keys() - {package.id for package in manifest.packages})
