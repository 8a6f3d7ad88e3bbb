"""The bundle that an environment holds, and whether it is complete, for `status`.

held = read_held_bundle(registry, at)
judge(held, states).complete
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..publishing.bundle import BundleMember
from ..publishing.bundle_check import member_problem
from ..publishing.drift import PackageState
from ..publishing.read_bundle import read_bundle
from ..registry.interface import Coordinates, Registry, Status


@dataclass(frozen=True)
class HeldBundle:
    """The bundle that an environment holds.

    Attributes:
        name: `namespace/package@version`.
        problems: by `namespace/package`, why a member makes it partial; "" for a member that does not. A member that
            could not be read is not in it.
    """

    name: str
    members: tuple[BundleMember, ...]
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool | None:
        """Whether every member is Published with the digest that the bundle names; None if that is not known."""
        if any(self.problems.values()):
            return False
        return True if len(self.problems) == len(self.members) else None


def read_held_bundle(registry: Registry, at: Coordinates) -> HeldBundle | None:
    """Return the members of a version; None if it is not a bundle. Two requests. Raises any RegistryError."""
    members = read_bundle(registry, at, registry.list_assets(at).assets)
    return HeldBundle(at.name, members) if members else None


def judge(bundle: HeldBundle, states: Mapping[str, PackageState]) -> HeldBundle:
    """Return the bundle with the problems of its members. `states`: by `namespace/package`, as read. Pure."""
    problems = {}
    for member in bundle.members:
        state = states[member.id]
        current = state.current if state.current and state.current.version == member.version else None
        if not state.problem:
            status = current.status if current else Status.UNFINISHED if state.in_progress else None
            problems[member.id] = member_problem(member, status, current.digest if current else None)
    return replace(bundle, problems=problems)
