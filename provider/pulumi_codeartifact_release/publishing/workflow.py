"""Releases a package version, or a bundle with its members, for all front ends: prepare a plan, then execute it.

    request = Request(location, Release(at, assets), "acme/app", contents)
    prepared = prepare(request, connect, ThreadScheduler())     # reads; writes nothing
    if prepared.changes:
        for event in execute(request, connect, ThreadScheduler(), prepared):
            ...

`connect` returns the connection to a location. It is called before the first request.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from ..errors import (
    ExpiredCredentialsError,
    MissingDomainError,
    MissingRepositoryError,
    NoCredentialsError,
    ReleaseError,
    UnreachableError,
    WrongRegionError,
)
from . import version_workflow
from .bundle_prepare import Each, each_in_turn, prepare_bundle, prepare_members
from .bundle_workflow import execute_bundle
from .events import Event
from .scheduler import Scheduler
from .version_workflow import Connect, PreparedRelease, Request, execute_version, prepare_version

__all__ = ["CircuitBreaker", "execute", "prepare", "prepare_again"]

_T = TypeVar("_T")


def prepare(
    request: Request,
    connect: Connect,
    scheduler: Scheduler,
    *,
    on_missing: Callable[[ReleaseError], None] | None = None,
    each: Each = each_in_turn,
) -> PreparedRelease:
    """Read the destination and the source, check the gates, and plan; for a bundle, of all members. Writes nothing.

    If the destination's repository does not exist, `on_missing` is called and the repository is planned as empty;
    without `on_missing` the error is raised. `each` applies a function to all members, and may do so in parallel. A
    RefusedError becomes the refusal of a plan. Raises any other ReleaseError.
    """
    if request.publishes_bundle:
        return prepare_bundle(request, connect, scheduler, on_missing=on_missing, each=each)
    prepared = prepare_version(request, connect, scheduler, on_missing=on_missing)
    if prepared.promotion_source is None:
        return prepared
    return prepare_members(prepared, connect, scheduler, on_missing=on_missing, each=each)


def prepare_again(
    request: Request,
    connect: Connect,
    scheduler: Scheduler,
    *,
    on_missing: Callable[[ReleaseError], None] | None = None,
    each: Each = each_in_turn,
) -> PreparedRelease | None:
    """Plan for a completed promotion, without reading its source; None if its version is missing or Unfinished.

    The other arguments are those of `prepare`.
    """
    prepared = version_workflow.prepare_again(request, connect, scheduler, on_missing=on_missing)
    if prepared is None or prepared.promotion_source is None:
        return prepared
    return prepare_members(prepared, connect, scheduler, on_missing=on_missing, each=each)


def execute(
    request: Request,
    connect: Connect,
    scheduler: Scheduler,
    prepared: PreparedRelease | None = None,
    *,
    each: Each = each_in_turn,
) -> Iterator[Event]:
    """Release the version; yield events, `Finished` last. See `apply`, and for a bundle `execute_bundle`.

    Without `prepared`, the plan is made first. `each` is that of `prepare`.
    """
    if prepared is None and request.publishes_bundle:
        prepared = prepare(request, connect, scheduler, each=each)
    if prepared and prepared.members:
        return execute_bundle(prepared, connect, scheduler)
    return execute_version(request, connect, scheduler, prepared)


# --- several packages -------------------------------------------------------------------------------------------------

REPOSITORY_ERRORS = (
    UnreachableError,
    WrongRegionError,
    NoCredentialsError,
    ExpiredCredentialsError,
    MissingDomainError,
    MissingRepositoryError,
)
"""Errors that affect all packages of a repository."""


class CircuitBreaker:
    """Stops reading a repository after one of REPOSITORY_ERRORS. Thread-safe.

    Attributes:
        error: the first such error; None before one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.error: ReleaseError | None = None

    def call(self, read: Callable[[], _T]) -> _T:
        """Return the result of `read`. After one of REPOSITORY_ERRORS, raise that without a call."""
        if self.error:
            raise self.error
        try:
            return read()
        except ReleaseError as error:
            first = self.record(error)
            if first is error:
                raise
            raise first from error

    def record(self, error: ReleaseError) -> ReleaseError:
        """Return the first of REPOSITORY_ERRORS if this is one, else this error."""
        if not isinstance(error, REPOSITORY_ERRORS):
            return error
        with self._lock:
            self.error = self.error or error
            return self.error
