"""Plans a bundle: its members, from files or from the bundle that is promoted, and the bundle itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Protocol, TypeVar

from ..bundle_rules import is_member_name
from ..errors import (
    ConflictError,
    GateError,
    RefusedError,
    RegistryConflictError,
    ReleaseError,
    UsageError,
    VersionNotFoundError,
)
from ..hashing import HashedBytes
from ..location import Location
from ..registry.interface import Asset, Status
from ..registry.retries_and_concurrency import PARALLEL_READS
from ..remedies import Need
from .bundle import (
    BUNDLE_ASSET,
    MAX_BUNDLE_BYTES,
    BundleMember,
    encode_bundle,
    is_bundle_listing,
    parse_bundle,
)
from .gates import Pin, Promotion
from .plan import Action, Finalize, Release, Route, make_plan, refused_plan
from .read_bundle import find_abandoned, read_again, read_bundle
from .read_version import read_version
from .scheduler import Scheduler
from .version_workflow import (
    BundleRules,
    Connect,
    ExistingMember,
    PreparedRelease,
    Request,
    prepare_version,
)

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
OnMissing = Callable[[ReleaseError], None] | None


class Each(Protocol):
    """Applies a function to all items, and returns the results in their order. Raises the first exception."""

    def __call__(self, work: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
        """Return the results."""


def each_in_turn(work: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """Apply a function to one item after the other."""
    return [work(item) for item in items]


def each_in_threads(work: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """Apply a function to several items at once. Only for work that does not write."""
    with ThreadPoolExecutor(PARALLEL_READS, thread_name_prefix="read") as pool:
        return list(pool.map(work, items))


def prepare_bundle(
    request: Request, connect: Connect, scheduler: Scheduler, *, on_missing: OnMissing, each: Each
) -> PreparedRelease:
    """Plan a bundle whose members are published from files, or exist."""
    rules = request.bundle
    assert rules is not None
    _refuse_invalid(request, rules)

    def prepare_member(item: Request | ExistingMember) -> PreparedRelease:
        if isinstance(item, ExistingMember):
            return prepare_existing(item, request.location, connect, scheduler)
        return prepare_version(item, connect, scheduler, on_missing=on_missing)

    items: list[Request | ExistingMember] = [*rules.members, *rules.existing]
    members = each(prepare_member, items)
    named = [BundleMember.of(member.plan.release) for member in members if member.plan.release.assets]
    prepared = prepare_version(with_document(request, named), connect, scheduler, on_missing=on_missing)
    if isinstance(prepared.plan.refusal, ConflictError):
        _name_other_members(prepared, named, connect)
    prepared = _with_members(prepared, members)
    if not prepared.changes:
        return prepared
    abandoned, requests = find_abandoned(connect(request.location).planning, request.release.at)
    return replace(prepared, abandoned=abandoned, other_reads=requests)


def with_document(request: Request, members: Iterable[BundleMember]) -> Request:
    """Return the request for a bundle with its one asset. Raises UsageError if nobody could read it as a bundle."""
    members = list(members)
    for member in members:
        for name in (member.namespace, member.package, member.version):
            if not is_member_name(name):
                raise UsageError(
                    f"{member.name} cannot be in a bundle: {name!a} cannot be the name of a folder",
                    hint="Use another name.",
                )
    content = HashedBytes(encode_bundle(members))
    if content.size > MAX_BUNDLE_BYTES:
        raise UsageError(
            f"{request.release.at}: the names of its {len(members)} members are too long: {content.size:,} bytes, at "
            f"most {MAX_BUNDLE_BYTES:,} are allowed",
            hint="Use shorter names, or several bundles.",
        )
    asset = Asset(BUNDLE_ASSET, content.size, content.sha256)
    return replace(request, release=replace(request.release, assets=(asset,)), contents={BUNDLE_ASSET: content})


def prepare_members(
    prepared: PreparedRelease, connect: Connect, scheduler: Scheduler, *, on_missing: OnMissing, each: Each
) -> PreparedRelease:
    """Add the plans of all members to that of a promotion, if it promotes a bundle."""
    try:
        members = _promoted_members(prepared, connect, scheduler)
    except RefusedError as refusal:
        return replace(prepared, plan=replace(prepared.plan, action=Action.REFUSE, uploads=(), refusal=refusal))
    if members is None:
        return prepared

    def prepare_member(member: BundleMember) -> PreparedRelease:
        request = _member_request(prepared.request, member)
        return prepare_version(request, connect, scheduler, on_missing=on_missing)

    return _with_members(prepared, [_refuse_nested(item, prepared) for item in each(prepare_member, members)])


def _refuse_nested(member: PreparedRelease, bundle: PreparedRelease) -> PreparedRelease:
    """Refuse a promoted member that is a bundle: its own members would not be promoted."""
    plan = member.plan
    if plan.refusal or not _is_bundle(plan.release, bundle.request):
        return member
    refusal = GateError(
        f"{plan.release.at} is a bundle, and a member of {bundle.request.release.at.name}: it cannot be promoted",
        hint="Release that bundle again, with the members of the other one in its place.",
    )
    return replace(member, plan=refused_plan(plan.release, plan.remote, refusal, plan.route))


def _is_bundle(release: Release, bundle: Request) -> bool:
    """Return whether a member may be a bundle, or is a version of its own bundle."""
    own, at = bundle.release.at, release.at
    return [asset.name for asset in release.assets] == [BUNDLE_ASSET] or (at.namespace, at.package) == (
        own.namespace,
        own.package,
    )


def _with_members(prepared: PreparedRelease, members: Sequence[PreparedRelease]) -> PreparedRelease:
    ordered = tuple(sorted(members, key=lambda member: member.plan.release.at.name))
    changes = any(item.plan.changes for item in (*ordered, prepared))
    if changes:
        ordered = tuple(
            replace(member, in_changing_bundle=True, other_reads=2 * _is_read_in_commit(member)) for member in ordered
        )
    return replace(prepared, members=ordered, in_changing_bundle=changes)


def _is_read_in_commit(member: PreparedRelease) -> bool:
    """Return whether the commit reads a member: one that it does not change, or one that it replaces by a copy."""
    return member.plan.action is Action.KEEP or (member.plan.action is Action.REPLACE and member.plan.copies)


def _refuse_invalid(request: Request, rules: BundleRules) -> None:
    if request.release.finalize is Finalize.LAST_ASSET:
        raise UsageError(
            f"{request.release.at}: a bundle cannot be published by the last asset, because nothing could be staged",
            hint=("Set ", Need("finalize", "status-update"), "."),
        )
    releases = [member.release for member in rules.members]
    for release in (*releases, *(Release(member.at, ()) for member in rules.existing)):
        at = release.at
        if _is_bundle(release, request):
            raise UsageError(
                f"{at} is a bundle, and cannot be a member of {request.release.at.name}",
                hint="Name the members of that bundle instead.",
            )
        if release.status is not Status.PUBLISHED:
            raise UsageError(
                f"{at} is declared {release.status}, but a member of a bundle must be Published",
                hint=("Declare ", Need("status", "Published"), ", or leave it out of the bundle."),
            )


def prepare_existing(
    member: ExistingMember, location: Location, connect: Connect, scheduler: Scheduler
) -> PreparedRelease:
    """Read a member that somebody else publishes. It is never changed."""
    at = member.at
    remote = read_version(connect(location).planning, at, scheduler)
    release = Release(at, tuple(remote.assets.values()) if remote else ())
    own = Request(location, release, f"{at.namespace}/{at.package}")
    problem = None
    if remote is None:
        problem = "does not exist"
    elif remote.state.status is not Status.PUBLISHED:
        problem = f"is {remote.state.status}, not Published"
    elif remote.digest != member.digest:
        problem = f"is {remote.digest}, not {member.digest}"
    elif [*remote.assets] == [BUNDLE_ASSET]:
        problem = "is a bundle"
    if problem:
        refusal = GateError(
            f"{at} {problem}: it cannot be a member of a bundle",
            hint="Publish it first, or name another version or digest.",
        )
        return PreparedRelease(own, refused_plan(release, remote, refusal, Route.FILES), {}, existing=member)
    return PreparedRelease(own, make_plan(release, remote), {}, existing=member)


def _promoted_members(
    prepared: PreparedRelease, connect: Connect, scheduler: Scheduler
) -> tuple[BundleMember, ...] | None:
    """Return the members of the bundle that is promoted; None if it is not a bundle. Raises GateError."""
    plan, request, source = prepared.plan, prepared.request, prepared.promotion_source
    assets = {asset.name: asset for asset in plan.release.assets or (source.assets if source else ())}
    if not is_bundle_listing(assets):
        return None
    if source:
        source.read_requests += 1
    if plan.refusal:
        # The members may be refused as well, and all refusals are shown at once.
        with suppress(RegistryConflictError, VersionNotFoundError):
            return _read_source(request, connect, assets)
        return None
    if plan.sends:
        return read_again(lambda: _download_members(prepared, scheduler))
    if plan.remote and plan.remote.state.status is not Status.ARCHIVED:
        return read_bundle(connect(request.location).planning, plan.release.at, assets)
    # The assets of an Archived version cannot be downloaded. The source has the same bundle, or its hash is wrong.
    try:
        return _read_source(request, connect, assets)
    except (RegistryConflictError, VersionNotFoundError) as error:
        raise GateError(
            f"{plan.release.at} is Archived, so that nobody can read its members, and so it is in {request.source}",
            hint="Set one of the two to Unlisted: `aws codeartifact update-package-versions-status --target-status "
            "Unlisted …`. Then run again.",
        ) from error


def _read_source(request: Request, connect: Connect, assets: Mapping[str, Asset]) -> tuple[BundleMember, ...] | None:
    """Return the members of the bundle in the source; None if it is not a bundle. Raises any RegistryError."""
    assert request.source is not None
    assert request.promotion is not None
    return read_bundle(connect(request.source).planning, request.promotion.source, assets)


def _download_members(prepared: PreparedRelease, scheduler: Scheduler) -> tuple[BundleMember, ...] | None:
    if prepared.promotion_source:
        # An earlier attempt may have seen that the source changed.
        prepared.promotion_source.verify(prepared.plan.release, scheduler)
    with prepared.contents[BUNDLE_ASSET].open() as content:
        return parse_bundle(content.read(MAX_BUNDLE_BYTES + 1))


def _member_request(bundle: Request, member: BundleMember) -> Request:
    """Return the promotion of a member, which its bundle approves. Its soak is that of the bundle."""
    assert bundle.source is not None
    names = member.namespace, member.package, member.version
    at = bundle.location.coordinates(*names)
    rules = bundle.bundle
    approval = Pin(member.digest, f"the bundle {bundle.release.at.name}")
    return replace(
        bundle,
        release=Release(at, ()),
        name=member.id,
        promotion=Promotion(bundle.source.coordinates(*names), at, approval),
        replace_digest=rules.replace_digest(member.id, member.version) if rules else None,
        withdrawal=rules.withdrawal(member.id, member.version) if rules else None,
        bundle=None,
    )


def _name_other_members(prepared: PreparedRelease, declared: Sequence[BundleMember], connect: Connect) -> None:
    """Name the members in the refusal of a bundle that is published with others, in place of two hashes."""
    plan = prepared.plan
    refusal, remote, at = plan.refusal, plan.remote, plan.release.at
    if refusal is None or remote is None or remote.state.status is Status.ARCHIVED:
        return
    published = read_bundle(connect(prepared.request.location).planning, at, remote.assets)
    if published is None:
        return
    before, now = ({member.id: member for member in members} for members in (published, declared))
    different = [name for name in sorted(before | now) if before.get(name) != now.get(name)]
    lines = "".join(
        f"\n  {name}\n    declared   {_version_text(now.get(name))}\n    published  {_version_text(before.get(name))}"
        for name in different
    )
    refusal.message = f"{at} is already {remote.state.status} with other members:{lines}"


def _version_text(member: BundleMember | None) -> str:
    return f"{member.version} {member.digest}" if member else "not a member"
