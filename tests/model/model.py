"""The registry's rules for a version: a pure function from a state and a request to a state and a response.

    registry, response = execute(EMPTY, Publish("a", b"1", unfinished=True))
    registry, response = execute(EMPTY, Copy(0, source.revision, allow_overwrite=False), (source,))

A request names the version that it concerns, and the explorer executes it on the registry of that version: 0 for the
version that is released, from 1 for the members of a bundle. The sources of promotions are registries, too. Requests
only read them, and the explorer changes them. Every call is atomic here; lost responses, late requests, stale reads and
kills are the explorer's. States, requests and responses are values, so that equal states compare as equal.
"""

from __future__ import annotations

import functools
from typing import NamedTuple, TypeAlias

from pulumi_codeartifact_release.registry import Status

Contents: TypeAlias = tuple[tuple[str, bytes], ...]
"""The assets of a version, sorted by name: pairs of name and content."""


class Version(NamedTuple):
    """One version. `changes` counts changes of status. `copied` is the revision of its source if it is a copy."""

    status: Status
    contents: Contents
    changes: int = 0
    copied: str = ""


class Registry(NamedTuple):
    """The content of a repository at one moment. `deletions` counts how often its version was removed or replaced.

    Attributes:
        name: distinguishes the revisions of this repository from those of others.
        quiet: a copy onto an equal version succeeds with an empty response, as in the user guide; else ALREADY_EXISTS.
    """

    deletions: int
    version: Version | None
    name: str = ""
    quiet: bool = False

    @property
    def revision(self) -> str:
        """A unique text: assets are only added, and changes of status and deletions are counted.

        A copy has the revision of its source until its status changes.
        """
        assert self.version
        if self.version.copied and not self.version.changes:
            return self.version.copied
        names = ",".join(name for name, _ in self.version.contents)
        return f"{self.name}life {self.deletions} status {self.version.changes} assets {names}"


EMPTY = Registry(0, None)
DESTINATION = -1
"""The index of the destination; sources are counted from 0."""

# --- requests -------------------------------------------------------------------------------------------------


class Describe(NamedTuple):
    """DescribePackageVersion."""

    repository: int = DESTINATION
    version: int = 0
    kind: str = "describe"


class ListAssets(NamedTuple):
    """ListPackageVersionAssets, all pages at one moment."""

    repository: int = DESTINATION
    version: int = 0
    kind: str = "list"


class Fetch(NamedTuple):
    """GetPackageVersionAsset."""

    repository: int
    name: str
    version: int = 0
    kind: str = "fetch"


class Publish(NamedTuple):
    """PublishPackageVersion."""

    name: str
    content: bytes
    unfinished: bool
    version: int = 0
    kind: str = "publish"


class SetStatus(NamedTuple):
    """UpdatePackageVersionsStatus. None: the condition is not sent."""

    revision: str | None
    expected: Status | None
    target: Status
    version: int = 0
    kind: str = "status"


class Delete(NamedTuple):
    """DeletePackageVersions, which takes no revision."""

    expected: Status | None
    version: int = 0
    kind: str = "delete"


class Dispose(NamedTuple):
    """DisposePackageVersions."""

    revision: str | None
    expected: Status | None
    version: int = 0
    kind: str = "dispose"


class Copy(NamedTuple):
    """CopyPackageVersions from a source to the destination. None: the condition is not sent."""

    repository: int
    revision: str | None
    allow_overwrite: bool
    version: int = 0
    kind: str = "copy"


Request: TypeAlias = Describe | ListAssets | Fetch | Publish | SetStatus | Delete | Dispose | Copy
READS = (Describe, ListAssets, Fetch)

# --- responses --------------------------------------------------------------------------------------------------


class State(NamedTuple):
    """Status and revision after the call."""

    status: Status
    revision: str


class Listing(NamedTuple):
    """The assets at a revision."""

    revision: str
    contents: Contents


class Content(NamedTuple):
    """The received bytes of an asset."""

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
    """Success without further information."""

    kind: str = "done"


class Lost(NamedTuple):
    """No response: the request may have been executed, may be executed later, or never."""

    kind: str = "lost"


class Skipped(NamedTuple):
    """Not a response: another job failed before this job sent its request, so it never does."""

    kind: str = "skipped"


Response: TypeAlias = State | Listing | Content | Missing | Conflict | Refused | Done | Lost | Skipped
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


def execute(registry: Registry, request: Request, sources: tuple[Registry, ...] = ()) -> tuple[Registry, Response]:
    """Return the registry after `request`, and the response."""
    version = registry.version
    if isinstance(request, READS):
        return registry, read(registry if request.repository == DESTINATION else sources[request.repository], request)
    if isinstance(request, Copy):
        return _copy(registry, sources[request.repository], request)
    if isinstance(request, Publish):
        return _publish(registry, version or Version(Status.UNFINISHED, ()), request)
    if version is None:
        return registry, Refused("NOT_FOUND")
    if request.expected is not None and version.status is not request.expected:
        return registry, Refused("MISMATCHED_STATUS")
    if isinstance(request, Delete):
        return with_version(registry, None), Done()
    if request.revision is not None and request.revision != registry.revision:
        return registry, Refused("MISMATCHED_REVISION")
    if isinstance(request, Dispose):
        return _changed(registry, version._replace(status=Status.DISPOSED, contents=()))
    if request.target not in _MAY_BECOME[version.status]:
        return registry, Refused("NOT_ALLOWED")
    return _changed(registry, version._replace(status=request.target))


def with_version(registry: Registry, version: Version | None) -> Registry:
    """Return the registry with another version, or None, in place of its version."""
    return registry._replace(deletions=registry.deletions + 1, version=version)


def read(registry: Registry, request: Describe | ListAssets | Fetch) -> Response:
    """Return the response to a read of `registry`."""
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


def _copy(registry: Registry, source: Registry, request: Copy) -> tuple[Registry, Response]:
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
    after = registry if there == copy else with_version(registry, copy) if there else registry._replace(version=copy)
    return after, State(copy.status, after.revision)


def _publish(registry: Registry, version: Version, request: Publish) -> tuple[Registry, Response]:
    held = dict(version.contents)
    if held.get(request.name, request.content) != request.content:
        return registry, Conflict()
    if version.status is not Status.UNFINISHED:
        # The same bytes change nothing. A final version takes no other asset.
        if request.name not in held:
            return registry, Conflict()
        return registry, State(version.status, registry.revision)
    filled = version._replace(contents=tuple(sorted({**held, request.name: request.content}.items())))
    after = registry._replace(version=filled)
    if not request.unfinished:
        return _changed(after, filled._replace(status=Status.PUBLISHED))
    return after, State(filled.status, after.revision)


def _changed(registry: Registry, version: Version) -> tuple[Registry, Response]:
    after = registry._replace(version=version._replace(changes=version.changes + 1))
    return after, State(version.status, after.revision)


@functools.cache
def text_of(request: Request) -> str:
    """Return the request as a line of a schedule."""
    return f"member {request.version}: {_text_of(request)}" if request.version else _text_of(request)


def _text_of(request: Request) -> str:
    if isinstance(request, Publish):
        return f"publish {request.name}={request.content.decode()}{' unfinished' if request.unfinished else ''}"
    if isinstance(request, SetStatus):
        return f"set {request.expected or 'any status'} -> {request.target} at [{request.revision or 'any revision'}]"
    if isinstance(request, Delete | Dispose):
        return f"{request.kind} if {request.expected or 'any status'}"
    where = "" if request.repository == DESTINATION else f" source {request.repository + 1}"
    if isinstance(request, Fetch):
        return f"fetch {request.name} of{where}"
    if isinstance(request, Copy):
        over = " with overwrite" if request.allow_overwrite else ""
        return f"copy{where} at [{request.revision or 'any revision'}]{over}"
    return request.kind + where
