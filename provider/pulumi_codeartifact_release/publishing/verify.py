"""Verifies that a registry holds exactly the declared version, by its listing and optionally by its downloads.

    result = verify(release, registry, ThreadScheduler(), download=True)
    result.outcome, result.differences     # VerifyOutcome.DIFFERS, (AssetDifference("a.txt", …),)

`differences` is pure and reports everything at once, so that no difference hides another. `verify` never writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from ..errors import (
    InconsistentReadError,
    InterruptedReleaseError,
    RegistryError,
    ReleaseError,
    ServerFaultError,
)
from ..registry.interface import Asset, Coordinates, Registry, Status
from ..registry.listing import is_text
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
from .events import Rechecking
from .plan import Release, RemoteVersion, compare
from .read_version import read_version
from .scheduler import Emit, Job, Scheduler

_INCOMPLETE = (Status.UNFINISHED, Status.DISPOSED)


@dataclass(frozen=True)
class ExpectedDigest:
    """An expected version whose digest is known, but not its assets.

    Attributes:
        digest: `sha256:` and 64 hex digits.
        status: None for any status in which a version has all of its bytes.
    """

    at: Coordinates
    digest: str
    status: Status | None = None


Expectation: TypeAlias = Release | ExpectedDigest
"""What the registry must hold."""


@dataclass(frozen=True)
class VersionDifference:
    """A difference of the version as a whole.

    Attributes:
        field: "status", "digest", or "assets" if the version has none.
    """

    field: str
    expected: str
    actual: str


@dataclass(frozen=True)
class AssetDifference:
    """One asset that is not as expected.

    Attributes:
        declared: None if it is not declared, or only a digest is expected.
        listed: None if the registry does not list it.
        download: None if it was not downloaded.
    """

    name: str
    declared: Asset | None
    listed: Asset | None
    download: Download | None = None


Difference: TypeAlias = VersionDifference | AssetDifference


class VerifyOutcome(StrEnum):
    """The outcome of a verification."""

    VERIFIED = "verified"
    DIFFERS = "differs"
    MISSING = "missing"
    """The version does not exist."""
    UNKNOWN = "unknown"
    """Something could not be read, and nothing else differs."""


@dataclass(frozen=True)
class VerifyResult:
    """The result of a verification.

    Attributes:
        remote: None if the version does not exist.
        differences: those of the version first, then those of its assets in name order.
        downloads: by asset name in NFC; None if no downloads were requested.
        problem: why something could not be read.
    """

    expected: Expectation
    remote: RemoteVersion | None
    differences: tuple[Difference, ...] = ()
    downloads: Mapping[str, Download] | None = None
    problem: ReleaseError | None = None

    @property
    def outcome(self) -> VerifyOutcome:
        """The outcome. VERIFIED only if every requested asset was downloaded."""
        if self.remote is None:
            return VerifyOutcome.MISSING
        if self.differences:
            return VerifyOutcome.DIFFERS
        unread = self.downloads is not None and self.downloads.keys() != self.remote.assets.keys()
        return VerifyOutcome.UNKNOWN if self.problem or unread else VerifyOutcome.VERIFIED


def verify(
    expected: Expectation,
    registry: Registry,
    scheduler: Scheduler,
    *,
    download: bool = False,
    on_event: OnEvent = lambda _event: None,
    parallel: int = PARALLEL_DOWNLOADS,
) -> VerifyResult:
    """Compare the version in the registry with the expected one.

    With `download` every listed asset is downloaded and hashed, in constant memory, at most `parallel` at once. An
    Unfinished version is not downloaded, since it differs anyway. A failed download is the `problem` of the result.
    Raises InconsistentReadError for a version that keeps changing, and any RegistryError if the version cannot be read.
    """
    at = expected.at
    for _ in range(VERIFY_ROUNDS):
        remote = read_version(registry, at, scheduler)
        if remote is None:
            return VerifyResult(expected, None)
        refuse_invalid_names(at, remote)
        if not download:
            return VerifyResult(expected, remote, differences(expected, remote, {}))
        downloads, problem = _download_assets(expected, remote, registry, scheduler, on_event, parallel)
        try:
            changed = bool(downloads or problem) and has_changed(at, remote, registry)
        except RegistryError as error:
            # The downloads may be of another revision. The listing is consistent in any case.
            return VerifyResult(expected, remote, differences(expected, remote, {}), {}, error)
        if not changed:
            return VerifyResult(expected, remote, differences(expected, remote, downloads), downloads, problem)
        on_event(Rechecking(f"{at} changed while it was downloaded"))
    raise InconsistentReadError(
        f"{at} keeps changing: it changed during each of {VERIFY_ROUNDS} downloads",
        hint="Somebody else is changing this version. Run again when they are done.",
    )


def differences(
    expected: Expectation, remote: RemoteVersion, downloads: Mapping[str, Download]
) -> tuple[Difference, ...]:
    """Return all differences: status, digest, and assets as listed and as downloaded. Pure."""
    declared = {asset.name: asset for asset in expected.assets} if isinstance(expected, Release) else {}
    result: list[Difference] = []
    status = remote.state.status
    if expected.status is None and status in _INCOMPLETE:
        result.append(VersionDifference("status", "Published, Unlisted or Archived", status))
    elif expected.status is not None and status is not expected.status:
        result.append(VersionDifference("status", expected.status, status))
    if not remote.assets and status is not Status.DISPOSED:
        # Even if the expected digest is that of no assets: somebody hashed an empty folder by mistake.
        result.append(VersionDifference("assets", "at least one", "none"))
    if remote.digest != expected.digest:
        result.append(VersionDifference("digest", expected.digest, remote.digest))
    wrong_names = (
        {difference.name for difference in compare(expected, remote)} if isinstance(expected, Release) else set()
    )
    for name in sorted(declared.keys() | remote.assets.keys(), key=str.encode):
        pair = declared.get(name), remote.assets.get(name)
        download = downloads.get(name)
        if name in wrong_names or (download and not all(download.matches(asset) for asset in pair if asset)):
            result.append(AssetDifference(name, *pair, download))
    return tuple(result)


def refuse_invalid_names(at: Coordinates, remote: RemoteVersion) -> None:
    """Raise ServerFaultError for names that are not valid Unicode: they can be neither compared nor requested."""
    invalid_name = next((name for name in remote.assets if not is_text(name)), None)
    if invalid_name is not None:
        raise ServerFaultError(
            f"{at} holds an asset whose name is not valid Unicode: {invalid_name!a}",
            hint="CodeArtifact does not allow such names. Check which server this endpoint is.",
        )


def _download_assets(
    expected: Expectation,
    remote: RemoteVersion,
    registry: Registry,
    scheduler: Scheduler,
    on_event: OnEvent,
    parallel: int,
) -> tuple[dict[str, Download], ReleaseError | None]:
    """Download every asset. Returns the downloads by name, and the first error."""
    status = remote.state.status
    downloads: dict[str, Download] = {}
    if status not in DOWNLOADABLE:
        if status is not Status.ARCHIVED:
            return downloads, None
        problem = RegistryError(
            f"{expected.at} is Archived: its assets cannot be downloaded", hint="Verify it without downloading."
        )
        return downloads, problem
    declared = {asset.name: asset for asset in expected.assets} if isinstance(expected, Release) else {}
    errors: list[ReleaseError] = []

    def job(name: str, listed: Asset) -> Job:
        def run(emit: Emit) -> None:
            if errors:
                # The other downloads would most likely fail too, each after the same waits.
                return
            try:
                downloads[name] = download_asset(expected.at, listed, registry, scheduler, emit, declared.get(name))
            except InterruptedReleaseError:
                raise
            except ReleaseError as error:
                errors.append(error)

        return run

    on_event(DownloadStarted(tuple(remote.assets.values())))
    for event in scheduler.run([job(*item) for item in largest_first(remote.assets)], limit=parallel):
        on_event(event)
    return downloads, errors[0] if errors else None
