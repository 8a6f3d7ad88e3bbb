"""Downloads one asset and hashes it while it arrives. A cut download starts over.

download = download_asset(at, listed, registry, scheduler, emit, file=file)
download.matches(listed)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias

from ..errors import ReleaseError, ServerFaultError, UnreachableError, VersionNotFoundError
from ..registry.interface import Asset, Coordinates, Registry, Status
from ..registry.retries_and_concurrency import DOWNLOAD_WAITS
from .asset_size import MAX_ASSET_SIZE, refuse_oversized_assets
from .events import AssetProgress, AssetStarted, Event
from .plan import RemoteVersion, has_size
from .scheduler import Emit, Scheduler

DOWNLOADABLE = (Status.PUBLISHED, Status.UNLISTED)
"""The statuses in which a version is complete and the service serves its assets."""

# Report progress and check for a stop after each MiB.
_STEP = 1 << 20


@dataclass(frozen=True)
class Download:
    """The result of downloading an asset.

    Attributes:
        size: the number of bytes received.
        sha256: their hash, lower-case hex; None if the asset was not found or had more bytes than expected.
    """

    size: int
    sha256: str | None

    def matches(self, asset: Asset) -> bool:
        """Return whether these are the bytes of `asset`."""
        return self.sha256 == asset.sha256 and (not has_size(asset) or self.size == asset.size)


@dataclass(frozen=True)
class DownloadStarted:
    """The downloads of these assets start. The event is repeated if the version changes during the downloads."""

    assets: tuple[Asset, ...]


OnEvent: TypeAlias = Callable[[Event | DownloadStarted], object]


def largest_first(assets: Mapping[str, Asset]) -> list[tuple[str, Asset]]:
    """Return the items, the largest first, so that all workers end at about the same time."""
    return sorted(assets.items(), key=lambda item: -item[1].size)


def has_changed(at: Coordinates, remote: RemoteVersion, registry: Registry) -> bool:
    """Return whether the version changed since it was read, so that downloads may mix two versions."""
    try:
        state = registry.describe(at)
    except VersionNotFoundError:
        return True
    return (state.revision, state.status) != (remote.state.revision, remote.state.status)


def download_asset(
    at: Coordinates,
    listed: Asset,
    registry: Registry,
    scheduler: Scheduler,
    emit: Emit,
    declared: Asset | None = None,
    *,
    file: BinaryIO | None = None,
) -> Download:
    """Download one asset into `file`, or only hash it.

    `listed` has the name as the registry spells it. `declared` is the asset as the manifest has it: the download stops
    as soon as it exceeds the smaller of the two sizes. If a listed asset does not exist, the result is a `Download` of
    0 bytes. Raises any RegistryError, and OSError if `file` cannot be written.
    """
    limit = min([asset.size for asset in (listed, declared) if asset and has_size(asset)], default=MAX_ASSET_SIZE)
    emit(AssetStarted(listed))
    refuse_oversized_assets([Asset(listed.name, limit, listed.sha256)])

    def step(size: int) -> None:
        scheduler.checkpoint()
        emit(AssetProgress(listed, size))

    for wait in (*DOWNLOAD_WAITS, None):
        writer = _Writer(limit, step, file)
        try:
            registry.fetch_asset(at, listed, writer.write)
        except _TooManyBytesError:
            return Download(writer.size, None)
        except VersionNotFoundError:
            return Download(0, None)
        except (UnreachableError, ServerFaultError):
            if wait is None:
                raise
            scheduler.sleep(wait)
        else:
            emit(AssetProgress(listed, writer.size))
            return Download(writer.size, writer.sha256)
    raise AssertionError("unreachable")  # pragma: no cover


class _TooManyBytesError(ReleaseError):
    """More bytes arrived than the asset has."""


class _Writer:
    """Hashes the bytes of one attempt, up to `limit`, and writes them to the start of `file`."""

    def __init__(self, limit: int, on_step: Callable[[int], None], file: BinaryIO | None) -> None:
        self.size = 0
        self._hash = hashlib.sha256()
        self._limit = limit
        self._on_step = on_step
        self._file = file
        if file:
            file.seek(0)
            file.truncate()

    def write(self, part: bytes) -> None:
        """Take the next bytes."""
        before, self.size = self.size, self.size + len(part)
        if self.size > self._limit:
            raise _TooManyBytesError("too many bytes")
        self._hash.update(part)
        if self._file:
            self._file.write(part)
        if before // _STEP != self.size // _STEP:
            self._on_step(self.size)

    @property
    def sha256(self) -> str:
        """The hash of all bytes so far, lower-case hex."""
        return self._hash.hexdigest()
