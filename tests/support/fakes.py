"""Stand-ins for what the core is written against: a registry and content in memory, a scheduler in one thread."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import BinaryIO

from pulumi_codeartifact_release.errors import (
    InvalidRequestError,
    RegistryConflictError,
    StatusRefusedError,
    VersionNotFoundError,
)
from pulumi_codeartifact_release.hashing import HashedBytes
from pulumi_codeartifact_release.publishing import Event, Finalize, Release, digest
from pulumi_codeartifact_release.publishing.bundle import BUNDLE_ASSET, BundleMember, encode_bundle
from pulumi_codeartifact_release.publishing.bundle_check import member_at
from pulumi_codeartifact_release.publishing.scheduler import Job
from pulumi_codeartifact_release.registry import (
    MAX_PAGE_SIZE,
    Asset,
    AssetListing,
    Coordinates,
    Status,
    VersionState,
    VersionSummary,
)

PEAK_MEMORY = """
def peak_memory_kib():
    import pathlib, resource, sys
    status = pathlib.Path("/proc/self/status")
    if status.exists():  # what getrusage says on Linux, a child inherits from its parent
        return int(status.read_text().split("VmHWM:")[1].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
"""
"""Source of a function for a program of its own: the most memory that it has used, in KiB."""

AT = Coordinates("acme", "dev", "tools", "app", "1.0")


def asset(name: str, content: bytes) -> Asset:
    return Asset(name, len(content), hashlib.sha256(content).hexdigest())


def release(
    contents: dict[str, bytes], *, status: Status = Status.PUBLISHED, finalize: Finalize = Finalize.STATUS_UPDATE
) -> Release:
    return Release(AT, tuple(asset(name, content) for name, content in contents.items()), status, finalize)


def asset_contents(contents: dict[str, bytes]) -> dict[str, HashedBytes]:
    return {name: HashedBytes(content) for name, content in contents.items()}


def bundle_members(packages: dict[str, dict[str, bytes]], version: str = "1.0") -> list[BundleMember]:
    """The members of a bundle. `packages`: `namespace/package` -> asset name -> content."""
    result = []
    for name, contents in packages.items():
        namespace, _, package = name.partition("/")
        digest_of = digest(asset(*item) for item in contents.items())
        size = sum(map(len, contents.values()))
        result.append(BundleMember(namespace, package, version, digest_of, size))
    return result


@dataclass
class StoredVersion:
    status: Status
    revision: int
    assets: dict[str, bytes] = field(default_factory=dict)
    published: datetime | None = None


class FakeRegistry:
    """CodeArtifact's rules for one repository, in memory. `calls` has every call; `before` and `after` may raise."""

    def __init__(self) -> None:
        self.versions: dict[Coordinates, StoredVersion] = {}
        self.calls: list[str] = []
        self.before: Callable[[str], None] = lambda _call: None
        self.after: Callable[[str], None] = lambda _call: None
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self._revisions = 0

    def holds(self, contents: dict[str, bytes], status: Status, at: Coordinates = AT) -> None:
        """Put a version there."""
        published = None if status is Status.UNFINISHED else self.now
        self.versions[at] = StoredVersion(status, self._revision(), dict(contents), published)

    def holds_bundle(self, at: Coordinates, packages: dict[str, dict[str, bytes]]) -> list[BundleMember]:
        """Put a Published bundle and its members there, of one version. Returns the members."""
        members = bundle_members(packages, at.version)
        for member in members:
            self.holds(packages[member.id], Status.PUBLISHED, member_at(at, member))
        self.holds({BUNDLE_ASSET: encode_bundle(members)}, Status.PUBLISHED, at)
        return members

    @property
    def writes(self) -> list[str]:
        return [call for call in self.calls if call.startswith(("publish", "status", "delete", "dispose", "copy"))]

    def describe(self, at: Coordinates) -> VersionState:
        self._call("describe")
        version = self._found(at)
        return VersionState(version.status, str(version.revision), version.published, self.now)

    def list_assets(self, at: Coordinates) -> AssetListing:
        self._call("list")
        version = self._found(at)
        assets = {name: asset(name, content) for name, content in version.assets.items()}
        return AssetListing(str(version.revision), assets)

    def publish_asset(self, at: Coordinates, asset: Asset, body: BinaryIO, *, unfinished: bool) -> VersionState:
        call = f"publish {asset.name}{' unfinished' if unfinished else ''}"
        self._call(call)
        content = body.read()
        if hashlib.sha256(content).hexdigest() != asset.sha256:
            raise InvalidRequestError("the body is not its hash")
        version = self.versions.get(at) or StoredVersion(Status.UNFINISHED, 0)
        known = version.assets.get(asset.name)
        if known != content and (known is not None or version.status is not Status.UNFINISHED):
            raise RegistryConflictError("conflict")
        if known is None or (version.status is Status.UNFINISHED and not unfinished):
            version.assets[asset.name] = content
            if not unfinished:
                version.status = Status.PUBLISHED
            version.revision = self._revision()
        self.versions[at] = version
        self.after(call)
        return VersionState(version.status, str(version.revision))

    def fetch_asset(self, at: Coordinates, asset: Asset, write: Callable[[bytes], object]) -> None:
        self._call(f"fetch {asset.name}")
        version = self._found(at)
        if version.status not in (Status.UNFINISHED, Status.PUBLISHED, Status.UNLISTED):
            raise RegistryConflictError("not downloadable")
        if asset.name not in version.assets:
            raise VersionNotFoundError("no such asset")
        content = version.assets[asset.name]
        for start in range(0, len(content), 3):
            write(content[start : start + 3])

    def copy(
        self, at: Coordinates, *, source_repository: str, revision: str, allow_overwrite: bool
    ) -> VersionState | None:
        call = f"copy from {source_repository}{' over' if allow_overwrite else ''}"
        self._call(call)
        source = self.versions.get(replace(at, repository=source_repository))
        if source is None:
            raise StatusRefusedError("gone", reason="NOT_FOUND")
        if str(source.revision) != revision:
            raise StatusRefusedError("moved", reason="MISMATCHED_REVISION")
        if source.status not in (Status.PUBLISHED, Status.UNLISTED):
            raise StatusRefusedError("not copyable", reason="NOT_ALLOWED")
        if at in self.versions and not allow_overwrite:
            raise StatusRefusedError("there already", reason="ALREADY_EXISTS")
        self.versions[at] = StoredVersion(source.status, source.revision, dict(source.assets), self.now)
        self.after(call)
        return VersionState(source.status, str(source.revision))

    def list_versions(
        self, at: Coordinates, *, status: Status | None = None, page_size: int = MAX_PAGE_SIZE
    ) -> Iterator[VersionSummary]:
        self._call("versions")
        package = replace(at, version="")
        here = [each for each in self.versions.items() if replace(each[0], version="") == package]
        # As the service: what was never Published comes last.
        here.reverse()
        here.sort(key=lambda each: each[1].published or datetime.min.replace(tzinfo=UTC), reverse=True)
        for named, stored in here:
            if status in (None, stored.status):
                yield VersionSummary(named.version, stored.status, str(stored.revision))

    def set_status(self, at: Coordinates, *, revision: str, expected: Status, target: Status) -> VersionState:
        call = f"status {expected} -> {target}"
        version = self._guarded(call, at, expected, revision)
        version.status, version.revision = target, self._revision()
        version.published = version.published or self.now
        self.after(call)
        return VersionState(version.status, str(version.revision))

    def delete(self, at: Coordinates, *, expected: Status) -> None:
        call = f"delete {expected}"
        self._guarded(call, at, expected)
        del self.versions[at]
        self.after(call)

    def dispose(self, at: Coordinates, *, revision: str, expected: Status) -> VersionState:
        call = f"dispose {expected}"
        version = self._guarded(call, at, expected, revision)
        version.status, version.revision, version.assets = Status.DISPOSED, self._revision(), {}
        self.after(call)
        return VersionState(version.status, str(version.revision))

    def _guarded(self, call: str, at: Coordinates, expected: Status, revision: str | None = None) -> StoredVersion:
        self._call(call)
        version = self.versions.get(at)
        if version is None:
            raise StatusRefusedError("gone", reason="NOT_FOUND")
        if version.status is not expected:
            raise StatusRefusedError("moved", reason="MISMATCHED_STATUS")
        if revision is not None and str(version.revision) != revision:
            raise StatusRefusedError("moved", reason="MISMATCHED_REVISION")
        return version

    def _call(self, call: str) -> None:
        self.calls.append(call)
        self.before(call)

    def _found(self, at: Coordinates) -> StoredVersion:
        if at not in self.versions:
            raise VersionNotFoundError("no such version")
        return self.versions[at]

    def _revision(self) -> int:
        self._revisions += 1
        return self._revisions


class InlineScheduler:
    """Runs jobs one after the other, in this thread; time is a number."""

    def __init__(self) -> None:
        self.slept = 0.0
        self.checkpoints = 0
        self.stop: Callable[[], None] = lambda: None

    def checkpoint(self) -> None:
        self.checkpoints += 1
        self.stop()

    def begin_commit(self) -> None:
        self.stop = lambda: None

    def sleep(self, seconds: float) -> None:
        self.slept += seconds

    def run(self, jobs: Sequence[Job], *, limit: int) -> Iterator[Event]:
        for job in jobs:
            events: list[Event] = []
            job(events.append)
            yield from events
