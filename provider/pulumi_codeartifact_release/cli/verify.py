r"""`codeartifact-release verify`: compares a registry with a manifest, or with digests.

codeartifact-release verify release.yaml -e prod --download
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from ..errors import UsageError
from ..publishing import Permission
from ..remedies import VERSION_WITH_DIGEST
from .error_output import error_tag
from .named_versions import location_of
from .options import DEFAULT_MANIFEST
from .summary import Summary
from .verify_read import of_digests, of_manifest
from .views.console import terminal_width
from .views.markdown import verify_summary
from .views.verify_json import report_json
from .views.verify_text import failure_code, sum_text, text_lines


def run(
    *,
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
    verbose: bool,  # noqa: ARG001 - main() reads it
) -> None:
    """Run `verify`."""
    targets = targets or (DEFAULT_MANIFEST,)
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
        location = location_of(targets[0], where)
    else:
        _refuse_mixed(targets[0], where, "is a manifest")
    permitted, manifest = frozenset(allow), Path(targets[0])
    with Summary(summary_file, disabled=no_summary, others={"the manifest": manifest}, manifest=manifest) as summary:
        if named:
            report = of_digests(named, location, permitted, quiet=quiet, download=download)
        else:
            report = of_manifest(manifest, environment, variables, permitted, quiet=quiet, download=download)
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
    """Return the versions; none if the target is a manifest. Raises UsageError."""
    manifests = [text for text in targets if not _is_version(text)]
    if not manifests:
        return [Permission.parse(text) for text in targets]
    if len(targets) > 1:
        versions = len(targets) - len(manifests)
        what = f"{manifests[0]} is a manifest, other targets are versions" if versions else "several manifests"
        raise UsageError(
            f"{what}: verify either one manifest or only versions", hint=f"Write a version as {VERSION_WITH_DIGEST}."
        )
    (text,) = manifests
    if not os.path.lexists(text) and ("@" in text or "sha256:" in text):
        raise UsageError(
            f"{text} is neither a file nor a version with its digest",
            hint=f"Write {VERSION_WITH_DIGEST}, or the path of a manifest.",
        )
    return []


def _is_version(text: str) -> bool:
    """Return whether this is a version with its digest. A file of that name is a manifest."""
    try:
        Permission.parse(text)
    except UsageError:
        return False
    # Path.is_file raises if the name is too long for a file.
    return not os.path.isfile(text)  # noqa: PTH113


def _refuse_mixed(target: str, options: Mapping[str, str | tuple[str, ...] | None], reason: str) -> None:
    names = [option for option, value in options.items() if value]
    if names:
        raise UsageError(
            f"{' and '.join(names)} cannot be used with {target}, which {reason}",
            hint=f"Use a manifest with -e, or {VERSION_WITH_DIGEST} with --domain and --repository.",
        )
