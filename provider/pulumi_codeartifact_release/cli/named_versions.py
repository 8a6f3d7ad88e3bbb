"""Locations and versions from the command line, without a manifest.

env = open_location(location_of(target, options), names, allow, stop)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import UsageError
from ..location import Location, resolve
from ..manifest import Environment, value_problem
from ..remedies import Need
from .context import OpenEnvironment, StopSignal, open_environment, warn_of_endpoint

LocationOptions = Mapping[str, str | None]
"""The values of `--domain`, `--repository`, `--domain-owner`, `--region`, `--profile`, `--endpoint`, by option."""


def location_of(target: str, options: LocationOptions) -> Location:
    """Return the location that the options describe. Raises UsageError."""
    missing = [option for option in ("--domain", "--repository") if not options[option]]
    if missing:
        raise UsageError(
            f"{target}: {' and '.join(missing)} missing", hint="Pass the repository of the version, or a manifest."
        )
    return Location.from_properties({option[2:].replace("-", "_"): value for option, value in options.items()})


def open_location(
    location: Location, versions: Iterable[tuple[str, str]], allow: frozenset[str], stop: StopSignal
) -> OpenEnvironment:
    """Connect to a location. `versions`: pairs of `namespace/package` and version. Raises UsageError."""
    _refuse_malformed(location, versions)
    _refuse_endpoint(location, allow)
    env = open_environment(Environment("registry", location), Path.cwd(), allow, stop)
    warn_of_endpoint(env, None, "the options")
    return env


def _refuse_malformed(location: Location, versions: Iterable[tuple[str, str]]) -> None:
    """Raise UsageError for a name that CodeArtifact does not allow."""
    options = {
        "domain": ("--domain", location.domain),
        "repository": ("--repository", location.repository),
        "domainOwner": ("--domain-owner", location.domain_owner),
        "region": ("--region", location.region),
    }
    for key, (option, value) in options.items():
        if value is not None and (problem := value_problem(key, value)):
            raise UsageError(f"{option}: {problem}")
    for package_id, version in versions:
        namespace, _, package = package_id.partition("/")
        for key, value in {"namespace": namespace, "package": package, "version": version}.items():
            if problem := value_problem(key, value):
                raise UsageError(f"{package_id}@{version}: {key}: {problem}")


def _refuse_endpoint(location: Location, allow: frozenset[str]) -> None:
    """Raise UsageError for an endpoint that is not permitted; the message names the option."""
    if unknown := sorted(allow - {"endpoint"}):
        raise UsageError(f"--allow {unknown[0]}: only `endpoint` can be permitted without a manifest")
    base = Path.cwd()
    try:
        resolve(location, base=base, allow=allow)
    except UsageError:
        # Raise any other error of the endpoint first.
        resolve(location, base=base, allow=allow | {"endpoint"})
        raise UsageError(
            f"--endpoint {location.endpoint} is neither AWS nor a folder inside the working folder",
            hint=("If you trust it with your credentials, permit it with ", Need("allow", "endpoint"), "."),
        ) from None
