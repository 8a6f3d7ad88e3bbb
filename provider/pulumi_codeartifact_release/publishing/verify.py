"""Whether a registry holds what is declared, and nothing else: as it lists it, and on demand as it downloads.

    result = verify(release, registry, ThreadScheduler(), download=True)
    result.outcome, result.differences     # VerifyOutcome.DIFFERS, (AssetDifference("a.txt", …),)

`differences` is pure and judges everything at once, so that no difference hides another. `verify` never writes.
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
from ..registry.limits import PARALLEL_DOWNLOADS, VERIFY_ROUNDS
from ..registry.listing import is_text
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

_NEVER = (Status.UNFINISHED, Status.DISPOSED)


@dataclass(frozen=True)
class ExpectedDigest:
    """A version of which the digest is known, and not the assets.

    Attributes:
        digest: `sha256:` and 64 hex digits.
        status: None where any is right in which a version has all of its bytes.
    """

    at: Coordinates
    digest: str
    status: Status | None = None


Expected: TypeAlias = Release | ExpectedDigest
"""What must be there."""


@dataclass(frozen=True)
class VersionDifference:
    """What is not as expected of the version as a whole.

    Attributes:
        field: "status", "digest", or "assets" where it holds none at all.
    """

    field: str
    expected: str
    actual: str


@dataclass(frozen=True)
class AssetDifference:
    """One asset that is not as expected.

    Attributes:
        declared: None where none is declared, or only a digest is known.
        listed: what the registry says of it; None where it lists none.
        download: what came; None where it was not downloaded.
    """

    name: str
    declared: Asset | None
    listed: Asset | None
    download: Download | None = None


Difference: TypeAlias = VersionDifference | AssetDifference


class VerifyOutcome(StrEnum):
    """What it comes to."""

    VERIFIED = "verified"
    DIFFERS = "differs"
    MISSING = "missing"
    """There is no such version."""
    UNKNOWN = "unknown"
    """Something could not be read, and nothing that could be read differs."""


@dataclass(frozen=True)
class VerifyResult:
    """What was result.

    Attributes:
        remote: None where there is no such version.
        differences: of the version first, then of its assets in name order.
        downloads: what came of each asset, by the name that it is compared by; None where nothing was to be downloaded.
        problem: what could not be read, or why.
    """

    expected: Expected
    remote: RemoteVersion | None
    differences: tuple[Difference, ...] = ()
    downloads: Mapping[str, Download] | None = None
    problem: ReleaseError | None = None

    @property
    def outcome(self) -> VerifyOutcome:
        """What it comes to; VERIFIED only if every asset was read that was to be read."""
        if self.remote is None:
            return VerifyOutcome.MISSING
        if self.differences:
            return VerifyOutcome.DIFFERS
        unread = self.downloads is not None and self.downloads.keys() != self.remote.assets.keys()
        return VerifyOutcome.UNKNOWN if self.problem or unread else VerifyOutcome.VERIFIED


def verify(
    expected: Expected,
    registry: Registry,
    scheduler: Scheduler,
    *,
    download: bool = False,
    on_event: OnEvent = lambda _event: None,
    parallel: int = PARALLEL_DOWNLOADS,
) -> VerifyResult:
    """Read what the registry holds, and compare it with what is expected.

    With `download` every listed asset is fetched and hashed, in constant memory, at most `parallel` at once; an
    Unfinished version is not, since it is not as expected whatever comes. What could not be downloaded is the
    result's `problem`. Raises InconsistentReadError for a version that keeps changing, and any other RegistryError
    where nothing could be read.
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
            # Of which version the bytes were is not known; what it listed was listed at one revision all the same.
            return VerifyResult(expected, remote, differences(expected, remote, {}), {}, error)
        if not changed:
            return VerifyResult(expected, remote, differences(expected, remote, downloads), downloads, problem)
        on_event(Rechecking(f"{at} changed while it was downloaded"))
    raise InconsistentReadError(
        f"{at} keeps changing: it was another one after each of {VERIFY_ROUNDS} downloads",
        hint="Somebody else is changing this version. Run again when they are done.",
    )


def differences(expected: Expected, remote: RemoteVersion, downloads: Mapping[str, Download]) -> tuple[Difference, ...]:
    """Return everything that is not as expected: status, assets as listed and as downloads, digest. Pure."""
    declared = {asset.name: asset for asset in expected.assets} if isinstance(expected, Release) else {}
    result: list[Difference] = []
    status = remote.state.status
    if expected.status is None and status in _NEVER:
        result.append(VersionDifference("status", "Published, Unlisted or Archived", status))
    elif expected.status is not None and status is not expected.status:
        result.append(VersionDifference("status", expected.status, status))
    if not remote.assets and status is not Status.DISPOSED:
        # Also where the digest is that of nothing: an empty folder, hashed by mistake, verifies no release.
        result.append(VersionDifference("assets", "at least one", "none"))
    if remote.digest != expected.digest:
        result.append(VersionDifference("digest", expected.digest, remote.digest))
    wrong_names = (
        {difference.name for difference in compare(expected, remote)} if isinstance(expected, Release) else set()
    )
    for name in sorted(declared.keys() | remote.assets.keys(), key=str.encode):
        pair = declared.get(name), remote.assets.get(name)
        came = downloads.get(name)
        if name in wrong_names or (came and not all(came.matches(asset) for asset in pair if asset)):
            result.append(AssetDifference(name, *pair, came))
    return tuple(result)


def refuse_invalid_names(at: Coordinates, remote: RemoteVersion) -> None:
    """Raise for names that are no text, such as half of a surrogate pair: they cannot be compared, nor asked for."""
    strange = next((name for name in remote.assets if not is_text(name)), None)
    if strange is not None:
        raise ServerFaultError(
            f"{at} holds an asset whose name is not text: {strange!a}",
            hint="Whatever this registry is, it is not CodeArtifact. Look at what it holds.",
        )


def _download_assets(
    expected: Expected,
    remote: RemoteVersion,
    registry: Registry,
    scheduler: Scheduler,
    on_event: OnEvent,
    parallel: int,
) -> tuple[dict[str, Download], ReleaseError | None]:
    """Download every asset; returns what came, and why not all of it did."""
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
    failed: list[ReleaseError] = []

    def job(name: str, listed: Asset) -> Job:
        def run(emit: Emit) -> None:
            if failed:
                # What one asset met, the others most likely would meet too, each after the same waits.
                return
            try:
                downloads[name] = download_asset(expected.at, listed, registry, scheduler, emit, declared.get(name))
            except InterruptedReleaseError:
                raise
            except ReleaseError as error:
                failed.append(error)

        return run

    on_event(DownloadStarted(tuple(remote.assets.values())))
    for event in scheduler.run([job(*item) for item in largest_first(remote.assets)], limit=parallel):
        on_event(event)
    return downloads, failed[0] if failed else None
