"""check(): turns the arguments of a program into the inputs in state. It may read the registry, and never writes.

VersionCheck(olds, inputs, declaration, context).run()
PromotionCheck(olds, inputs, declaration, context).run()
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pulumi.runtime.rpc import UNKNOWN

from ..connections import resolved_owner, resolved_region
from ..errors import (
    NoRegionError,
    NotPermittedError,
    RefusedError,
    ReleaseError,
    UsageError,
    WrongRegionError,
)
from ..location import Location, resolve
from ..manifest import duration, value_problem
from ..publishing import (
    AssetContent,
    BundleRules,
    Permission,
    Pin,
    PreparedRelease,
    Promotion,
    Request,
    Withdrawal,
    assets_of_contents,
    check_preconditions,
    checksums,
    prepare_again,
    sizes,
)
from ..registry.interface import Status
from .declaration import Declaration
from .engine import add_secrets, word_errors_for
from .preview import prepare_change, prepare_release, preview
from .run_context import PendingChange, RunContext
from .secret import secret_texts
from .state import (
    DECISIVE,
    PLACE,
    REQUIRED,
    SOURCE,
    Inputs,
    MemberInput,
    PromotionInputs,
    same,
)

Props = Mapping[str, Any]


@dataclass(frozen=True)
class CheckFailure:
    """A wrong argument: the name of its input, "" for none, and a one-line reason."""

    property: str
    reason: str


@dataclass(frozen=True)
class CheckResult:
    """The inputs for state, and the wrong arguments."""

    inputs: dict[str, Any]
    failures: list[CheckFailure]


class Check:
    """One call of check()."""

    def __init__(self, olds: Props, inputs: dict[str, Any], declaration: Declaration, context: RunContext) -> None:
        self._olds = olds
        self._inputs = inputs
        self._declaration = declaration
        self._context = context
        self._front = context.front(declaration.front)

    _argument = "assets"
    """The argument that the engine names with a problem of the declaration."""

    def run(self) -> CheckResult:
        """Return the inputs for state, or all wrong arguments. Raises ReleaseError."""
        self._redact(self._olds)
        self._redact({**self._inputs, "digest": self._declaration.pin})
        failures = [CheckFailure(self._argument, problem) for problem in self._declaration.problems]
        failures += self._wrong_arguments()
        if failures:
            return CheckResult(self._inputs, failures)
        with word_errors_for(self._front):
            return CheckResult(self._resolve(), [])

    def _wrong_arguments(self) -> list[CheckFailure]:
        return _wrong_arguments(self._inputs, REQUIRED)

    def _redact(self, properties: Props) -> None:
        """Redact the secret inputs among these properties in all messages from now on."""
        if self._declaration.secret:
            add_secrets(secret_texts(properties, self._declaration.secret))

    def _resolve(self) -> dict[str, Any]:
        """Return the inputs for state. Raises ReleaseError."""
        raise NotImplementedError

    def located(self, before: Props) -> dict[str, Any]:
        """Return the arguments with endpoint, region and owner. Raises ReleaseError."""
        return self._with_location(self._inputs, before)

    def _with_location(self, inputs: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
        """Return the inputs with endpoint, region and owner, so that the next run does not depend on its shell."""
        if UNKNOWN in (inputs.get(name) for name in ("endpoint", "region", "profile")):
            # An update may get another value than the shell has now.
            return {"endpoint": UNKNOWN, "region": UNKNOWN, "domain_owner": UNKNOWN, **inputs}
        location = Location.from_properties({"domain": "", "repository": "", **inputs})
        location = replace(location, profile=location.profile or self._context.profile)
        location = resolve(location, base=Path(self._declaration.base), allow=self._declaration.allow)
        if not location.folder:
            location = replace(location, region=location.region or self._context.region)
        location = replace(location, region=resolved_region(location))
        if not location.domain_owner:
            # Keep the owner in state: a different login would otherwise read another account.
            same_location = same(before, location.properties(), ("domain", "repository", "region", "endpoint"))
            owner = before.get("domain_owner") if same_location else resolved_owner(location)
            location = replace(location, domain_owner=owner)
        if location.endpoint_source and (self._shows_locations or not self._context.knows_preview):
            text = f"the endpoint {location.endpoint} comes from {location.endpoint_source}, not from the program"
            self._context.show_once(text, self._context.log.warn)
        return {**inputs, "endpoint": "", **location.properties()}

    @property
    def _shows_locations(self) -> bool:
        """Whether to show locations. The program does that for the resources of a manifest."""
        return self._declaration.dry_run and not self._declaration.front

    def _show_locations(self, *properties: Props) -> None:
        """In a preview, show the destination, and the source of a promotion, once for all resources."""
        places = [{name: each.get(name) for name in Location.names} for each in properties]
        known = [place for place in places if UNKNOWN not in place.values() and place["domain"]]
        if self._shows_locations and known:
            text = "\nfrom ".join(Location.from_properties(place).summary for place in known)
            self._context.show_once(text, self._context.log.info)

    def _request(self, inputs: Inputs, contents: Mapping[str, AssetContent] | None = None) -> Request:
        declaration = self._declaration
        request = Request(
            inputs.location,
            # State has no sizes. If a completed promotion must send assets again, their sizes are read from the source.
            inputs.release(sizes(contents or {})),
            inputs.id,
            contents or {},
            replace_digest=declaration.replace_digest or None,
            allow=declaration.allow,
            on_destroy=inputs.on_destroy,
            withdrawal=withdrawal_from(declaration.withdrawal),
        )
        if not isinstance(inputs, PromotionInputs):
            return request
        source = inputs.source
        promotion = Promotion(
            source.location.coordinates(inputs.namespace, inputs.package, inputs.version),
            inputs.coordinates,
            pin=Pin(declaration.pin, declaration.pinned_by) if declaration.pin else None,
            soak=duration(inputs.soak) if inputs.soak else None,
            force=Permission(inputs.id, inputs.version, declaration.force) if declaration.force else None,
            revision=source.revision,
        )
        rules = BundleRules(
            after={name: member.get("after") or () for name, member in declaration.members.items()},
            replace_digest=lambda name, version: declaration.replace.get(f"{name}@{version}"),
            withdrawal=lambda name, version: withdrawal_from(declaration.withdrawn.get(f"{name}@{version}")),
        )
        return replace(request, promotion=promotion, source=source.location, bundle=rules)

    def _pending(self, request: Request) -> PendingChange:
        declaration = self._declaration
        return PendingChange(
            declaration.urn,
            request,
            commit=declaration.commit,
            reason=declaration.reason,
            front=self._front,
            secret=declaration.secret,
            repository_exists=declaration.repository_exists,
        )

    def _remember(self, inputs: Inputs, pending: PendingChange, prepared: PreparedRelease | None = None) -> None:
        """Pass the change to create() and update(). In a dry run, show its plan. Raises RefusedError."""
        self._context.remember(inputs, replace(pending, prepared=prepared))
        if self._declaration.dry_run:
            preview(self._context, self._olds, inputs)


class VersionCheck(Check):
    """check() of a `PackageVersion`."""

    def _resolve(self) -> dict[str, Any]:
        declaration = self._declaration
        contents = declaration.hash(self._context.cache)
        self._context.cache.keep(contents.values())
        inputs = self._with_location(self._inputs, self._olds)
        self._show_locations(inputs)
        declared_checksums = checksums(assets_of_contents(contents))
        # With `ignore_changes=["checksums"]` the engine passes the checksums in state.
        inputs.setdefault("checksums", declared_checksums)
        if UNKNOWN in inputs.values():
            return inputs
        checked = Inputs.of(inputs)
        request = self._request(checked, contents)
        check_preconditions(request)
        properties = checked.properties()
        self._redact(properties)
        if checked.checksums != declared_checksums and not same(self._olds, properties, DECISIVE):
            raise _IgnoredChecksumsError(
                f"{checked.coordinates}: `ignore_changes` keeps the old `checksums`, but the files are different",
                hint="Remove `checksums` from ignore_changes to release these files, or declare the old files.",
            )
        self._remember(checked, self._pending(request))
        return properties


class PromotionCheck(Check):
    """check() of a `Promotion`: reads and verifies the source, unless the promotion is complete."""

    _argument = "source"

    def _wrong_arguments(self) -> list[CheckFailure]:
        failures = _wrong_arguments({name: value for name, value in self._inputs.items() if name != "source"}, REQUIRED)
        source = self._inputs.get("source")
        if source == UNKNOWN:
            return failures
        if not isinstance(source, Mapping):
            return [*failures, CheckFailure("source", "source is missing: pass the repository to promote from")]
        values = {name: source[name] for name in SOURCE if source.get(name) is not None}
        return failures + _wrong_arguments(values, ("domain", "repository"), prefix="source.")

    def _resolve(self) -> dict[str, Any]:
        excluded = ("source", "checksums", "digest", "members")
        arguments = {name: value for name, value in self._inputs.items() if name not in excluded}
        inputs = self._with_location(arguments, self._olds)
        if UNKNOWN not in inputs.values() and self._is_promoted(inputs):
            self._show_locations(inputs, self._olds["source"])
            # Keep the source in state: a completed promotion does not depend on its source any more.
            kept = {name: self._olds.get(name) for name in ("checksums", "source", "members")}
            completed = PromotionInputs.of({**inputs, **kept})
            _refuse_status_of_bundle(completed)
            check_preconditions(self._request(completed))
            if (properties := self._resolve_completed(completed)) is not None:
                return properties
        source = self._source_with_location()
        self._show_locations(inputs, source)
        if UNKNOWN in inputs.values() or UNKNOWN in source.values():
            # The source or the destination is created in this run, so it cannot be read yet.
            hints = {name: self._inputs.get(name) or UNKNOWN for name in ("checksums", "digest")}
            return {**inputs, "source": UNKNOWN if UNKNOWN in source else source, **hints}
        return self._resolve_new(PromotionInputs.of({**inputs, "source": source}))

    def _source_with_location(self) -> dict[str, Any]:
        source = self._inputs["source"]
        if source == UNKNOWN:
            return {UNKNOWN: UNKNOWN}
        values = {name: source[name] for name in SOURCE if source.get(name) and name != "digest"}
        return self._with_location(values, self._olds.get("source") or {})

    def _is_promoted(self, inputs: Props) -> bool:
        """Return whether this promotion is complete according to state, and its version is unchanged."""
        olds, declaration = self._olds, self._declaration
        digest = str((olds.get("source") or {}).get("digest") or "")
        return (
            bool(digest)
            and same(olds, inputs, PLACE)
            # After drift, read() changes `digest` but not `source.digest`.
            and olds.get("digest") == digest
            and not any(member.get("drift") for member in (olds.get("members") or {}).values())
            and declaration.pin in ("", digest)
            and declaration.replace_digest != digest
        )

    def _resolve_completed(self, inputs: PromotionInputs) -> dict[str, Any] | None:
        """Return the inputs of a completed promotion; None if its version is gone and must be promoted again."""
        pending, properties = self._pending(self._request(inputs)), inputs.properties()
        prepared = None
        if not same(self._olds, properties, DECISIVE):
            prepared = prepare_change(self._context, pending, prepare_again)
            if prepared is None:
                return None
        self._remember(inputs, pending, prepared)
        return properties

    def _resolve_new(self, inputs: PromotionInputs) -> dict[str, Any]:
        """Return the inputs of a new promotion, with the checksums of its source."""
        pending = self._pending(self._request(inputs))
        prepared = prepare_change(self._context, pending, prepare_release)
        plan, promotion_source = prepared.plan, prepared.promotion_source
        if plan.refusal and not plan.release.assets:
            # The source was not read, so there are no checksums to return.
            raise plan.refusal
        revision = promotion_source.verified_revision if promotion_source else None
        source = replace(inputs.source, digest=plan.release.digest, revision=revision)
        members = {member.request.name: _member_input(member) for member in prepared.members}
        checked = replace(inputs, checksums=checksums(plan.release.assets), source=source, members=members)
        _refuse_status_of_bundle(checked)
        self._redact(checked.properties())
        self._remember(checked, pending, prepared)
        return checked.properties()


def withdrawal_from(fields: Mapping[str, str] | None) -> Withdrawal | None:
    """Return the withdrawal with these fields of a `Declaration`; None without fields."""
    return Withdrawal(**fields) if fields else None


def _member_input(member: PreparedRelease) -> MemberInput:
    release = member.plan.release
    return MemberInput(release.at.version, checksums(release.assets))


def _refuse_status_of_bundle(inputs: PromotionInputs) -> None:
    if inputs.members and inputs.status is not Status.PUBLISHED:
        raise UsageError(
            f"{inputs.coordinates} is a bundle, which must be Published: `status` is {inputs.status}",
            hint="Remove `status`. To take a release back, run `codeartifact-release withdraw`.",
        )


def _wrong_arguments(inputs: Props, required: tuple[str, ...], prefix: str = "") -> list[CheckFailure]:
    """Validate arguments as a manifest validates its values. Unknown values are skipped until they are known."""
    texts = {name: value for name, value in inputs.items() if name not in ("checksums", "members")}
    failures = [
        CheckFailure(prefix + name, f"{prefix}{name} is {value!r}: quote it to make it text")
        for name, value in texts.items()
        if not isinstance(value, str)
    ]
    failures += [
        CheckFailure(prefix + name, f"{prefix}{name} is empty")
        for name in required
        if not str(inputs.get(name) or "").strip()
    ]
    for name, value in texts.items():
        if isinstance(value, str) and value.strip() and value != UNKNOWN and name not in _VALIDATED_ELSEWHERE:
            key = re.sub("_(.)", lambda match: match[1].upper(), name)
            if problem := value_problem(key, value):
                failures.append(CheckFailure(prefix + name, problem))
    return failures


_VALIDATED_ELSEWHERE = ("endpoint", "digest", "revision")


class _IgnoredChecksumsError(UsageError):
    """`ignore_changes` keeps checksums that do not match the declared files."""


def property_of(error: ReleaseError) -> str:
    """Return the input that the engine names with a failure."""
    if isinstance(error, NotPermittedError):
        return "on_destroy"
    if isinstance(error, RefusedError):
        return "version"
    if isinstance(error, NoRegionError | WrongRegionError):
        return "region"
    if isinstance(error, UsageError) and not isinstance(error, _IgnoredChecksumsError):
        return "endpoint"
    return "assets"
