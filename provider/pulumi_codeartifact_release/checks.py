"""What check() does: from what a program declares to the inputs that go into state. It may look, and never writes.

VersionCheck(olds, inputs, declaration, run_context()).run()
PromotionCheck(olds, inputs, declaration, run_context()).run()
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pulumi.dynamic import CheckFailure, CheckResult
from pulumi.runtime.rpc import UNKNOWN

from .connections import connect, resolved_owner, resolved_region
from .declaration import Declaration
from .engine import add_secrets, word_errors_for
from .errors import (
    MissingDomainError,
    MissingRepositoryError,
    NoRegionError,
    NotPermittedError,
    RefusedError,
    ReleaseError,
    UnreachableError,
    UsageError,
    WrongRegionError,
)
from .location import Location, refuse_local_source, refuse_same_repository, resolve, same_domain
from .manifest import duration, value_problem
from .operations import connection_of, hide_held
from .publishing import (
    Action,
    Permission,
    Pin,
    Plan,
    Promotion,
    PromotionSource,
    Release,
    RemoteVersion,
    Review,
    ThreadScheduler,
    checksums,
    choose_candidate,
    digest,
    make_plan,
    read_version,
    sizes,
    verify_cached_hashes,
)
from .registry.interface import Asset, Status
from .remedies import Need
from .review import review_lines
from .run_context import PendingChange, RunContext
from .secret import secret_texts
from .state import (
    DECISIVE,
    PLACE,
    REQUIRED,
    SOURCE,
    Inputs,
    PromotionInputs,
    same,
)

Props = Mapping[str, Any]


class _Check:
    """One call of check()."""

    def __init__(self, olds: Props, inputs: dict[str, Any], declared: Declaration, context: RunContext) -> None:
        self._olds = olds
        self._inputs = inputs
        self._declared = declared
        self._context = context
        self._front = context.front(declared.front)

    _about = "assets"
    """The input that problems of the declaration are told of."""

    def run(self) -> CheckResult:
        """Return the inputs for state, or what is wrong with them. Raises ReleaseError."""
        self._hide(self._olds)
        self._hide({**self._inputs, "digest": self._declared.pin})
        failures = [CheckFailure(self._about, problem) for problem in self._declared.problems]
        failures += self._wrong_arguments()
        if failures:
            return CheckResult(self._inputs, failures)
        with word_errors_for(self._front):
            return CheckResult(self._checked(), [])

    def _wrong_arguments(self) -> list[CheckFailure]:
        return _wrong_arguments(self._inputs, REQUIRED)

    def _hide(self, properties: Props) -> None:
        """Keep what the program calls secret out of all that is shown from here on."""
        if self._declared.secret:
            add_secrets(secret_texts(properties, self._declared.secret))

    def _checked(self) -> dict[str, Any]:
        raise NotImplementedError

    def _located(self, inputs: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
        """Resolve endpoint, region and owner, so that state says where it is whatever the next shell says."""
        if UNKNOWN in (inputs.get(name) for name in ("endpoint", "region", "profile")):
            # What is not known yet must not be taken from the shell meanwhile.
            return {"endpoint": UNKNOWN, "region": UNKNOWN, "domain_owner": UNKNOWN, **inputs}
        location = Location.from_properties({"domain": "", "repository": "", **inputs})
        location = replace(location, profile=location.profile or self._context.profile)
        location = resolve(location, base=Path(self._declared.base), allow=self._declared.allow)
        if not location.folder:
            location = replace(location, region=location.region or self._context.region)
        location = replace(location, region=resolved_region(location))
        if not location.domain_owner:
            # STS is called once: the owner in state stays, or another login would look in another account.
            unmoved = same(before, location.properties(), ("domain", "repository", "region", "endpoint"))
            owner = before.get("domain_owner") if unmoved else resolved_owner(location)
            location = replace(location, domain_owner=owner)
        return {**inputs, "endpoint": "", **location.properties()}

    def _held(self, inputs: Inputs) -> RemoteVersion | None:
        """Return what is there now. Raises ReleaseError, but for a repository that the program is about to make."""
        try:
            remote = read_version(connection_of(inputs).planning, inputs.coordinates, ThreadScheduler())
        except (MissingDomainError, MissingRepositoryError) as error:
            if self._declared.repository_exists:
                raise
            error.front = self._front
            self._context.log.warn(self._declared.urn, f"not there yet: {error.full_text}")
            return None
        hide_held(remote, self._declared.secret)
        return remote

    def _review(self, inputs: Inputs, plan: Plan, promotion_source: PromotionSource | None = None) -> None:
        """Say beside the resource what will be done. Raises the refusal, if that is what it is."""
        if plan.refusal:
            raise plan.refusal
        tell = self._context.log.warn if plan.action is Action.REPLACE else self._context.log.info
        # check() of a promotion has looked when it is made, and create() looks again.
        review = Review(plan, connection_of(inputs).rate, promotion_source, reads_again=promotion_source is not None)
        first, *more = review_lines(review)
        tell(self._declared.urn, "\n  ".join([f"{inputs.id}@{inputs.version}: {first}", *more]))
        known = all(self._olds.get(name) for name in REQUIRED)
        if known and inputs.on_supersede.acts and not same(self._olds, inputs.properties(), REQUIRED):
            before = Inputs.of(self._olds).coordinates
            self._context.log.info(self._declared.urn, f"{before}, the version before: {inputs.on_supersede}")


class VersionCheck(_Check):
    """check() of a `PackageVersion`."""

    def _checked(self) -> dict[str, Any]:
        declared = self._declared
        sources = declared.hash(self._context.cache)
        self._context.cache.keep(sources.values())
        inputs = self._located(self._inputs, self._olds)
        here = checksums(Asset(name, source.size, source.sha256) for name, source in sources.items())
        # With `ignore_changes=["checksums"]` the engine puts there what state has. Only these files can be sent then.
        inputs.setdefault("checksums", here)
        if UNKNOWN in inputs.values():
            return inputs
        checked = Inputs.of(inputs)
        _refuse_unpermitted(checked, declared.allow)
        properties = checked.properties()
        self._hide(properties)
        if checked.checksums != here and not same(self._olds, properties, DECISIVE):
            raise _HeldBackError(
                f"{checked.coordinates}: `ignore_changes` keeps `checksums` as they were, and other files are declared",
                hint="Take `checksums` out of ignore_changes to release these files, or declare those of the state.",
            )
        pending = PendingChange(
            declared.urn,
            sources,
            declared.replace_digest or None,
            declared.commit,
            front=self._front,
            secret=declared.secret,
        )
        self._context.remember(checked, pending)
        # Rule 7: what is unchanged is not looked at, and an update looks in create() and update().
        if declared.dry_run and not same(self._olds, properties, DECISIVE):
            try:
                remote = self._held(checked)
            except UnreachableError as error:
                error.front = self._front
                self._context.log.warn(declared.urn, f"what is published could not be read: {error.full_text}")
            else:
                plan = make_plan(checked.release(sizes(sources)), remote, declared.replace_digest or None)
                verify_cached_hashes(plan, sources)
                self._review(checked, plan)
        return properties


class PromotionCheck(_Check):
    """check() of a `Promotion`: finds what is promoted, and judges it, unless it is promoted already."""

    _about = "source"

    def _wrong_arguments(self) -> list[CheckFailure]:
        failures = _wrong_arguments({name: value for name, value in self._inputs.items() if name != "source"}, REQUIRED)
        source = self._inputs.get("source")
        if source == UNKNOWN:
            return failures
        if not isinstance(source, Mapping):
            return [*failures, CheckFailure("source", "source is missing: say where the version is promoted from")]
        place = {name: source[name] for name in SOURCE if source.get(name) is not None}
        return failures + _wrong_arguments(place, ("domain", "repository"), of="source.")

    def _checked(self) -> dict[str, Any]:
        given = {name: value for name, value in self._inputs.items() if name not in ("source", "checksums", "digest")}
        inputs = self._located(given, self._olds)
        if UNKNOWN not in inputs.values() and self._is_made(inputs):
            # From where it was: what has become of its source since, or is declared as one now, is not its business.
            made = PromotionInputs.of({**inputs, "checksums": self._olds["checksums"], "source": self._olds["source"]})
            _refuse_unpermitted(made, self._declared.allow)
            if (kept := self._kept(made)) is not None:
                return kept
        source = self._located_source()
        if UNKNOWN in inputs.values() or UNKNOWN in source.values():
            # What is promoted, or where to, is made in this very run: nothing can be looked at yet.
            hints = {name: self._inputs.get(name) or UNKNOWN for name in ("checksums", "digest")}
            return {**inputs, "source": UNKNOWN if UNKNOWN in source else source, **hints}
        bare = PromotionInputs.of({**inputs, "source": source})
        _refuse_unpermitted(bare, self._declared.allow)
        refuse_same_repository(bare.source.location, bare.location)
        refuse_local_source(bare.source.location, bare.location, self._declared.allow)
        return self._chosen(bare)

    def _located_source(self) -> dict[str, Any]:
        given = self._inputs["source"]
        if given == UNKNOWN:
            return {UNKNOWN: UNKNOWN}
        place = {name: given[name] for name in SOURCE if given.get(name) and name != "digest"}
        return self._located(place, self._olds.get("source") or {})

    def _origin(self, bare: PromotionInputs) -> PromotionSource:
        declared, source = self._declared, bare.source
        promotion = Promotion(
            source.location.coordinates(bare.namespace, bare.package, bare.version),
            bare.coordinates,
            pin=Pin(declared.pin, declared.pinned_by) if declared.pin else None,
            soak=duration(bare.soak) if bare.soak else None,
            force=Permission(bare.id, bare.version, declared.force) if declared.force else None,
            revision=source.revision,
        )
        return PromotionSource(
            promotion,
            lambda: connect(source.location).planning,
            same_domain=same_domain(source.location, bare.location),
        )

    def _is_made(self, inputs: Props) -> bool:
        """Return whether state says that this very promotion was made, and is as it was made."""
        olds, declared = self._olds, self._declared
        made = str((olds.get("source") or {}).get("digest") or "")
        return (
            bool(made)
            and same(olds, inputs, PLACE)
            # read() shows drift in `digest`, and leaves what was promoted.
            and olds.get("digest") == made
            and declared.pin in ("", made)
            and declared.replace_digest != made
        )

    def _kept(self, made: PromotionInputs) -> dict[str, Any] | None:
        """Return the inputs of what was made; None where it has to be made again, which is judged again."""
        promotion_source = self._origin(made)
        # Without sizes: an asset that is there is not sent, and one that is sent all the same is measured then.
        release = made.release()
        properties = made.properties()
        if not same(self._olds, properties, DECISIVE):
            held = self._held(made)
            if held is None or held.state.status is Status.UNFINISHED:
                return None
            self._remember(made, release, promotion_source, self._planned(made, release, promotion_source, held))
        else:
            self._remember(made, release, promotion_source)
        return properties

    def _chosen(self, bare: PromotionInputs) -> dict[str, Any]:
        promotion_source = self._origin(bare)
        held = self._held(bare)
        chosen = choose_candidate(promotion_source, held, ThreadScheduler())
        source = replace(bare.source, digest=digest(chosen.assets), revision=chosen.source_revision)
        checked = replace(bare, checksums=checksums(chosen.assets), source=source)
        self._hide(checked.properties())
        release = checked.release({asset.name: asset.size for asset in chosen.assets})
        self._remember(checked, release, promotion_source, self._planned(checked, release, promotion_source, held))
        return checked.properties()

    def _remember(
        self, checked: PromotionInputs, release: Release, promotion_source: PromotionSource, plan: Plan | None = None
    ) -> None:
        declared = self._declared
        sources = promotion_source.sources(release, ThreadScheduler(self._context.stop_reason))
        replace_digest = declared.replace_digest or None
        pending = PendingChange(
            declared.urn,
            sources,
            replace_digest,
            declared.commit,
            promotion_source,
            declared.reason,
            plan,
            front=self._front,
            secret=declared.secret,
        )
        self._context.remember(checked, pending)

    def _planned(
        self, checked: PromotionInputs, release: Release, promotion_source: PromotionSource, held: RemoteVersion | None
    ) -> Plan:
        """Return what will be done, and say it in a preview. Raises the refusal there, if that is what it is."""
        declared = self._declared
        plan = make_plan(release, held, declared.replace_digest or None, promotion_source.route)
        if declared.dry_run:
            self._review(checked, plan, promotion_source)
            if promotion_source.forced:
                self._context.log.warn(declared.urn, f"the soak is skipped by force: {declared.reason}")
        return plan


def _wrong_arguments(inputs: Props, required: tuple[str, ...], of: str = "") -> list[CheckFailure]:
    """Hold the arguments of a program against what a manifest may say; an unknown one is judged when it is known."""
    texts = {name: value for name, value in inputs.items() if name != "checksums"}
    failures = [
        CheckFailure(of + name, f"{of}{name} is {value!r}: quote it, so that it stays the text that you wrote")
        for name, value in texts.items()
        if not isinstance(value, str)
    ]
    failures += [
        CheckFailure(of + name, f"{of}{name} is empty") for name in required if not str(inputs.get(name) or "").strip()
    ]
    for name, value in texts.items():
        if isinstance(value, str) and value.strip() and value != UNKNOWN and name not in _JUDGED_ELSEWHERE:
            key = re.sub("_(.)", lambda found: found[1].upper(), name)
            if problem := value_problem(key, value):
                failures.append(CheckFailure(of + name, problem))
    return failures


_JUDGED_ELSEWHERE = ("endpoint", "digest", "revision")


def _refuse_unpermitted(inputs: Inputs, allow: frozenset[str]) -> None:
    if inputs.on_destroy.is_final and "delete" not in allow:
        raise NotPermittedError(
            f"{inputs.id}: `onDestroy: {inputs.on_destroy}` loses bytes for good, and a manifest may not decide that",
            hint=("Permit it with ", Need("allow", "delete"), ", or choose another `onDestroy`."),
        )


class _HeldBackError(UsageError):
    pass


def property_of(error: ReleaseError) -> str:
    """Return the input that the engine names with a failure."""
    if isinstance(error, NotPermittedError):
        return "on_destroy"
    if isinstance(error, RefusedError):
        return "version"
    if isinstance(error, NoRegionError | WrongRegionError):
        return "region"
    elsewhere = isinstance(error, UsageError) and not isinstance(error, _HeldBackError)
    return "endpoint" if elsewhere else "assets"
