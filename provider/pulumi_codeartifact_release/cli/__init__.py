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
from .error_output import discard_output, run_state, show_error

__all__ = ["group", "main"]


def main() -> None:
    """Run the command line and end the process with its exit code."""
    run_state.sent = False
    # Read before click parses, because an error of any command depends on it.
    verbose = any(word == "--verbose" or re.fullmatch("-q*v[qv]*", word) for word in sys.argv[1:])
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    color = False if plain else None
    try:
        with _sigterm_as_interrupt():
            code = group.main(standalone_mode=False, prog_name="codeartifact-release", color=color)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted" if run_state.sent else "interrupted: nothing was sent", err=True)
        code = InterruptedReleaseError.exit_code
    except ReleaseError as error:
        if verbose:
            raise
        show_error(error, color)
        code = error.exit_code
    except BrokenPipeError:
        # The reader of the output is gone, as in `… | head`.
        discard_output()
        code = 1
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EIO) or verbose:
            raise
        # Errors of reading are reported where files are read: this one is of the output.
        discard_output()
        click.echo(f"error[failed]: the output cannot be written: {error.strerror}", err=True)
        code = 1
    if code == InterruptedReleaseError.exit_code:
        # Python would wait for the threads of requests in progress.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    raise SystemExit(code or 0)


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Treat SIGTERM, which ends a cancelled CI job, as Ctrl-C."""
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
