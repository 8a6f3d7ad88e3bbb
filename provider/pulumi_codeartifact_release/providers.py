"""The dynamic provider that the Pulumi engine calls: thin, and stateless between operations.

The dotted path of `PackageVersionProvider` is pickled into users' state: it must import, under this name, for ever.

One plugin process serves one operation (a preview, an update, a refresh, a destroy); four threads share one instance.
Within a process check() comes before create() and update(), which is how they know where the files are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)
from pulumi.output import Unknown
from pulumi.runtime.rpc import UNKNOWN

from . import declaration as transient
from .declaration import Declaration
from .endpoints import Connection, Destination, connect, resolve, resolved_owner, resolved_region
from .engine import Paced, one_line_errors
from .errors import (
    InterruptedReleaseError,
    MissingDomainError,
    MissingRepositoryError,
    NoRegionError,
    NotPermittedError,
    RefusedError,
    ReleaseError,
    UnreachableError,
    UsageError,
)
from .manifest import value_problem
from .plugin import Pending, Process, process
from .progress import Progress, review_text
from .publishing import (
    Action,
    Event,
    Finished,
    Known,
    Removed,
    Retirement,
    Source,
    StatusSet,
    ThreadScheduler,
    apply,
    look,
    make_plan,
    retire,
)
from .registry.interface import VersionState
from .state import DECISIVE, INPUTS, NAMES, PLACE, REQUIRED, Inputs, asset_properties, found, outputs, same

Props = Mapping[str, Any]


class PackageVersionProvider(ResourceProvider):
    """CRUD of `PackageVersion`. What it holds between calls lives in the plugin process, never in the pickle."""

    # Nothing secret is captured; as a secret the pickle would show as `[secret]` in every diff of state.
    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Take note of the conventional `aws:region` and `aws:profile`; starts what one process shares."""
        shared = process()
        shared.region = req.config.get("aws:region") or None
        shared.profile = req.config.get("aws:profile") or None

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate, hash, and put name -> sha256, size into the inputs; in a preview, look at what would be written."""
        # The SDK hands an unknown value in as an object, and takes it back as a marker.
        given = ((name, UNKNOWN if isinstance(value, Unknown) else value) for name, value in news.items())
        news = {name: value for name, value in given if value is not None}
        declared = news.pop(transient.KEY, None)
        inputs = {name: news[name] for name in INPUTS if name in news}
        if declared is None or declared == UNKNOWN:
            # Where the files are is an output of something that does not exist yet.
            return CheckResult({**inputs, "assets": UNKNOWN, "digest": UNKNOWN}, [])
        try:
            return _Check(olds, inputs, Declaration.of(declared), process()).run()
        except ReleaseError as error:
            return CheckResult(inputs, [CheckFailure(_property_of(error), str(error))])

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Compare; never asks for a replacement: every change is an update in place."""
        return DiffResult(changes=not same(olds, news), replaces=[], stables=[], delete_before_replace=False)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Publish, or adopt what is published already."""
        with one_line_errors():
            inputs = Inputs.of(props)
            return CreateResult(inputs.id, outputs(inputs, _publish(inputs)))

    def update(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Publish what is declared now; the version before becomes what `on_supersede` says."""
        with one_line_errors():
            inputs = Inputs.of(news)
            if same(olds, news, DECISIVE):
                # A policy changed, or a credential: nothing that the registry would have to know.
                state = VersionState(inputs.status, str(olds.get("revision") or ""))
            else:
                state = _publish(inputs)
            if not same(olds, news, PLACE):
                _supersede(olds, inputs, state)
            return UpdateResult(outputs(inputs, state))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Report what the registry holds, as inputs too, so that drift shows and the next update sees it."""
        with one_line_errors():
            if any(not props.get(name) for name in REQUIRED):
                raise UsageError(
                    f"{id_} cannot be imported by its id",
                    hint="Declare it and run `pulumi up`: an identical published version is adopted without a write.",
                )
            inputs = Inputs.of(props)
            connection = _connection(inputs)
            # A missing repository, a denied call or a time-out raise: only a missing version leaves the state.
            remote = look(connection.registry, inputs.coordinates, ThreadScheduler())
            if remote is None:
                return ReadResult("", {})
            present = found(inputs, remote)
            known = props.get("revision")
            if known and known != remote.state.revision and present == inputs:
                # The engine calls a resource unchanged whose inputs are; somebody touched it all the same.
                process().log.info(
                    "",
                    f"{inputs.coordinates}: its revision moved from {known} to {remote.state.revision}; "
                    "status and assets are as declared",
                )
            return ReadResult(id_, outputs(present, remote.state), present.properties())

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Do with the version what the stored `on_destroy` says; the default never comes here (`retain_on_delete`)."""
        with one_line_errors():
            inputs = Inputs.of(props)
            # A destroy sees only the config of the last `up`: what loses bytes is permitted in this very run.
            permitted = "delete" in os.environ.get("CODEARTIFACT_RELEASE_ALLOW", "").replace(",", " ").split()
            if process().declares(inputs):
                # Its logical name changed, or it moved into a component: the version stays, under another resource.
                process().log.warn("", f"{inputs.coordinates} is declared by another resource now: it is left as it is")
                return
            for event in _retire(props, inputs.on_destroy, permitted=permitted):
                if isinstance(event, Removed | StatusSet):
                    done = event.status if isinstance(event, StatusSet) else "deleted"
                    process().log.info("", f"{inputs.coordinates}: {done}")


class _Check:
    """One call of check(): from what the program sent to the inputs that go into state."""

    def __init__(self, olds: Props, inputs: dict[str, Any], declared: Declaration, process: Process) -> None:
        self._olds = olds
        self._inputs = inputs
        self._declared = declared
        self._process = process

    def run(self) -> CheckResult:
        failures = [CheckFailure("assets", problem) for problem in self._declared.problems]
        failures += _wrong_arguments(self._inputs)
        if failures:
            return CheckResult(self._inputs, failures)
        sources = self._declared.hash(self._process.cache)
        self._place()
        self._add_assets(sources)
        if UNKNOWN in self._inputs.values():
            return CheckResult(self._inputs, [])
        checked = Inputs.of(self._inputs)
        _refuse_unpermitted(checked, self._declared.allow)
        properties = checked.properties()
        self._process.remember(checked, Pending(self._declared.urn, sources, self._declared.give_up or None))
        # Rule 7: what is unchanged is not looked at, and an update looks in create() and update().
        if self._declared.dry_run and not same(self._olds, properties, DECISIVE):
            self._look(checked)
        return CheckResult(properties, [])

    def _place(self) -> None:
        """Resolve endpoint, region and owner, so that state says where the version is whatever the next shell says."""
        if UNKNOWN in (self._inputs.get(name) for name in ("endpoint", "region", "profile")):
            # What is not known yet must not be taken from the shell meanwhile.
            self._inputs = {"endpoint": UNKNOWN, "region": UNKNOWN, "domain_owner": UNKNOWN, **self._inputs}
            return
        known = {name: value for name, value in self._inputs.items() if value != UNKNOWN}
        profile = known.get("profile") or self._process.profile
        endpoint = resolve(
            known.get("endpoint"), base=Path(self._declared.base), allow=self._declared.allow, profile=profile
        )
        destination = Destination(
            domain=str(known.get("domain", "")),
            repository=str(known.get("repository", "")),
            domain_owner=known.get("domain_owner"),
            region=known.get("region") or (None if endpoint.folder else self._process.region),
            profile=profile,
        )
        self._inputs.setdefault("region", resolved_region(destination, endpoint))
        self._inputs["endpoint"] = endpoint.text
        if profile:
            self._inputs.setdefault("profile", profile)
        if "domain_owner" not in self._inputs:
            # Asked for once: what stands in state stays, or another login would look in another account.
            same_place = same(self._olds, self._inputs, ("domain", "repository", "region", "endpoint"))
            owner = self._olds.get("domain_owner") if same_place else None
            if owner := owner or resolved_owner(destination, endpoint):
                self._inputs["domain_owner"] = owner

    def _add_assets(self, sources: Mapping[str, Source]) -> None:
        assets = transient.assets_from(sources)
        if not isinstance(self._inputs.get("assets"), dict):
            self._inputs["assets"] = asset_properties(assets)
        # Else the engine put the old mapping there: `ignore_changes=["assets"]`.

    def _look(self, inputs: Inputs) -> None:
        connection = _connection(inputs)
        try:
            remote = look(connection.planning, inputs.coordinates, ThreadScheduler())
        except UnreachableError as error:
            self._process.log.warn(self._declared.urn, f"what is published could not be read: {error}")
            return
        except (MissingDomainError, MissingRepositoryError) as error:
            if self._declared.repository_exists:
                raise
            self._process.log.warn(self._declared.urn, f"not there yet: {error}")
            return
        plan = make_plan(inputs.release(), remote, self._declared.give_up or None)
        if plan.refusal:
            raise plan.refusal
        tell = self._process.log.warn if plan.action is Action.REPLACE else self._process.log.info
        tell(self._declared.urn, f"{inputs.id}@{inputs.version}: {review_text(plan, connection.rate)}")
        if self._olds and inputs.on_supersede.acts and not same(self._olds, inputs.properties(), NAMES):
            before = Inputs.of(self._olds).coordinates
            self._process.log.info(self._declared.urn, f"{before}, the version before: {inputs.on_supersede}")


def _publish(inputs: Inputs) -> VersionState:
    """Make the registry hold what is declared, with progress beside the resource."""
    shared = process()
    pending = shared.recall(inputs)
    connection = _connection(inputs)
    connection.prepare()
    progress = Progress()
    status = Paced(lambda text: shared.log.status(pending.urn, text))
    scheduler = ThreadScheduler(shared.stop_reason)
    for event in apply(inputs.release(), pending.sources, connection.registry, scheduler, give_up=pending.give_up):
        progress.add(event)
        if isinstance(event, Finished):
            shared.log.info(pending.urn, progress.line())
            return event.state
        status.show(progress.line())
    raise AssertionError("apply() ends with Finished")  # pragma: no cover


def _supersede(olds: Props, news: Inputs, state: VersionState) -> None:
    """Retire the version that the resource was before; one that is not ours any more is left, with a warning."""
    if not news.on_supersede.acts:
        return
    shared = process()
    urn = shared.recall(news).urn
    before = Inputs.of(olds)
    try:
        if shared.declares(before):
            return
        if same(olds, news.properties(), NAMES):
            # Only endpoint, region or owner differ: perhaps another name for the same place, and the same version.
            remote = look(_connection(before).planning, before.coordinates, ThreadScheduler(shared.stop_reason))
            if remote is None or remote.state.revision == state.revision:
                return
        for event in _retire(olds, news.on_supersede, permitted=False):
            if isinstance(event, StatusSet):
                shared.log.info(urn, f"{before.coordinates}, the version before: {event.status}")
    except InterruptedReleaseError:
        raise
    except ReleaseError as error:
        # The new version is published: failing now would keep state at the old one, for ever if its place is gone.
        shared.log.warn(urn, f"{before.coordinates}, the version before, is left as it is: {error}")


def _connection(inputs: Inputs) -> Connection:
    checkpoint = ThreadScheduler(process().stop_reason).checkpoint
    return connect(inputs.destination, inputs.stored_endpoint, checkpoint)


def _retire(props: Props, policy: Retirement, *, permitted: bool) -> Iterator[Event]:
    if not policy.acts:
        return iter(())
    inputs = Inputs.of(props)
    connection = _connection(inputs)
    known = Known(str(props.get("revision") or ""), inputs.release().digest)
    scheduler = ThreadScheduler(process().stop_reason)
    return retire(inputs.coordinates, policy, known, connection.planning, scheduler, permitted=permitted)


def _wrong_arguments(inputs: Props) -> list[CheckFailure]:
    """Hold the arguments of a program against what a manifest may say; an unknown one is judged when it is known."""
    texts = {name: value for name, value in inputs.items() if name != "assets"}
    failures = [
        CheckFailure(name, f"{name} is {value!r}: quote it, so that it stays the text that you wrote")
        for name, value in texts.items()
        if not isinstance(value, str)
    ]
    failures += [CheckFailure(name, f"{name} is empty") for name in REQUIRED if not str(inputs.get(name) or "").strip()]
    for name in INPUTS:
        value = inputs.get(name)
        if isinstance(value, str) and value.strip() and value != UNKNOWN and name not in _JUDGED_ELSEWHERE:
            key = re.sub("_(.)", lambda found: found[1].upper(), name)
            if problem := value_problem(key, value):
                failures.append(CheckFailure(name, problem))
    return failures


_JUDGED_ELSEWHERE = ("endpoint", "digest")


def _refuse_unpermitted(inputs: Inputs, allow: frozenset[str]) -> None:
    if inputs.on_destroy.is_final and "delete" not in allow:
        raise NotPermittedError(
            f"{inputs.id}: `onDestroy: {inputs.on_destroy}` loses bytes for good, and a manifest may not decide that",
            hint="Permit it in the stack config: `pulumi config set --path 'allow[0]' delete`.",
        )


def _property_of(error: ReleaseError) -> str:
    """Return the input that the engine names with a failure."""
    if isinstance(error, NotPermittedError):
        return "on_destroy"
    if isinstance(error, RefusedError):
        return "version"
    if isinstance(error, NoRegionError):
        return "region"
    return "endpoint" if isinstance(error, UsageError) else "assets"
