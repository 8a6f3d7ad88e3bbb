"""Makes the plans of a manifest: hashes the files, or reads the source of a promotion. Writes nothing.

for prepared in make_plans(target, progress):
    print(prepared.request.name, prepared.plan.action)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import click

from ..approvals import Approval, approved_version, missing_pins, withdrawal_of
from ..errors import RefusedError, UsageError, printable
from ..hashing import SqliteCache, default_folder, hash_files
from ..manifest import Package
from ..pins import PinReader
from ..publishing import (
    Action,
    AssetContent,
    BundleRules,
    Finalize,
    Permission,
    PreparedRelease,
    Promotion,
    Release,
    Request,
    ReviewTotals,
    assets_of_contents,
    permitted_digest,
    prepare,
    refuse_oversized,
    total_reviews,
    unmatched,
)
from ..registry.interface import Status
from .context import OpenEnvironment, Target, warn_of_unused_pins
from .in_parallel import in_parallel
from .partial_bundles import partial_bundles, partial_text, read_published
from .reading_progress import ReadProgress


def sum_up(target: Target, plans: Sequence[PreparedRelease]) -> ReviewTotals:
    """Return the totals of plans."""
    return total_reviews(prepared.review(target.destination.connection.rate) for prepared in plans)


def refusals_of(plans: Sequence[PreparedRelease]) -> list[RefusedError]:
    """Return the refusals of plans, each once, even if several plans share it."""
    refusals = (prepared.plan.refusal for prepared in plans)
    return list({id(refusal): refusal for refusal in refusals if refusal}.values())


def versions_of(releases: Iterable[PreparedRelease]) -> list[PreparedRelease]:
    """Return the plans of all versions: the members of a bundle, then the bundle."""
    return [version for release in releases for version in release.versions]


def make_plans(target: Target, progress: ReadProgress) -> list[PreparedRelease]:
    """Plan every package of the manifest, or its bundle, several in parallel; `progress` shows the progress."""
    requests = _promotion_requests(target, target.source) if target.source else _file_requests(target, progress)
    scheduler = target.stop.scheduler
    releases = in_parallel(partial(prepare, connect=target.connect, scheduler=scheduler, each=in_parallel), requests)
    if target.source and target.manifest.bundle and not refusals_of(releases):
        # Only the bundle in the source names the versions of its members.
        _refuse_unmatched(target, "replace", {_name_of(version) for version in versions_of(releases)})
    _warn_of_partial_bundles(target, releases)
    return releases


def _name_of(prepared: PreparedRelease) -> tuple[str, str]:
    at = prepared.plan.release.at
    return f"{at.namespace}/{at.package}", at.version


def _warn_of_partial_bundles(target: Target, releases: Sequence[PreparedRelease]) -> None:
    """Name the Published bundles that lose members, because these are replaced and the bundle is not."""
    bundle = target.manifest.bundle
    replaced = [
        version.plan.release.at.name for version in versions_of(releases) if version.plan.action is Action.REPLACE
    ]
    if bundle is None or not replaced:
        return
    for lost in partial_bundles(target.destination, read_published(target.destination, [bundle.id]), replaced):
        click.echo(printable(f"warning: {partial_text(lost)}"), err=True)


def _file_requests(target: Target, progress: ReadProgress) -> list[Request]:
    """Return the requests for all packages, or for their bundle. Hashes the files in parallel."""
    packages = target.manifest.packages
    if target.force:
        raise UsageError(
            f"--force has no effect: {target.destination.environment.name} publishes files, so there is no soak to skip"
        )
    declared = {(package.id, package.version) for package in (*packages, *target.manifest.releases)}
    _refuse_unmatched(target, "replace", declared)
    refuse_oversized({file.declared: file.path for package in packages for file in package.files})
    paths = {file.path for package in packages for file in package.files}
    hashed = hash_files(paths, cache=SqliteCache(default_folder()), on_bytes=progress.hashing(paths))
    requests = [
        _request(target, package, package.version, {file.name: hashed[file.path] for file in package.files})
        for package in packages
    ]
    if target.manifest.bundle is None:
        return requests
    bundle = target.manifest.releases[0]
    rules = BundleRules(tuple(requests), after=target.manifest.after)
    return [replace(_request(target, bundle, bundle.version, {}), bundle=rules)]


def _promotion_requests(target: Target, source: OpenEnvironment) -> list[Request]:
    environment = target.destination.environment
    approved = [
        (package, approved_version(target.manifest, environment, package)) for package in target.manifest.releases
    ]
    scheduler = target.stop.scheduler
    destination, registry = target.destination, source.connection.planning
    reader = PinReader(target.manifest, environment, source.location, destination.location, registry, scheduler)
    missing = missing_pins(target.manifest, environment, reader.find_digests)
    if environment.stack and any(not approval.pin for _, approval in approved):
        raise UsageError(
            f"{environment.name} promotes outputs of the Pulumi stack {environment.stack}, which only Pulumi reads",
            hint="Run `pulumi up`, or pin every package (`pins`).",
        )
    promoted = {(package.id, approval.version) for package, approval in approved}
    _refuse_unmatched(target, "force", promoted)
    if not target.manifest.bundle:
        _refuse_unmatched(target, "replace", promoted)
    warn_of_unused_pins(target.manifest, environment)

    rules = BundleRules(
        after=target.manifest.after,
        replace_digest=lambda name, version: permitted_digest(target.replace, name, version) or None,
        withdrawal=partial(withdrawal_of, target.manifest),
    )

    def request(package: Package, approval: Approval) -> Request:
        names = package.namespace, package.package, approval.version
        force = permitted_digest(target.force, package.id, approval.version)
        promotion = Promotion(
            source.location.coordinates(*names),
            target.destination.location.coordinates(*names),
            approval.pin,
            environment.soak,
            Permission(package.id, approval.version, force) if force else None,
        )
        request = _request(target, package, approval.version, {})
        pin_error = None if approval.pin else missing
        return replace(request, promotion=promotion, source=source.location, pin_error=pin_error, bundle=rules)

    return [request(package, approval) for package, approval in approved]


def _request(target: Target, package: Package, version: str, contents: Mapping[str, AssetContent]) -> Request:
    location, environment = target.destination.location, target.destination.environment
    release = Release(
        location.coordinates(package.namespace, package.package, version),
        assets_of_contents(contents),
        Status(package.status),
        Finalize(environment.finalize),
    )
    return Request(
        location,
        release,
        target.manifest.name_of(package),
        contents,
        replace_digest=permitted_digest(target.replace, package.id, version) or None,
        allow=target.allow,
        withdrawal=withdrawal_of(target.manifest, package.id, version),
        awaits_approval=True,
    )


def _refuse_unmatched(target: Target, option: str, versions: Collection[tuple[str, str]]) -> None:
    """Raise UsageError for a permission of `option` that matches none of these packages and versions."""
    bundle = target.manifest.bundle
    for permission in unmatched(target.force if option == "force" else target.replace, versions):
        version = f"{permission.package}@{permission.version}"
        problem = f"the manifest declares no {version}"
        if bundle and option == "force" and permission.package in {package.id for package in target.manifest.packages}:
            problem = f"{permission.package} has no soak of its own: name the bundle {bundle.id}"
        raise UsageError(f"--{option} {permission}: {problem}")
