"""What every front does to release one package version: prepare a plan, then execute it.

    request = Request(location, Release(at, assets), "acme/app", sources)
    prepared = prepare(request, connect, ThreadScheduler())     # reads; writes nothing
    if prepared.plan.changes:
        for event in execute(request, connect, ThreadScheduler(), prepared):
            ...

`connect` returns the connection to a location. It is called when the registry is read or written for the first time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias, TypeVar

from ..errors import (
    ExpiredCredentialsError,
    MissingDomainError,
    MissingRepositoryError,
    NoCredentialsError,
    NotPermittedError,
    PinError,
    RefusedError,
    ReleaseError,
    UnreachableError,
    WrongRegionError,
)
from ..location import Location, refuse_local_source, refuse_same_repository, same_domain
from ..registry.interface import Registry, Status
from ..remedies import Need
from .apply import apply
from .asset_content import AssetContent, verify_cached_hashes
from .events import Event
from .gates import Candidate, Promotion, check_gates
from .plan import Action, Plan, Release, RemoteVersion, Route, make_plan, refused_plan
from .promotion_source import PromotionSource, choose_candidate
from .read_version import read_version
from .retire import Retirement
from .review import Review
from .scheduler import Scheduler

_T = TypeVar("_T")


class Connection(Protocol):
    """A connection to the repository of one location."""

    @property
    def registry(self) -> Registry:
        """The registry."""

    @property
    def planning(self) -> Registry:
        """The registry for planning: what `prepare` creates reads as empty."""

    def prepare(self) -> None:
        """Create what an embedded registry lacks; do nothing elsewhere."""


Connect: TypeAlias = Callable[[Location], Connection]


@dataclass(frozen=True)
class Request:
    """A package version that a repository must hold, and what the operator permits for it.

    Attributes:
        location: the destination, with its region, and its owner if that is known.
        release: what is declared; of a promotion that is not made yet, without assets: the source decides.
        name: for messages: `namespace/package`, with the version if there are several.
        sources: the content of every asset, by name; empty for a promotion.
        promotion: what is asked of the source; None if files are published.
        source: the location that is promoted from; None if files are published.
        replace_digest: the digest of the published version that may be replaced; None if none may.
        allow: what the operator permits.
        on_destroy: what happens when the version leaves the program.
        unapproved: why nothing is approved that could be promoted.
        awaits_approval: whether somebody approves the plan before it is executed, which takes time. Then only plans
            that change something are executed.
    """

    location: Location
    release: Release
    name: str
    sources: Mapping[str, AssetContent] = field(default_factory=dict)
    promotion: Promotion | None = None
    source: Location | None = None
    replace_digest: str | None = None
    allow: frozenset[str] = frozenset()
    on_destroy: Retirement = Retirement.RETAIN
    unapproved: PinError | None = None
    awaits_approval: bool = False

    @property
    def is_promoted(self) -> bool:
        """Whether this promotion was made before: what became of its source since does not matter."""
        return self.promotion is not None and bool(self.release.assets)

    def promotion_source(self, connect: Connect) -> PromotionSource | None:
        """Return the source of the promotion, which is not read yet; None if files are published."""
        if self.promotion is None or self.source is None:
            return None
        source = self.source
        copies = same_domain(source, self.location)
        return PromotionSource(self.promotion, lambda: connect(source).planning, same_domain=copies)


@dataclass(frozen=True)
class Prepared:
    """A request, and the plan for it.

    Attributes:
        plan: what will be done; `refusal` says why nothing may be.
        sources: the content of every asset, by name.
        promotion_source: None if files are published.
    """

    request: Request
    plan: Plan
    sources: Mapping[str, AssetContent]
    promotion_source: PromotionSource | None = None

    @property
    def forced(self) -> bool:
        """Whether a soak is skipped for it."""
        return bool(self.promotion_source and self.promotion_source.forced)

    def review(self, rate: float | None) -> Review:
        """Return the numbers; `rate` is the quota of uploads a second."""
        approval, source = self.request.awaits_approval, self.promotion_source
        # Without an approval, only a promotion is read when it is prepared: a publication is when it is executed.
        reads_again = self.plan.changes if approval else source is not None
        return Review(self.plan, rate, source, reads_again=reads_again, reads_source_again=approval)


# --- what is refused before anything is read --------------------------------------------------------------------------


def _refuse_unapproved(request: Request) -> None:
    if request.unapproved:
        raise request.unapproved


def _refuse_final_retirement(request: Request) -> None:
    if request.on_destroy.is_final and "delete" not in request.allow:
        raise NotPermittedError(
            f"{request.name}: `onDestroy: {request.on_destroy}` loses bytes for good, and a manifest may not decide "
            "that",
            hint=("Permit it with ", Need("allow", "delete"), ", or choose another `onDestroy`."),
        )


def _refuse_source(request: Request) -> None:
    if request.source and not request.is_promoted:
        refuse_same_repository(request.source, request.location)
        refuse_local_source(request.source, request.location, request.allow)


PRECONDITIONS: tuple[Callable[[Request], None], ...] = (_refuse_unapproved, _refuse_final_retirement, _refuse_source)
"""What holds before anything is read. Each raises RefusedError or UsageError. `gates.GATES` are judged later."""


def check_preconditions(request: Request) -> None:
    """Raise RefusedError or UsageError for a request that is refused whatever the registries hold."""
    for check in PRECONDITIONS:
        check(request)


# --- prepare ----------------------------------------------------------------------------------------------------------


def prepare(
    request: Request,
    connect: Connect,
    scheduler: Scheduler,
    *,
    on_missing: Callable[[ReleaseError], None] | None = None,
) -> Prepared:
    """Read the destination and the source, judge the gates, and plan. Writes nothing.

    `on_missing` is called if the destination's repository does not exist, which is then empty; without it that is an
    error. A RefusedError becomes the refusal of the plan. Raises any other ReleaseError.
    """
    source = request.promotion_source(connect)
    release, remote = request.release, None
    try:
        check_preconditions(request)
        remote = _read_destination(request, connect, scheduler, on_missing)
        if source:
            release = replace(release, assets=choose_candidate(source, remote, scheduler).assets)
        prepared = _planned(request, release, remote, source, scheduler)
        if source is None and prepared.plan.sends:
            check_gates(Candidate(release))
    except RefusedError as refusal:
        plan = refused_plan(release, remote, refusal, source.route if source else Route.FILES)
        return Prepared(request, plan, {}, source)
    return prepared


def prepare_again(
    request: Request,
    connect: Connect,
    scheduler: Scheduler,
    *,
    on_missing: Callable[[ReleaseError], None] | None = None,
) -> Prepared | None:
    """Plan for a promotion that was made before, without reading its source; None if it has to be made again."""
    remote = _read_destination(request, connect, scheduler, on_missing)
    if remote is None or remote.state.status is Status.UNFINISHED:
        return None
    return _planned(request, request.release, remote, request.promotion_source(connect), scheduler)


def _planned(
    request: Request,
    release: Release,
    remote: RemoteVersion | None,
    source: PromotionSource | None,
    scheduler: Scheduler,
) -> Prepared:
    plan = make_plan(release, remote, request.replace_digest, source.route if source else Route.FILES)
    sources = _sources(request, release, source, scheduler)
    verify_cached_hashes(plan, sources)
    return Prepared(request, plan, sources, source)


def _sources(
    request: Request, release: Release, source: PromotionSource | None, scheduler: Scheduler
) -> Mapping[str, AssetContent]:
    return source.sources(release, scheduler) if source else request.sources


def _read_destination(
    request: Request,
    connect: Connect,
    scheduler: Scheduler,
    on_missing: Callable[[ReleaseError], None] | None,
) -> RemoteVersion | None:
    try:
        return read_version(connect(request.location).planning, request.release.at, scheduler)
    except (MissingDomainError, MissingRepositoryError) as error:
        if on_missing is None:
            raise
        on_missing(error)
        return None


# --- execute ----------------------------------------------------------------------------------------------------------


def execute(
    request: Request, connect: Connect, scheduler: Scheduler, prepared: Prepared | None = None
) -> Iterator[Event]:
    """Make the registry hold what was requested; yield what happens, `Finished` last. See `apply`.

    Without `prepared`, apply() plans; it judges the gates in any case before it sends anything.
    """
    scheduler.checkpoint()
    if prepared:
        # The release as it was planned: a version that may be deleted is finished by a change of its status.
        plan, release = prepared.plan, prepared.plan.release
        source, sources = prepared.promotion_source, prepared.sources
    else:
        plan, release = None, request.release
        source = request.promotion_source(connect)
        sources = _sources(request, release, source, scheduler)
    if source and plan and request.awaits_approval and not plan.copies:
        # The approval may have taken long, and a transfer is not bound to a revision of the source.
        source.invalidate()
    # Only what the plan showed is replaced.
    replaces = plan is None or plan.action is Action.REPLACE
    connection = connect(request.location)
    connection.prepare()
    yield from apply(
        release,
        sources,
        connection.registry,
        scheduler,
        replace_digest=request.replace_digest if replaces else None,
        promotion_source=source,
        initial_plan=plan,
    )


# --- several packages -------------------------------------------------------------------------------------------------

EVERYWHERE = (
    UnreachableError,
    WrongRegionError,
    NoCredentialsError,
    ExpiredCredentialsError,
    MissingDomainError,
    MissingRepositoryError,
)
"""What one package meets, the others of its repository would meet too, each after the same wait."""


class CircuitBreaker:
    """Stops reading a repository after an error that every package would meet. Thread-safe.

    Attributes:
        error: the first such error; None while there is none.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.error: ReleaseError | None = None

    def call(self, read: Callable[[], _T]) -> _T:
        """Return what `read` returns. Raises its error; after one of EVERYWHERE always that one, without a call."""
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
        """Return the error to report: the first one of EVERYWHERE, else this one."""
        if not isinstance(error, EVERYWHERE):
            return error
        with self._lock:
            self.error = self.error or error
            return self.error
