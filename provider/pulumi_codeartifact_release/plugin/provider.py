"""The dynamic provider that the Pulumi engine calls. It has no state between operations.

One plugin process serves one operation: a preview, an update, a refresh or a destroy. Four threads share one instance.
In an update, check() runs before create() and update() and passes the files to them through the run context.
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
from .deploy import Deployment, deploy, open_connection, retire_version, still_declared, supersede
from .engine import add_secrets, one_line_errors, redact, word_errors_for
from .run_context import run_context
from .secret import same_secrets, secret_input_names, secret_texts, with_secrets
from .state import DECISIVE, PLACE, REQUIRED, Inputs, inputs_from_remote, outputs, same, upgrade_state


class Provider(ResourceProvider):
    """A dynamic provider for package versions. It is pickled, so its data is in the run context."""

    inputs: type[Inputs]
    check_type: type[VersionCheck] | type[PromotionCheck]

    # The pickle contains no secret. If it were marked as one, every diff of state would show `[secret]`.
    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Store `aws:region` and `aws:profile` of the stack in the run context."""
        context = run_context()
        context.region = req.config.get("aws:region") or None
        context.profile = req.config.get("aws:profile") or None

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate the arguments, hash the files, and return the inputs with checksums. In a preview, show the plan."""
        olds = upgrade_state(olds)
        values = ((name, _mark_unknown(value)) for name, value in upgrade_state(news).items())
        news = {name: value for name, value in values if value is not None}
        text = news.pop(transient.KEY, None)
        inputs = {name: news[name] for name in self.inputs.names if name in news}
        if text is None:
            return self._check_ignored(inputs)
        if text == UNKNOWN:
            # A path or the approved digest is an output of a resource that does not exist yet.
            return CheckResult({**inputs, "checksums": UNKNOWN, "digest": UNKNOWN}, [])
        declaration = Declaration.of(text)
        try:
            checked = self.check_type(olds, inputs, declaration, run_context()).run()
        except ReleaseError as error:
            return CheckResult(inputs, [_failure(property_of(error), error, declaration.secret)])
        # The engine shows all of these failures together. Each gets the code of a UsageError.
        failures = [_failure(item.property, UsageError(item.reason), declaration.secret) for item in checked.failures]
        return CheckResult(with_secrets(checked.inputs, declaration.secret), failures)

    def _check_ignored(self, inputs: dict[str, Any]) -> CheckResult:
        """Check the inputs of a resource with `ignore_changes=["*"]`: the engine passes those in state."""
        missing = [name for name in (*self.inputs.required, "checksums", "digest") if not inputs.get(name)]
        if missing:
            error = UsageError(
                f"`ignore_changes` keeps all inputs in state, but state has no {', '.join(missing)}",
                hint="Remove it, run `pulumi up`, which adopts the published version, then add it again.",
            )
            return CheckResult(inputs, [_failure("", error, ())])
        run_context().add_ignored(self.inputs.of(inputs))
        return CheckResult(inputs, [])

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Compare inputs with state. Every change is an update in place, never a replacement."""
        stored, olds = olds, upgrade_state(olds)
        # State of version 0.1.0 is a change, because only an update stores new outputs. It makes no request.
        unchanged = olds == stored and same(olds, news, self.inputs.names)
        # An update is also needed to mark outputs as secret. It makes no request.
        unchanged = unchanged and same_secrets(olds, run_context().secret_of(self.inputs.of(news)))
        return DiffResult(changes=not unchanged, replaces=[], stables=[], delete_before_replace=False)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Publish the version, or adopt an identical published version."""
        with one_line_errors():
            inputs = self.inputs.of(props)
            deployment = _deploy(inputs)
            pending = run_context().recall(inputs)
            # Pulumi cannot mark an id as secret.
            has_secret_name = {"namespace", "package"} & {*pending.secret}
            id_ = pending.urn.rpartition("::")[2] or "secret" if has_secret_name else inputs.id
            return CreateResult(id_, self._outputs(inputs, deployment.state, deployment.audit))

    def update(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Publish the new version, then retire the previous one according to `on_supersede`."""
        olds = upgrade_state(olds)
        with one_line_errors():
            inputs = self.inputs.of(news)
            if same(olds, news, DECISIVE):
                # Only a policy or the profile changed, which needs no request.
                state = VersionState(inputs.status, str(olds.get("revision") or ""))
                return UpdateResult(self._outputs(inputs, state, olds.get("audit")))
            deployment = _deploy(inputs, olds)
            if not same(olds, news, PLACE):
                supersede(olds, inputs)
            return UpdateResult(self._outputs(inputs, deployment.state, deployment.audit))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Return the version in the registry as outputs and inputs, so that Pulumi shows drift and updates it."""
        props = upgrade_state(props)
        secret = secret_input_names(props)
        add_secrets(secret_texts(props, secret))
        with one_line_errors():
            if any(not props.get(name) for name in REQUIRED):
                raise UsageError(
                    f"{id_} cannot be imported by its id",
                    hint="Declare it and run `pulumi up`: it adopts an identical published version without a write.",
                )
            inputs = self.inputs.of(props)
            connection = open_connection(inputs.location)
            # Only a missing version removes the resource from state. Other errors are raised.
            remote = read_version(connection.registry, inputs.coordinates, ThreadScheduler())
            if remote is None:
                return ReadResult("", {})
            actual = inputs_from_remote(inputs, remote)
            revision = props.get("revision")
            if revision and revision != remote.state.revision and actual == inputs:
                # The engine reports such a resource as unchanged.
                run_context().log.info(
                    "",
                    f"{inputs.coordinates}: the revision changed from {revision} to {remote.state.revision}; "
                    "status and assets are as declared",
                )
            values = outputs(actual, remote.state, props.get("audit"))
            return ReadResult(id_, with_secrets(values, secret), with_secrets(actual.properties(), secret))

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Retire the version according to `on_destroy` in state. The engine does not call this for `retain`."""
        props = upgrade_state(props)
        add_secrets(secret_texts(props, secret_input_names(props)))
        with one_line_errors():
            if any(not props.get(name) for name in REQUIRED):
                run_context().log.warn("", f"state does not contain the version of {id_}, so nothing is changed")
                return
            inputs = self.inputs.of(props)
            # In a destroy, config and program are those of the last `up`, so the permission is a variable of this run.
            permitted = "delete" in os.environ.get("CODEARTIFACT_RELEASE_ALLOW", "").replace(",", " ").split()
            if inputs.on_destroy.acts and still_declared(inputs):
                # The logical name changed, or the resource moved into a component.
                text = f"{inputs.coordinates} is declared by another resource now, so it is not changed"
                run_context().log.warn("", text)
                return
            for event in retire_version(props, inputs.on_destroy, permitted=permitted):
                if isinstance(event, Deleted | StatusSet):
                    change = event.status if isinstance(event, StatusSet) else "deleted"
                    run_context().log.info("", f"{inputs.coordinates}: {change}")

    @staticmethod
    def _outputs(inputs: Inputs, state: VersionState, audit: Mapping[str, Any] | None) -> dict[str, Any]:
        secret = run_context().secret_of(inputs)
        return with_secrets(
            outputs(inputs, state, audit), secret_input_names({"audit": audit}) if secret is None else secret
        )


def _deploy(inputs: Inputs, olds: dict[str, Any] | None = None) -> Deployment:
    with word_errors_for(run_context().recall(inputs).front):
        return deploy(inputs, olds)


def _failure(name: str, error: ReleaseError, secret: tuple[str, ...]) -> CheckFailure:
    # The engine prints the value of the input with this name.
    is_secret = name in secret or any(item.startswith(f"{name}.") for item in secret)
    return CheckFailure("" if is_secret else name, redact(error.full_text))


def _mark_unknown(value: Any) -> Any:
    """Return a value with UNKNOWN for every Unknown: the SDK passes the object, but expects the marker back."""
    if isinstance(value, Unknown):
        return UNKNOWN
    if isinstance(value, dict):
        return {name: _mark_unknown(inner) for name, inner in value.items()}
    return value
