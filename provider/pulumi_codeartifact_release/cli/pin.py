"""`codeartifact-release pin`: write what the source environment holds into the `pins` of an environment.

codeartifact-release pin release.yaml -e prod acme/app
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from ..errors import RefusedError, ReleaseError, UsageError, exit_code_for, printable
from ..location import resolve
from ..manifest import Environment, Manifest, Package, Pin
from ..pins import PinCandidate, PinReader
from ..publishing import CircuitBreaker
from ..registry.retries_and_concurrency import PARALLEL_READS
from .context import (
    StopSignal,
    load_environment,
    open_environment,
    read_variables,
    refuse_unknown_packages,
    warn_of_endpoint,
)
from .error_output import show_error
from .in_parallel import in_parallel
from .manifest_edit import prepare_edit
from .views.console import terminal_width
from .views.pin_text import pin_json, pin_lines

CHANGES = 3


@dataclass(frozen=True)
class PinChange:
    """A package, its pin, and what its pin should be.

    Attributes:
        before: None if it has no pin.
    """

    package: str
    before: Pin | None
    after: Pin

    @property
    def patch(self) -> dict[str, str]:
        """The values of the pin that change, by key; empty for none."""
        before = self.before
        values = {"version": self.after.version, "digest": self.after.digest}
        return {key: value for key, value in values.items() if before is None or getattr(before, key) != value}


def run(
    *,
    manifest: Path,
    environment: str | None,
    packages: tuple[str, ...],
    variables: tuple[str, ...],
    allow: tuple[str, ...],
    check: bool,
    as_json: bool,
    verbose: bool,  # noqa: ARG001 - main() reads it
) -> None:
    """Run `pin`."""
    permitted = frozenset(allow)
    values = read_variables(variables)
    loaded, selected = load_environment(manifest, environment, values, permitted, with_files=False)
    if not selected.promote_from:
        raise UsageError(
            f"{selected.name} publishes files: only an environment that promotes (`promoteFrom`) has pins",
            hint=_promoting(loaded),
        )
    chosen = _choose_packages(loaded, packages)
    stop = StopSignal()
    source = open_environment(loaded.environment(selected.promote_from), loaded.base, permitted, stop)
    warn_of_endpoint(source, None)
    destination = resolve(selected.location, base=loaded.base, allow=permitted)
    scheduler = stop.scheduler
    reader = PinReader(loaded, selected, source.location, destination, source.connection.planning, scheduler)
    changes = _read(reader, selected, chosen, stop)
    patch = {change.package: change.patch for change in changes if change.patch}
    diff = ""
    if patch:
        edit = prepare_edit(loaded, {"environments": {selected.name: {"pins": patch}}}, values, permitted)
        diff = edit.diff
        if not check:
            edit.write()
    if as_json:
        click.echo(json.dumps(pin_json(loaded, selected, changes, diff, written=not check), indent=2))
    else:
        for line in pin_lines(loaded, selected, changes, diff, source.header, terminal_width(), written=not check):
            click.echo(line)
    if check and patch:
        raise SystemExit(CHANGES)


def _promoting(manifest: Manifest) -> str:
    names = [each.name for each in manifest.environments.values() if each.promote_from]
    return f"Choose another environment: {', '.join(names)}." if names else ""


def _choose_packages(manifest: Manifest, names: Sequence[str]) -> list[tuple[Package, str | None]]:
    """Return the packages to pin, each with its version if one is named. Raises UsageError for an unknown name."""
    packages = {package.id: package for package in manifest.releases}
    for name in (name.partition("@")[0] for name in names):
        if manifest.bundle and any(name == package.id for package in manifest.packages):
            raise UsageError(f"{manifest.path}: {name} is a member of the bundle {manifest.bundle.id}: pin the bundle")
        refuse_unknown_packages(manifest, [name], packages)
        if name in manifest.several:
            raise UsageError(f"{manifest.path}: {name} has several versions, so it cannot have a pin")
    if names:
        return [(packages[name], version or None) for name, _, version in (text.partition("@") for text in names)]
    for name in manifest.several:
        click.echo(f"warning: {name} has several versions, so it cannot have a pin", err=True)
    return [(package, None) for package in packages.values() if package.id not in manifest.several]


def _read(
    reader: PinReader, environment: Environment, packages: Sequence[tuple[Package, str | None]], stop: StopSignal
) -> list[PinChange]:
    """Read what the source environment holds. If a package is refused, print why, and exit."""
    breaker = CircuitBreaker()

    def read(item: tuple[Package, str | None]) -> PinCandidate | RefusedError:
        try:
            return breaker.call(lambda: reader.read(*item))
        except RefusedError as refusal:
            return refusal

    found = in_parallel(read, packages, at_once=PARALLEL_READS, on_end=stop.set)
    refusals: list[ReleaseError] = [each for each in found if isinstance(each, RefusedError)]
    for refusal in refusals:
        show_error(refusal)
    if refusals:
        click.echo("Nothing was written.", err=True)
        raise SystemExit(exit_code_for(refusals))
    changes = []
    for (package, version), candidate in zip(packages, found, strict=True):
        assert isinstance(candidate, PinCandidate)
        if version is None and candidate.desired not in (None, candidate.version):
            click.echo(
                printable(
                    f"warning: {package.id}: {environment.promote_from} should hold {candidate.desired}, but its "
                    f"newest Published version is {candidate.version}"
                ),
                err=True,
            )
        after = Pin(candidate.version, candidate.digest)
        changes.append(PinChange(package.id, environment.pins.get(package.id), after))
    return changes
