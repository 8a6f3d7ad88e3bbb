"""Plan files: `plan -o PLAN` writes one for approval, and `apply --plan PLAN` carries out exactly that plan.

    approved = read_plan(Path("plan.json"))         # UsageError, StalePlanError
    target = open_target(approved.options(options))
    approved.verify(target, make_plans(target, progress))  # StalePlanError: a file, a registry or a location changed

A plan file is untrusted input: a build, or anybody with access to it, may have changed it. So it is validated, and
grants no permissions: the operator repeats them for `apply`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from ..errors import NotPermittedError, StalePlanError, UsageError, printable
from ..manifest import read_manifest
from ..publishing import Action, Finalize, Plan, PreparedRelease, Route, digest
from ..publishing.plan_drift import ApprovedRelease, VersionSnapshot, plan_drift
from ..registry.interface import Asset, Status
from ..registry.listing import is_text
from .context import Options, Target
from .output_files import write_atomically
from .schema import schema_text
from .views.plan_json import SCHEMA_VERSION, environment_json, found_json, package_json, permissions_json

MAX_BYTES = 64 << 20
"""The largest plan file; 10,000 assets take about 5 MiB."""

MAX_LIFETIME = timedelta(days=30)
"""How long a plan can be applied at most."""

_CLOCK_SKEW = timedelta(minutes=5)
"""By how much the clocks of two machines may differ."""

_WRITE = "Write it with `codeartifact-release plan MANIFEST -e ENVIRONMENT -o FILE`, and do not edit it."
_AGAIN = "Make a new plan and have it approved."


def write_plan(path: Path, document: Mapping[str, Any], *, manifest: Path) -> None:
    """Write a plan of `manifest`. Raises UsageError."""
    write_atomically(path, json.dumps(document, indent=2) + "\n", "-o", manifest=manifest)


@dataclass(frozen=True)
class ApprovedPlan:
    """A plan file that is well-formed and has not expired.

    Attributes:
        document: as its schema says.
    """

    path: Path
    document: Mapping[str, Any]

    @property
    def manifest(self) -> Path:
        """The path of its manifest, as it was given to `plan`."""
        return Path(self.document["manifest"]["path"])

    def options(self, options: Options) -> Options:
        """Return the options that make this plan again. Raises NotPermittedError, StalePlanError, UsageError.

        `options`: of this `apply`, whose permissions must be those of the plan.
        """
        permitted, planned = permissions_json(options), self.document["permissions"]
        if permitted != planned:
            raise NotPermittedError(
                f"{self.path} was made with other permissions than this apply:\n"
                f"    the plan    {_permissions_text(planned)}\n"
                f"    this apply  {_permissions_text(permitted)}",
                hint="A plan file grants no permissions: repeat the options of the plan, or make a new plan.",
            )
        manifest = self.manifest
        if not manifest.is_file():
            raise UsageError(
                f"{self.path} is a plan of {manifest}, which does not exist",
                hint="A relative path starts at the working folder: run this in the folder where the plan was made.",
            )
        content = read_manifest(manifest, outside="outside" in options.allow)
        if reasons := list(self._changes_of_manifest(hashlib.sha256(content).hexdigest())):
            raise self._stale(reasons)
        return replace(
            options,
            manifest=manifest,
            environment=self.document["environment"],
            variables=tuple(self.document["variables"]),
        )

    @cached_property
    def _packages(self) -> Mapping[str, Mapping[str, Any]]:
        """The packages of the plan, by `namespace/package@version`."""
        return {_name(package): package for package in self.document["packages"]}

    def verify(self, target: Target, plans: list[PreparedRelease]) -> None:
        """Raise StalePlanError, with everything that changed, unless `plans` are the approved ones."""
        changed = self._changes_of_manifest(target.manifest.sha256)
        reasons = [*changed, *self._changes_of_locations(target), *self._changes_of_packages(target, plans)]
        if reasons:
            raise self._stale(reasons)

    def verify_package(self, plan: Plan) -> None:
        """Raise StalePlanError unless the new `plan` of a package is the approved one, or a refusal."""
        if plan.refusal:
            return
        name = plan.release.at.name
        package = self._packages[name]
        if reason := plan_drift(_approved(package), plan, package["sourceRevision"]):
            raise self._stale([f"{name}: {reason}".replace("\n", "\n  ")])

    def _stale(self, reasons: list[str]) -> StalePlanError:
        lines = "".join(f"\n  {reason}" for reason in reasons)
        return StalePlanError(f"{self.path} no longer matches what would be done:{lines}", hint=_AGAIN)

    def _changes_of_manifest(self, sha256: str) -> Iterator[str]:
        if sha256 != self.document["manifest"]["sha256"]:
            yield f"{self.manifest} has changed"

    def _changes_of_locations(self, target: Target) -> Iterator[str]:
        base, before = target.manifest.base, self.document["promoteFrom"]
        environments = [
            (target.destination.environment.name, environment_json(target.destination, base), self.document)
        ]
        if (before is None) != (target.source is None):
            yield f"{target.destination.environment.name}'s promoteFrom has changed"
        elif target.source and before:
            if target.source.environment.name != before["environment"]:
                yield f"{target.destination.environment.name} is now promoted from {target.source.environment.name}"
            environments.append((target.source.environment.name, environment_json(target.source, base), before))
        for env in filter(None, (target.destination, target.source)):
            if env.location.is_aws and not env.location.owner:
                name = env.environment.name
                yield f"the account of {name} is unknown because AWS STS does not respond: set domainOwner"
        for name, now, approved in environments:
            for key, value in now.items():
                if value != approved[key]:
                    was = printable(approved[key] or "unknown").replace("\n", " ")
                    yield f"the {key} of {name} has changed since the approval: {was}, now {value or 'unknown'}"

    def _changes_of_packages(self, target: Target, plans: list[PreparedRelease]) -> Iterator[str]:
        approved = dict(self._packages)
        for prepared in plans:
            name = prepared.plan.release.at.name
            package = approved.pop(name, None)
            if package is None:
                yield f"{name} is declared but not in the plan"
                continue
            promotion_source = prepared.promotion_source
            if reason := plan_drift(
                _approved(package), prepared.plan, promotion_source.verified_revision if promotion_source else None
            ):
                yield f"{name}: {reason}".replace("\n", "\n  ")
            elif found_json(prepared.plan) == package["found"] and prepared.plan.action == package["action"]:
                # Whoever approved the plan read these numbers, too.
                now = package_json(prepared, target)
                # A soak that --force was to skip may be over by now. The reverse was not approved.
                ignored = {"leastSeconds"} if now["forced"] else {"leastSeconds", "forced"}
                if prepared.members:
                    # Others may have staged another version of the bundle, which the plan reads, too.
                    ignored.add("requests")
                if changed := [key for key in now if key not in ignored and now[key] != package[key]]:
                    values = ", ".join(_change_text(key, package[key], now[key]) for key in changed)
                    yield f"{name}: the plan has other values: {values}"
        for name in approved:
            yield f"{name} is in the plan but not declared"


def read_plan(path: Path, now: datetime | None = None) -> ApprovedPlan:
    """Read a plan file. Raises UsageError if it is not valid, StalePlanError if it has expired."""
    document = _parsed(path)
    if document.get("schemaVersion") != SCHEMA_VERSION:
        raise UsageError(
            f"{path} has schemaVersion {document.get('schemaVersion')!r}, which this version does not read",
            hint="Write it with `codeartifact-release plan MANIFEST -e ENVIRONMENT -o FILE` of this version.",
        )
    _validate(path, document)
    _refuse_expired(path, document, now or datetime.now(UTC))
    return ApprovedPlan(path, document)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise UsageError(f"{path} is not a valid plan file: it is larger than {MAX_BYTES:,} bytes")
    try:
        document = json.loads(content, object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        # Python's messages about its own limits do not help here.
        why = "its values are too large or nested too deeply" if _is_limit(error) else str(error)
        raise UsageError(f"{path} is not a valid plan file: {why}"[:500], hint=_WRITE) from error
    if not isinstance(document, dict):
        raise UsageError(f"{path} is not a valid plan file: expected a JSON object", hint=_WRITE)
    return document


def _is_limit(error: Exception) -> bool:
    return isinstance(error, RecursionError) or "digits" in str(error)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        # A reviewer's tool may show one value, and this program use the other.
        raise ValueError("duplicate key")
    return mapping


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _validate(path: Path, document: Mapping[str, Any]) -> None:
    error = best_match(Draft202012Validator(json.loads(schema_text("plan"))).iter_errors(document))
    if error:
        raise UsageError(
            f"{path} is not a valid plan file: {error.json_path}: {error.message}"[:500],
            hint=_WRITE,
        )
    if any(package["refusal"] or package["action"] == Action.REFUSE for package in document["packages"]):
        raise UsageError(f"{path} contains refused packages: there is nothing to apply", hint=_AGAIN)
    for package in document["packages"]:
        if problem := _inconsistency(package):
            raise UsageError(f"{path} is not a valid plan file: {problem}", hint=_WRITE)
    names = [_name(package) for package in document["packages"]]
    if len(set(names)) != len(names):
        raise UsageError(f"{path} is not a valid plan file: it contains a package twice", hint=_WRITE)


def _inconsistency(package: Mapping[str, Any]) -> str:
    """Return what contradicts itself in a package, beyond the schema; empty if nothing does."""
    if not all(is_text(asset["name"]) for asset in package["assets"]):
        return f"an asset of {_name(package)} has an invalid name"
    assets = {asset["name"]: asset for asset in package["assets"]}
    if len(assets) != len(package["assets"]) or any(
        assets.get(upload["name"]) != upload for upload in package["upload"]
    ):
        return f"the assets of {_name(package)} contradict each other"
    if digest(_assets(package)) != package["digest"]:
        return f"the digest of {_name(package)} is not that of its assets"
    return ""


def _refuse_expired(path: Path, document: Mapping[str, Any], now: datetime) -> None:
    created, expires = (_time(path, document[key]) for key in ("createdAt", "expiresAt"))
    if expires - created > MAX_LIFETIME or created - now > _CLOCK_SKEW:
        raise StalePlanError(
            f"{path} was made at {document['createdAt']} and expires at {document['expiresAt']}: "
            f"a plan lasts at most {MAX_LIFETIME.days} days, and cannot be from the future",
            hint=f"Check this machine's clock. {_AGAIN}",
        )
    if now >= expires:
        raise StalePlanError(f"{path} expired at {document['expiresAt']}; nothing was sent", hint=_AGAIN)


def _time(path: Path, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{path} is not a valid plan file: {text} is not a time") from error


def _change_text(key: str, approved: object, now: object) -> str:
    short = all(isinstance(value, str | int | float | None) for value in (approved, now))
    return f"{key} ({approved}, now {now})" if short else key


def _name(package: Mapping[str, Any]) -> str:
    return f"{package['namespace']}/{package['package']}@{package['version']}"


def _approved(package: Mapping[str, Any]) -> ApprovedRelease:
    snapshot = package["found"]
    return ApprovedRelease(
        Action(package["action"]),
        Route(package["route"]),
        Status(package["status"]),
        Finalize(package["finalize"]),
        package["digest"],
        _assets(package),
        frozenset(asset["name"] for asset in package["upload"]),
        VersionSnapshot(Status(snapshot["status"]), snapshot["revision"], snapshot["digest"]) if snapshot else None,
        package["sourceRevision"],
    )


def _assets(package: Mapping[str, Any]) -> tuple[Asset, ...]:
    return tuple(Asset(asset["name"], asset["size"], asset["sha256"]) for asset in package["assets"])


def _permissions_text(permissions: Mapping[str, Any]) -> str:
    words = [f"--{name} {value}" for name in ("allow", "replace", "force") for value in permissions[name]]
    if permissions["reason"]:
        words.append(f"--reason {permissions['reason']}")
    return " ".join(words) or "none"
