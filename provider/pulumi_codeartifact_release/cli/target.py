"""What `plan` and `apply` share: their options, and the way from a manifest to plans."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from ..errors import UsageError

if TYPE_CHECKING:
    from ..endpoints import Connection, Destination, Endpoint
    from ..manifest import Environment, Manifest
    from ..publishing import Permission, Plan, Release, Source

_Command = TypeVar("_Command", bound=Callable[..., object])

PACKAGES_AT_ONCE = 4
"""As many as a Pulumi plugin works on."""


@dataclass(frozen=True)
class Options:
    """The options of `plan` and `apply` that say what is released where."""

    manifest: Path
    environment: str
    variables: tuple[str, ...]
    allow: tuple[str, ...]
    replace: tuple[str, ...]


@dataclass(frozen=True)
class DeclaredRelease:
    """A package of the manifest, hashed.

    Attributes:
        give_up: the digest of what may be replaced.
    """

    id: str
    release: Release
    sources: dict[str, Source]
    give_up: str | None = None


class Stop:
    """The word that nothing more may be written, for all threads of a command."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Say it."""
        self._event.set()

    def reason(self) -> str | None:
        """Return why, None while it has not been said."""
        return "another release failed, or somebody interrupted" if self._event.is_set() else None


@dataclass(frozen=True)
class Target:
    """A manifest, one of its environments, and a connection to it.

    Attributes:
        account: as far as known without asking for more than the caller's identity.
    """

    manifest: Manifest
    environment: Environment
    endpoint: Endpoint
    destination: Destination
    connection: Connection
    account: str | None
    replace: tuple[Permission, ...]
    stop: Stop

    @property
    def header(self) -> str:
        """The first line of every plan: where this goes."""
        where = self.endpoint.text or f"AWS ({self.connection.url})"
        account = f"account {self.account}" if self.account else "account unknown"
        return (
            f"{self.environment.name}: {where}, {account}, {self.connection.region}, "
            f"repository {self.destination.domain}/{self.destination.repository}"
        )


def target_options(command: _Command) -> _Command:
    """Add the argument MANIFEST and the options that say what is released where."""
    for decorate in reversed(
        (
            click.argument("manifest", type=click.Path(dir_okay=False, path_type=Path)),
            click.option("-e", "--environment", required=True, help="The manifest's environment to release to."),
            click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", help="Set a variable; repeatable."),
            click.option(
                "--allow",
                multiple=True,
                metavar="WHAT",
                help="Permit what a manifest may not decide: `outside` (files outside its folder), `endpoint` (one "
                "that is neither CodeArtifact nor `file:` inside its folder); repeatable.",
            ),
            click.option(
                "--replace",
                multiple=True,
                metavar="NAMESPACE/PACKAGE@VERSION=sha256:DIGEST",
                help="Permit replacing what a version holds, named by the digest that is given up; repeatable. The "
                "version is deleted, absent for a moment, and published anew.",
            ),
            click.option("-v", "--verbose", is_flag=True, help="Show the traceback of an error."),
        )
    ):
        command = decorate(command)
    return command


def open_target(options: Options) -> Target:
    """Load the manifest, with all its files, and connect. No request is made, but for the caller's identity on AWS."""
    from ..endpoints import Destination, connect, resolve, resolved_owner  # noqa: PLC0415
    from ..manifest import Variables, load, refuse_unsupported  # noqa: PLC0415
    from ..publishing import Permission, ThreadScheduler  # noqa: PLC0415

    replace = tuple(Permission.parse(text) for text in options.replace)
    allow = frozenset(options.allow)
    manifest = load(
        options.manifest,
        environment=options.environment,
        variables=Variables(command_line=_parsed(options.variables), environ=os.environ),
        allow=allow,
    )
    environment = manifest.environment(options.environment)
    refuse_unsupported(manifest, environment)
    _refuse_unknown(replace, manifest)
    endpoint = resolve(environment.endpoint, base=manifest.base, allow=allow, profile=environment.profile)
    destination = Destination(
        environment.domain,
        environment.repository,
        environment.domain_owner,
        environment.region,
        environment.profile,
    )
    stop = Stop()
    connection = connect(destination, endpoint, ThreadScheduler(stop.reason).checkpoint)
    account = resolved_owner(destination, endpoint)
    if endpoint.origin:
        click.echo(
            f"warning: the endpoint {endpoint.text} comes from {endpoint.origin}, not from the manifest", err=True
        )
    if environment.on_supersede != "keep":
        click.echo(
            f"warning: onSupersede: {environment.on_supersede} is for Pulumi, whose state knows the version before; "
            "here it stays as it is",
            err=True,
        )
    return Target(manifest, environment, endpoint, destination, connection, account, replace, stop)


def _refuse_unknown(replace: Sequence[Permission], manifest: Manifest) -> None:
    """Refuse a permission that is about nothing here: a slip of the pen."""
    known = {(package.id, package.version) for package in manifest.packages}
    for permission in replace:
        if (permission.package, permission.version) not in known:
            raise UsageError(
                f"--replace {permission}: the manifest declares no {permission.package}@{permission.version}"
            )


def declared_releases(target: Target) -> list[DeclaredRelease]:
    """Hash every file of the manifest; files of all packages together, so that none waits for another's."""
    from ..hashing import SqliteCache, default_folder, hash_files  # noqa: PLC0415
    from ..publishing import Finish, Release, refuse_oversized  # noqa: PLC0415
    from ..registry.interface import Asset, Status  # noqa: PLC0415

    packages = target.manifest.packages
    refuse_oversized({file.declared: file.path for package in packages for file in package.files})
    hashed = hash_files(
        (file.path for package in packages for file in package.files), cache=SqliteCache(default_folder())
    )
    releases = []
    for package in packages:
        sources: dict[str, Source] = {file.name: hashed[file.path] for file in package.files}
        release = Release(
            target.destination.coordinates(package.namespace, package.package, package.version),
            tuple(Asset(name, source.size, source.sha256) for name, source in sources.items()),
            Status(package.status),
            Finish(target.environment.finish),
        )
        give_up = [permission.digest for permission in target.replace if permission.covers(release.at)]
        releases.append(DeclaredRelease(package.id, release, sources, give_up[0] if give_up else None))
    return releases


def make_plans(target: Target, releases: Sequence[DeclaredRelease]) -> list[Plan]:
    """Look at the registry for every release, several at once; writes nothing."""
    from ..publishing import ThreadScheduler, look, make_plan  # noqa: PLC0415

    scheduler = ThreadScheduler()

    def plan(declared: DeclaredRelease) -> Plan:
        remote = look(target.connection.planning, declared.release.at, scheduler)
        return make_plan(declared.release, remote, declared.give_up)

    with ThreadPoolExecutor(max_workers=PACKAGES_AT_ONCE) as pool:
        try:
            return list(pool.map(plan, releases))
        except KeyboardInterrupt:
            # Nothing is written here, so nothing needs to end well.
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _parsed(variables: Sequence[str]) -> dict[str, str]:
    parsed: dict[str, str] = {}
    for text in variables:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--var {text}: write NAME=VALUE")
        if parsed.setdefault(name, value) != value:
            raise UsageError(f"--var {name} is given twice, with different values")
    return parsed
