"""`codeartifact-release list`: the versions that an environment holds of its packages.

codeartifact-release list release.yaml -e prod acme/app --all
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click

from ..approvals import marks_of
from ..manifest import Environment, Manifest
from ..publishing import CircuitBreaker
from ..publishing.version_list import ChosenVersions, VersionDescription, choose_versions, describe_version
from ..registry.interface import Coordinates
from ..registry.retries_and_concurrency import PARALLEL_READS
from .context import (
    OpenEnvironment,
    StopSignal,
    load_environment,
    open_environment,
    read_variables,
    refuse_unknown_packages,
    warn_of_endpoint,
)
from .in_parallel import in_parallel
from .options import DEFAULT_MANIFEST
from .views.console import terminal_width
from .views.list_text import list_json, list_lines

NEWEST = 20
"""How many versions of a package are listed without `--all`."""


@dataclass(frozen=True)
class ListedPackage:
    """A package, and its versions with what the manifest says about each.

    Attributes:
        package: `namespace/package`.
        versions: the one that was Published last first.
        marks: version -> `declared`, `pinned`, `withdrawn`.
        total: how many versions the package has.
    """

    package: str
    versions: tuple[VersionDescription, ...]
    marks: Mapping[str, Sequence[str]]
    total: int


def run(
    *,
    manifest: Path,
    environment: str | None,
    packages: tuple[str, ...],
    variables: tuple[str, ...],
    allow: tuple[str, ...],
    all_versions: bool,
    digests: bool,
    as_json: bool,
    verbose: bool,  # noqa: ARG001 - main() reads it
) -> None:
    """Run `list`."""
    if "/" in str(manifest) and not manifest.suffix and not manifest.exists():
        # `list -e prod acme/app`, without a manifest.
        manifest, packages = Path(DEFAULT_MANIFEST), (str(manifest), *packages)
    permitted = frozenset(allow)
    loaded, selected = load_environment(manifest, environment, read_variables(variables), permitted, with_files=False)
    names = _select_packages(loaded, packages)
    stop = StopSignal()
    env = open_environment(selected, loaded.base, permitted, stop)
    warn_of_endpoint(env, None)
    listed = _read(env, loaded, names, None if all_versions else NEWEST, stop)
    if as_json:
        click.echo(json.dumps(list_json(env, listed), indent=2))
        return
    for line in list_lines(env, listed, terminal_width(), digests=digests):
        click.echo(line)


def _select_packages(manifest: Manifest, names: Sequence[str]) -> list[str]:
    """Return the packages with these names; all without names. Raises UsageError for an unknown name."""
    pins = (name for environment in manifest.environments.values() for name in environment.pins)
    declared = (package.id for package in (*manifest.releases, *manifest.packages))
    known = list(dict.fromkeys([*declared, *pins]))
    refuse_unknown_packages(manifest, names, known)
    return list(dict.fromkeys(names)) or known


def _read(
    env: OpenEnvironment, manifest: Manifest, names: Sequence[str], most: int | None, stop: StopSignal
) -> list[ListedPackage]:
    registry, breaker, scheduler = env.connection.planning, CircuitBreaker(), stop.scheduler
    marks = {name: _marks(manifest, env.environment, name) for name in names}
    packages = {name: env.coordinates(name) for name in names}

    def choose(name: str) -> ChosenVersions:
        list_all = partial(registry.list_versions, packages[name])
        return breaker.call(lambda: choose_versions(list_all(), most, marks[name].keys()))

    def describe(at: Coordinates) -> VersionDescription | None:
        return breaker.call(lambda: describe_version(registry, at, scheduler))

    parallel = partial(in_parallel, at_once=PARALLEL_READS, on_end=stop.set)
    chosen = dict(zip(names, parallel(choose, names), strict=True))
    places = [replace(packages[name], version=version) for name in names for version in chosen[name].versions]
    described = {at: version for at, version in zip(places, parallel(describe, places), strict=True) if version}
    return [
        ListedPackage(
            name,
            tuple(version for at, version in described.items() if replace(at, version="") == packages[name]),
            marks[name],
            chosen[name].total,
        )
        for name in names
    ]


def _marks(manifest: Manifest, environment: Environment, name: str) -> dict[str, list[str]]:
    """Return what the manifest says about versions of a package in an environment, by version."""
    marks = {version: [mark] for version, mark in marks_of(manifest, environment, name).items()}
    for named in manifest.withdrawn:
        package, _, version = named.rpartition("@")
        if package == name:
            marks.setdefault(version, []).append("withdrawn")
    return marks
