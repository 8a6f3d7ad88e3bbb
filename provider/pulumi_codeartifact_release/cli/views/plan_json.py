"""A plan as JSON, for programs and for `apply --plan`. Its schema is `schemas/plan.schema.json`.

document = plan_json(target, plans, options, Validity.of(timedelta(hours=24)))
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ... import __version__
from ...publishing import Plan, PreparedRelease, time_text
from ...publishing.plan import Difference
from ...registry.interface import Asset
from ..context import OpenEnvironment, Options, Target
from ..make_plans import sum_up

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Validity:
    """How long a plan may be applied."""

    created: datetime
    expires: datetime

    @classmethod
    def of(cls, length: timedelta) -> Validity:
        """Return one that begins now."""
        now = datetime.now(UTC).replace(microsecond=0)
        return cls(now, now + length)


def plan_json(target: Target, plans: list[PreparedRelease], options: Options, validity: Validity) -> dict[str, Any]:
    """Return plans as JSON values: sizes in bytes, times in UTC, hashes in lower-case hex."""
    source = target.source
    total = sum_up(target, plans)
    return {
        "schemaVersion": SCHEMA_VERSION,
        "generator": f"codeartifact-release {__version__}",
        "createdAt": time_text(validity.created),
        "expiresAt": time_text(validity.expires),
        "manifest": {"path": str(options.manifest), "sha256": target.manifest.sha256},
        "variables": [f"{name}={value}" for name, value in target.manifest.external_variables.items()],
        "permissions": permissions_json(options),
        "environment": target.destination.environment.name,
        **environment_json(target.destination, target.manifest.base),
        "promoteFrom": {"environment": source.environment.name, **environment_json(source, target.manifest.base)}
        if source
        else None,
        "summary": {
            "changes": total.changes,
            "refused": total.refused,
            "unchanged": total.unchanged,
            "assets": total.assets,
            "bytes": total.size,
            "present": total.skipped_assets,
            "requests": total.requests,
            "leastSeconds": _seconds(total.min_seconds),
            "uploadsPerSecond": target.destination.connection.rate,
        },
        "packages": [package_json(prepared, target) for prepared in plans],
    }


def permissions_json(options: Options) -> dict[str, Any]:
    """Return what the operator permits, sorted."""
    return {
        "allow": sorted(set(options.allow)),
        "replace": sorted(set(options.replace)),
        "force": sorted(set(options.force)),
        "reason": options.reason or None,
    }


def environment_json(env: OpenEnvironment, base: Path) -> dict[str, Any]:
    """Return the location of an environment. A folder is relative to the manifest's, so that other machines agree."""
    location = env.location
    endpoint = location.endpoint or env.connection.url
    if location.folder:
        endpoint = "file:" + Path(os.path.relpath(location.folder.resolve(), base.resolve())).as_posix()
    return {
        "endpoint": endpoint,
        # Outside AWS, STS is not asked for the account, but most keys contain it.
        "account": location.owner or env.connection.keys_account,
        "region": location.region,
        "domain": location.domain,
        "repository": location.repository,
    }


def package_json(prepared: PreparedRelease, target: Target) -> dict[str, Any]:
    """Return the plan of one package."""
    plan, release = prepared.plan, prepared.plan.release
    promotion_source, review = prepared.promotion_source, prepared.review(target.destination.connection.rate)
    pin = promotion_source.promotion.pin if promotion_source else None
    return {
        "namespace": release.at.namespace,
        "package": release.at.package,
        "version": release.at.version,
        "action": str(plan.action),
        "route": str(plan.route),
        "status": str(release.status),
        "finalize": str(release.finalize),
        # If a gate refuses, there is no plan, but a reviewer still needs the digest of the source.
        "digest": release.digest if release.assets else promotion_source and promotion_source.digest,
        "pin": {"digest": pin.digest, "approvedBy": pin.where} if pin else None,
        "forced": prepared.forced,
        "found": found_json(plan),
        "sourceRevision": promotion_source.verified_revision if promotion_source and plan.changes else None,
        "assets": _assets(release.assets),
        "upload": _assets(plan.expected_uploads),
        "bytes": plan.upload_bytes,
        "present": [asset.name for asset in plan.skipped_assets],
        "differences": [_difference_json(difference) for difference in plan.differences],
        "requests": review.requests,
        "leastSeconds": _seconds(review.min_seconds),
        "refusal": {"code": plan.refusal.code, "message": str(plan.refusal)} if plan.refusal else None,
    }


def found_json(plan: Plan) -> dict[str, Any] | None:
    """Return what the registry held when the plan was made."""
    if plan.remote is None:
        return None
    state = plan.remote.state
    return {"status": str(state.status), "revision": state.revision, "digest": plan.remote.digest}


def _difference_json(difference: Difference) -> dict[str, Any]:
    return {
        "name": difference.name,
        "declared": _content(difference.declared),
        "found": _content(difference.remote),
    }


def _content(asset: Asset | None) -> dict[str, Any] | None:
    return {"size": asset.size, "sha256": asset.sha256} if asset else None


def _assets(assets: Iterable[Asset]) -> list[dict[str, Any]]:
    return [{"name": asset.name, "size": asset.size, "sha256": asset.sha256} for asset in assets]


def _seconds(seconds: float) -> float:
    return round(seconds, 3)
