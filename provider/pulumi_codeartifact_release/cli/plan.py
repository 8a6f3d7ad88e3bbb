"""`codeartifact-release plan`: what an apply would do, without doing it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import RefusedError
from .target import Options, Target, declared_releases, make_plans, open_target, target_options

if TYPE_CHECKING:
    from ..publishing import Plan

REFUSED = RefusedError.exit_code
CHANGES = 3


@click.command(
    epilog="Example: codeartifact-release plan release.yaml -e dev --var version=1.4.2",
    short_help="Show what a release would do.",
)
@target_options
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 3 if something would change.")
def command(
    manifest: Path,
    environment: str,
    variables: tuple[str, ...],
    allow: tuple[str, ...],
    replace: tuple[str, ...],
    verbose: bool,  # noqa: ARG001 - seen by main()
    as_json: bool,
    detailed_exitcode: bool,
) -> None:
    """Show what releasing MANIFEST to an environment would do. Writes nothing.

    Hashes the declared files, looks at what the registry holds, and says for every package what would be sent.
    Exits with 4 if a release would be refused.
    """
    target = open_target(Options(manifest, environment, variables, allow, replace))
    plans = make_plans(target, declared_releases(target))
    if as_json:
        click.echo(json.dumps(plan_json(target, plans), indent=2))
    else:
        show_plans(target, plans)
    if any(plan.refusal for plan in plans):
        raise SystemExit(REFUSED)
    if detailed_exitcode and any(plan.changes for plan in plans):
        raise SystemExit(CHANGES)


def show_plans(target: Target, plans: list[Plan]) -> None:
    """Print plans for people: where to, a line for each package, a sum; refusals in full."""
    from ..progress import count_text, plan_text, review_text, size_text  # noqa: PLC0415

    click.echo(target.header)
    widest = max((len(plan.release.at.name) for plan in plans), default=0)
    for plan in plans:
        sign, colour = _SIGNS[plan.action]
        text = review_text(plan, target.connection.rate) if plan.changes else plan_text(plan)
        line = f"  {sign} {plan.release.at.name:<{widest}}  {text}"
        click.echo(click.style(line, fg=colour) if colour else line)
    for plan in plans:
        if plan.refusal:
            click.echo(f"{click.style('refused', fg='red', bold=True)}[{plan.refusal.code}]: {plan.refusal}", err=True)
    changed = [plan for plan in plans if plan.changes]
    if any(plan.refusal for plan in plans):
        refused = sum(plan.refusal is not None for plan in plans)
        click.echo(f"{count_text(refused, 'package')} refused; nothing will be sent.")
    elif changed:
        uploads = sum(len(plan.uploads) for plan in changed)
        size = size_text(sum(plan.upload_bytes for plan in changed))
        click.echo(f"{count_text(len(changed), 'package')} to change: {count_text(uploads, 'asset')} to send, {size}.")
    else:
        click.echo("Nothing to do: everything is published and unchanged.")


def plan_json(target: Target, plans: list[Plan]) -> dict[str, Any]:
    """Return plans as JSON values; sizes in bytes."""
    return {
        "schemaVersion": 1,
        "environment": target.environment.name,
        "endpoint": target.endpoint.text or target.connection.url,
        "account": target.account,
        "region": target.connection.region,
        "domain": target.destination.domain,
        "repository": target.destination.repository,
        "packages": [_package_json(plan) for plan in plans],
    }


def _package_json(plan: Plan) -> dict[str, Any]:
    release = plan.release
    return {
        "namespace": release.at.namespace,
        "package": release.at.package,
        "version": release.at.version,
        "action": str(plan.action),
        "status": str(release.status),
        "digest": release.digest,
        "found": {"status": str(plan.remote.state.status), "revision": plan.remote.state.revision}
        if plan.remote
        else None,
        "upload": [{"name": asset.name, "size": asset.size, "sha256": asset.sha256} for asset in plan.uploads],
        "requests": plan.requests,
        "present": [asset.name for asset in plan.present],
        "refusal": {"code": plan.refusal.code, "message": str(plan.refusal)} if plan.refusal else None,
    }


_SIGNS = {
    "publish": ("+", "green"),
    "resume": ("~", "yellow"),
    "set-status": ("~", "yellow"),
    "replace": ("!", "magenta"),
    "keep": ("=", None),
    "refuse": ("!", "red"),
}
