"""How the command line shows an error of ours, whichever command it comes from."""

from __future__ import annotations

import os
import sys

import click

from ..errors import ManifestError, ReleaseError


class _Told:
    """What is known of this run.

    Attributes:
        nothing_sent: whether an interruption may say so.
    """

    nothing_sent = True


told = _Told()


def nobody_reads(*, err: bool = False) -> None:
    """Have what is still printed go nowhere: what reads our output, or our errors, has ended or cannot take it."""
    # Or Python would try to print the rest at its end, and fail.
    os.dup2(os.open(os.devnull, os.O_WRONLY), (sys.stderr if err else sys.stdout).fileno())


def error_tag(code: str) -> str:
    """Return what an error's line begins with."""
    return click.style("error", fg="red", bold=True) + f"[{code}]"


def show_error(error: ReleaseError, color: bool | None = None) -> None:
    """Print an error to stderr; `color` is for those that are outside of a command, which knows it."""
    tag = error_tag(error.code)
    if isinstance(error, ManifestError):
        # A line for each mistake, as compilers write them; then what they come to.
        click.echo(str(error), err=True, color=color)
        click.echo(f"{tag}: {error.mistakes} in {error.path}; nothing was sent", err=True, color=color)
    else:
        click.echo(f"{tag}: {error}", err=True, color=color)
