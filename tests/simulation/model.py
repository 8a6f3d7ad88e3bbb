"""The registry's rules for one version, as a pure function from a state and a request to a state and an answer.

    registry, answer = execute(EMPTY, Publish("a", b"1", unfinished=True))

Every call is atomic here; what makes it unsafe (lost answers, late requests, stale reads, deaths) is the explorer's.
States, requests and answers are values, so that states which are reached in two ways are seen to be one.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from pulumi_codeartifact_release.registry import Status

Contents: TypeAlias = tuple[tuple[str, bytes], ...]
"""Assets by name, sorted: what a version holds."""


class Version(NamedTuple):
    """One version. `changes` counts changes of status."""

    status: Status
    contents: Contents
    changes: int = 0


class Registry(NamedTuple):
    """What the registry holds at one moment. `deletions` tells one life of the version from the next."""

    deletions: int
    version: Version | None

    @property
    def revision(self) -> str:
        """A text that no other moment has: within a life assets are only added, and changes of status counted."""
        assert self.version
        names = ",".join(name for name, _ in self.version.contents)
        return f"life {self.deletions} status {self.version.changes} assets {names}"


EMPTY = Registry(0, None)

# --- requests -------------------------------------------------------------------------------------------------


class Describe(NamedTuple):
    """DescribePackageVersion."""

    kind: str = "describe"


class ListAssets(NamedTuple):
    """ListPackageVersionAssets, all pages at one moment."""

    kind: str = "list"


class Publish(NamedTuple):
    """PublishPackageVersion."""

    name: str
    content: bytes
    unfinished: bool
    kind: str = "publish"


class SetStatus(NamedTuple):
    """UpdatePackageVersionsStatus. None means that a guard is not sent."""

    revision: str | None
    expected: Status | None
    target: Status
    kind: str = "status"


class Delete(NamedTuple):
    """DeletePackageVersions, which takes no revision."""

    expected: Status | None
    kind: str = "delete"


class Dispose(NamedTuple):
    """DisposePackageVersions."""

    revision: str | None
    expected: Status | None
    kind: str = "dispose"


Request: TypeAlias = Describe | ListAssets | Publish | SetStatus | Delete | Dispose
READS = (Describe, ListAssets)

# --- answers --------------------------------------------------------------------------------------------------


class State(NamedTuple):
    """Status and revision after the call."""

    status: Status
    revision: str


class Listing(NamedTuple):
    """The assets, and the revision that held them."""

    revision: str
    contents: Contents


class Missing(NamedTuple):
    """404: there is no such version."""

    kind: str = "missing"


class Conflict(NamedTuple):
    """409."""

    kind: str = "conflict"


class Refused(NamedTuple):
    """The version's entry in `failedVersions`."""

    reason: str
    kind: str = "refused"


class Done(NamedTuple):
    """It worked; there is nothing more to say."""

    kind: str = "done"


class Lost(NamedTuple):
    """No answer came: the request may have been executed, may be later, or never."""

    kind: str = "lost"


class Skipped(NamedTuple):
    """Not an answer: the job had not sent its request when a sibling failed, and never will."""

    kind: str = "skipped"


Answer: TypeAlias = State | Listing | Missing | Conflict | Refused | Done | Lost | Skipped
FAILURES = (Missing, Conflict, Refused, Lost)

_MAY_BECOME = {
    Status.UNFINISHED: {Status.PUBLISHED},
    Status.PUBLISHED: {Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED},
    Status.UNLISTED: {Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED},
    Status.ARCHIVED: {Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED},
    Status.DISPOSED: set[Status](),
}


def execute(registry: Registry, request: Request) -> tuple[Registry, Answer]:
    """Return what the registry holds after `request`, and its answer."""
    version = registry.version
    if isinstance(request, Publish):
        return _publish(registry, version or Version(Status.UNFINISHED, ()), request)
    if version is None:
        return registry, Missing() if isinstance(request, READS) else Refused("NOT_FOUND")
    if isinstance(request, Describe):
        return registry, State(version.status, registry.revision)
    if isinstance(request, ListAssets):
        return registry, Listing(registry.revision, version.contents)
    if request.expected is not None and version.status is not request.expected:
        return registry, Refused("MISMATCHED_STATUS")
    if isinstance(request, Delete):
        return Registry(registry.deletions + 1, None), Done()
    if request.revision is not None and request.revision != registry.revision:
        return registry, Refused("MISMATCHED_REVISION")
    if isinstance(request, Dispose):
        return _moved(registry, version._replace(status=Status.DISPOSED, contents=()))
    if request.target not in _MAY_BECOME[version.status]:
        return registry, Refused("NOT_ALLOWED")
    return _moved(registry, version._replace(status=request.target))


def _publish(registry: Registry, version: Version, request: Publish) -> tuple[Registry, Answer]:
    held = dict(version.contents)
    if held.get(request.name, request.content) != request.content:
        return registry, Conflict()
    if version.status is not Status.UNFINISHED:
        # The same bytes once more change nothing; a version that is final takes no further asset.
        if request.name not in held:
            return registry, Conflict()
        return registry, State(version.status, registry.revision)
    filled = version._replace(contents=tuple(sorted({**held, request.name: request.content}.items())))
    after = Registry(registry.deletions, filled)
    if not request.unfinished:
        return _moved(after, filled._replace(status=Status.PUBLISHED))
    return after, State(filled.status, after.revision)


def _moved(registry: Registry, version: Version) -> tuple[Registry, Answer]:
    after = Registry(registry.deletions, version._replace(changes=version.changes + 1))
    return after, State(version.status, after.revision)


def told(request: Request) -> str:
    """Return the request as a line of a schedule."""
    if isinstance(request, Publish):
        return f"publish {request.name}={request.content.decode()}{' unfinished' if request.unfinished else ''}"
    if isinstance(request, SetStatus):
        return f"set {request.expected or 'any status'} -> {request.target} at [{request.revision or 'any revision'}]"
    if isinstance(request, Delete | Dispose):
        return f"{request.kind} if {request.expected or 'any status'}"
    return request.kind
