"""Plans that somebody approves: `plan -o PLAN` writes one, `apply --plan PLAN` carries out that one and no other.

    approved = read_plan(Path("plan.json"))         # UsageError, StalePlanError
    target = open_target(approved.options(given))
    approved.hold(target, make_plans(target, reading))  # StalePlanError: a file, the registry, or the place moved

A plan file is data from outside: it may come from a build, or from whoever can change one. So it is held against its
schema, and permits nothing: what the operator permitted for the plan is said again to `apply`.
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
from ..manifest import content_of
from ..publishing import Action, Finalize, Plan, Route, digest
from ..publishing.plan_drift import ApprovedRelease, VersionSnapshot, plan_drift
from ..registry.interface import Asset, Status
from ..registry.listing import is_text
from .context import Options, Target
from .files import write_whole
from .plans import PackagePlan
from .schema import schema_text
from .views.plan_json import SCHEMA_VERSION, found_json, package_json, permissions_json, site_json

MAX_BYTES = 64 << 20
"""Of a plan file; 10,000 assets take some 5 MiB."""

LONGEST = timedelta(days=30)
"""That a plan may be applied."""

_AHEAD = timedelta(minutes=5)
"""That two machines' clocks may differ."""

_WRITE = "Write it with `codeartifact-release plan MANIFEST -e ENVIRONMENT -o FILE`, and leave it as it is."
_AGAIN = "Plan again, and have that approved."


def write_plan(path: Path, document: Mapping[str, Any], *, beside: Path) -> None:
    """Write a plan of the manifest `beside`. Raises UsageError."""
    write_whole(path, json.dumps(document, indent=2) + "\n", "-o", beside=beside)


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
        """The manifest that it is about, as it was named."""
        return Path(self.document["manifest"]["path"])

    def options(self, given: Options) -> Options:
        """Return what has to be planned again. Raises NotPermittedError, StalePlanError, UsageError.

        `given` is what the operator says now: a plan file permits nothing.
        """
        permitted, wanted = permissions_json(given), self.document["permissions"]
        if permitted != wanted:
            raise NotPermittedError(
                f"{self.path} was made with other permissions than this apply:\n"
                f"    the plan    {_permissions_text(wanted)}\n"
                f"    this apply  {_permissions_text(permitted)}",
                hint="A plan is a file, and permits nothing: say what you permit again, or plan anew without.",
            )
        manifest = self.manifest
        if not manifest.is_file():
            raise UsageError(
                f"{self.path} is a plan of {manifest}, which is not there",
                hint="A relative path counts from the working folder: run this where the plan was made.",
            )
        content = content_of(manifest, outside="outside" in given.allow)
        if reasons := list(self._changed(hashlib.sha256(content).hexdigest())):
            raise self._stale(reasons)
        return replace(
            given,
            manifest=manifest,
            environment=self.document["environment"],
            variables=tuple(self.document["variables"]),
        )

    @cached_property
    def _packages(self) -> Mapping[str, Mapping[str, Any]]:
        """What was approved, by `namespace/package@version`."""
        return {_name(package): package for package in self.document["packages"]}

    def hold(self, target: Target, plans: list[PackagePlan]) -> None:
        """Raise StalePlanError, with everything that moved, unless `plans` are what was approved."""
        changed = self._changed(target.manifest.sha256)
        reasons = [*changed, *self._moved_place(target), *self._moved_packages(target, plans)]
        if reasons:
            raise self._stale(reasons)

    def hold_package(self, plan: Plan) -> None:
        """Raise StalePlanError unless `plan`, made of a package just now, is still what was approved.

        A refusal has its own words.
        """
        if plan.refusal:
            return
        name = plan.release.at.name
        package = self._packages[name]
        if reason := plan_drift(_approved(package), plan, package["sourceRevision"]):
            raise self._stale([f"{name}: {reason}".replace("\n", "\n  ")])

    def _stale(self, reasons: list[str]) -> StalePlanError:
        lines = "".join(f"\n  {reason}" for reason in reasons)
        return StalePlanError(f"{self.path} is not what would happen now:{lines}", hint=_AGAIN)

    def _changed(self, sha256: str) -> Iterator[str]:
        if sha256 != self.document["manifest"]["sha256"]:
            yield f"{self.manifest} was changed"

    def _moved_place(self, target: Target) -> Iterator[str]:
        base, before = target.manifest.base, self.document["promoteFrom"]
        sites = [(target.site.environment.name, site_json(target.site, base), self.document)]
        if (before is None) != (target.source is None):
            yield f"{target.site.environment.name} is not promoted from where it was"
        elif target.source and before:
            if target.source.environment.name != before["environment"]:
                yield f"{target.site.environment.name} is promoted from {target.source.environment.name} now"
            sites.append((target.source.environment.name, site_json(target.source, base), before))
        for site in filter(None, (target.site, target.source)):
            if site.location.is_aws and not site.location.owner:
                name = site.environment.name
                yield f"the account of {name} is not known, as AWS STS does not answer: name domainOwner"
        for name, now, approved in sites:
            for key, value in now.items():
                if value != approved[key]:
                    was = printable(approved[key] or "unknown").replace("\n", " ")
                    yield f"the {key} of {name} moved: {value or 'unknown'}, approved {was}"

    def _moved_packages(self, target: Target, plans: list[PackagePlan]) -> Iterator[str]:
        approved = dict(self._packages)
        for each in plans:
            name = each.plan.release.at.name
            package = approved.pop(name, None)
            if package is None:
                yield f"{name} is declared, and not in the plan"
                continue
            promotion_source = each.declared.promotion_source
            if reason := plan_drift(
                _approved(package), each.plan, promotion_source.verified_revision if promotion_source else None
            ):
                yield f"{name}: {reason}".replace("\n", "\n  ")
            elif found_json(each.plan) == package["found"] and each.plan.action == package["action"]:
                # What was read by whoever approved it must be what is done, down to the numbers.
                now = package_json(each, target)
                # A soak may be over by now; the other way round it would be skipped without approval.
                excused = {"leastSeconds"} if now["forced"] else {"leastSeconds", "forced"}
                if told := [key for key in now if key not in excused and now[key] != package[key]]:
                    values = ", ".join(_two(key, package[key], now[key]) for key in told)
                    yield f"{name}: the plan says otherwise of {values}"
        for name in approved:
            yield f"{name} is in the plan, and not declared"


def read_plan(path: Path, now: datetime | None = None) -> ApprovedPlan:
    """Read a plan file. Raises UsageError for what is none, StalePlanError for one that has expired."""
    document = _parsed(path)
    if document.get("schemaVersion") != SCHEMA_VERSION:
        raise UsageError(
            f"{path} is no plan that this version reads: its schemaVersion is {document.get('schemaVersion')!r}",
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
        raise UsageError(f"{path} is no plan: it has more than {MAX_BYTES:,} bytes")
    try:
        document = json.loads(content, object_pairs_hook=_no_twins, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        # What Python says of its own limits means nothing to whoever reads this.
        why = "its values are too deep or too large" if _is_limit(error) else str(error)
        raise UsageError(f"{path} is no plan: {why}"[:500], hint=_WRITE) from error
    if not isinstance(document, dict):
        raise UsageError(f"{path} is no plan: it is no JSON object", hint=_WRITE)
    return document


def _is_limit(error: Exception) -> bool:
    return isinstance(error, RecursionError) or "digits" in str(error)


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # A reviewer's reader may show the one, and ours take the other.
        raise ValueError("a key is there twice")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _validate(path: Path, document: Mapping[str, Any]) -> None:
    error = best_match(Draft202012Validator(json.loads(schema_text("plan"))).iter_errors(document))
    if error:
        raise UsageError(
            f"{path} is no plan: {error.json_path}: {error.message}"[:500],
            hint=_WRITE,
        )
    if any(package["refusal"] or package["action"] == Action.REFUSE for package in document["packages"]):
        raise UsageError(f"{path} holds packages that are refused: there is nothing to apply", hint=_AGAIN)
    for package in document["packages"]:
        if not all(is_text(asset["name"]) for asset in package["assets"]):
            raise UsageError(f"{path} is no plan: an asset of {_name(package)} has a name that is no text", hint=_WRITE)
        assets = {asset["name"]: asset for asset in package["assets"]}
        if len(assets) != len(package["assets"]) or any(
            assets.get(asset["name"]) != asset for asset in package["upload"]
        ):
            raise UsageError(f"{path} is no plan: the assets of {_name(package)} contradict each other", hint=_WRITE)
        if digest(_assets(package)) != package["digest"]:
            raise UsageError(
                f"{path} is no plan: the digest of {_name(package)} is not that of its assets", hint=_WRITE
            )
    names = [_name(package) for package in document["packages"]]
    if len(set(names)) != len(names):
        raise UsageError(f"{path} is no plan: a package is in it twice", hint=_WRITE)


def _refuse_expired(path: Path, document: Mapping[str, Any], now: datetime) -> None:
    created, expires = (_time(path, document[key]) for key in ("createdAt", "expiresAt"))
    if expires - created > LONGEST or created - now > _AHEAD:
        raise StalePlanError(
            f"{path} was made at {document['createdAt']} and wants to be applied until {document['expiresAt']}: "
            f"a plan lasts at most {LONGEST.days} days, and is not from the future",
            hint=f"Check this machine's clock. {_AGAIN}",
        )
    if now >= expires:
        raise StalePlanError(f"{path} expired at {document['expiresAt']}; nothing was sent", hint=_AGAIN)


def _time(path: Path, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{path} is no plan: {text} is no time") from error


def _two(key: str, approved: object, now: object) -> str:
    short = all(isinstance(value, str | int | float | None) for value in (approved, now))
    return f"{key} ({approved}, and it would be {now})" if short else key


def _name(package: Mapping[str, Any]) -> str:
    return f"{package['namespace']}/{package['package']}@{package['version']}"


def _approved(package: Mapping[str, Any]) -> ApprovedRelease:
    found = package["found"]
    return ApprovedRelease(
        Action(package["action"]),
        Route(package["route"]),
        Status(package["status"]),
        Finalize(package["finalize"]),
        package["digest"],
        _assets(package),
        frozenset(asset["name"] for asset in package["upload"]),
        VersionSnapshot(Status(found["status"]), found["revision"], found["digest"]) if found else None,
        package["sourceRevision"],
    )


def _assets(package: Mapping[str, Any]) -> tuple[Asset, ...]:
    return tuple(Asset(asset["name"], asset["size"], asset["sha256"]) for asset in package["assets"])


def _permissions_text(permissions: Mapping[str, Any]) -> str:
    words = [f"--{name} {value}" for name in ("allow", "replace", "force") for value in permissions[name]]
    if permissions["reason"]:
        words.append(f"--reason {permissions['reason']}")
    return " ".join(words) or "none"
