"""The commands for versions that a registry holds already, with their arguments, options and help."""

from __future__ import annotations

from typing import Any

import click

from .options import (
    FILE,
    complete_environments,
    environment_option,
    json_option,
    location_options,
    manifest_argument,
    run_module,
    variables_option,
)

_allow = click.option(
    "--allow",
    multiple=True,
    metavar="WHAT",
    help="Permit what a manifest cannot permit itself: `outside` (files outside its folder), `endpoint` (one that is "
    "neither CodeArtifact nor `file:` inside its folder); repeatable.",
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
    """List the versions of each PACKAGE (by default of all) in an environment of MANIFEST. Writes nothing.

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
    short_help="Pin the current versions of the source environment.",
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
    """Write the version and digest that the source environment holds into the `pins` of an environment.

    Pins each PACKAGE, by default all: the version that `status` shows for the environment that this one promotes from.
    Prints the change to MANIFEST. Comments, order and style of the file stay. Have the change reviewed: a pin approves
    exactly these bytes.

    Refuses what a promotion would refuse, such as a version that is not Published, but ignores the soak.
    Writes nothing to any registry.
    """
    run_module("pin", values)


@click.command(
    epilog="""\b
Examples:
  codeartifact-release withdraw acme/app@3.1.0 -e prod --reason "loses orders"
  codeartifact-release withdraw acme/app@3.1.0 -e prod --restore
  codeartifact-release withdraw acme/app@3.1.0 --reason "loses orders" \\
      --domain acme --repository releases --region eu-west-1

Exit codes: 0 done; 1 it failed, or you answered no; 2 bad usage or a bad manifest; 4 the version changed, or has other
bytes than you mean.""",
    short_help="Take versions back, for every later release too.",
)
@click.argument("targets", metavar="[MANIFEST] VERSION...", nargs=-1, required=True)
@click.option(
    "-e",
    "--environment",
    "environments",
    multiple=True,
    shell_complete=complete_environments,
    help="The environment that holds the versions; repeatable. Without it, they are listed.",
)
@click.option("--reason", default="", metavar="TEXT", help="Why. Every refusal of the version shows it.")
@click.option("--unlist", is_flag=True, help="Make them Unlisted instead of Archived, which does not stop downloads.")
@click.option("--restore", is_flag=True, help="End the withdrawal: make them Published, and remove the entries.")
@click.option("--yes", is_flag=True, help="Do not ask. Without a terminal, nothing is asked.")
@click.option("--print", "print_only", is_flag=True, help="Print the change of the manifest instead of writing it.")
@variables_option
@location_options
@_allow
@json_option
@_verbose
def withdraw(**values: Any) -> None:
    """Make each VERSION (NAMESPACE/PACKAGE@VERSION) Archived, so that nobody can download it.

    Writes the version, its digest and the reason to `withdrawn` in MANIFEST (by default release.yaml), so that no plan,
    update or promotion brings it back. Needs no files, and changes exactly the revision that it shows. Names the other
    environments that hold the version. Without a manifest (--domain, --repository), it prints the entry.

    A bundle takes along its members that no other Published version of the bundle names. Names the bundles that become
    partial.
    """
    run_module("withdraw", values)


@click.command(
    epilog="""\b
Examples:
  codeartifact-release prune release.yaml -e dev                  # show, ask, archive
  codeartifact-release prune release.yaml -e dev --allow delete   # a week later: delete, too
  codeartifact-release prune release.yaml -e dev --unfinished acme/app@0.9=REVISION

Exit codes: 0 done, or nothing to do; 1 it failed, or you answered no; 2 bad usage or a bad manifest; 4 refused.""",
    short_help="Archive old versions, and later delete them.",
)
@manifest_argument
@environment_option("The environment of the manifest, which has `retention`.")
@variables_option
@click.option(
    "--allow",
    multiple=True,
    metavar="WHAT",
    help="Permit `delete` (of versions that were Archived when the run began), `outside` or `endpoint`; repeatable.",
)
@click.option(
    "--protect", "protect_file", metavar="FILE", type=FILE, help="Keep the versions in this file, one a line."
)
@click.option(
    "--grace",
    default="7d",
    show_default=True,
    metavar="DURATION",
    help="Delete only what was first seen Archived this long ago.",
)
@click.option(
    "--unfinished",
    multiple=True,
    metavar="VERSION=REVISION",
    help="Only delete this Unfinished version; repeatable. Stop its publishers first.",
)
@click.option("--yes", is_flag=True, help="Do not ask. Without a terminal, nothing is changed unless you give this.")
@json_option
@click.option("-v", "--verbose", is_flag=True, help="Show all versions, and the traceback of an error.")
def prune(**values: Any) -> None:
    """Archive the versions of an environment that its `retention` lets go.

    Shows what would go, and why each of the others stays. Never touches what any environment of MANIFEST declares,
    pins, holds as its newest or soaks, nor members of a Published bundle of MANIFEST, nor what was withdrawn, nor
    packages that are not in the manifest. Stops if an environment cannot be read. With --allow delete, also deletes
    what was Archived before.
    """
    run_module("prune", values)
