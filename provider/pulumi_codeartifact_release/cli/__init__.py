"""The command line: one file per command, each a thin layer over the core.

Nothing heavy is imported before a command runs, so that `--help` and completion answer at once.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import click

from .. import __version__
from ..errors import InterruptedReleaseError, ReleaseError
from .error_output import nobody_reads, show_error, told

_COMMANDS = {
    "plan": "Show what a release would do.",
    "apply": "Release a manifest, or an approved plan.",
    "verify": "Check that the registry holds what is declared.",
    "status": "Show what each environment holds.",
    "serve": "Serve a registry kept in a folder.",
    "schema": "Print a JSON Schema.",
}
"""The commands and their short help, here too: a list of them imports none of them."""


class _LazyGroup(click.Group):
    """Finds the command NAME as the function `command` in the module of that name."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f".{cmd_name}", __name__).command
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, or nothing to do; 1 it failed, trying again may help; 2 something has to be corrected "
    "first (usage, manifest, credentials, permissions, a missing domain); 3 `plan --detailed-exitcode` found changes; "
    "4 refused, trying again will not help; 130 interrupted.",
)
@click.version_option(__version__, package_name="codeartifact-release", message="%(package)s %(version)s")
def group() -> None:
    """Release files to AWS CodeArtifact: declared in a manifest, published once, whole, and unchanged."""


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
