"""What the declarations of several commands share: options, completion, and the call of a command's module."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import click

from ..remedies import VERSION_WITH_DIGEST

_Command = TypeVar("_Command", bound=Callable[..., object])

FILE = click.Path(dir_okay=False, path_type=Path)

variables_option = click.option(
    "--var", "variables", multiple=True, metavar="NAME=VALUE", help="Set a variable; repeatable."
)
DEFAULT_MANIFEST = "release.yaml"
manifest_argument = click.argument("manifest", type=FILE, default=DEFAULT_MANIFEST)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def run_module(name: str, values: dict[str, Any]) -> None:
    """Call `run` in the module of a command. Its parameters are the options: test_help.py compares them.

    The module is imported when its command runs, so that `--help` and completion answer at once. This is the only
    lazy import of the command line.
    """
    import_module(f".{name}", __package__).run(**values)


def complete_environments(context: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Return the environments of the manifest that begin with `typed`."""
    names: list[str] = import_module(".completion", __package__).environments(context, typed)
    return names


def all_of(*decorators: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    """Return one decorator that adds several options, in this order."""

    def decorate(command: _Command) -> _Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def environment_option(text: str) -> Callable[[_Command], _Command]:
    """Return the option `-e`; without it, `context.choose_environment` lists the environments."""
    return click.option(
        "-e",
        "--environment",
        shell_complete=complete_environments,
        help=f"{text} Without it, the environments are listed.",
    )


release_options = all_of(
    manifest_argument,
    environment_option("The environment of the manifest to release to."),
    variables_option,
    click.option(
        "--allow",
        multiple=True,
        metavar="WHAT",
        help="Permit what a manifest cannot permit itself: `outside` (files outside its folder), `endpoint` (one "
        "that is neither CodeArtifact nor `file:` inside its folder), `local-source` (promotion from a "
        "`file:` registry to another kind); repeatable.",
    ),
    click.option(
        "--replace",
        multiple=True,
        metavar=VERSION_WITH_DIGEST,
        help="Permit the replacement of a version, named by the digest that it has now; repeatable. The version "
        "is deleted, is absent for a moment, and is published again.",
    ),
    click.option(
        "--force",
        multiple=True,
        metavar=VERSION_WITH_DIGEST,
        help="Skip the soak of a promoted version, named by its digest; repeatable. Requires --reason.",
    ),
    click.option("--reason", default="", metavar="TEXT", help="Why the soak is skipped. It is recorded."),
    click.option(
        "--strict",
        is_flag=True,
        help="Refuse files that may not be meant for a release, such as logs and private keys, instead of warning.",
    ),
)
"""MANIFEST, and the options that say what is released where."""


output_options = all_of(
    click.option(
        "--summary",
        "summary_file",
        metavar="FILE",
        type=FILE,
        help="Write a summary in Markdown. GitHub Actions shows it in the job's summary without this option.",
    ),
    click.option("--no-summary", is_flag=True, help="Do not write to the summary of a GitHub Actions job."),
    click.option("-q", "--quiet", is_flag=True, help="Print only warnings and errors."),
    click.option(
        "-v", "--verbose", is_flag=True, help="Print all files, notes on the manifest, and the traceback of an error."
    ),
)


location_options = all_of(
    click.option("--domain", help="Without a manifest: the domain of the versions."),
    click.option("--repository", help="Their repository."),
    click.option("--domain-owner", metavar="ACCOUNT", help="The account that owns the domain, if it is another one."),
    click.option("--region", help="The AWS region; by default that of the shell or the profile."),
    click.option("--profile", help="The AWS profile; by default that of the shell."),
    click.option("--endpoint", metavar="file:DIR|URL", help="The endpoint, if it is not AWS."),
)
