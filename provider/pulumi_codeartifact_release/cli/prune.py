"""`codeartifact-release prune`: archive old versions, and later delete them.

codeartifact-release prune release.yaml -e dev
codeartifact-release prune release.yaml -e dev --allow delete --yes
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from ..errors import ChangedError, MismatchError, NotPermittedError, UsageError, VersionNotFoundError
from ..hashing import default_folder
from ..manifest import Retention, duration, value_problem
from ..publishing.prune import Action, Decision, Rules, decide
from ..publishing.prune_run import Outcome, delete_shown, execute
from ..registry.interface import Status
from ..text.sizes import count_text
from .context import StopSignal, choose_environment, read_variables, warn_of_endpoint
from .error_output import run_state
from .prune_read import ManifestSource, PruneReader
from .prune_record import ArchiveRecord
from .views.console import terminal_width
from .views.prune_text import outcome_lines, prune_json, prune_lines, reading_text

_UNFINISHED = re.compile(r"(?P<package>[^#/\s]+/[^#/\s]+)@(?P<version>[^#/\s=@]+)=(?P<revision>\S+)")


@dataclass(frozen=True)
class PackageDecisions:
    """What is decided about the versions of a package, in the registry's order."""

    package: str
    decisions: Sequence[Decision]

    def of(self, action: Action) -> list[Decision]:
        """Return the decisions with an action."""
        return [each for each in self.decisions if each.action is action]

    @property
    def unfinished(self) -> list[Decision]:
        """The Unfinished versions, which are only removed by name."""
        return [each for each in self.decisions if each.version.state.status is Status.UNFINISHED]


def run(
    *,
    manifest: Path,
    environment: str | None,
    variables: tuple[str, ...],
    allow: tuple[str, ...],
    protect_file: Path | None,
    grace: str,
    unfinished: tuple[str, ...],
    yes: bool,
    as_json: bool,
    verbose: bool,
) -> None:
    """Run `prune`."""
    permitted = frozenset(allow)
    if problem := value_problem("soak", grace):
        raise UsageError(f"--grace: {problem}")
    values = read_variables(variables)
    name = choose_environment(manifest, environment, values, permitted)
    stop = StopSignal()
    reader = PruneReader(ManifestSource(manifest, values, permitted), name, protect_file, stop)
    warn_of_endpoint(reader.env, None)
    if unfinished:
        for text in unfinished:
            _remove_unfinished(reader, text)
        return
    retention = reader.env.environment.retention
    if retention is None:
        raise UsageError(
            f"{manifest}: {name} has no `retention`, so nothing says what may go",
            hint="Write, for example, `retention: {newerThan: 90d, keep: 20}` in the environment.",
        )
    rules = Rules(
        retention.newer_than, retention.keep, retention.match, deletes="delete" in permitted, grace=duration(grace)
    )
    record = ArchiveRecord(default_folder(), _place(reader))
    try:
        _prune(reader, rules, retention, record, stop, yes=yes, as_json=as_json, verbose=verbose)
    finally:
        record.close()


def _prune(
    reader: PruneReader,
    rules: Rules,
    retention: Retention,
    record: ArchiveRecord,
    stop: StopSignal,
    *,
    yes: bool,
    as_json: bool,
    verbose: bool,
) -> None:
    started, archived = datetime.now(UTC), record.times()
    packages = []
    for package in reader.packages:
        versions = reader.read_versions(package, rules, archived, partial(_say_reading, package))
        packages.append(PackageDecisions(package, decide(versions, rules, reader.read_protected(package), started)))
    changes = sum(len(each.of(action)) for each in packages for action in (Action.ARCHIVE, Action.DELETE))
    if not as_json:
        for line in prune_lines(reader.env, retention, rules, packages, terminal_width(), verbose=verbose):
            click.echo(line)
    outcomes: list[tuple[str, Outcome]] = []
    if changes and _is_confirmed(packages, yes=yes, as_json=as_json):
        record.add(_archived_versions(packages), started)
        try:
            _carry_out(reader, packages, outcomes, stop)
        finally:
            _record(record, outcomes)
            if not as_json:
                for line in outcome_lines(outcomes):
                    click.echo(line)
    elif yes:
        record.add(_archived_versions(packages), started)
    if as_json:
        click.echo(json.dumps(prune_json(reader.env, packages, outcomes), indent=2))


def _say_reading(package: str, count: int) -> None:
    if text := reading_text(package, count):
        click.echo(text, err=True)


def _is_confirmed(packages: Sequence[PackageDecisions], *, yes: bool, as_json: bool) -> bool:
    """Ask at a terminal; elsewhere, only `--yes` confirms."""
    if yes:
        return True
    if as_json or not (sys.stdin and sys.stdin.isatty()):
        if not as_json:
            click.echo("Nothing was changed. --yes does it.")
        return False
    archive, delete = (sum(len(each.of(action)) for each in packages) for action in (Action.ARCHIVE, Action.DELETE))
    words = [f"archive {count_text(archive, 'version')}"] if archive else []
    words += [f"DELETE {count_text(delete, 'version')} for good"] if delete else []
    if click.confirm(f"Do you want to {' and '.join(words)}?"):
        return True
    click.echo("Nothing was changed.")
    raise SystemExit(1)


def _archived_versions(packages: Sequence[PackageDecisions]) -> list[tuple[str, str]]:
    """Return the versions that are Archived now, with their revisions."""
    return [
        (f"{each.package}@{decision.version.version}", decision.version.state.revision)
        for each in packages
        for decision in each.decisions
        if decision.version.state.status is Status.ARCHIVED
    ]


def _carry_out(
    reader: PruneReader,
    packages: Sequence[PackageDecisions],
    outcomes: list[tuple[str, Outcome]],
    stop: StopSignal,
) -> None:
    run_state.sent = True
    registry, scheduler = reader.env.connection.registry, stop.scheduler
    for each in packages:
        at, read_protected = reader.coordinates(each.package), partial(reader.read_protected, each.package)
        # After an error, the outcomes before it are in the list.
        outcomes.extend(
            (each.package, outcome) for outcome in execute(each.decisions, at, registry, scheduler, read_protected)
        )


def _record(record: ArchiveRecord, outcomes: Sequence[tuple[str, Outcome]]) -> None:
    archived, deleted = [], []
    for package, outcome in outcomes:
        name = f"{package}@{outcome.decision.version.version}"
        if outcome.state:
            archived.append((name, outcome.state.revision))
        elif not outcome.skipped:
            deleted.append(name)
    record.add(archived, datetime.now(UTC))
    record.remove(deleted)


def _place(reader: PruneReader) -> str:
    """Return what tells one repository from all others, on this machine."""
    location = reader.env.location
    server = str(location.folder) if location.folder else location.endpoint or "AWS"
    return " ".join((server, location.region or "", location.owner or "", str(location)))


def _remove_unfinished(reader: PruneReader, text: str) -> None:
    """Delete one Unfinished version, if it still has the revision that was shown."""
    match = _UNFINISHED.fullmatch(text)
    if not match:
        raise UsageError(f"--unfinished {text}: write NAMESPACE/PACKAGE@VERSION=REVISION, as `prune` prints it")
    package, version, revision = match["package"], match["version"], match["revision"]
    if package not in reader.packages:
        raise UsageError(f"--unfinished {text}: the manifest has no package {package}")
    at = reader.coordinates(package, version)
    if reason := reader.read_protected(package).get(version):
        raise NotPermittedError(
            f"{at} is protected: {reason}", hint="`apply` completes it. Or release another version first."
        )
    registry = reader.env.connection.registry
    try:
        state = registry.describe(at)
    except VersionNotFoundError:
        raise VersionNotFoundError(f"{at} does not exist", hint="Run `prune` to see which versions do.") from None
    if state.status is not Status.UNFINISHED:
        raise MismatchError(f"{at} is {state.status}, not Unfinished: it was published")
    if state.revision != revision:
        raise ChangedError(
            f"{at} changed: its revision is {state.revision}",
            hint="Somebody uploads it now. Stop that publisher first, then name this revision.",
        )
    run_state.sent = True
    delete_shown(at, state, registry)
    click.echo(f"{at}: deleted")
