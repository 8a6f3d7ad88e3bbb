"""`codeartifact-release plan`: what an apply would do, without doing it."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from ..errors import RefusedError, UsageError, printable
from ..manifest import duration
from ..publishing import PreparedRelease
from .context import Options, Target, open_target
from .make_plans import make_plans, versions_of
from .output_files import refuse_unwritable, release_files
from .plan_file import MAX_LIFETIME, write_plan
from .reading_progress import open_read_progress
from .summary import Summary
from .views.console import terminal_width
from .views.markdown import plan_summary
from .views.plan_json import Validity, plan_json
from .views.plan_table import abandoned_warnings, plan_lines, refusal_lines

REFUSED = RefusedError.exit_code
CHANGES = 3


def run(
    *,
    as_json: bool,
    plan_file: Path | None,
    expires: str,
    detailed_exitcode: bool,
    summary_file: Path | None,
    no_summary: bool,
    quiet: bool,
    verbose: bool,
    **release: Any,
) -> None:
    """Run `plan`; `release` are the fields of Options."""
    options = Options(**release)
    validity = Validity.of(_duration(expires))
    if plan_file:
        refuse_unwritable(plan_file, "-o", {"the manifest": options.manifest}, manifest=options.manifest)
    others = {"the manifest": options.manifest, "the plan": plan_file}
    with Summary(summary_file, disabled=no_summary, others=others, manifest=options.manifest) as summary:
        target = open_target(options)
        released = release_files(target.manifest)
        summary.protect(released)
        if plan_file:
            refuse_unwritable(plan_file, "-o", released, manifest=options.manifest)
        with open_read_progress(quiet=quiet) as progress:
            plans = versions_of(make_plans(target, progress))
        summary.add(plan_summary(target, plans))
        document = plan_json(target, plans, options, validity) if as_json or plan_file else {}
        if as_json:
            click.echo(json.dumps(document, indent=2))
        show_plans(target, plans, quiet=quiet or as_json, all_files=verbose)
        show_notes(target, verbose=verbose)
        if any(prepared.plan.refusal for prepared in plans):
            raise SystemExit(REFUSED)
        if plan_file:
            write_plan(plan_file, document, manifest=options.manifest)
            if not quiet:
                click.echo(f"{plan_file}: plan written, valid until {document['expiresAt']}", err=as_json)
    if detailed_exitcode and any(prepared.plan.changes for prepared in plans):
        raise SystemExit(CHANGES)


def show_plans(target: Target, plans: list[PreparedRelease], *, quiet: bool = False, all_files: bool = False) -> None:
    """Print plans for people. Refusals go to stderr, even if `quiet`."""
    if not quiet:
        for line in plan_lines(target, plans, terminal_width(), all_files=all_files):
            click.echo(line)
    for text in (*abandoned_warnings(plans), *refusal_lines(plans)):
        click.echo(text, err=True)


def show_notes(target: Target, *, verbose: bool) -> None:
    """Print notes on the manifest if `verbose`."""
    if verbose:
        for note in target.manifest.notes:
            click.echo(f"note: {printable(note)}", err=True)


def _duration(text: str) -> timedelta:

    length = duration(text) if re.fullmatch(r"([0-9]{1,6}[dhms])+", text) else timedelta()
    if not timedelta() < length <= MAX_LIFETIME:
        raise UsageError(
            f"--expires {text} is not a duration of at most {MAX_LIFETIME.days} days",
            hint="Write a number and its unit: 30m, 24h, 2d12h.",
        )
    return length
