"""Opens what the commands share: a manifest, its environments, and their connections."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from ..approvals import unused_pins
from ..connections import Connection, connect, resolved_owner
from ..errors import UsageError, printable
from ..location import Location, resolve
from ..manifest import Environment, Manifest, Variables, load
from ..manifest.messages import did_you_mean
from ..publishing import Permission, ThreadScheduler, parse_forced
from ..registry.interface import Coordinates


@dataclass(frozen=True)
class Options:
    """The options that `plan` and `apply` share."""

    manifest: Path
    environment: str | None
    variables: tuple[str, ...]
    allow: tuple[str, ...]
    replace: tuple[str, ...]
    force: tuple[str, ...] = ()
    reason: str = ""
    strict: bool = False


class StopSignal:
    """Tells all threads of a command to stop before their next request.

    Attributes:
        scheduler: stops when this is set, unless a bundle is being committed.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self.scheduler = ThreadScheduler(self.reason)

    def set(self) -> None:
        """Stop all threads."""
        self._event.set()

    def reason(self) -> str | None:
        """Return why to stop; None while the command may continue."""
        return "another package failed, or the command was interrupted" if self._event.is_set() else None


@dataclass(frozen=True)
class OpenEnvironment:
    """An environment of a manifest, with a connection to its repository.

    Attributes:
        location: with its region, and with its owner if STS returned it.
    """

    environment: Environment
    location: Location
    connection: Connection

    @property
    def header(self) -> str:
        """One line with the endpoint, account, region and repository."""
        location = self.location
        where = location.endpoint or f"AWS ({self.connection.url})"
        account = f"account {location.owner}" if location.owner else "account unknown"
        return printable(f"{self.environment.name}: {where}, {account}, {location.region}, repository {location}")

    def coordinates(self, package_id: str, version: str = "") -> Coordinates:
        """Return the coordinates of a version of the package `namespace/package` in this environment."""
        return self.location.coordinates_of(package_id, version)


@dataclass(frozen=True)
class Target:
    """A manifest, its environment, and the permissions of the operator.

    Attributes:
        source: the environment to promote from; None if files are published.
    """

    manifest: Manifest
    destination: OpenEnvironment
    source: OpenEnvironment | None
    allow: frozenset[str]
    replace: tuple[Permission, ...]
    force: tuple[Permission, ...]
    reason: str
    stop: StopSignal

    def connect(self, location: Location) -> Connection:
        """Return the connection to the destination or the source."""
        return (
            self.source.connection if self.source and location == self.source.location else self.destination.connection
        )

    @property
    def header(self) -> str:
        """The first lines of a plan: the destination, and the source of a promotion."""
        return f"{self.destination.header}\n  from {self.source.header}" if self.source else self.destination.header


def open_target(options: Options) -> Target:
    """Load the manifest with its files, and connect. The only request is for the identity of the caller."""
    replace = tuple(Permission.parse(text) for text in options.replace)
    force = tuple(parse_forced(options.force, options.reason))
    allow = frozenset(options.allow)
    manifest, environment = load_environment(
        options.manifest, options.environment, read_variables(options.variables), allow, strict=options.strict
    )
    for warning in manifest.warnings:
        click.echo(printable(f"warning: {warning}"), err=True)
    stop = StopSignal()
    destination = open_environment(environment, manifest.base, allow, stop)
    source = None
    if environment.promote_from:
        source = open_environment(manifest.environment(environment.promote_from), manifest.base, allow, stop)
    warn_of_endpoint(destination, source)
    if environment.on_supersede != "keep":
        click.echo(
            f"warning: onSupersede: {environment.on_supersede} needs Pulumi, whose state has the previous version; "
            "apply leaves that version as it is",
            err=True,
        )
    return Target(manifest, destination, source, allow, replace, force, options.reason, stop)


def load_environment(
    path: Path,
    name: str | None,
    variables: Variables,
    allow: frozenset[str],
    *,
    with_files: bool | None = None,
    strict: bool = False,
) -> tuple[Manifest, Environment]:
    """Load a manifest for one of its environments; see `choose_environment` and `manifest.load`."""
    name = choose_environment(path, name, variables, allow)
    manifest = load(path, environment=name, variables=variables, allow=allow, with_files=with_files, strict=strict)
    return manifest, manifest.environment(name)


def choose_environment(path: Path, name: str | None, variables: Variables, allow: frozenset[str]) -> str:
    """Return `name`. Without one, raise UsageError, which lists the environments of the manifest."""
    if name:
        return name
    environments = load(path, variables=variables, allow=allow, with_files=False).environments
    width = max(map(len, environments))
    lines = [
        f"  {environment.name:<{width}}  {environment.location.endpoint or 'AWS'}, repository {environment.location}"
        + (f", promotes from {environment.promote_from}" if environment.promote_from else "")
        for environment in environments.values()
    ]
    raise UsageError(printable("\n".join([f"{path}: choose an environment with -e:", *lines])))


def endpoint_warning(location: Location, not_from: str = "the manifest") -> str:
    """Return a warning if the endpoint comes from the shell, else ""."""
    if not (source := location.endpoint_source):
        return ""
    return printable(f"warning: the endpoint {location.endpoint} comes from {source}, not from {not_from}")


def warn_of_endpoint(
    destination: OpenEnvironment, source: OpenEnvironment | None, not_from: str = "the manifest"
) -> None:
    """Print a warning if an endpoint comes from the shell; one for both environments."""
    warnings = filter(None, (endpoint_warning(item.location, not_from) for item in (destination, source) if item))
    if warning := next(warnings, None):
        click.echo(warning, err=True)


def warn_of_unused_pins(manifest: Manifest, environment: Environment) -> None:
    """Print a warning for each pin that matches no package of the manifest."""
    for name in unused_pins(manifest, environment):
        click.echo(f"warning: pins of {environment.name}: {name} is not a package of the manifest", err=True)


def open_environment(environment: Environment, base: Path, allow: frozenset[str], stop: StopSignal) -> OpenEnvironment:
    """Connect to an environment; a `file:` endpoint is relative to the folder `base`."""
    location = resolve(environment.location, base=base, allow=allow)
    connection = connect(location, stop.scheduler.checkpoint, asks=True)
    location = replace(connection.location, domain_owner=resolved_owner(location))
    return OpenEnvironment(environment, location, connection)


def refuse_unknown_packages(manifest: Manifest, names: Iterable[str], known: Collection[str]) -> None:
    """Raise UsageError for the first name that is not known."""
    for name in names:
        if name not in known:
            raise UsageError(f"{manifest.path}: there is no package {name}{did_you_mean(name, known)}")


def read_variables(options: Sequence[str]) -> Variables:
    """Return the variables of the options `--var` and of the shell. Raises UsageError."""
    return Variables(command_line=parse_variables(options), environ=os.environ)


def parse_variables(variables: Sequence[str]) -> dict[str, str]:
    """Return name -> value of the options `--var NAME=VALUE`. Raises UsageError."""
    parsed: dict[str, str] = {}
    for text in variables:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--var {text}: write NAME=VALUE")
        if parsed.setdefault(name, value) != value:
            raise UsageError(f"--var {name} has two different values")
    return parsed
