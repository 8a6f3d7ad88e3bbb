"""`codeartifact-release apply`: release a manifest without an engine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from ..errors import InterruptedReleaseError, RefusedError, ReleaseError
from .messages import show_error
from .plan import REFUSED, show_plans
from .target import DeclaredRelease, Options, Target, open_target, target_options

if TYPE_CHECKING:
    from ..progress import Progress
    from ..publishing import Event
    from .plans import PackagePlan


@click.command(epilog="Example: codeartifact-release apply release.yaml -e dev --yes", short_help="Release a manifest.")
@target_options
@click.option("--yes", is_flag=True, help="Do not ask before writing; without a terminal nobody is asked anyway.")
def command(
    manifest: Path,
    environment: str,
    variables: tuple[str, ...],
    allow: tuple[str, ...],
    replace: tuple[str, ...],
    force: tuple[str, ...],
    reason: str,
    verbose: bool,  # noqa: ARG001 - seen by main()
    yes: bool,
) -> None:
    """Release MANIFEST to an environment: send what is missing, then publish each version with one last call.

    Where the environment promotes, the very bytes of the environment before are copied, or downloaded and published.
    Shows the plan first. Nothing is sent if any package would be refused. Interrupted or killed at any moment, run it
    again: what was sent counts. Never deletes anything that `--replace` does not name.
    """
    from .plans import make_plans  # noqa: PLC0415 - so that `--help` imports nothing of it

    target = open_target(Options(manifest, environment, variables, allow, replace, force, reason))
    plans = make_plans(target)
    show_plans(target, plans)
    if any(each.plan.refusal for each in plans):
        raise SystemExit(REFUSED)
    todo = [each for each in plans if each.plan.changes]
    if not todo:
        return
    if not yes and sys.stdin.isatty() and not click.confirm("Release this?"):
        click.echo("Nothing was sent.")
        raise SystemExit(1)
    for each in todo:
        if each.declared.origin and not each.plan.copies:
            # Somebody may have thought about it for long; a transfer, unlike a copy, is bound to no revision.
            each.declared.origin.doubt()
    target.site.connection.prepare()
    _release_all(target, todo)


def _release_all(target: Target, todo: list[PackagePlan]) -> None:
    try:
        errors = _run(target, todo)
    except KeyboardInterrupt:
        raise InterruptedReleaseError(
            "interrupted", hint="What was sent stays Unfinished; run again and the rest is sent."
        ) from None
    _raise_all(errors)


def _run(target: Target, todo: list[PackagePlan]) -> list[BaseException]:
    """Release all packages, several at once; returns what failed."""
    from .plans import PACKAGES_AT_ONCE  # noqa: PLC0415

    with _display(todo) as display, ThreadPoolExecutor(max_workers=PACKAGES_AT_ONCE) as pool:
        futures = [pool.submit(_release, target, each.declared, display) for each in todo]
        try:
            # At the first failure no further package starts, and those under way stop before the next asset.
            wait(futures, return_when=FIRST_EXCEPTION)
        except KeyboardInterrupt:
            display.say("stopping after the assets under way; Ctrl-C again ends at once")
            raise
        finally:
            target.stop.set()
    return [error for future in futures if (error := future.exception())]


def _raise_all(errors: list[BaseException]) -> None:
    """Raise what failed: all of it is told, and a refusal gives the exit code, since trying again will not help."""
    # Those that only stopped because another failed have nothing to tell.
    told = [error for error in errors if not isinstance(error, InterruptedReleaseError)] or errors
    told.sort(key=lambda error: isinstance(error, ReleaseError) and error.exit_code == RefusedError.exit_code)
    for error in told[:-1]:
        if not isinstance(error, ReleaseError):
            raise error
        show_error(error)
    if told:
        raise told[-1]


def _release(target: Target, declared: DeclaredRelease, display: Display) -> None:
    from ..publishing import ThreadScheduler, apply  # noqa: PLC0415

    scheduler = ThreadScheduler(target.stop.reason)
    scheduler.checkpoint()
    events = apply(
        declared.release,
        declared.sources,
        target.site.connection.registry,
        scheduler,
        give_up=declared.give_up,
        origin=declared.origin,
    )
    for event in events:
        display.add(declared.id, event)


class Display(Protocol):
    """Shows releases under way; told from several threads."""

    def add(self, package: str, event: Event) -> None:
        """Take note of what happened to a package."""

    def say(self, text: str) -> None:
        """Print a line that stays."""


class _LineDisplay:
    """For logs: one line when a package is done, nothing that moves."""

    def __init__(self) -> None:
        self._progress: dict[str, Progress] = {}

    def add(self, package: str, event: Event) -> None:
        from ..progress import Progress  # noqa: PLC0415
        from ..publishing import Finished  # noqa: PLC0415

        progress = self._progress.setdefault(package, Progress())
        progress.add(event)
        if isinstance(event, Finished):
            click.echo(f"released {package}: {progress.line()}")

    def say(self, text: str) -> None:
        click.echo(text, err=True)


@contextmanager
def _display(todo: list[PackagePlan]) -> Iterator[Display]:
    if not sys.stderr.isatty():
        yield _LineDisplay()
        return
    from .bars import BarDisplay  # noqa: PLC0415 - rich is for terminals

    with BarDisplay({each.declared.id: each.plan.upload_bytes for each in todo}) as display:
        yield display
