"""The members that are withdrawn and restored with a bundle.

members = read_members(registry, at, remote, manifest, restores=False)
spare(members, published, leaving={"acme/suite@1.1"})       # {"acme/db@1.0": "acme/suite@1.0 names it"}
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from ..manifest import Manifest
from ..publishing import RemoteVersion, Scheduler
from ..publishing.bundle import is_bundle_listing
from ..publishing.bundle_check import read_bundle_state
from ..publishing.change_status import StatusChange, change_status
from ..publishing.download_asset import DOWNLOADABLE
from ..publishing.read_bundle import read_bundle
from ..registry.interface import Coordinates, Registry, Status, VersionState
from .context import OpenEnvironment

Members = Mapping[str, str]
"""The members of a bundle: `namespace/package@version` -> digest."""


@dataclass(frozen=True)
class Spared:
    """A member that is not withdrawn with its bundle, and why."""

    environment: OpenEnvironment
    version: str
    reason: str


def is_bundle(remote: RemoteVersion) -> bool:
    """Return whether a version may be a bundle: nobody can read the content of an Archived one."""
    return is_bundle_listing(remote.assets)


def read_members(
    registry: Registry, at: Coordinates, remote: RemoteVersion, manifest: Manifest | None, *, restores: bool
) -> Members:
    """Return the members to withdraw or restore with a version; none if it is not a bundle. Raises RegistryError.

    What was withdrawn with an Archived bundle is in `withdrawn`, because its content cannot be read.
    """
    if not restores and remote.state.status in DOWNLOADABLE:
        members = read_bundle(registry, at, remote.assets) or ()
        return {member.name: member.digest for member in members}
    entries = manifest.withdrawn if manifest else {}
    return {name: entry.digest for name, entry in entries.items() if entry.bundle == at.name}


def spare(members: Iterable[str], published: Mapping[str, Collection[str]], leaving: Collection[str]) -> dict[str, str]:
    """Return the members that another Published bundle names, and the reason. `leaving`: what is withdrawn itself."""
    others = {bundle: names for bundle, names in published.items() if bundle not in leaving}
    return {
        name: f"{bundle} names it" for bundle, names in reversed(others.items()) for name in members if name in names
    }


def restore_bundle(at: Coordinates, remote: RemoteVersion, registry: Registry, scheduler: Scheduler) -> VersionState:
    """Make a version Published again; a bundle only if all its members are. Raises BundleError, and RegistryErrors.

    An Archived bundle becomes Unlisted first, because nobody can read the members of an Archived one.
    """
    state = remote.state
    if state.status is Status.ARCHIVED:
        state = change_status(StatusChange(at, state, Status.UNLISTED), registry, scheduler)
    if state.status is Status.UNLISTED:
        members = read_bundle(registry, at, remote.assets)
        if members:
            bundle = read_bundle_state(registry, at, members, scheduler)
            bundle.refuse_partial("The bundle stays Unlisted.")
    return change_status(StatusChange(at, state, Status.PUBLISHED), registry, scheduler)
