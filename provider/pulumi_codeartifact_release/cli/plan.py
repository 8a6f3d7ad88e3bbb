"""`codeartifact-release plan`: what an apply would do, without doing it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import RefusedError
from .target import Options, Site, Target, open_target, target_options

if TYPE_CHECKING:
    from .plans import PackagePlan

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
    force: tuple[str, ...],
    reason: str,
    verbose: bool,  # noqa: ARG001 - seen by main()
    as_json: bool,
    detailed_exitcode: bool,
) -> None:
    """Show what releasing MANIFEST to an environment would do. Writes nothing.

    Hashes the declared files, looks at what the registry holds, and says for every package what would be sent. Where
    the environment promotes, no file is needed: what the environment before holds is judged. Exits with 4 if a
    release would be refused.
    """
    from .plans import make_plans  # noqa: PLC0415 - so that `--help` imports nothing of it

    target = open_target(Options(manifest, environment, variables, allow, replace, force, reason))
    plans = make_plans(target)
    if as_json:
        click.echo(json.dumps(plan_json(target, plans), indent=2))
    else:
        show_plans(target, plans)
    if any(each.plan.refusal for each in plans):
        raise SystemExit(REFUSED)
    if detailed_exitcode and any(each.plan.changes for each in plans):
        raise SystemExit(CHANGES)


def show_plans(target: Target, plans: list[PackagePlan]) -> None:
    """Print plans for people: where to, a line for each package, a sum; refusals in full."""
    from ..progress import count_text, plan_text, review_text, size_text  # noqa: PLC0415

    click.echo(target.header)
    widest = max((len(each.plan.release.at.name) for each in plans), default=0)
    for each in plans:
        plan = each.plan
        sign, colour = _SIGNS[plan.action]
        text = review_text(plan, target.site.connection.rate) if plan.changes else plan_text(plan)
        line = f"  {sign} {plan.release.at.name:<{widest}}  {text}"
        click.echo(click.style(line, fg=colour) if colour else line)
        if each.declared.origin and plan.changes:
            pin = each.declared.origin.promotion.pin
            click.echo(f"      {plan.release.digest}{f', approved by {pin.where}' if pin else ''}")
        if each.forced:
            click.echo(click.style(f"      the soak is skipped by force: {target.reason}", fg="yellow"))
    refused = [each.plan for each in plans if each.plan.refusal]
    # One may be the reason for several.
    for refusal in {id(plan.refusal): plan.refusal for plan in refused}.values():
        if refusal:
            click.echo(f"{click.style('refused', fg='red', bold=True)}[{refusal.code}]: {refusal}", err=True)
    changed = [each.plan for each in plans if each.plan.changes]
    if refused:
        click.echo(f"{count_text(len(refused), 'package')} refused; nothing will be sent.")
    elif changed:
        uploads = sum(len(plan.uploads) for plan in changed)
        size = size_text(sum(plan.upload_bytes for plan in changed))
        verb = "promote" if target.source else "send"
        click.echo(
            f"{count_text(len(changed), 'package')} to change: {count_text(uploads, 'asset')} to {verb}, {size}."
        )
    else:
        click.echo("Nothing to do: everything is published and unchanged.")


def plan_json(target: Target, plans: list[PackagePlan]) -> dict[str, Any]:
    """Return plans as JSON values; sizes in bytes."""
    source = target.source
    return {
        "schemaVersion": 1,
        "environment": target.site.environment.name,
        **_site_json(target.site),
        "promoteFrom": {"environment": source.environment.name, **_site_json(source)} if source else None,
        "reason": target.reason or None,
        "packages": [_package_json(each) for each in plans],
    }


def _site_json(site: Site) -> dict[str, Any]:
    return {
        "endpoint": site.endpoint.text or site.connection.url,
        "account": site.account,
        "region": site.connection.region,
        "domain": site.destination.domain,
        "repository": site.destination.repository,
    }


def _package_json(each: PackagePlan) -> dict[str, Any]:
    plan, release = each.plan, each.plan.release
    origin = each.declared.origin
    pin = origin.promotion.pin if origin else None
    return {
        "namespace": release.at.namespace,
        "package": release.at.package,
        "version": release.at.version,
        "action": str(plan.action),
        "route": str(plan.route),
        "status": str(release.status),
        # Of what a gate holds back there is no plan, but what the source offers is what a reviewer needs.
        "digest": release.digest if release.assets else origin and origin.offered,
        "pin": {"digest": pin.digest, "approvedBy": pin.where} if pin else None,
        "forced": each.forced,
        "found": {"status": str(plan.remote.state.status), "revision": plan.remote.state.revision}
        if plan.remote
        else None,
        "upload": [{"name": asset.name, "size": asset.size, "sha256": asset.sha256} for asset in plan.uploads],
        "requests": plan.requests + plan.downloads,
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
