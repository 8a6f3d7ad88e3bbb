"""What happens while a release is applied, told as it happens. Displays turn these into progress and log lines."""

from __future__ import annotations

from dataclasses import dataclass

from ..registry.interface import Asset, Status, VersionState
from .plan import Plan


@dataclass(frozen=True)
class Planned:
    """The registry was looked at; this is what will be done. Comes again when a rival made it look again."""

    plan: Plan


@dataclass(frozen=True)
class AssetStarted:
    """An upload begins."""

    asset: Asset


@dataclass(frozen=True)
class AssetProgress:
    """`sent` bytes of the asset are on their way; falls back when a request is sent again."""

    asset: Asset
    sent: int


@dataclass(frozen=True)
class AssetSent:
    """The registry has the asset."""

    asset: Asset


@dataclass(frozen=True)
class Copied:
    """The service copied the version; it is compared asset by asset before it counts.

    Attributes:
        repository: where from.
    """

    repository: str


@dataclass(frozen=True)
class Publishing:
    """All assets are in place; the version is about to become Published."""


@dataclass(frozen=True)
class Deleted:
    """The version was deleted, as the operator permitted; it is absent until it is published anew.

    Attributes:
        digest: what it held.
    """

    digest: str


@dataclass(frozen=True)
class StatusSet:
    """The version moved to `status`."""

    status: Status


@dataclass(frozen=True)
class Rechecking:
    """An answer left open what the registry holds; it is read again (rule 5)."""

    reason: str


@dataclass(frozen=True)
class Finished:
    """The registry holds the release. Always the last event.

    Attributes:
        state: status and revision at the end.
        sent: the assets that this run sent.
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
    | Finished
)
