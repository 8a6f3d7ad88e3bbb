"""`codeartifact-release apply`: release a manifest, or an approved plan, without an engine."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import click

from ..errors import InterruptedReleaseError, ReleaseError, UsageError, printable
from ..publishing import Planned, Prepared, ThreadScheduler, execute
from ..registry.limits import PARALLEL_PACKAGES
from ..text.sizes import count_text
from .context import Options, Target, open_target
from .error_output import discard_output, run_state, show_error
from .make_plans import make_plans
from .output_files import released_files
from .plan import REFUSED, show_notes, show_plans
from .plan_file import ApprovedPlan, read_plan
from .progress import open_reading
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
    _refuse_mixture(plan_file, release)
    others = {"the manifest": release["manifest"], "the plan": plan_file}
    with Summary(summary_file, disabled=no_summary, others=others, beside=release["manifest"]) as summary:
        options = Options(**release)
        approved = None
        if plan_file:
            approved = read_plan(plan_file)
            summary.beside = approved.manifest
            summary.spare({"the manifest": approved.manifest})
            options = approved.options(options)
        target = open_target(options)
        summary.spare(released_files(target.manifest))
        with open_reading(quiet=quiet) as reading:
            plans = make_plans(target, reading)
        refused = any(each.plan.refusal for each in plans)
        if approved and not refused:
            approved.verify(target, plans)
        try:
            show_plans(target, plans, quiet=quiet)
        except BrokenPipeError:
            # A reader that goes away stops no release.
            if not (yes or approved):
                raise
            discard_output()
        show_notes(target, verbose=verbose)
        todo = [each for each in plans if each.plan.changes]
        if refused or not todo:
            summary.add(plan_summary(target, plans))
            raise SystemExit(REFUSED if refused else 0)
        _confirm(target, plans, approved, yes=yes, quiet=quiet)
        run = _Run(target, todo, approved, quiet=quiet)
        try:
            run.go()
        finally:
            summary.add(apply_summary(target, plans, run.done, run.failed))


def _refuse_mixture(plan_file: Path | None, release: dict[str, Any]) -> None:
    if not plan_file:
        for name, missing in (("argument 'MANIFEST'", "manifest"), ("option '-e' / '--environment'", "environment")):
            if not release[missing]:
                raise click.UsageError(f"Missing {name}, or --plan PLAN.", click.get_current_context())
        return
    for name, given in (("MANIFEST", "manifest"), ("--environment", "environment"), ("--var", "variables")):
        if release[given]:
            raise UsageError(f"--plan already says what to release, and where: leave out {name}")


def _confirm(target: Target, plans: list[Prepared], approved: ApprovedPlan | None, *, yes: bool, quiet: bool) -> None:
    """Ask at a terminal."""
    if approved or not _asks(yes=yes):
        return
    if quiet:
        # Nobody says yes to what they do not see.
        show_plans(target, plans)
    if not click.confirm("Release this?"):
        click.echo("Nothing was sent.")
        raise SystemExit(1)


def _asks(*, yes: bool) -> bool:
    return not yes and bool(sys.stdin and sys.stdin.isatty())


class _Run:
    """Releases all packages, several at once.

    Attributes:
        done: the closing line, by name.
        under_way: where those stand that were begun, by name.
        failed: what was raised, by name.
    """

    def __init__(self, target: Target, todo: list[Prepared], approved: ApprovedPlan | None, *, quiet: bool) -> None:
        self._target = target
        self._todo = todo
        self._approved = approved
        self._quiet = quiet
        self.done: dict[str, str] = {}
        self.under_way: dict[str, str] = {}
        self.failed: dict[str, BaseException] = {}

    def go(self) -> None:
        """Raise what failed; what else failed is printed."""
        run_state.sent = True
        # Here, so that its error is not one for each package.
        self._target.site.connection.prepare()
        try:
            self._release_all()
        except KeyboardInterrupt:
            for error in self.failed.values():
                if isinstance(error, ReleaseError) and not isinstance(error, InterruptedReleaseError):
                    show_error(error)
            progress = _released_text(self._todo, self.done, self.under_way)
            raise InterruptedReleaseError(progress, hint=self._stays()) from None
        if self.failed and len(self._todo) > 1:
            click.echo(printable(_released_text(self._todo, self.done, self.under_way)), err=True)
        _raise_all(list(self.failed.values()))

    def _stays(self) -> str:
        """Return what becomes of what was begun, and is not released."""
        if self.done.keys() >= {each.request.name for each in self._todo}:
            return ""
        if not self.under_way.keys() - self.done.keys():
            return "Run again and the rest is sent."
        of_them = " of the others" if self.done else ""
        return f"What was sent{of_them} stays, Unfinished: run again and the rest is sent."

    def _release_all(self) -> None:
        sizes = {each.request.name: each.plan.upload_bytes for each in self._todo}
        connection = self._target.site.connection
        with (
            open_display(sizes, connection, quiet=self._quiet) as display,
            ThreadPoolExecutor(max_workers=PARALLEL_PACKAGES) as pool,
        ):
            self.done = display.done
            futures = {pool.submit(self._release, each, display): each.request.name for each in self._todo}
            try:
                # At the first failure no further package starts; those under way stop before the next asset.
                wait(futures, return_when=FIRST_EXCEPTION)
            except KeyboardInterrupt:
                display.say("stopping after the assets under way; Ctrl-C again ends at once")
                raise
            finally:
                self._target.stop.set()
                pool.shutdown()
                self.under_way = {name: f"{release.count_text()} sent" for name, release in display.releases.items()}
                ended = {future: name for future, name in futures.items() if not future.cancelled()}
                self.failed = {name: error for future, name in ended.items() if (error := future.exception())}

    def _release(self, each: Prepared, display: Display) -> None:
        scheduler = ThreadScheduler(self._target.stop.reason)
        for event in execute(each.request, self._target.connect, scheduler, each):
            if isinstance(event, Planned) and self._approved:
                # Told before it is done: also of what the registry holds by now.
                self._approved.verify_package(event.plan)
            display.add(each.request.name, event)


def _released_text(todo: list[Prepared], done: Mapping[str, str], under_way: Mapping[str, str]) -> str:
    """Return how far it came: a count, and where those stand that were begun."""
    begun = [f"\n  {name}: {line}" for name, line in under_way.items() if name not in done]
    return f"{len(done):,} of {count_text(len(todo), 'package')} released" + "".join(begun)


def _raise_all(errors: list[BaseException]) -> None:
    """Print all errors but the one with the highest exit code, and raise that."""
    # Packages that stopped because another one failed add nothing.
    shown = [error for error in errors if not isinstance(error, InterruptedReleaseError)] or errors
    shown.sort(key=lambda error: error.exit_code if isinstance(error, ReleaseError) else 0)
    for error in shown[:-1]:
        if not isinstance(error, ReleaseError):
            raise error
        show_error(error)
    if shown:
        raise shown[-1]
