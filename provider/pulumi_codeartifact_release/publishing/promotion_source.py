"""The source of a promotion: reads the version there, checks its gates, and downloads its assets.

promotion_source = PromotionSource(Promotion(source, to, pin), lambda: registry, same_domain=True)
candidate = choose_candidate(promotion_source, read_version(destination, to, scheduler), scheduler)
release = Release(to, candidate.assets)
contents = promotion_source.contents(release, scheduler)
for event in apply(release, contents, destination, scheduler, promotion_source=promotion_source):
    ...
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from typing import BinaryIO, cast

from ..errors import (
    FileError,
    MissingDomainError,
    MissingRepositoryError,
    RegistryConflictError,
    ServerFaultError,
    VersionNotFoundError,
)
from ..registry.interface import Asset, Registry, Status
from ..registry.retries_and_concurrency import PARALLEL_LARGE_DOWNLOADS, SETTLE_WAITS
from .asset_size import MAX_ASSET_SIZE, refuse_oversized_assets
from .gates import Candidate, Pin, Promotion, check_gates
from .plan import Release, RemoteVersion, Route, has_size
from .read_version import read_version
from .scheduler import Scheduler

# Smaller assets stay in memory.
_MAX_IN_MEMORY = 1 << 20
# Larger assets count against PARALLEL_LARGE_DOWNLOADS, so that they cannot fill the disk.
_LARGE = 64 << 20
_CHECKPOINT_BYTES = 8 << 20
_large_downloads = threading.BoundedSemaphore(PARALLEL_LARGE_DOWNLOADS)


@dataclass(frozen=True)
class PromotionCandidate:
    """The version to promote.

    Attributes:
        assets: all of its assets.
        already_promoted: whether the destination already has it. The gates are not checked again then.
        forced: whether the operator's `force` was needed to skip the soak.
        source_revision: the revision of the source whose gates were checked; None if they were not.
    """

    assets: tuple[Asset, ...]
    already_promoted: bool = False
    forced: bool = False
    source_revision: str | None = None


class PromotionSource:
    """The source of one promotion.

    `connect` returns the registry of the source, and is called only when it is read. `same_domain` says whether source
    and destination are in one domain, so that the service can copy the version.

    Attributes:
        forced: whether the operator's `force` was needed to skip the soak.
        read_requests: how many requests one read of the source took, with that of a bundle's members; 0 if it was not
            read.
        assets: those of the source when it was read; none if it was not read, or does not exist.
        digest: the digest of the source when it was read; None if it was not read, or does not exist.
    """

    def __init__(self, promotion: Promotion, connect: Callable[[], Registry], *, same_domain: bool) -> None:
        self.promotion = promotion
        self._connect = connect
        self.forced = False
        self.read_requests = 0
        self.digest: str | None = None
        self.assets: tuple[Asset, ...] = ()
        self._same_domain = same_domain
        self._verified_revision: str | None = None
        self._names: dict[str, str] = {}

    @property
    def verified_revision(self) -> str | None:
        """The revision whose gates were checked; None if they were not, or since `invalidate`."""
        return self._verified_revision

    @property
    def route(self) -> Route:
        """How the bytes get to the destination."""
        return Route.COPY if self._same_domain else Route.TRANSFER

    def read(self, scheduler: Scheduler) -> RemoteVersion | None:
        """Return the version in the source; None if it does not exist or is Disposed."""
        self.read_requests = 1
        for wait in (*SETTLE_WAITS, None):
            remote = read_version(self._connect(), self.promotion.source, scheduler)
            self.read_requests = 2 if remote else 1
            if wait is None or not self._is_stale(remote):
                break
            scheduler.sleep(wait)
        return None if remote and remote.state.status is Status.DISPOSED else remote

    def _is_stale(self, remote: RemoteVersion | None) -> bool:
        """Return whether a read is older than the revision that the program has seen: reads may lag behind writes."""
        if self.promotion.revision is None or (remote and remote.state.revision == self.promotion.revision):
            return False
        pin = self.promotion.pin
        not_approved = remote is not None and pin is not None and remote.digest != pin.digest
        return remote is None or remote.state.status is Status.UNFINISHED or not_approved

    def check_gates(self, remote: RemoteVersion | None, planned_pin: Pin | None = None) -> None:
        """Check whether the version in the source may be promoted. `planned_pin` applies if the promotion has no pin.

        Raises PinError or GateError.
        """
        promotion = replace(self.promotion, pin=self.promotion.pin or planned_pin)
        self.forced = check_gates(Candidate(None, promotion, remote)) or self.forced
        self._verified_revision = remote.state.revision if remote else None
        self._names = {name: asset.name for name, asset in remote.assets.items()} if remote else {}

    def download(self, asset: Asset, write: Callable[[bytes], object]) -> None:
        """Download an asset under its name in the source, which may not be in NFC. See `Registry.fetch_asset`."""
        listed = replace(asset, name=self._names.get(asset.name, asset.name))
        self._connect().fetch_asset(self.promotion.source, listed, write)

    def invalidate(self) -> None:
        """Have the gates checked again before anything else is taken from the source, which may have changed."""
        self._verified_revision = None

    def verify(self, release: Release, scheduler: Scheduler) -> str:
        """Return the revision at which the source holds `release` and may be promoted. Reads it only if necessary.

        Raises PinError or GateError.
        """
        revision = self._verified_revision
        if revision is None:
            remote = self.read(scheduler)
            self.check_gates(remote, Pin(release.digest, "the plan"))
            assert remote is not None
            # Not `_verified_revision`: another thread may have invalidated it meanwhile.
            return remote.state.revision
        return revision

    @property
    def repository(self) -> str:
        """The name of the source repository."""
        return self.promotion.source.repository

    def contents(self, release: Release, scheduler: Scheduler) -> dict[str, DownloadedContent]:
        """Return the assets of `release` by name. Each is downloaded when it is opened."""
        return {asset.name: DownloadedContent(self, release, asset, scheduler) for asset in release.assets}


@dataclass(frozen=True)
class DownloadedContent:
    """`AssetContent` that downloads an asset when it is opened, verifies it first, and deletes it at the end."""

    promotion_source: PromotionSource
    release: Release
    asset: Asset
    scheduler: Scheduler

    @property
    def sha256(self) -> str:
        """Lower-case hex."""
        return self.asset.sha256

    @property
    def size(self) -> int:
        """Bytes."""
        return self.asset.size

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Yield the verified content. It is on disk only while this is open.

        Raises PinError or GateError if the source changed, ServerFaultError if the bytes do not match their listing,
        FileError if they cannot be stored.
        """
        # A promotion by copy gets here too: an Unfinished version is completed asset by asset.
        refuse_oversized_assets([self.asset])
        # Without a listed size it may be large.
        limit = nullcontext() if 0 < self.size <= _LARGE else _large_downloads
        with limit, _temporary_file() as file:
            self._download(file)
            yield file

    cached = False

    def rehash(self) -> None:
        """Do nothing: every download is compared with its hash."""

    def verify_unchanged(self) -> None:
        """Do nothing: the download was verified."""

    def _download(self, file: BinaryIO) -> None:
        source = self.promotion_source.promotion.source
        writer = _VerifyingWriter(file, self.asset, self.scheduler)
        try:
            self.promotion_source.download(self.asset, writer.write)
            # This writes the buffer, so that a full disk is an error here.
            file.seek(0)
        except (VersionNotFoundError, RegistryConflictError) as error:
            self._raise_unavailable(error.message)
        except OSError as error:
            raise FileError(
                f"{self.asset.name} of {source} cannot be stored temporarily: {error.strerror or error}",
                hint=f"Free some space in {tempfile.gettempdir()}, or set TMPDIR to another folder. Then run again.",
            ) from error
        if not writer.complete:
            self._raise_unavailable("its bytes do not match its listed SHA-256")

    def _raise_unavailable(self, reason: str) -> None:
        """Raise PinError or GateError if the source changed, else ServerFaultError: trying again may help."""
        self.promotion_source.invalidate()
        self.promotion_source.verify(self.release, self.scheduler)
        raise ServerFaultError(
            f"{self.asset.name} of {self.promotion_source.promotion.source} could not be downloaded: {reason}",
            hint="Run again: only what is missing is sent.",
        )


@contextmanager
def _temporary_file() -> Iterator[BinaryIO]:
    # The file has no name, so that nothing is left if the process is killed.
    file = tempfile.SpooledTemporaryFile(max_size=_MAX_IN_MEMORY)  # noqa: SIM115 - closing it may fail
    try:
        yield cast(BinaryIO, file)
    finally:
        # On a full disk closing fails too, and would hide the first error.
        with suppress(OSError):
            file.close()


class _VerifyingWriter:
    """Stores and hashes the bytes of a download; stops it when it exceeds its size."""

    def __init__(self, file: BinaryIO, asset: Asset, scheduler: Scheduler) -> None:
        self._file = file
        self._asset = asset
        self._scheduler = scheduler
        self._hash = hashlib.sha256()
        self._size = 0
        self._has_size = has_size(asset)
        self._max_size = asset.size if self._has_size else MAX_ASSET_SIZE

    def write(self, part: bytes) -> None:
        """Store the next bytes."""
        if self._size // _CHECKPOINT_BYTES != (self._size + len(part)) // _CHECKPOINT_BYTES:
            # Not for every part: a checkpoint may ask another process.
            self._scheduler.checkpoint()
        self._size += len(part)
        if self._size > self._max_size:
            raise ServerFaultError(f"{self._asset.name}: received more than its {self._asset.size:,} bytes")
        self._hash.update(part)
        self._file.write(part)

    @property
    def complete(self) -> bool:
        """Whether exactly the bytes of the asset were received."""
        return self._hash.hexdigest() == self._asset.sha256 and (not self._has_size or self._size == self._asset.size)


def choose_candidate(
    promotion_source: PromotionSource, destination: RemoteVersion | None, scheduler: Scheduler
) -> PromotionCandidate:
    """Choose the version to promote: that of the destination if it is already right, else that of the source.

    `destination` is the version there; None if there is none. Raises PinError or GateError if the source may not be
    promoted, QuotaExceededError if an asset is too large to be sent.
    """
    pin = promotion_source.promotion.pin
    published = destination is not None and destination.state.status in (
        Status.PUBLISHED,
        Status.UNLISTED,
        Status.ARCHIVED,
    )
    if destination and published and pin and destination.digest == pin.digest:
        return _already_promoted(destination)
    try:
        remote = promotion_source.read(scheduler)
    except (MissingDomainError, MissingRepositoryError):
        if not (destination and published and not pin):
            raise
        remote = None
    promotion_source.digest = remote.digest if remote else None
    promotion_source.assets = _declared_names(remote) if remote else ()
    if destination and published and not pin and (remote is None or destination.digest == remote.digest):
        # After a clean-up of the source, the destination is still right, with or without Pulumi state.
        return _already_promoted(destination)
    promotion_source.check_gates(remote)
    if remote is None:
        raise AssertionError("check_gates refuses a missing version")  # pragma: no cover
    if promotion_source.route is Route.TRANSFER:
        refuse_oversized_assets(remote.assets.values())
    return PromotionCandidate(
        _declared_names(remote), forced=promotion_source.forced, source_revision=remote.state.revision
    )


def _already_promoted(destination: RemoteVersion) -> PromotionCandidate:
    return PromotionCandidate(_declared_names(destination), already_promoted=True)


def _declared_names(version: RemoteVersion) -> tuple[Asset, ...]:
    """Return the assets with their names in NFC, as they are declared."""
    return tuple(replace(asset, name=name) for name, asset in version.assets.items())
