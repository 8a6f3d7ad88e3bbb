"""Reads every package in every environment, several in parallel. Writes nothing.

report = read_report(manifest, frozenset(["prod"]), allow=frozenset(), now=datetime.now(UTC))
for row in report.rows:
    print(row.package, row.cells["prod"].drift_report.sync)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from ..approvals import desired_member, desired_version
from ..connections import connect
from ..errors import ReleaseError, exit_code_for
from ..location import Location, resolve
from ..manifest import Environment, Manifest, Package
from ..publishing import CircuitBreaker, ThreadScheduler
from ..publishing.download_asset import DOWNLOADABLE
from ..publishing.drift import (
    DesiredVersion,
    DriftReport,
    DriftState,
    PackageState,
    SyncState,
    Upstream,
    check_drift,
    read_package,
    with_member_problems,
)
from ..registry.interface import Registry
from ..registry.retries_and_concurrency import PARALLEL_READS
from .context import endpoint_warning
from .in_parallel import in_parallel
from .status_bundles import HeldBundle, judge, read_held_bundle

_RowKey = tuple[str, str | None]
"""A package, and its version if the manifest declares several."""
_Place = tuple[_RowKey, str]
"""A package in an environment."""


@dataclass(frozen=True)
class EnvironmentReport:
    """An environment, its location, and the error if it could not be read.

    Attributes:
        location: as in the manifest, with what could be resolved.
        endpoint: a URL or `file:DIR`; "" for AWS without a connection, None if it could not be resolved.
        problem: why no package could be read; None if at least one was.
        last: whether it is the end of a promotion chain.
    """

    environment: Environment
    location: Location
    endpoint: str | None
    problem: ReleaseError | None
    last: bool

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.environment.name

    @property
    def origin(self) -> str:
        """How packages get there: `from staging, only pinned packages`; "" if files are published."""
        environment = self.environment
        parts = [f"from {environment.promote_from}"] if environment.promote_from else []
        if environment.stack:
            parts.append(f"outputs of the stack {environment.stack}")
        if environment.pinned:
            parts.append("only pinned packages")
        return ", ".join(parts)

    @property
    def where(self) -> str:
        """The endpoint, region and repository as text."""
        endpoint = self.endpoint if self.endpoint is None or self.location.endpoint else "AWS"
        parts = (endpoint, self.location.region, str(self.location))
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class Cell:
    """One package in one environment.

    Attributes:
        bundle: None if the current version is not the bundle of the manifest.
    """

    desired: DesiredVersion | None
    state: PackageState
    drift_report: DriftReport
    bundle: HeldBundle | None = None

    @property
    def basis(self) -> str | None:
        """Why `status` shows the current version: `pinned`, `bundle`, `declared`, or `newest`; None without one."""
        current, desired = self.state.current, self.desired
        if current is None:
            return None
        if desired is None or desired.version != current.version:
            return "newest"
        return "pinned" if desired.pinned else "bundle" if desired.bundle else "declared"

    @property
    def states(self) -> frozenset[str]:
        """The keys of STATE_NAMES that apply."""
        applies = {
            "problem": self.state.problem is not None or self.drift_report.sync is SyncState.UNKNOWN,
            "drifted": self.drift_report.drift is DriftState.DRIFTED,
            "behind": self.drift_report.sync is SyncState.BEHIND,
            "pending": self.drift_report.drift is DriftState.PENDING,
        }
        return frozenset(state for state, value in applies.items() if value)


STATE_NAMES = {"problem": "not read", "drifted": "drifted", "behind": "behind", "pending": "pending"}
"""The states that need attention, the most serious first: state -> text."""


@dataclass(frozen=True)
class Row:
    """One package in all environments.

    Attributes:
        package: `namespace/package`.
        cells: by environment.
        version: None if the manifest declares only one version of the package.
        bundle: the bundle of the manifest, as `namespace/package`, if this may be a member; None if it is not.
    """

    package: str
    cells: Mapping[str, Cell]
    version: str | None = None
    bundle: str | None = None

    @property
    def name(self) -> str:
        """The package, with `@version` if the manifest declares several versions."""
        return f"{self.package}@{self.version}" if self.version else self.package

    @property
    def states(self) -> frozenset[str]:
        """The states of all cells."""
        return frozenset(state for cell in self.cells.values() for state in cell.states)


@dataclass(frozen=True)
class Report:
    """The result of `status`.

    Attributes:
        manifest: its path on the command line.
        as_of: the time before the first request, by the clock of this machine.
        exit_code: 0 if everything was read, else the highest exit code of the errors.
    """

    manifest: str
    as_of: datetime
    environments: tuple[EnvironmentReport, ...]
    rows: tuple[Row, ...]
    exit_code: int

    @property
    def counts(self) -> dict[str, int]:
        """State -> number of packages that are in it in at least one environment."""
        return {state: sum(state in row.states for row in self.rows) for state in STATE_NAMES}

    @property
    def summary(self) -> str:
        """The number of packages by state: `prod not read, 1 drifted, 2 behind`; "" if all are in sync."""
        unread = [environment.name for environment in self.environments if environment.problem]
        # The packages of an environment that could not be read at all are not counted.
        counts = {**self.counts, "problem": sum(self._has_own_problem(row) for row in self.rows)}
        parts = [f"{', '.join(unread)} not read"] if unread else []
        return ", ".join(parts + [f"{count} {STATE_NAMES[state]}" for state, count in counts.items() if count])

    def _has_own_problem(self, row: Row) -> bool:
        """Return whether a package could not be read although other packages of the environment were."""
        unread = {environment.name for environment in self.environments if environment.problem}
        return any(
            "problem" in row.cells[environment.name].states
            and not {environment.name, environment.environment.promote_from} & unread
            for environment in self.environments
        )


class _Reader:
    """Reads one environment, and stops after an error that affects all its packages."""

    def __init__(
        self, environment: Environment, manifest: Manifest, allow: frozenset[str], warn: Callable[[str], None]
    ) -> None:
        self.environment = environment
        self.location = environment.location
        self.endpoint: str | None = None
        self._connection_error: ReleaseError | None = None
        self._breaker = CircuitBreaker()
        self._registry: Registry | None = None
        try:
            self._connect(manifest, allow, warn)
        except ReleaseError as error:
            self._connection_error = error

    @property
    def problem(self) -> ReleaseError | None:
        """Why no package could be read; None if at least one was."""
        return self._connection_error or self._breaker.error

    def _connect(self, manifest: Manifest, allow: frozenset[str], warn: Callable[[str], None]) -> None:
        self.location = resolve(self.location, base=manifest.base, allow=allow)
        self.endpoint = self.location.endpoint
        if warning := endpoint_warning(self.location):
            warn(warning)
        connection = connect(self.location, asks=True)
        self.location, self.endpoint = connection.location, self.location.endpoint or connection.url
        # Reads a `file:` registry that does not exist as empty, and does not create it.
        self._registry = connection.planning

    def read(self, package: str, version: str | None) -> PackageState:
        """Read one package. Its error is in the result."""
        registry = self._registry
        if registry is None:
            return PackageState(problem=self.problem)
        at = self.location.coordinates_of(package, "")
        try:
            return self._breaker.call(partial(read_package, registry, at, version, ThreadScheduler()))
        except ReleaseError as error:
            return PackageState(problem=error)

    def read_bundle(self, bundle: str, state: PackageState) -> HeldBundle | None:
        """Read the members of the bundle that is the current version; None if it has none. Raises ReleaseError."""
        registry, current = self._registry, state.current
        if registry is None or current is None or current.status not in DOWNLOADABLE:
            return None
        at = self.location.coordinates_of(bundle, current.version)
        return self._breaker.call(partial(read_held_bundle, registry, at))


def read_report(
    manifest: Manifest,
    names: frozenset[str],
    *,
    allow: frozenset[str],
    now: datetime,
    warn: Callable[[str], None] = lambda _text: None,
) -> Report:
    """Read every package in the environments `names` and in their sources; report only the former."""
    environments = manifest.environments
    needed = names | {source for name in names if (source := environments[name].promote_from)}
    readers = {
        name: _Reader(environment, manifest, allow, warn)
        for name, environment in environments.items()
        if name in needed
    }
    packages = _packages(manifest)
    bundle = manifest.bundle.id if manifest.bundle else None
    states: dict[_Place, PackageState] = {}
    bundles: dict[str, HeldBundle] = {}
    if bundle:
        first: _RowKey = (bundle, None)
        states = _read_all(readers, {(first, name): _desired(manifest, packages, first, name) for name in readers})
        bundles = _read_bundles(readers, bundle, states)
        for held in bundles.values():
            packages = {**packages, **{(each.id, None): packages.get((each.id, None)) for each in held.members}}
    desired = {(key, name): _desired(manifest, packages, key, name) for key in packages for name in readers}
    for name, held in bundles.items():
        desired |= {((each.id, None), name): desired_member(manifest, each, held.name) for each in held.members}
    states |= _read_all(readers, {place: version for place, version in desired.items() if place not in states})

    def cell(key: _RowKey, name: str) -> Cell:
        source = environments[name].promote_from
        upstream = Upstream(source, states[key, source]) if source else None
        version, state = desired[key, name], states[key, name]
        report = check_drift(version, state, upstream)
        held = bundles.get(name)
        if key[0] != bundle or held is None:
            return Cell(version, state, report)
        held = judge(held, {member.id: states[(member.id, None), name] for member in held.members})
        problems = [f"{member.name} {text}" for member in held.members if (text := held.problems.get(member.id))]
        return Cell(version, state, with_member_problems(report, len(held.members), problems), held)

    members = {package.id for package in manifest.packages if bundle}
    members |= {member.id for held in bundles.values() for member in held.members}
    ordered = [name for name in environments if name in names]
    rows = tuple(
        Row(key[0], {name: cell(key, name) for name in ordered}, key[1], bundle if key[0] in members else None)
        for key in sorted(packages, key=lambda key: key[0] != bundle and key[0] not in members)
    )
    sources = {environment.promote_from for environment in environments.values()}
    reports = tuple(_environment_report(readers[name], last=name not in sources) for name in ordered)
    problems = [state.problem for state in states.values()] + [reader.problem for reader in readers.values()]
    return Report(str(manifest.path), now, reports, rows, exit_code_for(problem for problem in problems if problem))


def _desired(
    manifest: Manifest, packages: Mapping[_RowKey, Package | None], key: _RowKey, name: str
) -> DesiredVersion | None:
    return desired_version(manifest, manifest.environments[name], key[0], packages[key])


def _read_all(
    readers: Mapping[str, _Reader], desired: Mapping[_Place, DesiredVersion | None]
) -> dict[_Place, PackageState]:
    def read(item: tuple[_Place, DesiredVersion | None]) -> PackageState:
        ((package, _), name), version = item
        return readers[name].read(package, version.version if version else None)

    return dict(zip(desired, in_parallel(read, desired.items(), at_once=PARALLEL_READS), strict=True))


def _read_bundles(
    readers: Mapping[str, _Reader], bundle: str, states: dict[_Place, PackageState]
) -> dict[str, HeldBundle]:
    """Return the bundle that each environment holds, by environment. Its error is put into `states`."""

    def read(name: str) -> HeldBundle | ReleaseError | None:
        try:
            return readers[name].read_bundle(bundle, states[(bundle, None), name])
        except ReleaseError as error:
            return error

    found = dict(zip(readers, in_parallel(read, readers, at_once=PARALLEL_READS), strict=True))
    for name, held in found.items():
        if isinstance(held, ReleaseError):
            states[(bundle, None), name] = PackageState(problem=held)
    return {name: held for name, held in found.items() if isinstance(held, HeldBundle)}


def _packages(manifest: Manifest) -> dict[_RowKey, Package | None]:
    """Return the bundle and the packages of the manifest, then those that only have a pin."""
    declared = dict.fromkeys((*manifest.releases, *manifest.packages))
    packages: dict[_RowKey, Package | None] = {
        (package.id, package.version if package.id in manifest.several else None): package for package in declared
    }
    for environment in manifest.environments.values():
        for package in environment.pins:
            packages.setdefault((package, None), None)
    return packages


def _environment_report(reader: _Reader, *, last: bool) -> EnvironmentReport:
    ends = last and reader.environment.promote_from is not None
    return EnvironmentReport(reader.environment, reader.location, reader.endpoint, reader.problem, ends)
