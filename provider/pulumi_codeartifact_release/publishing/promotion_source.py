"""The version that is promoted, where it is now: what it holds, whether it may go on, and its bytes.

promotion_source = PromotionSource(Promotion(source, to, pin), lambda: registry, same_domain=True)
candidate = choose_candidate(promotion_source, read_version(destination, to, scheduler), scheduler)
release = Release(to, candidate.assets)
sources = promotion_source.sources(release, scheduler)
for event in apply(release, sources, destination, scheduler, promotion_source=promotion_source):
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
    PinError,
    RegistryConflictError,
    ServerFaultError,
    VersionNotFoundError,
)
from ..registry.interface import Asset, Registry, Status
from ..registry.limits import PARALLEL_LARGE_DOWNLOADS, SETTLE_WAITS
from .gates import Pin, Promotion, check_gates
from .plan import Release, RemoteVersion, Route
from .quota import MAX_ASSET_SIZE, refuse_oversized_assets
from .read_version import read_version
from .scheduler import Scheduler

# What is smaller is not worth a file.
_IN_MEMORY = 1 << 20
# Few larger ones are downloaded at once.
_LARGE = 64 << 20
_CHECKED_EVERY = 8 << 20
_LARGE_AT_ONCE = threading.BoundedSemaphore(PARALLEL_LARGE_DOWNLOADS)


@dataclass(frozen=True)
class PromotionCandidate:
    """What will be promoted.

    Attributes:
        assets: all of them.
        already_promoted: whether the destination holds it already: such a promotion is not judged again.
        forced: whether the operator's force was needed.
        source_revision: the source's, as it was judged; None if it was not.
    """

    assets: tuple[Asset, ...]
    already_promoted: bool = False
    forced: bool = False
    source_revision: str | None = None


class PromotionSource:
    """The source of one promotion.

    `connect` returns the source's registry: most sources are never asked. `same_domain` says that the destination is in
    the source's own domain, so that the service can copy.

    Attributes:
        forced: whether the operator's force was needed.
        read_requests: how many requests it takes to look at the source; 0 where it was not asked.
        digest: the digest that the source destination when it was asked; None where it was not, or holds nothing.
    """

    def __init__(self, promotion: Promotion, connect: Callable[[], Registry], *, same_domain: bool) -> None:
        self.promotion = promotion
        self._connect = connect
        self.forced = False
        self.read_requests = 0
        self.digest: str | None = None
        self._same_domain = same_domain
        self._verified_revision: str | None = None
        self._names: dict[str, str] = {}

    @property
    def verified_revision(self) -> str | None:
        """The revision of the source that was judged, and not doubted since."""
        return self._verified_revision

    @property
    def route(self) -> Route:
        """How the bytes get to the destination."""
        return Route.COPY if self._same_domain else Route.TRANSFER

    def read(self, scheduler: Scheduler) -> RemoteVersion | None:
        """Return what the source holds now; None where it holds no such version, or no bytes of it any more."""
        self.read_requests = 1
        for wait in (*SETTLE_WAITS, None):
            remote = read_version(self._connect(), self.promotion.source, scheduler)
            self.read_requests = 2 if remote else 1
            if wait is None or not self._is_stale(remote):
                break
            scheduler.sleep(wait)
        return None if remote and remote.state.status is Status.DISPOSED else remote

    def _is_stale(self, remote: RemoteVersion | None) -> bool:
        """Return whether this is older than what the program has just seen there: a read may be."""
        if self.promotion.revision is None or (remote and remote.state.revision == self.promotion.revision):
            return False
        pin = self.promotion.pin
        other = remote is not None and pin is not None and remote.digest != pin.digest
        return remote is None or remote.state.status is Status.UNFINISHED or other

    def check_gates(self, remote: RemoteVersion | None, planned_pin: Pin | None = None) -> None:
        """Judge what the source holds, where nobody approved it against what was `planned`.

        Raises PinError or GateError.
        """
        promotion = replace(self.promotion, pin=self.promotion.pin or planned_pin)
        self.forced = check_gates(promotion, remote) or self.forced
        self._verified_revision = remote.state.revision if remote else None
        self._names = {name: asset.name for name, asset in remote.assets.items()} if remote else {}

    def download(self, asset: Asset, write: Callable[[bytes], object]) -> None:
        """Download an asset, by its name as the source spells it, which need not be in NFC. See `Registry`."""
        spelled = replace(asset, name=self._names.get(asset.name, asset.name))
        self._connect().fetch_asset(self.promotion.source, spelled, write)

    def invalidate(self) -> None:
        """Take note that the source may have moved: it is judged again before anything else is taken from it."""
        self._verified_revision = None

    def verify(self, release: Release, scheduler: Scheduler) -> str:
        """Return the revision at which the source holds `release` and may be promoted; looks only where it must.

        Raises PinError or GateError.
        """
        revision = self._verified_revision
        if revision is None:
            remote = self.read(scheduler)
            self.check_gates(remote, Pin(release.digest, "as it was planned"))
            assert remote is not None
            # Not asked for again: another asset, in another thread, may have its doubts meanwhile.
            return remote.state.revision
        return revision

    @property
    def repository(self) -> str:
        """The source's repository."""
        return self.promotion.source.repository

    def sources(self, release: Release, scheduler: Scheduler) -> dict[str, DownloadSource]:
        """Return the content of every asset of `release`, to be downloaded when it is opened."""
        return {asset.name: DownloadSource(self, release, asset, scheduler) for asset in release.assets}


@dataclass(frozen=True)
class DownloadSource:
    """`AssetSource` that downloads an asset when it is opened, verifies it first, and deletes it at the end."""

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
        """Yield the verified content; it is on disk only as long as this is open.

        Raises PinError or GateError if the source does not hold it any more, ServerFaultError if what came is not
        what the source says it holds, FileError if it cannot be kept.
        """
        # Also where it is copied by and large: what is there in part is transferred.
        refuse_oversized_assets([self.asset])
        # Without a size it may be large.
        limit = nullcontext() if 0 < self.size <= _LARGE else _LARGE_AT_ONCE
        with limit, _temporary_file() as file:
            self._download(file)
            yield file

    cached = False

    def rehash(self) -> None:
        """Do nothing: it is compared with its hash whenever it is downloaded."""

    def verify_unchanged(self) -> None:
        """Do nothing: it was verified as it came."""

    def _download(self, file: BinaryIO) -> None:
        source = self.promotion_source.promotion.source
        writer = _VerifyingWriter(file, self.asset, self.scheduler)
        try:
            self.promotion_source.download(self.asset, writer.write)
            # What is still in a buffer is written now, so that a full disk shows here.
            file.seek(0)
        except (VersionNotFoundError, RegistryConflictError) as error:
            self._raise_unavailable(error.message)
        except OSError as error:
            raise FileError(
                f"{self.asset.name} of {source} cannot be kept for the way: {error.strerror or error}",
                hint=f"Make room in {tempfile.gettempdir()}, or set TMPDIR to a folder that has it; then run again.",
            ) from error
        if not writer.complete:
            self._raise_unavailable("its bytes are not those of its listing")

    def _raise_unavailable(self, reason: str) -> None:
        """Raise: what has become of the source, or that this may pass."""
        self.promotion_source.invalidate()
        self.promotion_source.verify(self.release, self.scheduler)
        raise ServerFaultError(
            f"{self.asset.name} of {self.promotion_source.promotion.source} could not be downloaded: {reason}",
            hint="Run again: only what is missing is sent.",
        )


@contextmanager
def _temporary_file() -> Iterator[BinaryIO]:
    # A file without a name: whatever kills us, nothing is left behind.
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closing it may fail
    try:
        yield cast(BinaryIO, file)
    finally:
        # On a full disk closing fails too, which is no news, and would hide what is.
        with suppress(OSError):
            file.close()


class _VerifyingWriter:
    """Bytes of an asset as they come."""

    def __init__(self, file: BinaryIO, asset: Asset, scheduler: Scheduler) -> None:
        self._spool = file
        self._asset = asset
        self._scheduler = scheduler
        self._hash = hashlib.sha256()
        self._size = 0
        # A listing may leave sizes out, which reads as none.
        self._sized = asset.size > 0 or asset.sha256 == self._hash.hexdigest()
        self._most = asset.size if self._sized else MAX_ASSET_SIZE

    def write(self, part: bytes) -> None:
        """Keep a part."""
        if self._size // _CHECKED_EVERY != (self._size + len(part)) // _CHECKED_EVERY:
            # Seldom: whoever is asked may be another process.
            self._scheduler.checkpoint()
        self._size += len(part)
        if self._size > self._most:
            raise ServerFaultError(f"{self._asset.name}: more than its {self._asset.size:,} bytes came")
        self._hash.update(part)
        self._spool.write(part)

    @property
    def complete(self) -> bool:
        """Whether all of it came, and nothing else."""
        return self._hash.hexdigest() == self._asset.sha256 and (not self._sized or self._size == self._asset.size)


def choose_candidate(
    promotion_source: PromotionSource, destination: RemoteVersion | None, scheduler: Scheduler
) -> PromotionCandidate:
    """Decide what is promoted, from what the destination holds and, unless that settles it, what the source holds.

    Raises PinError or GateError, QuotaExceededError for what is too large to be sent.
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
    if destination and published and not pin and (remote is None or destination.digest == remote.digest):
        # Cleaning up the source never breaks the destination, also where there is no state that remembers.
        return _already_promoted(destination)
    promotion_source.check_gates(remote)
    if remote is None:
        raise PinError(
            f"{promotion_source.promotion.source} does not exist"
        )  # pragma: no cover - judge() has refused it
    if promotion_source.route is Route.TRANSFER:
        refuse_oversized_assets(remote.assets.values())
    return PromotionCandidate(
        _declared_names(remote), forced=promotion_source.forced, source_revision=remote.state.revision
    )


def _already_promoted(destination: RemoteVersion) -> PromotionCandidate:
    return PromotionCandidate(_declared_names(destination), already_promoted=True)


def _declared_names(version: RemoteVersion) -> tuple[Asset, ...]:
    """Return the assets under the names that they are compared by."""
    return tuple(replace(asset, name=name) for name, asset in version.assets.items())
