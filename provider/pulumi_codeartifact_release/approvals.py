"""Who approved what: the pins of an environment, and what the operator permits to skip.

approved = approvals(manifest, environment)         # raises PinError where `pinned` asks for more
approved["acme/app"].pin.digest
force = forced(["acme/app@1.0=sha256:…"], "a security fix")
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .errors import PinError, UsageError
from .manifest import Environment, Manifest, Package
from .publishing import Permission, Pin
from .remedies import Need


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


def forced(texts: Sequence[str], reason: str) -> list[Permission]:
    """Read the operator's permissions to skip a soak. Raises UsageError; a reason is part of it, since it is kept."""
    if texts and not reason.strip():
        raise UsageError("a soak is skipped only for a reason, which is kept", hint=("Add ", Need("reason"), "."))
    if reason and not texts:
        raise UsageError("there is a reason, but nothing to force", hint="Leave the reason out, or force something.")
    return [Permission.parse(text) for text in texts]


def permitted(permissions: Sequence[Permission], package: str, version: str) -> str:
    """Return the digest that the operator named for a version, the last if there are several; "" for none."""
    # Those that have served their turn stand before it.
    named = [each.digest for each in permissions if (each.package, each.version) == (package, version)]
    return named[-1] if named else ""
