"""The bundles that a withdrawal concerns: the members that go with a bundle, and the bundles that become partial.

published = read_published(env, ["acme/suite"])
spare(members, published, leaving={"acme/suite@1.1"})       # {"acme/db@1.0": "acme/suite@1.0 names it"}
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..manifest import Manifest
from ..publishing import RemoteVersion, Scheduler
from ..publishing.bundle import is_bundle_listing
from ..publishing.bundle_check import read_bundle_state
from ..publishing.change_status import StatusChange, change_status
from ..publishing.download_asset import DOWNLOADABLE
from ..publishing.read_bundle import published_bundles, read_bundle
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


@dataclass(frozen=True)
class PartialBundle:
    """A Published bundle, and the members that it loses."""

    environment: OpenEnvironment
    bundle: str
    members: tuple[str, ...]


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


def read_published(env: OpenEnvironment, packages: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the Published bundles of some packages: `namespace/package@version` -> its members."""
    registry = env.connection.planning
    return {
        f"{package}@{version}": frozenset(member.name for member in members)
        for package in packages
        for version, members in published_bundles(registry, env.coordinates(package))
    }


def spare(members: Iterable[str], published: Mapping[str, Collection[str]], leaving: Collection[str]) -> dict[str, str]:
    """Return the members that another Published bundle names, and the reason. `leaving`: what is withdrawn itself."""
    others = {bundle: names for bundle, names in published.items() if bundle not in leaving}
    return {
        name: f"{bundle} names it" for bundle, names in reversed(others.items()) for name in members if name in names
    }


def partial_bundles(
    env: OpenEnvironment, published: Mapping[str, Collection[str]], leaving: Sequence[str]
) -> list[PartialBundle]:
    """Return the Published bundles that lose members, and are not withdrawn themselves."""
    losses = {bundle: tuple(name for name in leaving if name in names) for bundle, names in published.items()}
    return [PartialBundle(env, bundle, lost) for bundle, lost in losses.items() if lost and bundle not in leaving]


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
