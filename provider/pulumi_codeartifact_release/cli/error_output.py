"""How the command line prints errors, and what it does if its output cannot be written."""

from __future__ import annotations

import os
import sys

import click

from ..errors import ManifestError, ReleaseError


class _RunState:
    """State of this run of the command line.

    Attributes:
        sent: whether something may have been sent.
    """

    sent = False


run_state = _RunState()


def discard_output(*, err: bool = False) -> None:
    """Discard the rest of stdout, or of stderr, after its reader is gone or its disk is full."""
    # Otherwise Python fails at its end, when it flushes the stream.
    os.dup2(os.open(os.devnull, os.O_WRONLY), (sys.stderr if err else sys.stdout).fileno())


def error_tag(code: str) -> str:
    """Return the beginning of an error message: `error[code]`."""
    return click.style("error", fg="red", bold=True) + f"[{code}]"


def show_error(error: ReleaseError, color: bool | None = None) -> None:
    """Print an error to stderr; `color` is for errors outside a command, where click does not know it."""
    tag = error_tag(error.code)
    if isinstance(error, ManifestError):
        # A line for each mistake, as compilers print them, then the total.
        click.echo(str(error), err=True, color=color)
        click.echo(f"{tag}: {error.count_text} in {error.path}; nothing was sent", err=True, color=color)
    else:
        click.echo(f"{tag}: {error}", err=True, color=color)
