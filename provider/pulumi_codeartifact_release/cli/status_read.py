"""What `status` reads: every package in every environment, several at once. Writes nothing.

report = read_report(manifest, frozenset(["prod"]), allow=frozenset(), now=datetime.now(UTC))
for row in report.rows:
    print(row.package, row.cells["prod"].drift_report.step)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ..approvals import approved_version
from ..connections import connect
from ..errors import ReleaseError, exit_code_for
from ..location import Location, resolve
from ..manifest import Environment, Manifest, Package
from ..publishing import CircuitBreaker, ThreadScheduler
from ..publishing.drift import (
    DesiredVersion,
    DriftReport,
    DriftState,
    PackageState,
    SyncState,
    Upstream,
    check_drift,
    read_package,
)
from ..registry.interface import Registry, Status
from ..registry.limits import PARALLEL_READS
from .concurrency import in_parallel
from .context import endpoint_warning

_Key = tuple[str, str | None]
"""A package, and which of its versions where the manifest has several."""


@dataclass(frozen=True)
class EnvironmentReport:
    """An environment: where it is, and whether it could be read.

    Attributes:
        location: as declared; resolved as far as that succeeded.
        endpoint: a URL, or `file:DIR`; "" for AWS without a connection, None if it could not be resolved.
        problem: why none of it could be read; None if it could.
        last: whether it ends a chain of promotions.
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
    def ways(self) -> str:
        """What gets there, for people: `from staging, only what is pinned`; empty where files are published."""
        environment = self.environment
        ways = [f"from {environment.promote_from}"] if environment.promote_from else []
        if environment.stack:
            ways.append(f"what the stack {environment.stack} says")
        if environment.pinned:
            ways.append("only what is pinned")
        return ", ".join(ways)

    @property
    def where(self) -> str:
        """Where it is, for people."""
        endpoint = self.endpoint if self.endpoint is None or self.location.endpoint else "AWS"
        parts = (endpoint, self.location.region, str(self.location))
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class Cell:
    """One package in one environment."""

    desired: DesiredVersion | None
    state: PackageState
    drift_report: DriftReport

    @property
    def states(self) -> frozenset[str]:
        """Which of the counted states it is in: words of COUNTED."""
        words = {
            "problem": self.state.problem is not None or self.drift_report.sync is SyncState.UNKNOWN,
            "drifted": self.drift_report.drift is DriftState.DRIFTED,
            "behind": self.drift_report.sync is SyncState.BEHIND,
            "pending": self.drift_report.drift is DriftState.PENDING,
        }
        return frozenset(word for word, holds in words.items() if holds)


COUNTED = {"problem": "not read", "drifted": "drifted", "behind": "behind", "pending": "pending"}
"""What a release manager looks for, the gravest first: state -> what people call it."""


@dataclass(frozen=True)
class Row:
    """One package, `namespace/package`, by environment.

    Attributes:
        version: which of several that the manifest declares; None where it is the only one.
    """

    package: str
    cells: Mapping[str, Cell]
    version: str | None = None

    @property
    def name(self) -> str:
        """The package, for people: `@version` where it takes that to tell it from another row."""
        return f"{self.package}@{self.version}" if self.version else self.package

    @property
    def states(self) -> frozenset[str]:
        """The states of all of its cells."""
        return frozenset(word for cell in self.cells.values() for word in cell.states)


@dataclass(frozen=True)
class Report:
    """Everything that was read.

    Attributes:
        manifest: the manifest's path, as it was named.
        as_of: when the reading began, by this machine's clock.
        exit_code: 0; the gravest of what could not be read, if anything could not.
    """

    manifest: str
    as_of: datetime
    environments: tuple[EnvironmentReport, ...]
    rows: tuple[Row, ...]
    exit_code: int

    @property
    def counts(self) -> dict[str, int]:
        """How many packages are in each state of COUNTED, in one environment or more."""
        return {word: sum(word in row.states for row in self.rows) for word in COUNTED}

    @property
    def summary(self) -> str:
        """What it comes to: `prod not read, 1 drifted, 2 behind`, counted in packages; empty where all is in sync."""
        unread = [each.name for each in self.environments if each.problem]
        # Of an environment that could not be read at all, it is said once.
        counts = {**self.counts, "problem": sum(self._unread_apart(row) for row in self.rows)}
        parts = [f"{', '.join(unread)} not read"] if unread else []
        return ", ".join(parts + [f"{count} {COUNTED[word]}" for word, count in counts.items() if count])

    def _unread_apart(self, row: Row) -> bool:
        """Return whether a package could not be read for a reason of its own, not of its environment."""
        whole = {each.name for each in self.environments if each.problem}
        return any(
            "problem" in row.cells[each.name].states and not {each.name, each.environment.promote_from} & whole
            for each in self.environments
        )


class _Reader:
    """One environment: connected once, and asked no more when nothing of it can be read."""

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
        """Why nothing of it could be read; None if something could."""
        return self._connection_error or self._breaker.error

    def _connect(self, manifest: Manifest, allow: frozenset[str], warn: Callable[[str], None]) -> None:
        self.location = resolve(self.location, base=manifest.base, allow=allow)
        self.endpoint = self.location.endpoint
        if warning := endpoint_warning(self.location):
            warn(warning)
        connection = connect(self.location, asks=True)
        self.location, self.endpoint = connection.location, self.location.endpoint or connection.url
        # A `file:` registry that nobody has released to reads as empty, and is not made.
        self._registry = connection.planning

    def read(self, package: str, version: str | None) -> PackageState:
        """Read one package; what went wrong is part of the answer."""
        registry = self._registry
        if registry is None:
            return PackageState(problem=self.problem)
        namespace, _, name = package.partition("/")
        at = self.location.coordinates(namespace, name, "")
        try:
            return self._breaker.call(lambda: read_package(registry, at, version, ThreadScheduler()))
        except ReleaseError as error:
            return PackageState(problem=error)


def read_report(
    manifest: Manifest,
    shown: frozenset[str],
    *,
    allow: frozenset[str],
    now: datetime,
    warn: Callable[[str], None] = lambda _text: None,
) -> Report:
    """Read every package of the environments `shown`, and of those that they promote from; judge the former."""
    environments = manifest.environments
    needed = shown | {before for name in shown if (before := environments[name].promote_from)}
    readers = {
        name: _Reader(environment, manifest, allow, warn)
        for name, environment in environments.items()
        if name in needed
    }
    packages = _packages(manifest)
    declared = {
        (key, name): _wanted(manifest, environments[name], key[0], each)
        for key, each in packages.items()
        for name in readers
    }
    found = _read_all(readers, declared)

    def cell(key: _Key, name: str) -> Cell:
        before = environments[name].promote_from
        there = Upstream(before, found[key, before]) if before else None
        here = declared[key, name], found[key, name]
        return Cell(*here, check_drift(*here, there))

    names = [name for name in environments if name in shown]
    rows = tuple(Row(key[0], {name: cell(key, name) for name in names}, key[1]) for key in packages)
    sources = {environment.promote_from for environment in environments.values()}
    reports = tuple(_environment_report(readers[name], last=name not in sources) for name in names)
    problems = [each.problem for each in found.values()] + [reader.problem for reader in readers.values()]
    return Report(str(manifest.path), now, reports, rows, exit_code_for(each for each in problems if each))


def _read_all(
    readers: Mapping[str, _Reader], declared: Mapping[tuple[_Key, str], DesiredVersion | None]
) -> dict[tuple[_Key, str], PackageState]:
    def read(item: tuple[tuple[_Key, str], DesiredVersion | None]) -> PackageState:
        ((package, _), name), version = item
        return readers[name].read(package, version.version if version else None)

    return dict(zip(declared, in_parallel(read, declared.items(), at_once=PARALLEL_READS), strict=True))


def _packages(manifest: Manifest) -> dict[_Key, Package | None]:
    """Return what the manifest releases, then what only a pin still names."""
    packages: dict[_Key, Package | None] = {
        (package.id, package.version if package.id in manifest.several else None): package
        for package in manifest.packages
    }
    for environment in manifest.environments.values():
        for package in environment.pins:
            packages.setdefault((package, None), None)
    return packages


def _wanted(
    manifest: Manifest, environment: Environment, package: str, declared: Package | None
) -> DesiredVersion | None:
    status = Status(declared.status) if declared else Status.PUBLISHED
    if pin := environment.pins.get(package):
        return DesiredVersion(pin.version, status, pin.digest, pinned=True)
    if declared is None or environment.pinned or environment.stack:
        # Where only pins decide, or a stack that only Pulumi can read, the manifest's own version is not yet wanted.
        return None
    return DesiredVersion(approved_version(manifest, environment, declared).version, status)


def _environment_report(reader: _Reader, *, last: bool) -> EnvironmentReport:
    ends = last and reader.environment.promote_from is not None
    return EnvironmentReport(reader.environment, reader.location, reader.endpoint, reader.problem, ends)
