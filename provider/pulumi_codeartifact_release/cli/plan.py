"""`codeartifact-release plan`: what an apply would do, without doing it."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import RefusedError, UsageError, printable
from .target import Options, Target, open_target, output_options, target_options

if TYPE_CHECKING:
    from .plans import PackagePlan

REFUSED = RefusedError.exit_code
CHANGES = 3


@click.command(
    epilog="""\b
Examples:
  codeartifact-release plan release.yaml -e dev --var version=1.4.2
  codeartifact-release plan release.yaml -e prod -o plan.json
  codeartifact-release apply --plan plan.json   # once it is approved""",
    short_help="Show what a release would do.",
)
@target_options()
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON (`schema plan` prints its schema).")
@click.option(
    "-o",
    "--output",
    "plan_file",
    metavar="PLAN",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the plan to a file that `apply --plan` carries out. Nothing is written for a plan that is refused.",
)
@click.option(
    "--expires",
    default="24h",
    show_default=True,
    metavar="DURATION",
    help="How long PLAN may be applied: `30m`, `2d12h`; at most 30 days.",
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 3 if something would change.")
@output_options
def command(
    as_json: bool,
    plan_file: Path | None,
    expires: str,
    detailed_exitcode: bool,
    summary_file: Path | None,
    no_summary: bool,
    quiet: bool,
    **words: Any,
) -> None:
    """Show what releasing MANIFEST to an environment would do. Writes nothing to any registry.

    Hashes the declared files, looks at what the registry holds, and says for every package what would be sent. Where
    the environment promotes, no file is needed: what the environment before holds is judged. Exits with 4 if a
    release would be refused.
    """
    from .files import refuse_unwritable, released_files  # noqa: PLC0415 - so that `--help` imports nothing of it
    from .plan_file import write_plan  # noqa: PLC0415
    from .plans import make_plans  # noqa: PLC0415
    from .progress import open_reading  # noqa: PLC0415
    from .summary import Summary, plan_summary  # noqa: PLC0415
    from .views.plan_json import Validity, plan_json  # noqa: PLC0415

    options = Options.of(words)
    validity = Validity.of(_duration(expires))
    if plan_file:
        refuse_unwritable(plan_file, "-o", {"the manifest": options.manifest}, beside=options.manifest)
    others = {"the manifest": options.manifest, "the plan": plan_file}
    with Summary(summary_file, disabled=no_summary, others=others, beside=options.manifest) as summary:
        target = open_target(options)
        released = released_files(target.manifest)
        summary.spare(released)
        if plan_file:
            refuse_unwritable(plan_file, "-o", released, beside=options.manifest)
        with open_reading(quiet=quiet) as reading:
            plans = make_plans(target, reading)
        summary.add(plan_summary(target, plans))
        document = plan_json(target, plans, options, validity) if as_json or plan_file else {}
        if as_json:
            import json  # noqa: PLC0415

            click.echo(json.dumps(document, indent=2))
        show_plans(target, plans, quiet=quiet or as_json)
        show_notes(target, verbose=words["verbose"])
        if any(each.plan.refusal for each in plans):
            raise SystemExit(REFUSED)
        if plan_file:
            write_plan(plan_file, document, beside=options.manifest)
            if not quiet:
                click.echo(f"{plan_file}: this plan, until {document['expiresAt']}", err=as_json)
    if detailed_exitcode and any(each.plan.changes for each in plans):
        raise SystemExit(CHANGES)


def show_plans(target: Target, plans: list[PackagePlan], *, quiet: bool = False) -> None:
    """Print plans for people; refusals go to stderr, in full, also where it is to be quiet."""
    from .views.columns import terminal_width  # noqa: PLC0415
    from .views.plan_table import refusals, table  # noqa: PLC0415

    if not quiet:
        for line in table(target, plans, terminal_width()):
            click.echo(line)
    for text in refusals(plans):
        click.echo(text, err=True)


def show_notes(target: Target, *, verbose: bool) -> None:
    """Print what is no mistake of the manifest, and worth knowing, where somebody asked for it."""
    if verbose:
        for note in target.manifest.notes:
            click.echo(f"note: {printable(note)}", err=True)


def _duration(text: str) -> timedelta:
    from ..manifest import duration  # noqa: PLC0415
    from .plan_file import LONGEST  # noqa: PLC0415

    length = duration(text) if re.fullmatch(r"([0-9]{1,6}[dhms])+", text) else timedelta()
    if not timedelta() < length <= LONGEST:
        raise UsageError(
            f"--expires {text}: no duration of at most {LONGEST.days} days",
            hint="Write a number and its unit: 30m, 24h, 2d12h.",
        )
    return length
