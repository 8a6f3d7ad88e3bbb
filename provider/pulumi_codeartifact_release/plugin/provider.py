"""The dynamic provider that the Pulumi engine calls: thin, and stateless between operations.

One plugin process serves one operation (a preview, an update, a refresh, a destroy); four threads share one instance.
Within a process check() comes before create() and update(), which is how they know where the files are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
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

from ..errors import ReleaseError, UsageError
from ..publishing import Deleted, StatusSet, ThreadScheduler, read_version
from ..registry.interface import VersionState
from . import declaration as transient
from .check import PromotionCheck, VersionCheck, property_of
from .declaration import Declaration
from .deploy import Deployed, deploy, open_connection, retirement, still_declared, supersede
from .engine import add_secrets, one_line_errors, redact, word_errors_for
from .run_context import run_context
from .secret import same_secrets, secret_input_names, secret_texts, with_secrets
from .state import DECISIVE, PLACE, REQUIRED, Inputs, found, outputs, renewed, same


class Provider(ResourceProvider):
    """CRUD of a version that somebody declares. What it holds between calls lives in the process, not in the pickle."""

    inputs: type[Inputs]
    checking: type[VersionCheck] | type[PromotionCheck]

    # Nothing secret is captured; as a secret the pickle would show as `[secret]` in every diff of state.
    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Take note of the conventional `aws:region` and `aws:profile`; starts what one process shares."""
        context = run_context()
        context.region = req.config.get("aws:region") or None
        context.profile = req.config.get("aws:profile") or None

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate, hash, and put the checksums into the inputs; in a preview, look at what would be written."""
        olds = renewed(olds)
        given = ((name, _marked(value)) for name, value in renewed(news).items())
        news = {name: value for name, value in given if value is not None}
        declared = news.pop(transient.KEY, None)
        inputs = {name: news[name] for name in self.inputs.names if name in news}
        if declared is None:
            return self._held_back(inputs)
        if declared == UNKNOWN:
            # Where the files are, or what was approved, is an output of something that does not exist yet.
            return CheckResult({**inputs, "checksums": UNKNOWN, "digest": UNKNOWN}, [])
        declared = Declaration.of(declared)
        try:
            checked = self.checking(olds, inputs, declared, run_context()).run()
        except ReleaseError as error:
            return CheckResult(inputs, [_failure(property_of(error), error, declared.secret)])
        # What is wrong with arguments is told all at once, and is none of our errors; its code is theirs.
        failures = [_failure(each.property, UsageError(each.reason), declared.secret) for each in checked.failures]
        return CheckResult(with_secrets(checked.inputs, declared.secret), failures)

    def _held_back(self, inputs: dict[str, Any]) -> CheckResult:
        """Return the inputs of state, which the engine handed over in the place of all that the program declares."""
        missing = [name for name in (*self.inputs.required, "checksums", "digest") if not inputs.get(name)]
        if missing:
            error = UsageError(
                f"`ignore_changes` keeps all inputs as state has them, and state has no {', '.join(missing)}",
                hint="Take it out, run `pulumi up`, which adopts what is published already, then put it back.",
            )
            return CheckResult(inputs, [_failure("", error, ())])
        run_context().add_ignored(self.inputs.of(inputs))
        return CheckResult(inputs, [])

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Compare; never asks for a replacement: every change is an update in place."""
        stored, olds = olds, renewed(olds)
        # An older shape is an update without a call too: without an update the engine keeps the outputs as they are.
        unchanged = olds == stored and same(olds, news, self.inputs.names)
        # An output that was stored in clear becomes secret with no call, as any change that the registry need not know.
        kept = unchanged and same_secrets(olds, run_context().secret_of(self.inputs.of(news)))
        return DiffResult(changes=not kept, replaces=[], stables=[], delete_before_replace=False)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Publish, or adopt what is published already."""
        with one_line_errors():
            inputs = self.inputs.of(props)
            done = _deployed(inputs)
            pending = run_context().recall(inputs)
            # An id is never secret.
            nameless = {"namespace", "package"} & {*pending.secret}
            id_ = pending.urn.rpartition("::")[2] or "secret" if nameless else inputs.id
            return CreateResult(id_, self._outputs(inputs, done.state, done.audit))

    def update(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Publish what is declared now; the version before becomes what `on_supersede` says."""
        olds = renewed(olds)
        with one_line_errors():
            inputs = self.inputs.of(news)
            if same(olds, news, DECISIVE):
                # A policy changed, or a credential: nothing that the registry would have to know.
                state = VersionState(inputs.status, str(olds.get("revision") or ""))
                return UpdateResult(self._outputs(inputs, state, olds.get("audit")))
            done = _deployed(inputs, olds)
            if not same(olds, news, PLACE):
                supersede(olds, inputs)
            return UpdateResult(self._outputs(inputs, done.state, done.audit))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Report what the registry holds, as inputs too, so that drift shows and the next update sees it."""
        props = renewed(props)
        secret = secret_input_names(props)
        add_secrets(secret_texts(props, secret))
        with one_line_errors():
            if any(not props.get(name) for name in REQUIRED):
                raise UsageError(
                    f"{id_} cannot be imported by its id",
                    hint="Declare it and run `pulumi up`: an identical published version is adopted without a write.",
                )
            inputs = self.inputs.of(props)
            connection = open_connection(inputs.location)
            # A missing repository, a denied call or a time-out raise: only a missing version leaves the state.
            remote = read_version(connection.registry, inputs.coordinates, ThreadScheduler())
            if remote is None:
                return ReadResult("", {})
            present = found(inputs, remote)
            known = props.get("revision")
            if known and known != remote.state.revision and present == inputs:
                # The engine calls a resource unchanged whose inputs are; somebody touched it all the same.
                run_context().log.info(
                    "",
                    f"{inputs.coordinates}: its revision moved from {known} to {remote.state.revision}; "
                    "status and assets are as declared",
                )
            said = outputs(present, remote.state, props.get("audit"))
            return ReadResult(id_, with_secrets(said, secret), with_secrets(present.properties(), secret))

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Do with the version what the stored `on_destroy` says; the default never comes here (`retain_on_delete`)."""
        props = renewed(props)
        add_secrets(secret_texts(props, secret_input_names(props)))
        with one_line_errors():
            if any(not props.get(name) for name in REQUIRED):
                run_context().log.warn("", f"state does not contain the version of {id_}, so nothing is changed")
                return
            inputs = self.inputs.of(props)
            # A destroy sees only the config of the last `up`: what loses bytes is permitted in this very run.
            permitted = "delete" in os.environ.get("CODEARTIFACT_RELEASE_ALLOW", "").replace(",", " ").split()
            if inputs.on_destroy.acts and still_declared(inputs):
                # Its logical name changed, or it moved into a component: another resource has the version now.
                text = f"{inputs.coordinates} is declared by another resource now, so it is not changed"
                run_context().log.warn("", text)
                return
            for event in retirement(props, inputs.on_destroy, permitted=permitted):
                if isinstance(event, Deleted | StatusSet):
                    done = event.status if isinstance(event, StatusSet) else "deleted"
                    run_context().log.info("", f"{inputs.coordinates}: {done}")

    @staticmethod
    def _outputs(inputs: Inputs, state: VersionState, audit: Mapping[str, Any] | None) -> dict[str, Any]:
        secret = run_context().secret_of(inputs)
        return with_secrets(
            outputs(inputs, state, audit), secret_input_names({"audit": audit}) if secret is None else secret
        )


def _deployed(inputs: Inputs, olds: dict[str, Any] | None = None) -> Deployed:
    with word_errors_for(run_context().recall(inputs).front):
        return deploy(inputs, olds)


def _failure(name: str, error: ReleaseError, secret: tuple[str, ...]) -> CheckFailure:
    # The engine shows the value of the input that is named.
    named = name not in secret and not any(each.startswith(f"{name}.") for each in secret)
    return CheckFailure(name if named else "", redact(error.full_text))


def _marked(value: Any) -> Any:
    """Return a value with its unknown parts as markers: the SDK hands them in as objects, and takes back markers."""
    if isinstance(value, Unknown):
        return UNKNOWN
    if isinstance(value, dict):
        return {name: _marked(inner) for name, inner in value.items()}
    return value
