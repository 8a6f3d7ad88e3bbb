r"""`codeartifact-release verify`: whether a registry holds what is declared, or what a digest names.

codeartifact-release verify release.yaml -e prod --download
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from .completion import complete_environments
from .error_output import error_tag
from .target import FORM, output_options

if TYPE_CHECKING:
    from ..publishing import Permission
    from .verify_read import Place

_EPILOG = """\b
Examples:
  codeartifact-release verify release.yaml -e prod
  codeartifact-release verify release.yaml -e prod --download --json
  codeartifact-release verify acme/app@1.4.2=sha256:6a3f… \\
      --domain acme --repository releases --region eu-west-1 --download

Exit codes: 0 all of it is verified; 4 something differs, or is not there; 1 something could not be read; 2 bad usage
or a bad manifest."""


@click.command(epilog=_EPILOG, short_help="Check that the registry holds what is declared.")
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@click.option(
    "-e", "--environment", shell_complete=complete_environments, help="With a manifest: its environment to check."
)
@click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", help="Set a variable; repeatable.")
@click.option("--domain", help="Without a manifest: the domain that the versions are in.")
@click.option("--repository", help="The repository that they are in.")
@click.option("--domain-owner", metavar="ACCOUNT", help="The account that owns the domain, if it is another one.")
@click.option("--region", help="The AWS region; else the shell's, or the profile's.")
@click.option("--profile", help="The AWS profile; else the shell's.")
@click.option("--endpoint", metavar="file:DIR|URL", help="Where they are, if that is not AWS.")
@click.option(
    "--allow",
    multiple=True,
    metavar="WHAT",
    help="Permit what needs the operator's word: `endpoint` (one that is neither CodeArtifact nor `file:` inside the "
    "manifest's, or the working, folder), `outside` (files outside of the manifest's folder); repeatable.",
)
@click.option("--download", is_flag=True, help="Download every asset and hash it, whatever the registry says of it.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@output_options
def command(
    targets: tuple[str, ...],
    environment: str | None,
    variables: tuple[str, ...],
    domain: str | None,
    repository: str | None,
    domain_owner: str | None,
    region: str | None,
    profile: str | None,
    endpoint: str | None,
    allow: tuple[str, ...],
    download: bool,
    as_json: bool,
    summary_file: Path | None,
    no_summary: bool,
    quiet: bool,
    verbose: bool,  # noqa: ARG001 - seen by main()
) -> None:
    """Check that a registry holds what is declared: status, every asset, and nothing else. Writes nothing.

    TARGET is a manifest, or versions with their digests: NAMESPACE/PACKAGE@VERSION=sha256:DIGEST, one or more.

    The files of a manifest are hashed anew, and compared with what the environment holds. Where the environment
    promotes, no file is needed: its pins say what must be there, else the environment that it promotes from.

    What the registry lists is compared; with --download, the bytes themselves.
    """
    named = _named(targets)
    where = {
        "--domain": domain,
        "--repository": repository,
        "--domain-owner": domain_owner,
        "--region": region,
        "--profile": profile,
        "--endpoint": endpoint,
    }
    if named:
        _refuse_mixed(targets[0], {"--environment": environment, "--var": variables}, "is a version")
        place = _place(targets[0], where)
    else:
        _refuse_mixed(targets[0], where, "is a manifest, whose environments say where")
        if not environment:
            raise UsageError(
                f"{targets[0]} is a manifest, and no environment of it is named",
                hint="Name one with -e ENVIRONMENT.",
            )

    from .summary import Summary, verify_summary  # noqa: PLC0415 - so that `--help` imports nothing of it
    from .verify_read import of_digests, of_manifest  # noqa: PLC0415
    from .views.columns import terminal_width  # noqa: PLC0415
    from .views.verify_text import failure_code, report_json, sum_text, text_lines  # noqa: PLC0415

    permitted, manifest = frozenset(allow), Path(targets[0])
    with Summary(summary_file, disabled=no_summary, others={"the manifest": manifest}, beside=manifest) as summary:
        if named:
            report = of_digests(named, place, permitted, quiet=quiet, download=download)
        else:
            report = of_manifest(manifest, environment or "", variables, permitted, quiet=quiet, download=download)
        summary.add(verify_summary(report))
    if as_json:
        click.echo(json.dumps(report_json(report), indent=2))
    else:
        for line in text_lines(report, terminal_width(), quiet=quiet):
            click.echo(line)
    if report.exit_code:
        click.echo(f"{error_tag(failure_code(report))}: {sum_text(report)}", err=True)
        raise SystemExit(report.exit_code)
    if not as_json and not quiet:
        click.echo(click.style(sum_text(report), fg="green"))


def _named(targets: Sequence[str]) -> list[Permission]:
    """Return the versions that are named; none where the target is a manifest. Raises UsageError."""
    manifests = [text for text in targets if not _is_version(text)]
    if not manifests:
        from ..publishing import Permission  # noqa: PLC0415 - so that `--help` imports nothing of it

        return [Permission.parse(text) for text in targets]
    if len(targets) > 1:
        versions = len(targets) - len(manifests)
        what = f"{manifests[0]} is a manifest, and other targets are versions" if versions else "several manifests"
        raise UsageError(f"{what}: one manifest at a time, or only versions", hint=f"A version is written {FORM}.")
    (text,) = manifests
    if not os.path.lexists(text) and ("@" in text or "sha256:" in text):
        raise UsageError(
            f"{text} is neither a manifest, as there is no such file, nor a version with its digest",
            hint=f"Write {FORM}, or the path of a manifest.",
        )
    return []


def _is_version(text: str) -> bool:
    """Return whether this is a version with its digest. A file that happens to be called like that is a manifest."""
    from ..publishing import Permission  # noqa: PLC0415 - so that `--help` imports nothing of it

    try:
        Permission.parse(text)
    except UsageError:
        return False
    # Not Path.is_file, which raises for names that are too long for a file.
    return not os.path.isfile(text)  # noqa: PTH113


def _refuse_mixed(target: str, options: Mapping[str, str | tuple[str, ...] | None], reason: str) -> None:
    given = [option for option, value in options.items() if value]
    if given:
        raise UsageError(
            f"{' and '.join(given)}: {target} {reason}",
            hint=f"{given[0]} is for the other form: a manifest with -e, or {FORM} with --domain and --repository.",
        )


def _place(target: str, where: Mapping[str, str | None]) -> Place:
    missing = [option for option in ("--domain", "--repository") if not where[option]]
    if missing:
        raise UsageError(
            f"{target}: say where it is with {' and '.join(missing)}",
            hint="Only a manifest knows that by itself.",
        )
    from .verify_read import Place  # noqa: PLC0415

    return Place(
        where["--domain"] or "",
        where["--repository"] or "",
        where["--domain-owner"],
        where["--region"],
        where["--profile"],
        where["--endpoint"],
    )
