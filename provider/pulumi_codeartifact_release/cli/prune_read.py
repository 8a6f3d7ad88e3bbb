"""Reads what `prune` decides about: the versions of a package, and all that protects some of them.

reader = PruneReader(manifest_source, "dev", protect_file, stop)
protected = reader.read_protected("acme/app")
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from ..approvals import marks_of
from ..errors import FileChangedError, UsageError, VersionNotFoundError
from ..location import Location
from ..manifest import Environment, Manifest, Variables, load
from ..publishing.prune import EnvironmentView, KnownVersion, Rules, protected_versions
from ..publishing.prune_run import read_view
from ..publishing.read_bundle import PublishedBundles
from ..registry.interface import Coordinates, Registry, VersionState, VersionSummary
from ..registry.rate_limiter import RateLimiter
from ..registry.retries_and_concurrency import PARALLEL_READS, PRUNE_READ_RATE
from .context import OpenEnvironment, StopSignal, open_environment
from .in_parallel import in_parallel
from .output_files import read_input

_NAMED = re.compile(r"(?P<name>[^#/\s]+/[^#/\s]+@[^#/\s=]+)(=sha256:[0-9a-f]{64})?")
_CHUNK = 1000
_MAX_PROTECT_BYTES = 16 << 20


@dataclass(frozen=True)
class ManifestSource:
    """Loads the manifest, each time from its file: somebody may change it while `prune` runs."""

    path: Path
    variables: Variables
    allow: frozenset[str]

    def load(self) -> Manifest:
        """Return the manifest as it is now. Raises UsageError, ManifestError."""
        manifest = load(self.path, variables=self.variables, allow=self.allow, with_files=False)
        for environment in manifest.environments.values():
            if environment.stack:
                raise UsageError(
                    f"{self.path}: {environment.name} promotes what the Pulumi stack {environment.stack} says, and "
                    "only Pulumi reads that: nothing is pruned",
                    hint="Pin the versions (`pins`) instead of `stack`, or move the environment to another manifest.",
                )
        return manifest


class PruneReader:
    """Reads one environment, and the others for what they protect. Any error stops the run."""

    def __init__(self, source: ManifestSource, name: str, protect_file: Path | None, stop: StopSignal) -> None:
        self._source = source
        self._protect_file = protect_file
        self._stop = stop
        self._open: dict[Location, OpenEnvironment] = {}
        self._manifest = source.load()
        selected = self._manifest.environment(name)
        self.env = self._open_environment(self._manifest, selected)
        bundle = self._manifest.bundle
        self._bundles = PublishedBundles(self._registry, self.coordinates(bundle.id)) if bundle else None
        self._limiter = RateLimiter({"DescribePackageVersion": PRUNE_READ_RATE})

    @property
    def packages(self) -> list[str]:
        """The bundle and the packages of the manifest: no others are touched.

        The bundle is first: what a run archives of it stays protected as a member until the next run.
        """
        packages = (*self._manifest.releases, *self._manifest.packages)
        return list(dict.fromkeys(package.id for package in packages))

    def coordinates(self, package: str, version: str = "") -> Coordinates:
        """Return the coordinates of a version in the environment."""
        return self.env.coordinates(package, version)

    def read_protected(self, package: str) -> Mapping[str, str]:
        """Read the manifest, the file of protected versions and all environments again. Returns version -> why."""
        manifest = self._source.load()
        before, now = (each.environments.get(self.env.environment.name) for each in (self._manifest, manifest))
        if before is None or now is None or before.location != now.location:
            raise FileChangedError(
                f"{self._source.path}: {self.env.environment.name} is another repository now",
                hint="Somebody changed the manifest while `prune` ran. Run again.",
            )
        environments = manifest.environments.values()
        read = partial(self._read_view, manifest, package)
        views = in_parallel(read, environments, at_once=PARALLEL_READS, on_end=self._stop.set)
        declared = EnvironmentView("the manifest", _declared(manifest, package))
        named = _protected_names(self._protect_file, manifest.path) if self._protect_file else ()
        members = self._bundles.read_members() if self._bundles else {}
        return protected_versions(
            [*views, declared],
            _versions_of(package, manifest.withdrawn),
            _versions_of(package, named),
            {version: members[f"{package}@{version}"] for version in _versions_of(package, members)},
        )

    def read_versions(
        self, package: str, rules: Rules, archived: Mapping[tuple[str, str], datetime], on_total: Callable[[int], None]
    ) -> list[KnownVersion]:
        """Read all versions of a package, and the times of those that the rules may let go.

        `archived`: when versions were first seen Archived. `on_total` gets the number of versions to describe.
        """
        summaries = {each.version: each for each in self._registry.list_versions(self.coordinates(package))}
        needed = [each for each in summaries.values() if rules.needs_time(each.version, each.status)]
        on_total(len(needed))
        states = {version: VersionState(each.status, each.revision) for version, each in summaries.items()}
        for start in range(0, len(needed), _CHUNK):
            chunk = needed[start : start + _CHUNK]
            described = in_parallel(partial(self._describe, package), chunk, at_once=16, on_end=self._stop.set)
            for summary, state in zip(chunk, described, strict=True):
                if state:
                    states[summary.version] = state
                else:
                    del states[summary.version]
        return [
            KnownVersion(version, state, archived.get((f"{package}@{version}", state.revision)))
            for version, state in states.items()
        ]

    @property
    def _registry(self) -> Registry:
        return self.env.connection.planning

    def _describe(self, package: str, summary: VersionSummary) -> VersionState | None:
        permit = self._limiter.permit("DescribePackageVersion", package)
        if not self.env.location.folder:
            permit.acquire()
        try:
            return self._registry.describe(self.coordinates(package, summary.version))
        except VersionNotFoundError:
            return None
        finally:
            permit.release()

    def _open_environment(self, manifest: Manifest, environment: Environment) -> OpenEnvironment:
        location = environment.location
        if location not in self._open:
            self._open[location] = open_environment(environment, manifest.base, self._source.allow, self._stop)
        return self._open[location]

    def _read_view(self, manifest: Manifest, package: str, environment: Environment) -> EnvironmentView:
        env = self._open_environment(manifest, environment)
        soaks = [each.soak for each in manifest.environments.values() if each.promote_from == environment.name]
        longest = max((soak for soak in soaks if soak), default=timedelta())
        marks = marks_of(manifest, environment, package)
        return read_view(env.connection.planning, env.coordinates(package), environment.name, marks, longest or None)


def _declared(manifest: Manifest, package: str) -> dict[str, str]:
    packages = (*manifest.packages, *manifest.releases)
    return {each.version: "declared" for each in packages if each.id == package}


def _versions_of(package: str, names: Iterable[str]) -> list[str]:
    """Return the versions of a package among `namespace/package@version`."""
    parts = (name.rpartition("@") for name in names)
    return [version for named, _, version in parts if named == package]


def _protected_names(path: Path, manifest: Path) -> list[str]:
    """Return the versions in a file: one a line; `#` begins a comment. Raises UsageError."""
    try:
        text = read_input(path, _MAX_PROTECT_BYTES, manifest=manifest).decode()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"--protect {path}: cannot be read: {reason}") from error
    names = []
    for number, line in enumerate(text.splitlines(), 1):
        text = line.split(" #")[0].strip()
        if not text or text.startswith("#"):
            continue
        match = _NAMED.fullmatch(text)
        if not match:
            raise UsageError(f"--protect {path}:{number}: {text} is not NAMESPACE/PACKAGE@VERSION")
        names.append(match["name"])
    return names
