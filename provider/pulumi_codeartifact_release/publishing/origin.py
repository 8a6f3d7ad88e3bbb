"""The version that is promoted, where it is now: what it holds, whether it may go on, and its bytes.

origin = Origin(Promotion(source, to, pin), registry, same_domain=True)
chosen = choose(origin, look(destination, to, scheduler), scheduler)
release = Release(to, chosen.assets)
for event in apply(release, origin.sources(release), destination, scheduler, origin=origin):
    ...
"""

from __future__ import annotations

import hashlib
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
from .apply import look
from .gates import Pin, Promotion, judge
from .plan import Release, RemoteVersion, Route
from .quota import LARGEST_ASSET, refuse_oversized_assets
from .scheduler import Scheduler

# What is smaller is not worth a file.
_IN_MEMORY = 1 << 20
# Few larger ones are downloaded at once.
_LARGE = 64 << 20
_CHECKED_EVERY = 8 << 20
_LARGE_AT_ONCE = threading.BoundedSemaphore(PARALLEL_LARGE_DOWNLOADS)


@dataclass(frozen=True)
class Chosen:
    """What will be promoted.

    Attributes:
        assets: all of them.
        made: whether the destination holds it already: such a promotion is not judged again.
        forced: whether the operator's force was needed.
        revision: the source's, as it was judged; None if it was not.
    """

    assets: tuple[Asset, ...]
    made: bool = False
    forced: bool = False
    revision: str | None = None


class Origin:
    """The source of one promotion.

    `same_domain` says that the destination is in the source's own domain, so that the service can copy; asked where
    something has to be done, if it is a callable.

    Attributes:
        forced: whether the operator's force was needed.
        asked: how many requests it takes to look at the source; 0 where it was not asked.
        offered: the digest that the source held when it was asked; None where it was not, or holds nothing.
    """

    def __init__(self, promotion: Promotion, registry: Registry, *, same_domain: bool | Callable[[], bool]) -> None:
        self.promotion = promotion
        self.registry = registry
        self.forced = False
        self.asked = 0
        self.offered: str | None = None
        self._same_domain = same_domain
        self._revision: str | None = None
        self._names: dict[str, str] = {}

    @property
    def judged(self) -> str | None:
        """The revision of the source that was judged, and not doubted since."""
        return self._revision

    @property
    def route(self) -> Route:
        """How the bytes get to the destination."""
        same_domain = self._same_domain() if callable(self._same_domain) else self._same_domain
        return Route.COPY if same_domain else Route.TRANSFER

    def holds(self, scheduler: Scheduler) -> RemoteVersion | None:
        """Return what the source holds now; None where it holds no such version, or no bytes of it any more."""
        self.asked = 1
        for wait in (*SETTLE_WAITS, None):
            found = look(self.registry, self.promotion.source, scheduler)
            self.asked = 2 if found else 1
            if wait is None or not self._is_stale(found):
                break
            scheduler.sleep(wait)
        return None if found and found.state.status is Status.DISPOSED else found

    def _is_stale(self, found: RemoteVersion | None) -> bool:
        """Return whether this is older than what the program has just seen there: a read may be."""
        if self.promotion.revision is None or (found and found.state.revision == self.promotion.revision):
            return False
        pin = self.promotion.pin
        other = found is not None and pin is not None and found.digest != pin.digest
        return found is None or found.state.status is Status.UNFINISHED or other

    def judge(self, found: RemoteVersion | None, planned: Pin | None = None) -> None:
        """Judge what the source holds, where nobody approved it against what was `planned`.

        Raises PinError or GateError.
        """
        promotion = replace(self.promotion, pin=self.promotion.pin or planned)
        self.forced = judge(promotion, found) or self.forced
        self._revision = found.state.revision if found else None
        self._names = {name: asset.name for name, asset in found.assets.items()} if found else {}

    def spelled(self, name: str) -> str:
        """Return an asset's name as the source spells it, which need not be in NFC."""
        return self._names.get(name, name)

    def doubt(self) -> None:
        """Take note that the source may have moved: it is judged again before anything else is taken from it."""
        self._revision = None

    def revision(self, release: Release, scheduler: Scheduler) -> str:
        """Return the revision at which the source holds `release` and may be promoted; looks only where it must.

        Raises PinError or GateError.
        """
        revision = self._revision
        if revision is None:
            found = self.holds(scheduler)
            self.judge(found, Pin(release.digest, "as it was planned"))
            assert found is not None
            # Not asked for again: another asset, in another thread, may have its doubts meanwhile.
            return found.state.revision
        return revision

    @property
    def repository(self) -> str:
        """The source's repository."""
        return self.promotion.source.repository

    def sources(self, release: Release, scheduler: Scheduler) -> dict[str, RegistrySource]:
        """Return the content of every asset of `release`, to be downloaded when it is opened."""
        return {asset.name: RegistrySource(self, release, asset, scheduler) for asset in release.assets}


@dataclass(frozen=True)
class RegistrySource:
    """`Source`: an asset that is downloaded when it is opened, verified before anybody reads it, and gone after."""

    origin: Origin
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
        few = nullcontext() if 0 < self.size <= _LARGE else _LARGE_AT_ONCE
        with few, _spool() as spool:
            self._fetch(spool)
            yield spool

    cached = False

    def recheck(self) -> None:
        """Do nothing: it is compared with its hash whenever it is downloaded."""

    def assure(self) -> None:
        """Do nothing: it was verified as it came."""

    def _fetch(self, spool: BinaryIO) -> None:
        source = self.origin.promotion.source
        received = _Received(spool, self.asset, self.scheduler)
        try:
            spelled = replace(self.asset, name=self.origin.spelled(self.asset.name))
            self.origin.registry.fetch_asset(source, spelled, received.write)
            # What is still in a buffer is written now, so that a full disk shows here.
            spool.seek(0)
        except (VersionNotFoundError, RegistryConflictError) as error:
            self._explain(error.what)
        except OSError as error:
            import tempfile  # noqa: PLC0415 - it takes long to import, and most promotions are copies

            raise FileError(
                f"{self.asset.name} of {source} cannot be kept for the way: {error.strerror or error}",
                hint=f"Make room in {tempfile.gettempdir()}, or set TMPDIR to a folder that has it; then run again.",
            ) from error
        if not received.complete:
            self._explain("its bytes are not those of its listing")

    def _explain(self, reason: str) -> None:
        """Raise: what has become of the source, or that this may pass."""
        self.origin.doubt()
        self.origin.revision(self.release, self.scheduler)
        raise ServerFaultError(
            f"{self.asset.name} of {self.origin.promotion.source} could not be downloaded: {reason}",
            hint="Run again: only what is missing is sent.",
        )


@contextmanager
def _spool() -> Iterator[BinaryIO]:
    import tempfile  # noqa: PLC0415

    # A file without a name: whatever kills us, nothing is left behind.
    spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closing it may fail
    try:
        yield cast(BinaryIO, spool)
    finally:
        # On a full disk closing fails too, which is no news, and would hide what is.
        with suppress(OSError):
            spool.close()


class _Received:
    """Bytes of an asset as they come."""

    def __init__(self, spool: BinaryIO, asset: Asset, scheduler: Scheduler) -> None:
        self._spool = spool
        self._asset = asset
        self._scheduler = scheduler
        self._hash = hashlib.sha256()
        self._size = 0
        # A listing may leave sizes out, which reads as none.
        self._sized = asset.size > 0 or asset.sha256 == self._hash.hexdigest()
        self._most = asset.size if self._sized else LARGEST_ASSET

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


def choose(origin: Origin, held: RemoteVersion | None, scheduler: Scheduler) -> Chosen:
    """Decide what is promoted, from what the destination holds and, unless that settles it, what the source holds.

    Raises PinError or GateError, QuotaExceededError for what is too large to be sent.
    """
    pin = origin.promotion.pin
    made = held is not None and held.state.status in (Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED)
    if held and made and pin and held.digest == pin.digest:
        return _made(held)
    try:
        found = origin.holds(scheduler)
    except (MissingDomainError, MissingRepositoryError):
        if not (held and made and not pin):
            raise
        found = None
    origin.offered = found.digest if found else None
    if held and made and not pin and (found is None or held.digest == found.digest):
        # Cleaning up the source never breaks the destination, also where there is no state that remembers.
        return _made(held)
    origin.judge(found)
    if found is None:
        raise PinError(f"{origin.promotion.source} does not exist")  # pragma: no cover - judge() has refused it
    if origin.route is Route.TRANSFER:
        refuse_oversized_assets(found.assets.values())
    return Chosen(_named(found), forced=origin.forced, revision=found.state.revision)


def _made(held: RemoteVersion) -> Chosen:
    return Chosen(_named(held), made=True)


def _named(version: RemoteVersion) -> tuple[Asset, ...]:
    """Return the assets under the names that they are compared by."""
    return tuple(replace(asset, name=name) for name, asset in version.assets.items())
