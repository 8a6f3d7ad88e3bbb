"""Every command with its arguments, options and help.

The module of the same name runs a command.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .. import __version__
from . import version_commands
from .options import (
    DEFAULT_MANIFEST,
    FILE,
    complete_environments,
    environment_option,
    json_option,
    location_options,
    manifest_argument,
    output_options,
    release_options,
    run_module,
    variables_option,
)


class _InOrder(click.Group):
    """Lists commands as they are declared, which is the order in which people use them."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(self.commands)


@click.group(
    cls=_InOrder,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, or nothing to do; 1 it failed, and trying again may help; 2 correct something first "
    "(usage, manifest, credentials, permissions, a missing domain); 3 `plan --detailed-exitcode` or "
    "`pin --check` found changes; 4 refused, and trying again will not help; 130 interrupted.",
)
@click.version_option(__version__, package_name="codeartifact-release", message="%(package)s %(version)s")
def group() -> None:
    """Release the files of a manifest to AWS CodeArtifact: each version once, complete and unchanged."""


@group.command(
    epilog="""\b
Examples:
  codeartifact-release init
  codeartifact-release init payments-api --ci github""",
    short_help="Write a project of your own.",
)
@click.argument("directory", metavar="[DIR]", type=click.Path(file_okay=False, path_type=Path), default=".")
@click.option(
    "--ci",
    type=click.Choice(["github", "gitlab"]),
    help="Also write jobs for GitHub Actions or GitLab. The environments are then repositories in AWS.",
)
@json_option
def init(**values: Any) -> None:
    """Write a project into DIR, the working folder by default: a manifest, and a Pulumi program that releases it.

    Writes release.yaml, VERSION, Pulumi.yaml, __main__.py, requirements.txt and .gitignore. Changes no file that is
    there. The files in dist/ are the assets, or else the files of DIR that are not sources; without any, it writes an
    example. The names come from the Git remote, or else from DIR. dev and staging are a registry in DIR: no AWS account
    is needed.
    """
    run_module("init", values)


@group.command(
    epilog="""\b
Examples:
  codeartifact-release plan release.yaml -e dev --var version=1.4.2
  codeartifact-release plan release.yaml -e prod -o plan.json
  codeartifact-release apply --plan plan.json   # after the approval""",
    short_help="Show what a release would do.",
)
@release_options
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON (`schema plan` prints its schema).")
@click.option(
    "-o",
    "--output",
    "plan_file",
    metavar="PLAN",
    type=FILE,
    help="Write the plan to a file for `apply --plan`. A refused plan is not written.",
)
@click.option(
    "--expires",
    default="24h",
    show_default=True,
    metavar="DURATION",
    help="How long PLAN can be applied: `30m`, `2d12h`; at most 30 days.",
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 3 if something would change.")
@output_options
def plan(**values: Any) -> None:
    """Show what releasing MANIFEST to an environment would do. Writes nothing to any registry.

    Hashes the declared files, reads the registry, and shows for each package what would be sent. If the environment
    promotes, no file is needed: the plan checks the version in the source environment. Exits with 4 if a release would
    be refused. The default of MANIFEST is release.yaml.
    """
    run_module("plan", values)


@group.command(
    epilog="""\b
Examples:
  codeartifact-release apply release.yaml -e dev --yes
  codeartifact-release apply --plan plan.json     # written by plan -o, then approved

In scripts and CI, give --yes or an approved plan.""",
    short_help="Release a manifest, or an approved plan.",
)
@release_options
@click.option(
    "--plan",
    "plan_file",
    metavar="PLAN",
    type=FILE,
    help="Carry out the plan that `plan -o` wrote, instead of MANIFEST and -e. Refused if a file, the manifest, the "
    "registry, the account or the endpoint has changed since, or if the plan has expired. Repeat the permissions that "
    "it was made with (--allow, --replace, --force, --reason). Asks nothing.",
)
@click.option("--yes", is_flag=True, help="Do not ask before writing. Without a terminal, apply never asks.")
@output_options
def apply(**values: Any) -> None:
    """Release MANIFEST to an environment: send what is missing, then publish each version with one last call.

    If the environment promotes, the same bytes are copied from the source environment, or downloaded and published.
    Shows the plan first. Sends nothing if any package would be refused. If it is interrupted or killed, run it again:
    assets that were sent are not sent again. Deletes only what `--replace` names. The default of MANIFEST is
    release.yaml.
    """
    run_module("apply", values)


@group.command(
    epilog="""\b
Examples:
  codeartifact-release verify release.yaml -e prod
  codeartifact-release verify release.yaml -e prod --download --json
  codeartifact-release verify acme/app@1.4.2=sha256:6a3f… \\
      --domain acme --repository releases --region eu-west-1 --download

Exit codes: 0 everything is verified; 4 something differs or is missing; 1 something could not be read; 2 bad usage or
a bad manifest.""",
    short_help="Check that the registry holds what is declared.",
)
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@environment_option("With a manifest: its environment to check.")
@variables_option
@location_options
@click.option(
    "--allow",
    multiple=True,
    metavar="WHAT",
    help="Permit `endpoint` (one that is neither CodeArtifact nor `file:` inside the folder of the manifest, or the "
    "working folder) or `outside` (files outside the manifest's folder); repeatable.",
)
@click.option("--download", is_flag=True, help="Download and hash every asset, instead of trusting the listed hashes.")
@json_option
@output_options
def verify(**values: Any) -> None:
    """Check that a registry holds what is declared: the status, every asset, and nothing else. Writes nothing.

    TARGET is a manifest, or one or more versions with their digests: NAMESPACE/PACKAGE@VERSION=sha256:DIGEST. The
    default is release.yaml.

    The files of a manifest are hashed again and compared with the environment. If the environment promotes, no file is
    needed: its pins are compared, or else the environment that it promotes from.

    Compares the hashes that the registry lists. With --download, also downloads and hashes every asset.
    """
    run_module("verify", values)


@group.command(
    epilog="""\b
Examples:
  codeartifact-release download release.yaml -e prod acme/app --to dist
  codeartifact-release download acme/app@1.4.2=sha256:6a3f… \\
      --domain acme --repository releases --region eu-west-1 --to dist
  codeartifact-release download release.yaml -e prod acme/app --asset app.zip --to - | …

Exit codes: 0 all files are there; 4 the version or its bytes are not the expected ones; 1 something could not be read;
2 bad usage or a bad manifest.""",
    short_help="Download versions, verified.",
)
@click.argument("target", default=DEFAULT_MANIFEST)
@click.argument("packages", metavar="[PACKAGE]...", nargs=-1)
@click.option("--to", "folder", metavar="DIR|-", required=True, help="The folder to fill, or `-` for standard output.")
@click.option(
    "--asset",
    "patterns",
    metavar="GLOB",
    multiple=True,
    help="Only the assets whose names match; repeatable. With `--to -`: the name of one asset.",
)
@environment_option("With a manifest: its environment to read.")
@variables_option
@location_options
@click.option(
    "--allow",
    multiple=True,
    metavar="WHAT",
    help="Permit `endpoint`: one that is neither CodeArtifact nor `file:` inside the folder of the manifest, or the "
    "working folder.",
)
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Print only warnings and errors.")
@click.option("-v", "--verbose", is_flag=True, help="Print the traceback of an error.")
def download(**values: Any) -> None:
    """Download the assets of versions into DIR. Each file appears under its name only when it is verified.

    TARGET is a manifest or a version: NAMESPACE/PACKAGE@VERSION[=sha256:DIGEST]. The default is release.yaml.

    With a manifest: all versions of the environment, or those of each PACKAGE. A pin's digest is checked. The files of
    a single PACKAGE go to DIR itself, otherwise those of each package go to DIR/NAMESPACE/PACKAGE.

    Of a bundle: all members, each in DIR/NAMESPACE/PACKAGE, or nothing. A partial bundle is refused.

    Correct files in DIR are not downloaded again. Other files in DIR stay.
    """
    run_module("download", values)


@group.command(
    epilog="Example: codeartifact-release status release.yaml --html status.html",
    short_help="Show what each environment holds.",
)
@manifest_argument
@click.option(
    "-e",
    "--environment",
    "environments",
    multiple=True,
    shell_complete=complete_environments,
    help="Show only this environment; repeatable.",
)
@variables_option
@click.option(
    "--allow",
    multiple=True,
    metavar="WHAT",
    help="Permit what a manifest cannot permit itself: `outside` (files outside its folder), `endpoint` (one that is "
    "neither CodeArtifact nor `file:` inside its folder); repeatable.",
)
@click.option("--digests", is_flag=True, help="Print whole digests.")
@json_option
@click.option(
    "--html",
    "page_file",
    metavar="FILE",
    type=FILE,
    help="Write one self-contained page instead of the table. FILE is replaced in one step.",
)
@click.option("-v", "--verbose", is_flag=True, help="Print the traceback of an error.")
def status(**values: Any) -> None:
    """Show which version of each package the environments of MANIFEST hold. Writes nothing to any registry.

    For every package and environment: the version, its status and digest, when it was published, whether it is as
    declared, and whether it is in sync with the environment that it is promoted from. The files of the packages are
    not needed. Exits with 1 or 2 if something could not be read, and shows the rest. The default of MANIFEST is
    release.yaml.
    """
    run_module("status", values)


group.add_command(version_commands.list_versions)
group.add_command(version_commands.pin)
group.add_command(version_commands.withdraw)
group.add_command(version_commands.prune)


@group.command(
    epilog="""\b
Examples:
  codeartifact-release serve .registry --env-file env.sh
  . ./env.sh                                            # in another shell
  codeartifact-release serve .registry --port 8765 --faults faults.json""",
    short_help="Serve a registry kept in a folder.",
)
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default="any free port", help="Port to use.")
@click.option(
    "--env-file",
    type=FILE,
    help="Write the variables that the aws CLI and boto3 need to this file (mode 0600), for `. FILE`.",
)
@click.option(
    "--faults",
    type=FILE,
    help="Inject the faults of this JSON file: throttling, errors, delays, cut connections, lost responses, stale "
    "reads. For tests.",
)
def serve(**values: Any) -> None:
    """Serve the registry kept in DIR over CodeArtifact's own HTTP API, until interrupted.

    The first CreateDomain creates DIR. One line is logged for every request.
    """
    run_module("serve", values)


@group.command(
    epilog="""\b
Examples:
  codeartifact-release schema > release.schema.json
  codeartifact-release schema plan > plan.schema.json""",
    short_help="Print a JSON Schema.",
)
@click.argument(
    "document",
    type=click.Choice(["manifest", "init", "plan", "verify", "download", "list", "pin", "withdraw", "prune"]),
    default="manifest",
)
def schema(**values: Any) -> None:
    """Print the JSON Schema (draft 2020-12) of the manifest, or of what a command prints with --json.

    An editor with the YAML language server takes the schema of the manifest from a first line such as
    `# yaml-language-server: $schema=release.schema.json`.
    """
    run_module("schema", values)
