"""Releases one package version: the request, its preconditions, the plan, and its execution.

Front ends call `workflow`, which also releases bundles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias

from ..errors import (
    MissingDomainError,
    MissingRepositoryError,
    NotPermittedError,
    PinError,
    RefusedError,
    ReleaseError,
)
from ..location import Location, refuse_local_source, refuse_same_repository, same_domain
from ..registry.interface import Coordinates, Registry, Status
from ..remedies import Need
from .apply import apply
from .asset_content import AssetContent, verify_cached_hashes
from .bundle import BundleMember
from .events import Event
from .gates import Candidate, Promotion, Withdrawal, check_gates, refuse_withdrawn
from .plan import Action, Plan, Release, RemoteVersion, Route, make_plan, refused_plan
from .promotion_source import PromotionSource, choose_candidate
from .read_version import read_version
from .retire import Retirement
from .review import Review
from .scheduler import Scheduler


class Connection(Protocol):
    """A connection to the repository of one location."""

    @property
    def registry(self) -> Registry:
        """The registry."""

    @property
    def planning(self) -> Registry:
        """The registry for planning. A repository that `prepare` will create reads as empty."""

    def prepare(self) -> None:
        """Create domain and repository in an embedded registry; do nothing in other registries."""


Connect: TypeAlias = Callable[[Location], Connection]


@dataclass(frozen=True)
class BundleRules:
    """The members of a bundle and the rules for them.

    Attributes:
        members: the requests for the members that are published from files; empty for a promotion.
        existing: the members that somebody else publishes: they must be Published, and are never changed.
        after: `namespace/package` -> the members that become Published before it.
        replace_digest: (`namespace/package`, version) -> the digest that may be replaced; for promotions.
        withdrawal: (`namespace/package`, version) -> its withdrawal; for promotions.
    """

    members: tuple[Request, ...] = ()
    existing: tuple[ExistingMember, ...] = ()
    after: Mapping[str, Sequence[str]] = field(default_factory=dict)
    replace_digest: Callable[[str, str], str | None] = lambda _id, _version: None
    withdrawal: Callable[[str, str], Withdrawal | None] = lambda _id, _version: None


@dataclass(frozen=True)
class ExistingMember:
    """A member of a bundle that somebody else publishes.

    Attributes:
        digest: the digest that it must have.
    """

    at: Coordinates
    digest: str


@dataclass(frozen=True)
class Request:
    """A package version to release, and the permissions of the operator.

    Attributes:
        location: the destination, with its region, and with its owner if that is known.
        release: the desired version. A new promotion has no assets here, because they come from the source.
        name: for messages: `namespace/package`, with the version if there are several.
        contents: the content of every asset, by name; empty for a promotion.
        promotion: the source version and the gates; None if files are published.
        source: the location to promote from; None if files are published.
        replace_digest: the digest of the published version that may be replaced; None for none.
        allow: the permissions of the operator.
        on_destroy: what happens when the version leaves the program.
        pin_error: raised before any request, if a required pin is missing.
        withdrawal: set if the version was withdrawn.
        awaits_approval: whether somebody approves the plan before it is executed. Approval takes time, and plans
            without changes are not executed.
        bundle: the members, if the version is a bundle of files; for a promotion, rules that apply if it is a bundle.
    """

    location: Location
    release: Release
    name: str
    contents: Mapping[str, AssetContent] = field(default_factory=dict)
    promotion: Promotion | None = None
    source: Location | None = None
    replace_digest: str | None = None
    allow: frozenset[str] = frozenset()
    on_destroy: Retirement = Retirement.RETAIN
    pin_error: PinError | None = None
    withdrawal: Withdrawal | None = None
    awaits_approval: bool = False
    bundle: BundleRules | None = None

    @property
    def publishes_bundle(self) -> bool:
        """Whether this is a bundle whose members are published from files, or exist."""
        return self.bundle is not None and bool(self.bundle.members or self.bundle.existing)

    @property
    def is_promoted(self) -> bool:
        """Whether this promotion is complete. Then later changes of its source do not matter."""
        return self.promotion is not None and bool(self.release.assets)

    def promotion_source(self, connect: Connect) -> PromotionSource | None:
        """Return the source of the promotion, without a request; None if files are published."""
        if self.promotion is None or self.source is None:
            return None
        source = self.source
        copies = same_domain(source, self.location)
        return PromotionSource(self.promotion, lambda: connect(source).planning, same_domain=copies)


@dataclass(frozen=True)
class PreparedRelease:
    """A request, and the plan for it.

    Attributes:
        plan: its `refusal` is not None if the release is refused.
        contents: the content of every asset, by name.
        promotion_source: None if files are published.
        members: the members of a bundle, sorted by name; empty for any other version.
        abandoned: for a bundle from files, other versions of it that were staged and not published; each with its
            members.
        other_reads: the number of other requests that were made to prepare it.
        existing: set for a member of a bundle that somebody else publishes.
        in_changing_bundle: whether it belongs to a bundle that changes, so that it is read again in any case.
    """

    request: Request
    plan: Plan
    contents: Mapping[str, AssetContent]
    promotion_source: PromotionSource | None = None
    members: tuple[PreparedRelease, ...] = ()
    abandoned: Mapping[str, tuple[BundleMember, ...]] = field(default_factory=dict)
    other_reads: int = 0
    existing: ExistingMember | None = None
    in_changing_bundle: bool = False

    @property
    def changes(self) -> bool:
        """Whether anything is written to the registry."""
        return any(item.plan.changes for item in self.versions)

    @property
    def versions(self) -> tuple[PreparedRelease, ...]:
        """The members, then the version itself."""
        return (*self.members, self)

    @property
    def forced(self) -> bool:
        """Whether the operator skips the soak."""
        return bool(self.promotion_source and self.promotion_source.forced)

    def review(self, rate: float | None) -> Review:
        """Return the counts and the duration; `rate` is the quota of uploads per second."""
        approval, source = self.request.awaits_approval, self.promotion_source
        # Without an approval, a promotion was read to prepare it. A publication is only read when it is executed.
        reads_again = self.plan.changes if approval else source is not None
        reads_again = reads_again or self.in_changing_bundle
        return Review(self.plan, rate, source, reads_again, approval, self.other_reads)


# --- preconditions ----------------------------------------------------------------------------------------------------


def _refuse_missing_pin(request: Request) -> None:
    if request.pin_error:
        raise request.pin_error


def _refuse_final_retirement(request: Request) -> None:
    if request.on_destroy.is_final and "delete" not in request.allow:
        raise NotPermittedError(
            f"{request.name}: `onDestroy: {request.on_destroy}` deletes assets for good, which requires permission",
            hint=("Permit it with ", Need("allow", "delete"), ", or choose another `onDestroy`."),
        )


def _refuse_source(request: Request) -> None:
    if request.source and not request.is_promoted:
        refuse_same_repository(request.source, request.location)
        refuse_local_source(request.source, request.location, request.allow)


def _refuse_withdrawn(request: Request) -> None:
    refuse_withdrawn(request.release.at, request.withdrawal)


PRECONDITIONS: tuple[Callable[[Request], None], ...] = (
    _refuse_missing_pin,
    _refuse_withdrawn,
    _refuse_final_retirement,
    _refuse_source,
)
"""Checked before any request. Each raises RefusedError or UsageError. `gates.GATES` are checked after reading."""


def check_preconditions(request: Request) -> None:
    """Raise RefusedError or UsageError for a request that fails one of PRECONDITIONS."""
    for check in PRECONDITIONS:
        check(request)


# --- prepare ----------------------------------------------------------------------------------------------------------


def prepare_version(
    request: Request,
    connect: Connect,
    scheduler: Scheduler,
    *,
    on_missing: Callable[[ReleaseError], None] | None = None,
) -> PreparedRelease:
    """Read the destination and the source, check the gates, and plan. Writes nothing.

    If the destination's repository does not exist, `on_missing` is called and the repository is planned as empty;
    without `on_missing` the error is raised. A RefusedError becomes the refusal of the plan. Raises any other
    ReleaseError.
    """
    source = request.promotion_source(connect)
    release, remote = request.release, None
    try:
        check_preconditions(request)
        remote = _read_destination(request, connect, scheduler, on_missing)
        if source:
            release = replace(release, assets=choose_candidate(source, remote, scheduler).assets)
        prepared = _make_plan(request, release, remote, source, scheduler)
        if source is None and prepared.plan.sends:
            check_gates(Candidate(release))
    except RefusedError as refusal:
        plan = refused_plan(release, remote, refusal, source.route if source else Route.FILES)
        return PreparedRelease(request, plan, {}, source)
    return prepared


def prepare_again(
    request: Request,
    connect: Connect,
    scheduler: Scheduler,
    *,
    on_missing: Callable[[ReleaseError], None] | None = None,
) -> PreparedRelease | None:
    """Plan for a completed promotion without reading its source; None if its version is missing or Unfinished."""
    remote = _read_destination(request, connect, scheduler, on_missing)
    if remote is None or remote.state.status is Status.UNFINISHED:
        return None
    return _make_plan(request, request.release, remote, request.promotion_source(connect), scheduler)


def _make_plan(
    request: Request,
    release: Release,
    remote: RemoteVersion | None,
    source: PromotionSource | None,
    scheduler: Scheduler,
) -> PreparedRelease:
    plan = make_plan(release, remote, request.replace_digest, source.route if source else Route.FILES)
    contents = _contents(request, release, source, scheduler)
    verify_cached_hashes(plan, contents)
    return PreparedRelease(request, plan, contents, source)


def _contents(
    request: Request, release: Release, source: PromotionSource | None, scheduler: Scheduler
) -> Mapping[str, AssetContent]:
    return source.contents(release, scheduler) if source else request.contents


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


def execute_version(
    request: Request,
    connect: Connect,
    scheduler: Scheduler,
    prepared: PreparedRelease | None = None,
    *,
    staging: bool = False,
) -> Iterator[Event]:
    """Release the version; yield events, `Finished` last. See `apply`, also for `staging`.

    Without `prepared`, apply() makes the plan. It always checks the gates before it sends anything.
    """
    scheduler.checkpoint()
    _refuse_withdrawn(request)
    if prepared:
        # Not `request.release`: the plan has the assets of a promotion, and may have another `finalize`.
        plan, release = prepared.plan, prepared.plan.release
        source, contents = prepared.promotion_source, prepared.contents
    else:
        plan, release = None, request.release
        source = request.promotion_source(connect)
        contents = _contents(request, release, source, scheduler)
    if source and plan and request.awaits_approval and not plan.copies and not plan.staged:
        # Read the source again, because it may have changed before the approval. A copy names the revision of the
        # source, but a transfer does not.
        source.invalidate()
    # Do not replace a version unless the plan showed it.
    replaces = plan is None or plan.action is Action.REPLACE
    connection = connect(request.location)
    connection.prepare()
    yield from apply(
        release,
        contents,
        connection.registry,
        scheduler,
        replace_digest=request.replace_digest if replaces else None,
        promotion_source=source,
        initial_plan=plan,
        staging=staging,
    )
