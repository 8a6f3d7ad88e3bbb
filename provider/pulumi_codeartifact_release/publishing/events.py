"""The events of a release, as `apply` yields them. Displays turn them into progress and log lines."""

from __future__ import annotations

from dataclasses import dataclass

from ..registry.interface import Asset, Status, VersionState
from .plan import Plan


@dataclass(frozen=True)
class Planned:
    """The registry was read, and this is the plan. Comes again after every further read."""

    plan: Plan


@dataclass(frozen=True)
class AssetStarted:
    """An upload or a download starts."""

    asset: Asset


@dataclass(frozen=True)
class AssetProgress:
    """`sent` bytes of the asset have been transferred. Falls when a request is repeated."""

    asset: Asset
    sent: int


@dataclass(frozen=True)
class AssetSent:
    """The registry has accepted the asset."""

    asset: Asset


@dataclass(frozen=True)
class Copied:
    """The service copied the version. The copy is still to be compared with the release.

    Attributes:
        repository: the source.
    """

    repository: str


@dataclass(frozen=True)
class Publishing:
    """All assets are there. The next request publishes the version."""


@dataclass(frozen=True)
class Deleted:
    """The version was deleted, as the operator permitted. It is absent until it is published again.

    Attributes:
        digest: the digest of the deleted version.
    """

    digest: str


@dataclass(frozen=True)
class StatusSet:
    """The status of the version was set."""

    status: Status


@dataclass(frozen=True)
class Rechecking:
    """A response left the state of the registry open. It is read again (rule 5)."""

    reason: str


@dataclass(frozen=True)
class Staged:
    """Everything is in the registry, and consumers of releases do not see it yet. The last event of staging.

    Attributes:
        plan: what is still to be done.
        sent: the assets that this run uploaded.
    """

    plan: Plan
    sent: tuple[Asset, ...] = ()


@dataclass(frozen=True)
class MemberEvent:
    """An event of one member of a bundle, or of the bundle itself.

    Attributes:
        name: the name of its request.
    """

    name: str
    event: Event


@dataclass(frozen=True)
class Finished:
    """The registry holds the release. Always the last event.

    Attributes:
        state: the final status and revision.
        sent: the assets that this run uploaded.
        copied: the assets that the service copied.
    """

    state: VersionState
    sent: tuple[Asset, ...]
    copied: tuple[Asset, ...] = ()


Event = (
    Planned
    | AssetStarted
    | AssetProgress
    | AssetSent
    | Copied
    | Publishing
    | Deleted
    | StatusSet
    | Rechecking
    | Staged
    | MemberEvent
    | Finished
)
