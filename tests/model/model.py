"""The registry's rules for one version, as a pure function from a state and a request to a state and an answer.

    registry, answer = execute(EMPTY, Publish("a", b"1", unfinished=True))
    registry, answer = execute(EMPTY, Copy(0, source.revision, allow_overwrite=False), (source,))

The sources of promotions are registries too: they are read here and moved by the explorer, never by a request.
Every call is atomic here; what makes it unsafe (lost answers, late requests, stale reads, deaths) is the explorer's.
States, requests and answers are values, so that states which are reached in two ways are seen to be one.
"""

from __future__ import annotations

import functools
from typing import NamedTuple, TypeAlias

from pulumi_codeartifact_release.registry import Status

Contents: TypeAlias = tuple[tuple[str, bytes], ...]
"""Assets by name, sorted: what a version holds."""


class Version(NamedTuple):
    """One version. `changes` counts changes of status; `copied` is the revision of what it is a copy of, if it is."""

    status: Status
    contents: Contents
    changes: int = 0
    copied: str = ""


class Registry(NamedTuple):
    """What a repository holds at one moment. `deletions` tells one life of the version from the next.

    Attributes:
        name: tells the revisions of one repository from those of the others.
        quiet: a copy onto an equal version succeeds and says nothing, as the user guide has it; else ALREADY_EXISTS.
    """

    deletions: int
    version: Version | None
    name: str = ""
    quiet: bool = False

    @property
    def revision(self) -> str:
        """A text that no other moment has: within a life assets are only added, and changes of status counted.

        But a copy has that of its source, until its status is changed.
        """
        assert self.version
        if self.version.copied and not self.version.changes:
            return self.version.copied
        names = ",".join(name for name, _ in self.version.contents)
        return f"{self.name}life {self.deletions} status {self.version.changes} assets {names}"


EMPTY = Registry(0, None)
HERE = -1
"""The place of the destination; sources are counted from 0."""

# --- requests -------------------------------------------------------------------------------------------------


class Describe(NamedTuple):
    """DescribePackageVersion."""

    place: int = HERE
    kind: str = "describe"


class ListAssets(NamedTuple):
    """ListPackageVersionAssets, all pages at one moment."""

    place: int = HERE
    kind: str = "list"


class Fetch(NamedTuple):
    """GetPackageVersionAsset."""

    place: int
    name: str
    kind: str = "fetch"


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


class Copy(NamedTuple):
    """CopyPackageVersions from a source to the destination. None means that the guard is not sent."""

    place: int
    revision: str | None
    allow_overwrite: bool
    kind: str = "copy"


Request: TypeAlias = Describe | ListAssets | Fetch | Publish | SetStatus | Delete | Dispose | Copy
READS = (Describe, ListAssets, Fetch)

# --- answers --------------------------------------------------------------------------------------------------


class State(NamedTuple):
    """Status and revision after the call."""

    status: Status
    revision: str


class Listing(NamedTuple):
    """The assets, and the revision that held them."""

    revision: str
    contents: Contents


class Content(NamedTuple):
    """The bytes of an asset, as far as they came."""

    content: bytes


class Missing(NamedTuple):
    """404: there is no such version, or no such asset."""

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


Answer: TypeAlias = State | Listing | Content | Missing | Conflict | Refused | Done | Lost | Skipped
FAILURES = (Missing, Conflict, Refused, Lost)

DOWNLOADABLE = (Status.UNFINISHED, Status.PUBLISHED, Status.UNLISTED)
COPYABLE = (Status.PUBLISHED, Status.UNLISTED)

_MAY_BECOME = {
    Status.UNFINISHED: {Status.PUBLISHED},
    Status.PUBLISHED: {Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED},
    Status.UNLISTED: {Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED},
    Status.ARCHIVED: {Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED},
    Status.DISPOSED: set[Status](),
}


def execute(registry: Registry, request: Request, sources: tuple[Registry, ...] = ()) -> tuple[Registry, Answer]:
    """Return what the registry holds after `request`, and its answer."""
    version = registry.version
    if isinstance(request, READS):
        return registry, _read(registry if request.place == HERE else sources[request.place], request)
    if isinstance(request, Copy):
        return _copy(registry, sources[request.place], request)
    if isinstance(request, Publish):
        return _publish(registry, version or Version(Status.UNFINISHED, ()), request)
    if version is None:
        return registry, Refused("NOT_FOUND")
    if request.expected is not None and version.status is not request.expected:
        return registry, Refused("MISMATCHED_STATUS")
    if isinstance(request, Delete):
        return moved(registry, None), Done()
    if request.revision is not None and request.revision != registry.revision:
        return registry, Refused("MISMATCHED_REVISION")
    if isinstance(request, Dispose):
        return _changed(registry, version._replace(status=Status.DISPOSED, contents=()))
    if request.target not in _MAY_BECOME[version.status]:
        return registry, Refused("NOT_ALLOWED")
    return _changed(registry, version._replace(status=request.target))


def moved(registry: Registry, to: Version | None) -> Registry:
    """Return what the registry holds once another version, or none, has taken the place of what it holds."""
    return registry._replace(deletions=registry.deletions + 1, version=to)


def _read(registry: Registry, request: Describe | ListAssets | Fetch) -> Answer:
    version = registry.version
    if version is None:
        return Missing()
    if isinstance(request, Describe):
        return State(version.status, registry.revision)
    if isinstance(request, ListAssets):
        return Listing(registry.revision, version.contents)
    if version.status not in DOWNLOADABLE:
        return Conflict()
    held = dict(version.contents)
    return Content(held[request.name]) if request.name in held else Missing()


def _copy(registry: Registry, source: Registry, request: Copy) -> tuple[Registry, Answer]:
    version, there = source.version, registry.version
    if version is None:
        return registry, Refused("NOT_FOUND")
    if request.revision is not None and request.revision != source.revision:
        return registry, Refused("MISMATCHED_REVISION")
    if version.status not in COPYABLE:
        return registry, Refused("NOT_ALLOWED")
    if there and there.contents == version.contents and registry.quiet:
        return registry, Done()
    if there and not request.allow_overwrite:
        return registry, Refused("ALREADY_EXISTS")
    if there and there.status is Status.DISPOSED:
        return registry, Refused("NOT_ALLOWED")
    copy = Version(version.status, version.contents, copied=source.revision)
    after = registry if there == copy else moved(registry, copy) if there else registry._replace(version=copy)
    return after, State(copy.status, after.revision)


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
    after = registry._replace(version=filled)
    if not request.unfinished:
        return _changed(after, filled._replace(status=Status.PUBLISHED))
    return after, State(filled.status, after.revision)


def _changed(registry: Registry, version: Version) -> tuple[Registry, Answer]:
    after = registry._replace(version=version._replace(changes=version.changes + 1))
    return after, State(version.status, after.revision)


@functools.cache
def text_of(request: Request) -> str:
    """Return the request as a line of a schedule."""
    if isinstance(request, Publish):
        return f"publish {request.name}={request.content.decode()}{' unfinished' if request.unfinished else ''}"
    if isinstance(request, SetStatus):
        return f"set {request.expected or 'any status'} -> {request.target} at [{request.revision or 'any revision'}]"
    if isinstance(request, Delete | Dispose):
        return f"{request.kind} if {request.expected or 'any status'}"
    where = "" if request.place == HERE else f" source {request.place + 1}"
    if isinstance(request, Fetch):
        return f"fetch {request.name} of{where}"
    if isinstance(request, Copy):
        over = " over what is there" if request.allow_overwrite else ""
        return f"copy{where} at [{request.revision or 'any revision'}]{over}"
    return request.kind + where
