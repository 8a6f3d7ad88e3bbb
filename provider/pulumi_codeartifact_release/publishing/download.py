"""Downloads a version into a folder: every file is verified before it appears under its name.

    result = download(at, registry, Path("dist"), ThreadScheduler(), digest="sha256:…")
    result.files, result.remote.digest

Files that the folder already has are not downloaded. All files are from one revision of the version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import InconsistentReadError, MismatchError, RegistryError, UsageError, VersionNotFoundError
from ..registry.interface import Asset, Coordinates, Registry, Status
from ..registry.retries_and_concurrency import PARALLEL_DOWNLOADS, VERIFY_ROUNDS
from .download_asset import (
    DOWNLOADABLE,
    Download,
    DownloadStarted,
    OnEvent,
    download_asset,
    has_changed,
    largest_first,
)
from .events import Event, Rechecking
from .output_folder import Folder, output_folder, unwritable
from .plan import RemoteVersion
from .read_version import read_version
from .scheduler import Emit, Job, Scheduler
from .verify import refuse_invalid_names


@dataclass(frozen=True)
class DownloadResult:
    """A version and its files.

    Attributes:
        files: asset name -> file, for the selected assets.
        downloaded: the names of the downloaded assets; the other files were in the folder already.
        other_files: names in the folder that are not assets of the version. They are not changed.
    """

    remote: RemoteVersion
    files: Mapping[str, Path]
    downloaded: tuple[str, ...]
    other_files: tuple[str, ...]


def download(
    at: Coordinates,
    registry: Registry,
    path: Path,
    scheduler: Scheduler,
    *,
    digest: str | None = None,
    select: Callable[[str], bool] = lambda _name: True,
    on_event: OnEvent = lambda _event: None,
    parallel: int = PARALLEL_DOWNLOADS,
) -> DownloadResult:
    """Download the assets for whose names `select` returns True into the folder `path`.

    `digest` is the expected digest of the whole version. After an error, no file in the folder is incomplete or wrong.

    Raises VersionNotFoundError; MismatchError if the version has another digest, its status does not allow downloads,
    or the registry sends different bytes; FileError if the files cannot be written; UsageError if no asset is selected;
    InconsistentReadError if the version keeps changing; and any other RegistryError.
    """
    with output_folder(path) as folder:
        for _ in range(VERIFY_ROUNDS):
            remote = read_downloadable(at, registry, scheduler, digest)
            assets = _selected_assets(at, remote, select)
            folder.refuse_unsafe(assets)
            missing = _missing(assets, folder, scheduler, parallel)
            downloads = _download_all(at, missing, registry, folder, scheduler, on_event, parallel)
            if not missing or not has_changed(at, remote, registry):
                _verify_bytes(at, missing, downloads)
                folder.commit()
                files = {name: folder.path / name for name in assets}
                return DownloadResult(remote, files, tuple(missing), tuple(folder.other_files(remote.assets)))
            on_event(Rechecking(f"{at} changed while it was downloaded"))
            for name in missing:
                folder.discard(name)
    raise _keeps_changing(at)


def download_to(
    at: Coordinates,
    registry: Registry,
    name: str,
    file: BinaryIO,
    scheduler: Scheduler,
    *,
    digest: str | None = None,
    on_event: OnEvent = lambda _event: None,
) -> RemoteVersion:
    """Download one asset into a seekable `file`, and verify it. Raises the same errors as `download`."""

    def emit(event: Event) -> None:
        on_event(event)

    for _ in range(VERIFY_ROUNDS):
        remote = read_downloadable(at, registry, scheduler, digest)
        asset = _selected_assets(at, remote, lambda other: other == name)[name]
        on_event(DownloadStarted((asset,)))
        result = download_asset(at, asset, registry, scheduler, emit, file=file)
        if not has_changed(at, remote, registry):
            _verify_bytes(at, {name: asset}, {name: result})
            return remote
        on_event(Rechecking(f"{at} changed while it was downloaded"))
    raise _keeps_changing(at)


def read_downloadable(at: Coordinates, registry: Registry, scheduler: Scheduler, digest: str | None) -> RemoteVersion:
    """Return a version whose status allows downloads, with this digest. Raises the same errors as `download`."""
    remote = read_version(registry, at, scheduler)
    if remote is None:
        raise missing_version(at)
    refuse_invalid_names(at, remote)
    if digest and remote.digest != digest:
        raise MismatchError(
            f"{at} has another digest:\n    expected  {digest}\n    actual    {remote.digest}",
            hint="Nothing was downloaded. Find out who changed the version, or correct the digest.",
        )
    status = remote.state.status
    if status not in DOWNLOADABLE:
        reason = "it is not complete" if status is Status.UNFINISHED else "the service does not serve its assets"
        raise MismatchError(
            f"{at} is {status}: {reason}", hint="Only a version that is Published or Unlisted can be downloaded."
        )
    return remote


def missing_version(at: Coordinates) -> VersionNotFoundError:
    """Return the error for a version that does not exist."""
    return VersionNotFoundError(f"{at} does not exist", hint="Check the names, the version and the repository.")


def _selected_assets(at: Coordinates, remote: RemoteVersion, select: Callable[[str], bool]) -> dict[str, Asset]:
    assets = {name: asset for name, asset in remote.assets.items() if select(name)}
    if not assets:
        names = ", ".join(sorted(remote.assets)[:5]) or "nothing"
        raise UsageError(f"no asset of {at} matches", hint=f"It has {names}.")
    return assets


def _missing(assets: Mapping[str, Asset], folder: Folder, scheduler: Scheduler, parallel: int) -> dict[str, Asset]:
    """Return the assets that are not in the folder. Hashes the files there."""
    present: set[str] = set()

    def job(name: str, asset: Asset) -> Job:
        def run(_emit: Emit) -> None:
            if folder.has(name, asset):
                present.add(name)

        return run

    for _event in scheduler.run([job(*item) for item in largest_first(assets)], limit=parallel):
        pass
    return {name: asset for name, asset in assets.items() if name not in present}


def _download_all(
    at: Coordinates,
    assets: Mapping[str, Asset],
    registry: Registry,
    folder: Folder,
    scheduler: Scheduler,
    on_event: OnEvent,
    parallel: int,
) -> dict[str, Download]:
    downloads: dict[str, Download] = {}

    def job(name: str, asset: Asset) -> Job:
        def run(emit: Emit) -> None:
            with folder.create(name) as file:
                try:
                    downloads[name] = download_asset(at, asset, registry, scheduler, emit, file=file)
                    file.flush()
                except OSError as error:
                    raise unwritable(folder.path, error) from error

        return run

    if assets:
        on_event(DownloadStarted(tuple(assets.values())))
    for event in scheduler.run([job(*item) for item in largest_first(assets)], limit=parallel):
        on_event(event)
    return downloads


def _verify_bytes(at: Coordinates, assets: Mapping[str, Asset], downloads: Mapping[str, Download]) -> None:
    wrong = [name for name, asset in sorted(assets.items()) if not downloads[name].matches(asset)]
    if wrong:
        lines = "".join(
            f"\n    {name}: expected sha256:{assets[name].sha256}, got "
            + (f"sha256:{downloads[name].sha256}" if downloads[name].sha256 else "nothing, or too many bytes")
            for name in wrong
        )
        raise MismatchError(
            f"{at} sent different bytes than it lists:{lines}",
            hint="No file was written. Run again. If the error persists, do not use this registry.",
        )


def _keeps_changing(at: Coordinates) -> RegistryError:
    return InconsistentReadError(
        f"{at} keeps changing: it changed during each of {VERIFY_ROUNDS} downloads",
        hint="Somebody else is changing this version. Run again when they are done.",
    )
