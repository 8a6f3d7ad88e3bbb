"""The locations of a manifest's environments in a program: what a preview shows of them, and reads of a source.

log_locations(manifest, environment, allow)
approved = read_approvals(manifest, environment, allow)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import pulumi

from ..approvals import Approval, approvals
from ..connections import connect, resolved_region
from ..errors import ReleaseError
from ..location import Location, resolve
from ..manifest import Environment, Manifest, Package
from ..pins import PinReader
from ..publishing import ThreadScheduler


def read_approvals(manifest: Manifest, environment: Environment, allow: frozenset[str]) -> Mapping[str, Approval]:
    """Return the approvals. Raises PinError, with the digests that the source has of packages without a pin."""

    def find_digests(versions: Sequence[tuple[Package, str]]) -> Sequence[str | None]:
        aws = pulumi.Config("aws")
        source, destination = (
            _with_ambient(resolve(each.location, base=manifest.base, allow=allow), aws)
            for each in (manifest.environment(str(environment.promote_from)), environment)
        )
        try:
            connection = connect(source)
            reader = PinReader(
                manifest, environment, connection.location, destination, connection.planning, ThreadScheduler()
            )
            return reader.find_digests(versions)
        except ReleaseError:
            return [None] * len(versions)

    return approvals(manifest, environment, find_digests)


def _with_ambient(location: Location, aws: pulumi.Config) -> Location:
    """Return a location with the region and the profile that the stack config has for AWS."""
    if location.folder:
        return location
    return dataclasses.replace(
        location, region=location.region or aws.get("region"), profile=location.profile or aws.get("profile")
    )


def log_locations(manifest: Manifest, environment: Environment, allow: frozenset[str]) -> None:
    """In a preview, log the destination and the source once for all resources.

    Raises UsageError for an endpoint that is not permitted, also in an update.
    """
    names = [name for name in (environment.name, environment.promote_from) if name]
    locations = {name: resolve(manifest.environment(name).location, base=manifest.base, allow=allow) for name in names}
    if pulumi.runtime.is_dry_run():
        pulumi.log.info("\nfrom ".join(_header(*item) for item in locations.items()))


def _header(name: str, location: Location) -> str:
    if location.endpoint_source:
        pulumi.log.warn(
            f"the endpoint {location.endpoint} comes from {location.endpoint_source}, not from the manifest"
        )
    region = resolved_region(_with_ambient(location, pulumi.Config("aws")))
    return f"{name}: {dataclasses.replace(location, region=region).summary}"
