"""`codeartifact-release status`: what each environment holds of each package, and how that compares.

codeartifact-release status release.yaml --html status.html
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from ..manifest import load
from .context import read_variables
from .output_files import refuse_unwritable, write_atomically
from .status_read import read_report
from .views.console import terminal_width
from .views.status_json import report_json
from .views.status_page import page
from .views.status_table import status_lines
from .views.status_text import state_text


def run(
    *,
    manifest: Path,
    environments: tuple[str, ...],
    variables: tuple[str, ...],
    allow: tuple[str, ...],
    digests: bool,
    as_json: bool,
    page_file: Path | None,
    verbose: bool,  # noqa: ARG001 - main() reads it
) -> None:
    """Run `status`."""
    if page_file:
        refuse_unwritable(page_file, "--html", {"the manifest": manifest}, manifest=manifest)
    permitted = frozenset(allow)
    loaded = load(
        manifest,
        variables=read_variables(variables),
        allow=permitted,
        with_files=False,
    )
    shown = frozenset(loaded.environment(name).name for name in environments or loaded.environments)
    report = read_report(loaded, shown, allow=permitted, now=datetime.now(UTC), warn=_Warnings())
    if page_file:
        write_atomically(page_file, page(report), "--html", manifest=manifest)
    if as_json:
        click.echo(json.dumps(report_json(report), indent=2))
    elif page_file:
        click.echo(f"{page_file}: {state_text(report)}")
    else:
        for line in status_lines(report, terminal_width(), digests=digests):
            click.echo(line)
    if report.exit_code:
        raise SystemExit(report.exit_code)


class _Warnings:
    """Prints each warning once, even if several environments have it."""

    def __init__(self) -> None:
        self._printed: set[str] = set()

    def __call__(self, text: str) -> None:
        if text not in self._printed:
            click.echo(text, err=True)
        self._printed.add(text)
