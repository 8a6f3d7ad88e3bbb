"""Decides what to do for a release, from the declaration and the state of the registry. Pure.

    plan = make_plan(release, remote)       # remote: RemoteVersion, or None if there is no version
    if plan.refusal:
        raise plan.refusal

This is rule 2 of the publishing rules: read before writing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from ..errors import ConflictError, DisposedError, LeftoverAssetsError, RefusedError
from ..registry.interface import Asset, AssetListing, Coordinates, Status, VersionState
from ..remedies import Need, Text
from .digest import digest, in_name_order, nfc_names

PRE_DELETE_STATUS = Status.ARCHIVED
"""The status that a version gets, guarded by its revision, before a replacement deletes it.

The delete request takes no revision, only the expected status. So a release that replaces must be declared Published:
a delete request that arrives late must not delete the new version.
"""

_EMPTY = hashlib.sha256().hexdigest()
_MAX_SHOWN = 20
"""The number of differences in a message. More would hide the rest of it."""


class Finalize(StrEnum):
    """How the version becomes Published (rule 3)."""

    STATUS_UPDATE = "status-update"
    """Every asset is sent unfinished. A compare-and-swap of the status publishes the version."""
    LAST_ASSET = "last-asset"
    """The smallest asset is sent last, without `unfinished`. This needs only the permission to publish."""


class Action(StrEnum):
    """What a plan does."""

    PUBLISH = "publish"
    RESUME = "resume"
    SET_STATUS = "set-status"
    REPLACE = "replace"
    """Delete the version, as the operator permitted, and publish it again. It is absent in between."""
    KEEP = "keep"
    REFUSE = "refuse"


class Route(StrEnum):
    """How the bytes get to the registry."""

    FILES = "files"
    """Files on this machine are uploaded."""
    COPY = "copy"
    """The service copies a version within its domain. An Unfinished version is completed by transfer."""
    TRANSFER = "transfer"
    """Each asset is downloaded, verified and uploaded."""


@dataclass(frozen=True)
class Release:
    """The declared assets of a version, its coordinates and its status.

    Attributes:
        assets: in name order, at least one; names in NFC. `sha256` is "" while a file is not hashed.
        status: Published, Unlisted or Archived.
    """

    at: Coordinates
    assets: tuple[Asset, ...]
    status: Status = Status.PUBLISHED
    finalize: Finalize = Finalize.STATUS_UPDATE

    def __post_init__(self) -> None:
        object.__setattr__(self, "assets", in_name_order(self.assets))

    @property
    def hashed(self) -> bool:
        """Whether every asset has its SHA-256."""
        return all(asset.sha256 for asset in self.assets)

    @property
    def digest(self) -> str:
        """The digest of all assets; "" while one of them is not hashed."""
        return digest(self.assets) if self.hashed else ""


@dataclass(frozen=True)
class RemoteVersion:
    """A version in the registry: its state, and its assets by name."""

    state: VersionState
    assets: Mapping[str, Asset]

    @classmethod
    def of(cls, state: VersionState, listing: AssetListing) -> RemoteVersion:
        """Return the version with asset names in NFC, as they are declared."""
        nfc = nfc_names(listing.assets)
        return cls(state, {nfc[name]: asset for name, asset in listing.assets.items()})

    @property
    def digest(self) -> str:
        """The digest of all assets, whether or not the version is complete."""
        return digest(self.assets.values())


@dataclass(frozen=True)
class Difference:
    """One asset that differs. `declared` is None for an undeclared asset, `remote` for a missing one."""

    name: str
    declared: Asset | None
    remote: Asset | None

    def describe(self, declared_label: str, remote_label: str) -> str:
        """Return three lines: the name, the declared content, the content in the registry."""
        declared = _content(self.declared) if self.declared else "nothing"
        remote = _content(self.remote) if self.remote else "nothing"
        return f"{self.name}\n    {declared_label:<9}  {declared}\n    {remote_label:<9}  {remote}"


@dataclass(frozen=True)
class Plan:
    """What to do for one release.

    Attributes:
        uploads: the missing assets, in name order.
        present: the declared assets that the registry already has, in name order.
        refusal: why nothing will be done; None unless `action` is REFUSE.
        remote: the version that the plan was made from; None if it does not exist.
        route: how `uploads` get to the registry.
        staged: whether `remote` is Unfinished and complete, as compared at its revision. One request publishes it.
    """

    release: Release
    action: Action
    uploads: tuple[Asset, ...]
    present: tuple[Asset, ...]
    remote: RemoteVersion | None
    refusal: RefusedError | None = None
    route: Route = Route.FILES
    staged: bool = False

    @property
    def copies(self) -> bool:
        """Whether the service copies the version."""
        return self.route is Route.COPY and self.action in (Action.PUBLISH, Action.REPLACE)

    @property
    def publishes_files(self) -> bool:
        """Whether a version that does not exist yet is published from files."""
        return self.route is Route.FILES and self.action is Action.PUBLISH

    @property
    def expected_uploads(self) -> tuple[Asset, ...]:
        """The assets that an undisturbed run sends, in name order: `uploads`, and the final asset in any case."""
        final = final_asset(self.release)
        if final is None or not self._resends_final_asset:
            return self.uploads
        return in_name_order((*self.uploads, final))

    @property
    def skipped_assets(self) -> tuple[Asset, ...]:
        """The declared assets that the registry already has and that are not sent again."""
        return tuple(asset for asset in self.present if asset not in self.expected_uploads)

    @property
    def upload_bytes(self) -> int:
        """Bytes to send."""
        return sum(asset.size for asset in self.expected_uploads)

    @property
    def changes(self) -> bool:
        """Whether the plan writes to the registry."""
        return self.action not in (Action.KEEP, Action.REFUSE)

    @property
    def sends(self) -> bool:
        """Whether assets are sent or copied."""
        return self.action in (Action.PUBLISH, Action.RESUME, Action.REPLACE)

    @property
    def differences(self) -> list[Difference]:
        """The assets in conflict: declared ones with different bytes in the registry, and undeclared ones."""
        if self.remote is None or self.action not in (Action.REFUSE, Action.REPLACE):
            return []
        unfinished = self.remote.state.status is Status.UNFINISHED
        # The missing assets of an Unfinished version can still be sent.
        return [d for d in compare(self.release, self.remote) if d.remote or not unfinished]

    @property
    def publish_requests(self) -> int:
        """The number of PublishPackageVersion requests of an undisturbed run. These count against the upload quota."""
        return 0 if self.copies else len(self.expected_uploads)

    @property
    def first_write_conditional(self) -> bool:
        """Whether the first write fails, without effect, if the registry changed after the read.

        Any other plan must be made again before it is carried out.
        """
        return self.staged or self.action is Action.SET_STATUS or (self.action is Action.PUBLISH and self.copies)

    @property
    def read_requests(self) -> int:
        """The number of requests that one read of the destination takes."""
        return 1 if self.remote is None else 2

    @property
    def requests(self) -> int:
        """The number of requests to the destination in an undisturbed run, including one read.

        Requests to the source of a promotion are not included: see `Review`.
        """
        reads = self.read_requests
        if self.action in (Action.KEEP, Action.REFUSE):
            return reads
        if self.action is Action.SET_STATUS:
            return reads + 1
        status = int(self.release.status is not Status.PUBLISHED)
        if self.copies:
            return reads + self._delete_requests + 2 + status
        return reads + self._delete_requests + len(self.uploads) + self._finalize_requests + status

    @property
    def downloads(self) -> int:
        """The number of assets that are downloaded from the source of a promotion."""
        if self.copies or self.route is Route.FILES:
            return 0
        # A replacement first downloads one asset, to be sure that downloads work before it deletes anything.
        return len(self.expected_uploads) + (self.action is Action.REPLACE)

    @property
    def _delete_requests(self) -> int:
        if self.action is not Action.REPLACE or self.remote is None:
            return 0
        # Set the status if necessary, delete, and read again.
        return 2 if self.remote.state.status in (Status.UNFINISHED, PRE_DELETE_STATUS) else 3

    @property
    def _finalize_requests(self) -> int:
        if self.release.finalize is Finalize.STATUS_UPDATE:
            return 2
        alone = len(self.release.assets) == 1
        return (0 if alone else 1) + 2 + self._resends_final_asset

    @property
    def _resends_final_asset(self) -> int:
        """1 if the final asset is sent although the registry already has it, else 0."""
        final = final_asset(self.release)
        return int(self.action is Action.RESUME and final is not None and final not in self.uploads)


def final_asset(release: Release) -> Asset | None:
    """Return the asset whose upload publishes: the smallest with `finalize: last-asset`, else None."""
    if release.finalize is not Finalize.LAST_ASSET:
        return None
    return min(release.assets, key=lambda asset: (asset.size, asset.name))


def make_plan(
    release: Release, remote: RemoteVersion | None, replace_digest: str | None = None, route: Route = Route.FILES
) -> Plan:
    """Decide what to do so that the registry holds `release`.

    `replace_digest` is the digest of the version that the operator permits to replace; None permits nothing (rule 6).
    Only a release that is declared Published replaces a version: see PRE_DELETE_STATUS. A replacement is always
    published by a status update. Otherwise, after a late deletion, the last asset could publish an incomplete version.
    """
    if replace_digest:
        release = replace(release, finalize=Finalize.STATUS_UPDATE)
    if remote is None:
        return Plan(release, Action.PUBLISH, release.assets, (), None, route=route)

    differences = compare(release, remote)
    missing = tuple(d.declared for d in differences if d.declared and d.remote is None)
    present = tuple(asset for asset in release.assets if asset not in missing)
    status = remote.state.status

    def plan(action: Action, refusal: RefusedError | None = None) -> Plan:
        uploads = {Action.RESUME: missing, Action.REPLACE: release.assets}.get(action, ())
        return Plan(release, action, uploads, () if action is Action.REPLACE else present, remote, refusal, route)

    def refuse(refusal: RefusedError) -> Plan:
        replaces = replace_digest == remote.digest and release.status is Status.PUBLISHED
        return plan(Action.REPLACE) if replaces else plan(Action.REFUSE, refusal)

    if status is Status.DISPOSED:
        return plan(Action.REFUSE, _disposed(release))
    if status is Status.UNFINISHED:
        wrong = [d for d in differences if d.remote is not None]
        return refuse(_leftover_assets(release, remote, wrong, route)) if wrong else plan(Action.RESUME)
    if differences:
        return refuse(_conflict(release, remote, differences, route))
    return plan(Action.KEEP if status is release.status else Action.SET_STATUS)


def refused_plan(release: Release, remote: RemoteVersion | None, refusal: RefusedError, route: Route) -> Plan:
    """Return the plan for a release that is refused for a reason of its own, such as an unmet gate."""
    return Plan(release, Action.REFUSE, (), (), remote, refusal, route)


def compare(release: Release, remote: RemoteVersion) -> list[Difference]:
    """Return every asset that differs, is missing or is undeclared, in name order."""
    return compare_assets(release.assets, remote.assets)


def compare_assets(assets: Iterable[Asset], others: Mapping[str, Asset]) -> list[Difference]:
    """Return every asset that is different in both or only in one of them, in name order."""
    declared = {asset.name: asset for asset in assets}
    names = sorted(declared.keys() | others.keys(), key=str.encode)
    pairs = (Difference(name, declared.get(name), others.get(name)) for name in names)
    return [d for d in pairs if _differs(d)]


def _differs(pair: Difference) -> bool:
    # By hash only, because a registry may not report sizes.
    return pair.declared is None or pair.remote is None or pair.declared.sha256 != pair.remote.sha256


def has_size(asset: Asset) -> bool:
    """Return whether the size is known. A listing may omit it and the state has none, so an unknown size is 0."""
    return asset.size > 0 or asset.sha256 == _EMPTY


def _content(asset: Asset) -> str:
    if not has_size(asset):
        return f"sha256:{asset.sha256}"
    return f"sha256:{asset.sha256} ({asset.size:,} {'byte' if asset.size == 1 else 'bytes'})"


def _list_differences(head: str, differences: list[Difference], route: Route, remote_label: str) -> Text:
    declared_label = "declared" if route is Route.FILES else "promoted"
    lines = [f"\n  {difference.describe(declared_label, remote_label)}" for difference in differences[:_MAX_SHOWN]]
    text = head + "".join(lines)
    if len(differences) <= _MAX_SHOWN:
        return text
    return (f"{text}\n  … and {len(differences) - _MAX_SHOWN:,} more", Need("all"))


def _conflict(release: Release, remote: RemoteVersion, differences: list[Difference], route: Route) -> ConflictError:
    count = len(differences)
    head = (
        f"{release.at} is already {remote.state.status}, and {count} asset{'s' * (count != 1)} "
        f"differ{'s' * (count == 1)}:"
    )
    other_way = f"A published version never changes. {_other_way(route)}, or replace the published version with "
    return ConflictError(
        _list_differences(head, differences, route, "published"), hint=(other_way, *_permission(release, remote))
    )


def _permission(release: Release, remote: RemoteVersion) -> tuple[str | Need, ...]:
    permission = Need("replace", f"{release.at.name}={remote.digest}")
    if release.status is Status.PUBLISHED:
        return (permission,)
    return (
        permission,
        ". Only a release that is declared Published can replace a version: declare ",
        Need("status", "Published"),
        " for that run, and ",
        Need("status", release.status),
        " in the next",
    )


def _other_way(route: Route) -> str:
    return "Release these files under a new version" if route is Route.FILES else "Promote another version"


def _leftover_assets(
    release: Release, remote: RemoteVersion, wrong: list[Difference], route: Route
) -> LeftoverAssetsError:
    declared = "assets that the manifest does not declare" if route is Route.FILES else "assets that are not promoted"
    other_way = (
        f"Another publisher or an earlier build started this version. {_other_way(route)}, "
        "or replace what was uploaded with "
    )
    return LeftoverAssetsError(
        _list_differences(f"{release.at} is Unfinished and holds {declared}:", wrong, route, "uploaded"),
        hint=(other_way, *_permission(release, remote)),
    )


def _disposed(release: Release) -> DisposedError:
    return DisposedError(
        f"{release.at} is Disposed: its assets were deleted, which cannot be undone",
        hint="Release under a new version.",
    )
