"""The Published bundles that lose members when versions are withdrawn or replaced.

published = read_published(env, ["acme/suite"])
for lost in partial_bundles(env, published, ["acme/db@1.0"]):
    print(partial_text(lost))
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..publishing.read_bundle import published_bundles
from .context import OpenEnvironment


@dataclass(frozen=True)
class PartialBundle:
    """A Published bundle, and the members that it loses."""

    environment: OpenEnvironment
    bundle: str
    members: tuple[str, ...]


def read_published(env: OpenEnvironment, packages: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the Published bundles of some packages: `namespace/package@version` -> its members."""
    registry = env.connection.planning
    return {
        f"{package}@{version}": frozenset(member.name for member in members)
        for package in packages
        for version, members in published_bundles(registry, env.coordinates(package))
    }


def partial_bundles(
    env: OpenEnvironment, published: Mapping[str, Collection[str]], leaving: Sequence[str]
) -> list[PartialBundle]:
    """Return the Published bundles that lose members, and are not withdrawn themselves."""
    losses = {bundle: tuple(name for name in leaving if name in names) for bundle, names in published.items()}
    return [PartialBundle(env, bundle, lost) for bundle, lost in losses.items() if lost and bundle not in leaving]


def partial_text(lost: PartialBundle) -> str:
    """Return a bundle and the members that it loses in a line."""
    return f"{lost.bundle} in {lost.environment.location} becomes partial: it names {', '.join(lost.members)}"
