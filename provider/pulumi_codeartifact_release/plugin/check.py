"""What check() does: from what a program declares to the inputs that go into state. It may look, and never writes.

VersionCheck(olds, inputs, declaration, run_context()).run()
PromotionCheck(olds, inputs, declaration, run_context()).run()
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pulumi.dynamic import CheckFailure, CheckResult
from pulumi.runtime.rpc import UNKNOWN

from ..connections import resolved_owner, resolved_region
from ..errors import (
    NoRegionError,
    NotPermittedError,
    RefusedError,
    ReleaseError,
    UnreachableError,
    UsageError,
    WrongRegionError,
)
from ..location import Location, resolve
from ..manifest import duration, value_problem
from ..publishing import (
    Action,
    AssetContent,
    Permission,
    Pin,
    Prepared,
    Promotion,
    Request,
    ThreadScheduler,
    check_preconditions,
    checksums,
    prepare,
    prepare_again,
    sizes,
)
from ..registry.interface import Asset
from ..text.plan import review_lines
from .declaration import Declaration
from .deploy import hide_held, open_connection
from .engine import add_secrets, word_errors_for
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
_Prepared = TypeVar("_Prepared", Prepared, Prepared | None)


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

    def _request(self, inputs: Inputs, sources: Mapping[str, AssetContent] | None = None) -> Request:
        declared = self._declared
        request = Request(
            inputs.location,
            # Of a promotion that was made without sizes: what is sent all the same is measured then.
            inputs.release(sizes(sources or {})),
            inputs.id,
            sources or {},
            replace_digest=declared.replace_digest or None,
            allow=declared.allow,
            on_destroy=inputs.on_destroy,
        )
        if not isinstance(inputs, PromotionInputs):
            return request
        source = inputs.source
        promotion = Promotion(
            source.location.coordinates(inputs.namespace, inputs.package, inputs.version),
            inputs.coordinates,
            pin=Pin(declared.pin, declared.pinned_by) if declared.pin else None,
            soak=duration(inputs.soak) if inputs.soak else None,
            force=Permission(inputs.id, inputs.version, declared.force) if declared.force else None,
            revision=source.revision,
        )
        return replace(request, promotion=promotion, source=source.location)

    def _prepared(self, prepare: Callable[..., _Prepared], request: Request) -> _Prepared:
        """Call `prepare` or `prepare_again`, for a repository that the program may be about to create."""
        on_missing = None if self._declared.repository_exists else partial(self._warn, "not there yet")
        scheduler = ThreadScheduler(self._context.stop_reason)
        prepared = prepare(request, open_connection, scheduler, on_missing=on_missing)
        if prepared:
            hide_held(prepared.plan.remote, self._declared.secret)
        return prepared

    def _warn(self, what: str, error: ReleaseError) -> None:
        error.front = self._front
        self._context.log.warn(self._declared.urn, f"{what}: {error.full_text}")

    def _remember(self, inputs: Inputs, request: Request, prepared: Prepared | None = None) -> None:
        declared = self._declared
        pending = PendingChange(
            declared.urn,
            request,
            prepared,
            declared.commit,
            declared.reason,
            front=self._front,
            secret=declared.secret,
        )
        self._context.remember(inputs, pending)

    def _show(self, inputs: Inputs, prepared: Prepared) -> None:
        """In a preview, say beside the resource what will be done. Raises the refusal, if that is what it is."""
        if not self._declared.dry_run:
            return
        plan = prepared.plan
        if plan.refusal:
            raise plan.refusal
        log, urn = self._context.log, self._declared.urn
        first, *more = review_lines(prepared.review(open_connection(inputs.location).rate))
        text = "\n  ".join([f"{inputs.id}@{inputs.version}: {first}", *more])
        (log.warn if plan.action is Action.REPLACE else log.info)(urn, text)
        known = all(self._olds.get(name) for name in REQUIRED)
        if known and inputs.on_supersede.acts and not same(self._olds, inputs.properties(), REQUIRED):
            log.info(urn, f"{Inputs.of(self._olds).coordinates}, the version before: {inputs.on_supersede}")
        if prepared.forced:
            log.warn(urn, f"the soak is skipped by force: {self._declared.reason}")


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
        request = self._request(checked, sources)
        check_preconditions(request)
        properties = checked.properties()
        self._hide(properties)
        if checked.checksums != here and not same(self._olds, properties, DECISIVE):
            raise _HeldBackError(
                f"{checked.coordinates}: `ignore_changes` keeps `checksums` as they were, and other files are declared",
                hint="Take `checksums` out of ignore_changes to release these files, or declare those of the state.",
            )
        self._remember(checked, request)
        # Rule 7: what is unchanged is not looked at, and an update looks in create() and update().
        if declared.dry_run and not same(self._olds, properties, DECISIVE):
            try:
                prepared = self._prepared(prepare, request)
            except UnreachableError as error:
                self._warn("what is published could not be read", error)
            else:
                self._show(checked, prepared)
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
            check_preconditions(self._request(made))
            if (kept := self._kept(made)) is not None:
                return kept
        source = self._located_source()
        if UNKNOWN in inputs.values() or UNKNOWN in source.values():
            # What is promoted, or where to, is made in this very run: nothing can be looked at yet.
            hints = {name: self._inputs.get(name) or UNKNOWN for name in ("checksums", "digest")}
            return {**inputs, "source": UNKNOWN if UNKNOWN in source else source, **hints}
        return self._chosen(PromotionInputs.of({**inputs, "source": source}))

    def _located_source(self) -> dict[str, Any]:
        given = self._inputs["source"]
        if given == UNKNOWN:
            return {UNKNOWN: UNKNOWN}
        place = {name: given[name] for name in SOURCE if given.get(name) and name != "digest"}
        return self._located(place, self._olds.get("source") or {})

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
        request, properties = self._request(made), made.properties()
        prepared = None
        if not same(self._olds, properties, DECISIVE):
            prepared = self._prepared(prepare_again, request)
            if prepared is None:
                return None
            self._show(made, prepared)
        self._remember(made, request, prepared)
        return properties

    def _chosen(self, bare: PromotionInputs) -> dict[str, Any]:
        request = self._request(bare)
        prepared = self._prepared(prepare, request)
        plan, judged = prepared.plan, prepared.promotion_source
        if plan.refusal and not plan.release.assets:
            # What would be promoted is not known.
            raise plan.refusal
        source = replace(bare.source, digest=plan.release.digest, revision=judged.verified_revision if judged else None)
        checked = replace(bare, checksums=checksums(plan.release.assets), source=source)
        self._hide(checked.properties())
        self._show(checked, prepared)
        self._remember(checked, request, prepared)
        return checked.properties()


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
