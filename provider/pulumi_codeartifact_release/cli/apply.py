"""`codeartifact-release apply`: release a manifest, or an approved plan, without an engine."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from ..errors import InterruptedReleaseError, ReleaseError, UsageError, printable
from ..publishing import MemberEvent, Planned, PreparedRelease, execute
from ..registry.retries_and_concurrency import PARALLEL_PACKAGES
from ..text.sizes import count_text
from .context import Options, Target, open_target
from .error_output import discard_output, run_state, show_error
from .make_plans import make_plans, versions_of
from .options import DEFAULT_MANIFEST
from .output_files import release_files
from .plan import REFUSED, show_notes, show_plans
from .plan_file import ApprovedPlan, read_plan
from .reading_progress import open_read_progress
from .summary import Summary
from .views.bars import Display, open_display
from .views.markdown import apply_summary, plan_summary


def run(
    *,
    plan_file: Path | None,
    yes: bool,
    summary_file: Path | None,
    no_summary: bool,
    quiet: bool,
    verbose: bool,
    **release: Any,
) -> None:
    """Run `apply`; `release` are the fields of Options."""
    _check_arguments(plan_file, release)
    others = {"the manifest": release["manifest"], "the plan": plan_file}
    with Summary(summary_file, disabled=no_summary, others=others, manifest=release["manifest"]) as summary:
        options = Options(**release)
        approved = None
        if plan_file:
            approved = read_plan(plan_file)
            summary.manifest = approved.manifest
            summary.protect({"the manifest": approved.manifest})
            options = approved.options(options)
        target = open_target(options)
        summary.protect(release_files(target.manifest))
        with open_read_progress(quiet=quiet) as progress:
            releases = make_plans(target, progress)
        plans = versions_of(releases)
        refused = any(prepared.plan.refusal for prepared in plans)
        if approved and not refused:
            approved.verify(target, plans)
        try:
            show_plans(target, plans, quiet=quiet, all_files=verbose)
        except BrokenPipeError:
            # With `--yes` or an approved plan, nobody has to read the output.
            if not (yes or approved):
                raise
            discard_output()
        show_notes(target, verbose=verbose)
        changes = [prepared for prepared in plans if prepared.plan.changes]
        if refused or not changes:
            summary.add(plan_summary(target, plans))
            if refused:
                raise SystemExit(REFUSED)
        else:
            _confirm(target, plans, approved, yes=yes, quiet=quiet)
            run = _Run(target, [release for release in releases if release.changes], approved, quiet=quiet)
            try:
                run.execute()
            finally:
                summary.add(apply_summary(target, plans, run.final_lines, run.errors))
        if not quiet:
            click.echo(f"Next: {_next_command(target, options)}")


def _next_command(target: Target, options: Options) -> str:
    """Return the command to run next: the pin or the promotion of the next environment, or `status`."""
    name = target.destination.environment.name
    following = [item for item in target.manifest.environments.values() if item.promote_from == name]
    command = "status"
    if following:
        pinned = {package: pin.version for package, pin in following[0].pins.items()}
        missing = any(pinned.get(package.id) != package.version for package in target.manifest.packages)
        command = "pin" if following[0].pinned and missing else "apply"
    words = ["codeartifact-release", command]
    if str(options.manifest) != DEFAULT_MANIFEST:
        words.append(str(options.manifest))
    if following:
        words += ["-e", following[0].name]
    words += [word for variable in options.variables for word in ("--var", variable)]
    return printable(shlex.join(words))


def _check_arguments(plan_file: Path | None, release: dict[str, Any]) -> None:
    """Raise UsageError if there is both a plan file and what it contains. A plan file needs no default MANIFEST."""
    if not plan_file:
        return
    if click.get_current_context().get_parameter_source("manifest") is ParameterSource.DEFAULT:
        release["manifest"] = None
    for name, key in (("MANIFEST", "manifest"), ("--environment", "environment"), ("--var", "variables")):
        if release[key]:
            raise UsageError(f"{name} cannot be combined with --plan: the plan file already contains it")


def _confirm(
    target: Target, plans: list[PreparedRelease], approved: ApprovedPlan | None, *, yes: bool, quiet: bool
) -> None:
    """Ask for confirmation at a terminal."""
    if approved or not _needs_confirmation(yes=yes):
        return
    if quiet:
        # The user must see the plans to confirm them.
        show_plans(target, plans)
    if not click.confirm("Release this?"):
        click.echo("Nothing was sent.")
        raise SystemExit(1)


def _needs_confirmation(*, yes: bool) -> bool:
    return not yes and bool(sys.stdin and sys.stdin.isatty())


class _Run:
    """Releases all packages, several in parallel.

    Attributes:
        final_lines: package name -> last progress line, for released packages.
        progress: package name -> progress, for packages that were started.
        errors: package name -> error.
    """

    def __init__(
        self, target: Target, releases: list[PreparedRelease], approved: ApprovedPlan | None, *, quiet: bool
    ) -> None:
        self._target = target
        self._releases = releases
        self._changes = [version for version in versions_of(releases) if version.plan.changes]
        self._approved = approved
        self._quiet = quiet
        self.final_lines: dict[str, str] = {}
        self.progress: dict[str, str] = {}
        self.errors: dict[str, BaseException] = {}

    def execute(self) -> None:
        """Release the packages. Prints all errors but one, and raises that."""
        run_state.sent = True
        # Once for all packages, so that an error is shown once.
        self._target.destination.connection.prepare()
        try:
            self._release_all()
        except KeyboardInterrupt:
            for error in self.errors.values():
                if isinstance(error, ReleaseError) and not isinstance(error, InterruptedReleaseError):
                    show_error(error)
            text = _progress_text(self._changes, self.final_lines, self.progress)
            raise InterruptedReleaseError(text, hint=self._interrupted_hint()) from None
        if self.errors and len(self._changes) > 1:
            click.echo(printable(_progress_text(self._changes, self.final_lines, self.progress)), err=True)
        _raise_all(list(self.errors.values()))

    def _interrupted_hint(self) -> str:
        """Return the state of the packages that are not released, and what to do; "" if all are released."""
        if self.final_lines.keys() >= {prepared.request.name for prepared in self._changes}:
            return ""
        if not self.progress.keys() - self.final_lines.keys():
            return "Run again to send the rest."
        return "Incomplete versions stay Unfinished. Run again to send the rest."

    def _release_all(self) -> None:
        sizes = {prepared.request.name: prepared.plan.upload_bytes for prepared in self._changes}
        connection = self._target.destination.connection
        with (
            open_display(sizes, connection, quiet=self._quiet) as display,
            ThreadPoolExecutor(max_workers=PARALLEL_PACKAGES) as pool,
        ):
            self.final_lines = display.done
            futures = {
                pool.submit(self._release, prepared, display): prepared.request.name for prepared in self._releases
            }
            try:
                # After the first error no other package starts, and running ones stop before their next asset.
                wait(futures, return_when=FIRST_EXCEPTION)
            except KeyboardInterrupt:
                display.say("stopping after the current assets; press Ctrl-C again to stop at once")
                raise
            finally:
                self._target.stop.set()
                pool.shutdown()
                self.progress = {name: f"{release.count_text()} sent" for name, release in display.releases.items()}
                completed = {future: name for future, name in futures.items() if not future.cancelled()}
                self.errors = {name: error for future, name in completed.items() if (error := future.exception())}

    def _release(self, prepared: PreparedRelease, display: Display) -> None:
        scheduler = self._target.stop.scheduler
        changing = {version.request.name for version in self._changes}
        for event in execute(prepared.request, self._target.connect, scheduler, prepared):
            name, inner = prepared.request.name, event
            if isinstance(event, MemberEvent):
                name, inner = event.name, event.event
            if isinstance(inner, Planned) and self._approved:
                # This plan is from a new read of the registry, and nothing is sent yet.
                self._approved.verify_package(inner.plan)
            if name in changing:
                display.add(name, inner)


def _progress_text(changes: list[PreparedRelease], final_lines: Mapping[str, str], progress: Mapping[str, str]) -> str:
    """Return the number of released packages, and the progress of those that are incomplete."""
    incomplete = [f"\n  {name}: {line}" for name, line in progress.items() if name not in final_lines]
    return f"{len(final_lines):,} of {count_text(len(changes), 'package')} released" + "".join(incomplete)


def _raise_all(errors: list[BaseException]) -> None:
    """Print all errors but the one with the highest exit code, and raise that."""
    # Omit the packages that only stopped because another one failed.
    shown = [error for error in errors if not isinstance(error, InterruptedReleaseError)] or errors
    shown.sort(key=lambda error: error.exit_code if isinstance(error, ReleaseError) else 0)
    for error in shown[:-1]:
        if not isinstance(error, ReleaseError):
            raise error
        show_error(error)
    if shown:
        raise shown[-1]
