"""The members that are withdrawn and restored with a bundle.

members = read_members(registry, at, remote, manifest, restores=False)
spare(members, published, leaving={"acme/suite@1.1"})       # {"acme/db@1.0": "acme/suite@1.0 names it"}
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from ..errors import BundleError, ReleaseError, printable
from ..manifest import Manifest, Withdrawal
from ..publishing import RemoteVersion, Scheduler, ThreadScheduler
from ..publishing.bundle import is_bundle_listing
from ..publishing.bundle_check import check_bundle, read_bundle_state
from ..publishing.change_status import StatusChange, change_status
from ..publishing.download_asset import DOWNLOADABLE
from ..publishing.read_bundle import read_bundle
from ..registry.interface import Coordinates, Registry, Status, VersionState
from .context import OpenEnvironment

if TYPE_CHECKING:
    from .withdraw import Subject

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


def kept_withdrawals(manifest: Manifest | None, named: Collection[str]) -> dict[str, Withdrawal]:
    """Return the entries of `withdrawn` that a withdrawal of the versions `named`, or its end, does not change."""
    entries = manifest.withdrawn if manifest else {}
    return {name: entry for name, entry in entries.items() if name not in named and entry.bundle not in named}


def declared_members(manifest: Manifest | None, bundle: str) -> list[str]:
    """Return the members of `bundle` (`namespace/package@version`) that the manifest declares; none for others."""
    if not manifest or not manifest.bundle or f"{manifest.bundle.id}@{manifest.bundle.version}" != bundle:
        return []
    return [f"{package.id}@{package.version}" for package in manifest.packages]


def spare(members: Iterable[str], published: Mapping[str, Collection[str]], leaving: Collection[str]) -> dict[str, str]:
    """Return the members that another Published bundle names, and the reason. `leaving`: what is withdrawn itself."""
    others = {bundle: names for bundle, names in published.items() if bundle not in leaving}
    return {
        name: f"{bundle} names it" for bundle, names in reversed(others.items()) for name in members if name in names
    }


def refuse_withdrawn(at: Coordinates, members: Iterable[str], kept: Mapping[str, Withdrawal]) -> None:
    """Raise BundleError if a member of the bundle at `at` was withdrawn for a reason of its own."""
    for name in members:
        if entry := kept.get(name):
            how = f"with {entry.bundle}" if entry.bundle else "itself"
            raise BundleError(
                f"{at} cannot be restored: its member {name} was withdrawn {how}: {entry.reason}",
                hint=f"To restore both, name {name}, too.",
            )


@contextmanager
def _readable(at: Coordinates, remote: RemoteVersion, registry: Registry) -> Iterator[VersionState]:
    """Make an Archived bundle Unlisted, because nobody can read the members of an Archived one. Yields its state.

    After an error it becomes Archived again, unless it is Published already. Raises RegistryErrors.
    """
    if remote.state.status is not Status.ARCHIVED:
        yield remote.state
        return
    # Ctrl-C must not stop the way back.
    scheduler = ThreadScheduler()
    try:
        yield change_status(StatusChange(at, remote.state, Status.UNLISTED), registry, scheduler)
    except BaseException:
        try:
            state = registry.describe(at)
            if state.status is Status.UNLISTED:
                state = change_status(StatusChange(at, state, Status.ARCHIVED), registry, scheduler)
            click.echo(printable(f"{at} is {state.status}"), err=True)
        except ReleaseError as error:
            click.echo(printable(f"warning: {at} may be Unlisted, and not Archived again: {error}"), err=True)
        raise


def _check_members(
    at: Coordinates,
    remote: RemoteVersion,
    registry: Registry,
    restored: Mapping[str, RemoteVersion],
    kept: Mapping[str, Withdrawal],
    scheduler: Scheduler,
) -> None:
    """Raise BundleError if the readable bundle at `at` is partial, even with the members that will be `restored`."""
    members = read_bundle(registry, at, remote.assets)
    if not members:
        return
    refuse_withdrawn(at, (member.name for member in members), kept)
    read = {member.member.id: member.remote for member in read_bundle_state(registry, at, members, scheduler).members}
    for member in members:
        found, shown = read[member.id], restored.get(member.name)
        if found and shown and found.state.revision == shown.state.revision:
            read[member.id] = replace(found, state=replace(found.state, status=Status.PUBLISHED))
    check_bundle(at, members, read).refuse_partial("The bundle was not restored.")


def _publish_bundle(
    at: Coordinates, remote: RemoteVersion, state: VersionState, registry: Registry, scheduler: Scheduler
) -> VersionState:
    """Make a readable bundle Published if all its members are. Raises BundleError, and RegistryErrors."""
    if state.status is not Status.PUBLISHED:
        _check_members(at, remote, registry, {}, {}, scheduler)
    return change_status(StatusChange(at, state, Status.PUBLISHED), registry, scheduler)


def restore(subjects: Sequence[Subject], kept: Mapping[str, Withdrawal], scheduler: Scheduler) -> list[Status]:
    """Publish versions, of which the bundles are the last. Returns their new statuses.

    Raises BundleError, and changes no version, if a bundle would be partial.
    """
    bundles = [subject for subject in subjects if is_bundle(subject.remote)]
    states: list[Status] = []
    with ExitStack() as stack:
        readable = []
        for subject in bundles:
            at, remote, registry = subject.at, subject.remote, subject.env.connection.registry
            readable.append(stack.enter_context(_readable(at, remote, registry)))
            restored = {each.at.name: each.remote for each in subjects if each.env is subject.env}
            _check_members(at, remote, registry, restored, kept, scheduler)
        try:
            for subject in subjects[: len(subjects) - len(bundles)]:
                state = change_status(subject.change, subject.env.connection.registry, scheduler)
                states += [state.status]
            for subject, state in zip(bundles, readable, strict=True):
                registry = subject.env.connection.registry
                states += [_publish_bundle(subject.at, subject.remote, state, registry, scheduler).status]
        except BaseException:
            for subject, status in zip(subjects, states, strict=False):
                click.echo(printable(f"{subject.at} is {status}"), err=True)
            raise
    return states
