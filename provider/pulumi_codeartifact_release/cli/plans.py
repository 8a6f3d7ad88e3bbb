"""From a target to plans: files are hashed, or the source of a promotion is asked and judged. Writes nothing.

for each in make_plans(target, reading):
    print(each.declared.id, each.plan.action)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..approvals import Approval, permitted, unapproved, wanted
from ..errors import RefusedError, UsageError
from ..hashing import SqliteCache, default_folder, hash_files
from ..location import refuse_same_repository, same_domain
from ..manifest import Package
from ..publishing import (
    AssetSource,
    Finalize,
    Permission,
    Plan,
    Promotion,
    PromotionSource,
    Release,
    Review,
    ReviewTotals,
    Route,
    ThreadScheduler,
    choose_candidate,
    make_plan,
    read_version,
    refuse_oversized,
    refused_plan,
    total_reviews,
    verify_cached_hashes,
)
from ..registry.interface import Asset, Coordinates, Status
from .concurrency import in_parallel
from .context import DeclaredRelease, Site, Target, refuse_unknown, warn_of_idle_pins
from .progress import Reading


@dataclass(frozen=True)
class PackagePlan:
    """A package of the manifest, and what will be done for it."""

    declared: DeclaredRelease
    plan: Plan

    def review(self, rate: float | None) -> Review:
        """Return the numbers; `rate` is the quota of uploads a second."""
        return Review(
            self.plan,
            rate,
            self.declared.promotion_source,
            reads_again=self.plan.changes,
            reads_source_again=True,
        )

    @property
    def forced(self) -> bool:
        """Whether a soak is skipped for it."""
        return bool(self.declared.promotion_source and self.declared.promotion_source.forced)


def sum_up(target: Target, plans: Sequence[PackagePlan]) -> ReviewTotals:
    """Return what plans come to."""
    return total_reviews(each.review(target.site.connection.rate) for each in plans)


def refusals_of(plans: Sequence[PackagePlan]) -> list[RefusedError]:
    """Return why packages are refused; one reason for several is there once."""
    found = (each.plan.refusal for each in plans)
    return list({id(refusal): refusal for refusal in found if refusal}.values())


def make_plans(target: Target, reading: Reading) -> list[PackagePlan]:
    """Look at what is declared, and at the registries, several packages at once; `reading` shows how far it is."""
    if target.source:
        return _promotions(target, target.source)
    known = {(package.id, package.version) for package in target.manifest.packages}
    refuse_unknown("replace", target.replace, known)
    if target.force:
        raise UsageError(
            f"--force skips a soak, and {target.site.environment.name} publishes files: there is nothing to skip"
        )
    scheduler = ThreadScheduler()

    def plan(declared: DeclaredRelease) -> PackagePlan:
        remote = read_version(target.site.connection.planning, declared.release.at, scheduler)
        made = make_plan(declared.release, remote, declared.replace_digest)
        verify_cached_hashes(made, declared.sources)
        return PackagePlan(declared, made)

    packages = target.manifest.packages
    refuse_oversized({file.declared: file.path for package in packages for file in package.files})
    return in_parallel(plan, _hashed(target, reading))


def _hashed(target: Target, reading: Reading) -> list[DeclaredRelease]:
    """Hash the files of all packages together, so that none waits for another's."""
    packages = target.manifest.packages
    paths = {file.path for package in packages for file in package.files}
    hashed = hash_files(paths, cache=SqliteCache(default_folder()), on_bytes=reading.hashing(paths))
    releases = []
    for package in packages:
        sources: dict[str, AssetSource] = {file.name: hashed[file.path] for file in package.files}
        assets = tuple(Asset(name, source.size, source.sha256) for name, source in sources.items())
        release = _release(target, package, package.version, assets)
        name, replace_digest = target.manifest.name_of(package), _replace_digest(target, package, package.version)
        releases.append(DeclaredRelease(name, release, sources, replace_digest))
    return releases


def _promotions(target: Target, source: Site) -> list[PackagePlan]:
    environment = target.site.environment
    approved = [(package, wanted(target.manifest, environment, package)) for package in target.manifest.packages]
    missing = unapproved(target.manifest, environment)
    if environment.stack and any(not approval.pin for _, approval in approved):
        raise UsageError(
            f"{environment.name} promotes what the Pulumi stack {environment.stack} says, which only Pulumi can read",
            hint="Run `pulumi up`, or pin every package (`pins`).",
        )
    known = {(package.id, approval.version) for package, approval in approved}
    refuse_unknown("replace", target.replace, known)
    refuse_unknown("force", target.force, known)
    warn_of_idle_pins(target.manifest, environment)
    refuse_same_repository(source.location, target.site.location)
    copies = same_domain(source.location, target.site.location)

    def plan(each: tuple[Package, Approval]) -> PackagePlan:
        package, approval = each
        if missing and not approval.pin:
            bare = _release(target, package, approval.version, ())
            declared = DeclaredRelease(target.manifest.name_of(package), bare, {})
            return PackagePlan(declared, refused_plan(bare, None, missing, Route.TRANSFER))
        return _promotion(target, source, package, approval, copies=copies)

    return in_parallel(plan, approved)


def _promotion(target: Target, source: Site, package: Package, approval: Approval, *, copies: bool) -> PackagePlan:
    names = (package.namespace, package.package, approval.version)
    replace_digest = _replace_digest(target, package, approval.version)
    to = target.site.location.coordinates(*names)
    force = permitted(target.force, package.id, approval.version)
    promotion = Promotion(
        source.location.coordinates(*names),
        to,
        approval.pin,
        target.site.environment.soak,
        Permission(package.id, approval.version, force) if force else None,
    )
    promotion_source = PromotionSource(promotion, lambda: source.connection.planning, same_domain=copies)
    held = read_version(target.site.connection.planning, to, ThreadScheduler())
    try:
        chosen = choose_candidate(promotion_source, held, ThreadScheduler())
    except RefusedError as refusal:
        bare = _release(target, package, approval.version, ())
        declared = DeclaredRelease(target.manifest.name_of(package), bare, {}, promotion_source=promotion_source)
        return PackagePlan(declared, refused_plan(bare, held, refusal, promotion_source.route))
    release = _release(target, package, approval.version, chosen.assets)
    sources = promotion_source.sources(release, ThreadScheduler(target.stop.reason))
    declared = DeclaredRelease(target.manifest.name_of(package), release, sources, replace_digest, promotion_source)
    return PackagePlan(declared, make_plan(release, held, replace_digest, promotion_source.route))


def _coordinates(target: Target, package: Package, version: str | None = None) -> Coordinates:
    return target.site.location.coordinates(package.namespace, package.package, version or package.version)


def _release(target: Target, package: Package, version: str, assets: tuple[Asset, ...]) -> Release:
    return Release(
        _coordinates(target, package, version),
        assets,
        Status(package.status),
        Finalize(target.site.environment.finalize),
    )


def _replace_digest(target: Target, package: Package, version: str) -> str | None:
    return permitted(target.replace, package.id, version) or None
