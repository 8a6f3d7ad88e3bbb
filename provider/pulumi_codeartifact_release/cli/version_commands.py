"""The commands for versions that a registry holds already, with their arguments, options and help."""

from __future__ import annotations

from typing import Any

import click

from .options import environment_option, json_option, manifest_argument, run_module, variables_option

_allow = click.option(
    "--allow",
    multiple=True,
    metavar="WHAT",
    help="Permit what a manifest cannot: `outside` (files outside its folder), `endpoint` (one that is neither "
    "CodeArtifact nor `file:` inside its folder); repeatable.",
)
_verbose = click.option("-v", "--verbose", is_flag=True, help="Print the traceback of an error.")


@click.command(
    "list",
    epilog="""\b
Examples:
  codeartifact-release list release.yaml -e prod
  codeartifact-release list release.yaml -e dev acme/app --all --json""",
    short_help="List the versions of packages.",
)
@manifest_argument
@click.argument("packages", metavar="[PACKAGE]...", nargs=-1)
@environment_option("The environment of the manifest.")
@variables_option
@_allow
@click.option("--all", "all_versions", is_flag=True, help="List all versions, not only the 20 newest of each package.")
@click.option("--digests", is_flag=True, help="Print whole digests.")
@json_option
@_verbose
def list_versions(**values: Any) -> None:
    """List the versions that an environment of MANIFEST holds of each PACKAGE, by default of all. Writes nothing.

    For each version: its status, when it was first Published in this repository, its digest, the size of its assets,
    and whether the manifest declares or pins it. The 20 newest of each package are listed, and those that the manifest
    names.
    """
    run_module("list", values)


@click.command(
    epilog="""\b
Examples:
  codeartifact-release pin release.yaml -e prod
  codeartifact-release pin release.yaml -e prod acme/app@1.4.1  # an earlier version
  codeartifact-release pin release.yaml -e prod --check         # in CI

Exit codes: 0 the pins are written, or are right already; 3 `--check` would change them; 4 a version may not be
promoted.""",
    short_help="Pin what the environment before holds.",
)
@manifest_argument
@click.argument("packages", metavar="[PACKAGE[@VERSION]]...", nargs=-1)
@environment_option("The environment of the manifest whose pins to write.")
@variables_option
@_allow
@click.option("--check", is_flag=True, help="Write nothing; exit with 3 if the pins would change.")
@json_option
@_verbose
def pin(**values: Any) -> None:
    """Write version and digest of what the environment before holds into the `pins` of an environment.

    Pins each PACKAGE, by default all: the version that `status` shows for the environment that this one promotes from.
    Prints the change to MANIFEST. Comments, order and style of the file stay. Have the change reviewed: a pin approves
    exactly these bytes.

    Refuses what a promotion would refuse, such as a version that is not Published; only the soak does not matter yet.
    Writes nothing to any registry.
    """
    run_module("pin", values)
