"""Downloads a version into a folder: every file is verified before it appears under its name.

    result = download(at, registry, Path("dist"), ThreadScheduler(), digest="sha256:…")
    result.files, result.remote.digest

Files that the folder already has are not downloaded. All files are from one revision of the version. Of a bundle, the
files of all its members are downloaded, or none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ..errors import InconsistentReadError, MismatchError, RegistryError, UsageError, VersionNotFoundError
from ..registry.interface import Asset, Coordinates, Registry, Status
from ..registry.retries_and_concurrency import PARALLEL_DOWNLOADS, VERIFY_ROUNDS
from .bundle_check import BundleState, member_at, read_bundle_state
from .download_asset import DOWNLOADABLE, Download, DownloadStarted, OnEvent, download_asset, has_changed
from .events import Event, Rechecking
from .output_folder import Folder, output_folder, unwritable
from .plan import RemoteVersion
from .read_bundle import read_bundle
from .read_version import read_version
from .scheduler import Emit, Job, Scheduler
from .verify import refuse_invalid_names

_NAMED = 5
"""How many names a message has."""


@dataclass(frozen=True)
class DownloadResult:
    """A version and its files.

    Attributes:
        files: asset name -> file, for the selected assets; empty for a bundle, whose members have the files.
        downloaded: the names of the downloaded assets; the other files were in the folder already.
        other_files: names in the folder that are not assets of the version. They are not changed.
        members: of a bundle, in its order; those without a selected asset are not in it.
    """

    at: Coordinates
    remote: RemoteVersion
    files: Mapping[str, Path]
    downloaded: tuple[str, ...]
    other_files: tuple[str, ...]
    members: tuple[DownloadResult, ...] = ()


@dataclass(eq=False)
class _Part:
    """One version, its selected assets, and the folder for them.

    Attributes:
        missing: the selected assets that are not in the folder yet.
        downloads: their downloads, by name.
    """

    at: Coordinates
    remote: RemoteVersion
    assets: Mapping[str, Asset]
    folder: Folder
    missing: dict[str, Asset] = field(default_factory=dict)
    downloads: dict[str, Download] = field(default_factory=dict)


Select = Callable[[str], bool]


def download(
    at: Coordinates,
    registry: Registry,
    path: Path,
    scheduler: Scheduler,
    *,
    digest: str | None = None,
    select: Select = lambda _name: True,
    packages: Collection[str] = (),
    bundles: bool = True,
    on_event: OnEvent = lambda _event: None,
    parallel: int = PARALLEL_DOWNLOADS,
) -> DownloadResult:
    """Download the assets for whose names `select` returns True into the folder `path`.

    Of a bundle, the assets of all its members are downloaded, each into `path`/NAMESPACE/PACKAGE; with `packages`, only
    of these members. `bundles` is False to download the asset of a bundle itself. `digest` is the expected digest of
    the whole version. After an error, no file in the folder is incomplete or wrong.

    Raises VersionNotFoundError; MismatchError if the version has another digest, its status does not allow downloads,
    or the registry sends different bytes; BundleError for a partial bundle; FileError if the files cannot be written;
    UsageError if no asset is selected; InconsistentReadError if the version keeps changing; and any other
    RegistryError.
    """
    with output_folder(path) as folder:
        for _ in range(VERIFY_ROUNDS):
            remote = read_downloadable(at, registry, scheduler, digest)
            members = read_bundle(registry, at, remote.assets) if bundles else None
            if members is None:
                parts = [_Part(at, remote, _selected_assets(at, remote, select), folder)]
            else:
                state = read_bundle_state(registry, at, members, scheduler)
                parts = _member_parts(state, folder, select, packages)
            for part in parts:
                part.folder.refuse_unsafe(part.assets)
            _find_missing(parts, scheduler, parallel)
            _download_all(parts, registry, scheduler, on_event, parallel)
            changed = next(
                (part for part in parts if part.missing and has_changed(part.at, part.remote, registry)), None
            )
            if not changed:
                _verify_bytes(parts)
                folder.commit()
                results = tuple(_result(part) for part in parts)
                if members is None:
                    return results[0]
                return DownloadResult(at, remote, {}, (), tuple(folder.other_folders()), results)
            on_event(Rechecking(f"{changed.at} changed while it was downloaded"))
            for part in parts:
                for name in part.missing:
                    part.folder.discard(name)
    raise _keeps_changing(at)


def _result(part: _Part) -> DownloadResult:
    folder = part.folder
    files = {name: folder.path / name for name in part.assets}
    others = tuple(folder.other_files(part.remote.assets))
    return DownloadResult(part.at, part.remote, files, tuple(part.missing), others)


def _member_parts(state: BundleState, folder: Folder, select: Select, packages: Collection[str]) -> list[_Part]:
    """Return the members with selected assets. Raises BundleError, UsageError, FileError."""
    state.refuse_partial("Nothing was downloaded.")
    ids = {checked.member.id for checked in state.members}
    if unknown := sorted(set(packages) - ids):
        raise UsageError(
            f"{unknown[0]} is not a member of {state.at}", hint=f"Its members: {', '.join(sorted(ids)[:_NAMED])}."
        )
    parts = []
    for checked in state.members:
        member, remote = checked.member, checked.remote
        assert remote is not None
        at = member_at(state.at, member)
        refuse_invalid_names(at, remote)
        assets = {name: asset for name, asset in remote.assets.items() if select(name)}
        if assets and (not packages or member.id in packages):
            parts.append(_Part(at, remote, assets, folder.subfolder(member.namespace, member.package)))
    if not parts:
        raise UsageError(f"no asset of the members of {state.at} matches")
    return parts


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
            _refuse_wrong_bytes(at, {name: asset}, {name: result})
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
        names = ", ".join(sorted(remote.assets)[:_NAMED]) or "nothing"
        raise UsageError(f"no asset of {at} matches", hint=f"It has {names}.")
    return assets


def _find_missing(parts: Sequence[_Part], scheduler: Scheduler, parallel: int) -> None:
    """Hash the files in the folders, and note which assets are missing."""
    present: set[tuple[_Part, str]] = set()

    def job(part: _Part, asset: Asset) -> Job:
        def run(_emit: Emit) -> None:
            if part.folder.has(asset.name, asset):
                present.add((part, asset.name))

        return run

    pairs = [(part, asset) for part in parts for asset in part.assets.values()]
    for _event in scheduler.run([job(*pair) for pair in _largest_first(pairs)], limit=parallel):
        pass
    for part in parts:
        part.missing = {name: asset for name, asset in part.assets.items() if (part, name) not in present}


def _download_all(
    parts: Sequence[_Part], registry: Registry, scheduler: Scheduler, on_event: OnEvent, parallel: int
) -> None:
    def job(part: _Part, asset: Asset) -> Job:
        def run(emit: Emit) -> None:
            with part.folder.create(asset.name) as file:
                try:
                    part.downloads[asset.name] = download_asset(part.at, asset, registry, scheduler, emit, file=file)
                    file.flush()
                except OSError as error:
                    raise unwritable(part.folder.path, error) from error

        return run

    pairs = [(part, asset) for part in parts for asset in part.missing.values()]
    if pairs:
        on_event(DownloadStarted(tuple(asset for _, asset in pairs)))
    for event in scheduler.run([job(*pair) for pair in _largest_first(pairs)], limit=parallel):
        on_event(event)


def _largest_first(pairs: list[tuple[_Part, Asset]]) -> list[tuple[_Part, Asset]]:
    """Return the assets, the largest first, so that all workers end at about the same time."""
    return sorted(pairs, key=lambda pair: -pair[1].size)


def _verify_bytes(parts: Sequence[_Part]) -> None:
    for part in parts:
        _refuse_wrong_bytes(part.at, part.missing, part.downloads)


def _refuse_wrong_bytes(at: Coordinates, assets: Mapping[str, Asset], downloads: Mapping[str, Download]) -> None:
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
