"""The command line: `commands` declares the commands; a module of the same name runs each, in the words of `views`."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from ..errors import InterruptedReleaseError, ReleaseError
from .commands import group
from .error_output import nobody_reads, show_error, told

__all__ = ["group", "main"]


def main() -> None:
    """Run the command line and end the process with its exit code."""
    told.nothing_sent = True
    # Seen before click parses: an error in a command must know it, whichever command it is.
    verbose = any(word == "--verbose" or re.fullmatch("-q*v[qv]*", word) for word in sys.argv[1:])
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    color = False if plain else None
    try:
        with _ended_like_interrupted():
            code = group.main(standalone_mode=False, prog_name="codeartifact-release", color=color)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted: nothing was sent" if told.nothing_sent else "interrupted", err=True)
        code = InterruptedReleaseError.exit_code
    except ReleaseError as error:
        if verbose:
            raise
        show_error(error, color)
        code = error.exit_code
    except BrokenPipeError:
        # The reader of our output has gone (`… | head`): nobody is left to tell.
        nobody_reads()
        code = 1
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EIO) or verbose:
            raise
        # What is read is checked where it is read: this is our own output.
        nobody_reads()
        click.echo(f"error[failed]: the output cannot be written: {error.strerror}", err=True)
        code = 1
    if code == InterruptedReleaseError.exit_code:
        # Requests may still be under way, and Python would wait for their threads.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    raise SystemExit(code or 0)


@contextmanager
def _ended_like_interrupted() -> Iterator[None]:
    """Take SIGTERM, which ends a cancelled CI job, for a Ctrl-C."""
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
