"""`codeartifact-release withdraw`: take versions back, and have the manifest say so.

codeartifact-release withdraw acme/app@3.1.0 -e prod --reason "loses orders"
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click

from ..errors import MismatchError, ReleaseError, UsageError, VersionNotFoundError
from ..manifest import Manifest, load
from ..manifest import Withdrawal as Entry
from ..publishing import RemoteVersion, read_version
from ..publishing.change_status import StatusChange, change_status
from ..registry.interface import Coordinates, Status
from ..registry.retries_and_concurrency import PARALLEL_READS
from .context import (
    OpenEnvironment,
    StopSignal,
    choose_environment,
    open_environment,
    read_variables,
    warn_of_endpoint,
)
from .error_output import run_state
from .in_parallel import in_parallel
from .manifest_edit import ManifestEdit, prepare_edit
from .named_versions import location_of, open_location
from .options import DEFAULT_MANIFEST
from .partial_bundles import PartialBundle, partial_bundles, read_published
from .views.withdraw_text import entry_lines, plan_lines, result_json, result_lines
from .withdraw_bundles import (
    Spared,
    declared_members,
    is_bundle,
    kept_withdrawals,
    read_members,
    refuse_withdrawn,
    restore,
    spare,
)

_VERSION = re.compile(r"[^#/\s]+/[^#/\s]+@[^#/\s]+")
_MAX_REASON = 1000


@dataclass(frozen=True)
class Options:
    """What to do with the versions.

    Attributes:
        target: their new status.
        reason: "" for `--restore`.
    """

    target: Status
    reason: str = ""

    @property
    def restores(self) -> bool:
        """Whether a withdrawal ends."""
        return self.target is Status.PUBLISHED


@dataclass(frozen=True)
class Subject:
    """A version in a repository, as it was shown.

    Attributes:
        bundle: the bundle that it is withdrawn or restored with, as `namespace/package@version`; "" for none.
    """

    env: OpenEnvironment
    at: Coordinates
    remote: RemoteVersion
    change: StatusChange
    bundle: str = ""


@dataclass(frozen=True)
class Holding:
    """A version in an environment that is not changed: its status, or why it could not be read."""

    environment: str
    version: str
    status: Status | None = None
    problem: ReleaseError | None = None


@dataclass(frozen=True)
class Withdrawal:
    """All that is shown, and then done.

    Attributes:
        digests: by `namespace/package@version`.
        kept: the entries of `withdrawn` that stay as they are.
        spared: the members that are not withdrawn with their bundle.
        partial: the Published bundles that lose members.
        manifest_edit: None if the entries are printed.
    """

    options: Options
    subjects: tuple[Subject, ...]
    others: tuple[Holding, ...]
    digests: Mapping[str, str]
    kept: Mapping[str, Entry]
    spared: tuple[Spared, ...]
    partial: tuple[PartialBundle, ...]
    manifest: Path | None
    manifest_edit: ManifestEdit | None

    @property
    def entries(self) -> dict[str, dict[str, str] | None]:
        """The entries of `withdrawn`; None for one to remove."""
        if self.options.restores:
            return dict.fromkeys(self.digests)
        status, reason = str(self.options.target), self.options.reason
        bundles = {subject.at.name: {"bundle": subject.bundle} for subject in self.subjects if subject.bundle}
        return {
            name: {"digest": digest, "status": status, "reason": reason, **bundles.get(name, {})}
            for name, digest in self.digests.items()
            if name not in self.kept
        }


def run(
    *,
    targets: tuple[str, ...],
    environments: tuple[str, ...],
    reason: str,
    unlist: bool,
    restore: bool,
    yes: bool,
    print_only: bool,
    variables: tuple[str, ...],
    domain: str | None,
    repository: str | None,
    domain_owner: str | None,
    region: str | None,
    profile: str | None,
    endpoint: str | None,
    allow: tuple[str, ...],
    as_json: bool,
    verbose: bool,  # noqa: ARG001 - main() reads it
) -> None:
    """Run `withdraw`."""
    location_options = {
        "--domain": domain,
        "--repository": repository,
        "--domain-owner": domain_owner,
        "--region": region,
        "--profile": profile,
        "--endpoint": endpoint,
    }
    options = _options(reason, unlist=unlist, restore=restore)
    path, names = _split(targets)
    stop, permitted = StopSignal(), frozenset(allow)
    if any(location_options.values()):
        if path or environments or variables:
            raise UsageError("withdraw: name either a manifest with -e, or a repository with --domain and --repository")
        env = open_location(location_of(names[0], location_options), map(_parts, names), permitted, stop)
        withdrawal = _plan([env], [], names, options, None, stop)
    else:
        values = read_variables(variables)
        manifest_path = path or Path(DEFAULT_MANIFEST)
        selected = environments or (choose_environment(manifest_path, None, values, permitted),)
        manifest = load(manifest_path, variables=values, allow=permitted, with_files=False)
        envs = [open_environment(manifest.environment(name), manifest.base, permitted, stop) for name in selected]
        warn_of_endpoint(envs[0], None)
        others = _other_holdings(manifest, frozenset(selected), names, permitted, stop)
        withdrawal = _plan(envs, others, names, options, manifest, stop)
        if not print_only:
            edit = prepare_edit(manifest, {"withdrawn": withdrawal.entries}, values, permitted)
            withdrawal = replace(withdrawal, manifest_edit=edit)
    if not as_json:
        for line in plan_lines(withdrawal):
            click.echo(line)
    _confirm(options, yes=yes or as_json)
    states = _carry_out(withdrawal, stop)
    if as_json:
        click.echo(json.dumps(result_json(withdrawal, states), indent=2))
        return
    for line in [*result_lines(withdrawal, states), *entry_lines(withdrawal)]:
        click.echo(line)


def _options(reason: str, *, unlist: bool, restore: bool) -> Options:
    if restore:
        if unlist or reason:
            raise UsageError("--restore takes neither --unlist nor --reason")
        return Options(Status.PUBLISHED)
    if not reason.strip():
        raise UsageError("--reason is missing: every refusal of the version shows it", hint="Write --reason TEXT.")
    if not reason.isprintable() or len(reason) > _MAX_REASON:
        raise UsageError(f"--reason must be one line of at most {_MAX_REASON:,} characters")
    return Options(Status.UNLISTED if unlist else Status.ARCHIVED, reason.strip())


def _split(targets: Sequence[str]) -> tuple[Path | None, list[str]]:
    """Return the manifest, None without one, and the versions."""
    first, *rest = targets
    is_version = _VERSION.fullmatch(first) and not os.path.isfile(first)  # noqa: PTH113 - raises for long names
    names = list(dict.fromkeys(targets if is_version else rest))
    wrong = next((name for name in names if not _VERSION.fullmatch(name)), None)
    if wrong or not names:
        raise UsageError(
            f"{wrong} is not a version" if wrong else "no version is named",
            hint="Write NAMESPACE/PACKAGE@VERSION, after the manifest if you name one.",
        )
    return None if is_version else Path(first), names


def _parts(name: str) -> tuple[str, str]:
    package, _, version = name.rpartition("@")
    return package, version


def _coordinates(env: OpenEnvironment, name: str) -> Coordinates:
    return env.coordinates(*_parts(name))


def _read(env: OpenEnvironment, name: str, stop: StopSignal) -> RemoteVersion | None:
    return read_version(env.connection.planning, _coordinates(env, name), stop.scheduler)


def _other_holdings(
    manifest: Manifest, selected: frozenset[str], names: Sequence[str], allow: frozenset[str], stop: StopSignal
) -> list[Holding]:
    """Return which other environments hold the versions. One that cannot be read is named, too."""
    holdings = []
    for environment in manifest.environments.values():
        if environment.name in selected:
            continue
        for name in names:
            holding = partial(Holding, environment.name, name)
            try:
                remote = _read(open_environment(environment, manifest.base, allow, stop), name, stop)
            except ReleaseError as error:
                holdings.append(holding(problem=error))
                continue
            if remote:
                holdings.append(holding(remote.state.status))
    return holdings


def _plan(
    envs: Sequence[OpenEnvironment],
    others: Sequence[Holding],
    names: Sequence[str],
    options: Options,
    manifest: Manifest | None,
    stop: StopSignal,
) -> Withdrawal:
    subjects = [_subject(env, name, options, stop) for name in names for env in envs]
    kept = kept_withdrawals(manifest, names)
    if options.restores:
        for subject in subjects:
            refuse_withdrawn(subject.at, declared_members(manifest, subject.at.name), kept)
    spared: list[Spared] = []
    partly: list[PartialBundle] = []
    for env in envs:
        own = [subject for subject in subjects if subject.env is env]
        published = {} if options.restores else read_published(env, _bundle_packages(own, manifest))
        members = _member_subjects(env, own, published, options, manifest, kept, stop, spared)
        subjects += members
        partly += partial_bundles(env, published, [subject.at.name for subject in (*own, *members)])
    # A bundle is withdrawn before its members, and restored after them.
    subjects.sort(key=lambda subject: is_bundle(subject.remote) is options.restores)
    digests: dict[str, str] = {}
    for subject in subjects:
        name, digest = subject.at.name, subject.remote.digest
        entry = manifest.withdrawn.get(name) if manifest else None
        if manifest and options.restores and not entry:
            raise UsageError(f"{manifest.path}: `withdrawn` has no {name}, so there is nothing to restore")
        if digest != (expected := entry.digest if entry else digests.setdefault(name, digest)):
            raise MismatchError(
                f"{subject.at} has the digest {digest}, and {expected} is "
                + (f"the one in `withdrawn` of {manifest.path}" if manifest and entry else "in another environment"),
                hint="They are different releases under one name. Check which one you mean.",
            )
        digests[name] = digest
    path = manifest.path if manifest else None
    return Withdrawal(options, tuple(subjects), tuple(others), digests, kept, tuple(spared), tuple(partly), path, None)


def _bundle_packages(subjects: Sequence[Subject], manifest: Manifest | None) -> list[str]:
    """Return the packages whose Published versions may name these versions."""
    packages = [manifest.bundle.id] if manifest and manifest.bundle else []
    packages += [_parts(subject.at.name)[0] for subject in subjects if is_bundle(subject.remote)]
    return list(dict.fromkeys(packages))


def _member_subjects(
    env: OpenEnvironment,
    subjects: Sequence[Subject],
    published: Mapping[str, Collection[str]],
    options: Options,
    manifest: Manifest | None,
    kept: Mapping[str, Entry],
    stop: StopSignal,
    spared: list[Spared],
) -> list[Subject]:
    """Return the members that are withdrawn or restored with their bundles; adds the others to `spared`."""
    named = {subject.at.name for subject in subjects}
    found: dict[str, Subject] = {}
    for bundle in (subject for subject in subjects if is_bundle(subject.remote)):
        registry = env.connection.planning
        members = read_members(registry, bundle.at, bundle.remote, manifest, restores=options.restores)
        reasons = spare(members, published, named)
        remotes = in_parallel(lambda name: _read(env, name, stop), members, at_once=PARALLEL_READS, on_end=stop.set)
        for (name, digest), remote in zip(members.items(), remotes, strict=True):
            entry = kept.get(name)
            target = Status(entry.status) if entry else options.target
            if name in named or remote is None or not _is_changeable(remote, target):
                continue
            reason = reasons.get(name, "" if remote.digest == digest else "it has another digest than the bundle names")
            if entry and remote.state.status is target:
                reason = f"`withdrawn` has it already: {entry.reason}"
            if reason:
                spared.append(Spared(env, name, reason))
                continue
            at = _coordinates(env, name)
            change = StatusChange(at, remote.state, target)
            found.setdefault(name, Subject(env, at, remote, change, bundle.at.name))
    return list(found.values())


def _is_changeable(remote: RemoteVersion, target: Status) -> bool:
    """Return whether the version is complete, and the new status does not permit what the current one forbids."""
    status = remote.state.status
    if status in (Status.UNFINISHED, Status.DISPOSED):
        return False
    return not (target is Status.UNLISTED and status is Status.ARCHIVED)


def _subject(env: OpenEnvironment, name: str, options: Options, stop: StopSignal) -> Subject:
    at, remote = _coordinates(env, name), _read(env, name, stop)
    if remote is None:
        raise VersionNotFoundError(
            f"{at} does not exist", hint="Check the name, or list the versions: codeartifact-release list."
        )
    status = remote.state.status
    if status in (Status.UNFINISHED, Status.DISPOSED):
        raise MismatchError(f"{at} is {status}: only a version that was published can be withdrawn or restored")
    if options.target is Status.UNLISTED and status is Status.ARCHIVED:
        raise MismatchError(
            f"{at} is Archived: --unlist would permit downloads again", hint="Leave --unlist out, or --restore it."
        )
    return Subject(env, at, remote, StatusChange(at, remote.state, options.target))


def _confirm(options: Options, *, yes: bool) -> None:
    """Ask for confirmation at a terminal."""
    if yes or not (sys.stdin and sys.stdin.isatty()):
        return
    if not click.confirm("Restore this?" if options.restores else "Withdraw this?"):
        click.echo("Nothing was changed.")
        raise SystemExit(1)


def _carry_out(withdrawal: Withdrawal, stop: StopSignal) -> list[Status]:
    """Write the manifest and change the status of every version. Returns the new statuses.

    The manifest changes while it refuses the versions: first for a withdrawal, last for its end. After an error the
    same command does the rest.
    """
    run_state.sent = True
    edit, restores = withdrawal.manifest_edit, withdrawal.options.restores
    if edit and not restores:
        edit.write()
    states = (
        restore(withdrawal.subjects, withdrawal.kept, stop.scheduler)
        if restores
        else [_change(subject, stop) for subject in withdrawal.subjects]
    )
    if edit and restores:
        edit.write()
    return states


def _change(subject: Subject, stop: StopSignal) -> Status:
    return change_status(subject.change, subject.env.connection.registry, stop.scheduler).status
