"""What check, preview, create, update, read and delete do for a resource. Both providers call these operations.

operations = Operations(PACKAGE_VERSION, context)
checked = operations.check(olds, inputs, declaration)
created = operations.create(checked.inputs)

Values are Python values: texts, mappings and lists, with `pulumi.runtime.rpc.UNKNOWN` for an unknown value.
Arguments have no secrets: `declaration.secret` names them. Results have the inputs and outputs that contain a secret
marked as `wrap_rpc_secret` does. Except for check(), which returns failures, operations raise ReleaseError.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ReleaseError, UsageError
from ..publishing import Deleted, StatusSet, ThreadScheduler, read_version
from ..registry.interface import VersionState
from .bundle import BundleCheck, read_members
from .check import Check, CheckFailure, CheckResult, PromotionCheck, VersionCheck, property_of
from .declaration import Declaration
from .deploy import Deployment, connector, deploy, retire_version, still_declared, supersede, versions_to_retire
from .engine import add_secrets, redact, word_errors_for
from .preview import preview
from .run_context import RunContext
from .secret import same_secrets, secret_input_names, secret_texts, with_secrets
from .state import (
    DECISIVE,
    PLACE,
    REQUIRED,
    BundleInputs,
    Inputs,
    PromotionInputs,
    inputs_from_remote,
    outputs,
    same,
    upgrade_state,
)

Values = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """A kind of resource: its name, the inputs in state, and its check."""

    name: str
    inputs: type[Inputs]
    check: type[Check]


PACKAGE_VERSION = Kind("PackageVersion", Inputs, VersionCheck)
PROMOTION = Kind("Promotion", PromotionInputs, PromotionCheck)
BUNDLE = Kind("Bundle", BundleInputs, BundleCheck)


@dataclass(frozen=True)
class Created:
    """The id and the outputs of a new resource."""

    id: str
    outputs: Values


@dataclass(frozen=True)
class ReadVersion:
    """The outputs of a version in the registry, and the inputs that would declare it."""

    outputs: Values
    inputs: Values


class Operations:
    """The operations of one kind of resource, in one run."""

    def __init__(self, kind: Kind, context: RunContext) -> None:
        self._kind = kind
        self._context = context

    def arguments(self, values: Mapping[str, Any]) -> Values:
        """Return the inputs of this kind of resource among these values."""
        return {name: values[name] for name in self._kind.inputs.names if values.get(name) is not None}

    def check(self, olds: Values, inputs: Values, declaration: Declaration) -> CheckResult:
        """Validate the arguments, hash the files, and return the inputs with checksums.

        In a dry run, show the plan. Failures are the wrong arguments, or why the release is refused.
        """
        try:
            checked = self._kind.check(upgrade_state(olds), inputs, declaration, self._context).run()
        except ReleaseError as error:
            return CheckResult(inputs, [_failure(property_of(error), error, declaration.secret)])
        # The engine shows all of these failures together. Each gets the code of a UsageError.
        failures = [_failure(item.property, UsageError(item.reason), declaration.secret) for item in checked.failures]
        return CheckResult(with_secrets(checked.inputs, declaration.secret), failures)

    def check_ignored(self, inputs: Values) -> CheckResult:
        """Check the inputs of a resource with `ignore_changes=["*"]`: the engine passes those in state."""
        missing = [name for name in (*self._kind.inputs.required, "checksums", "digest") if not inputs.get(name)]
        if missing:
            error = UsageError(
                f"`ignore_changes` keeps all inputs in state, but state has no {', '.join(missing)}",
                hint="Remove it, run `pulumi up`, which adopts the published version, then add it again.",
            )
            return CheckResult(inputs, [_failure("", error, ())])
        self._context.add_ignored(self._kind.inputs.of(inputs))
        return CheckResult(inputs, [])

    def mark_secrets(self, values: Values) -> Values:
        """Return inputs or outputs for the engine, marked as the secrets that check() was told about."""
        return with_secrets(values, self._context.secret_of(self._kind.inputs.of(values)) or ())

    def changed(self, olds: Values, news: Values) -> bool:
        """Return whether new inputs need an update of these outputs. Nothing is ever replaced."""
        stored, olds = olds, upgrade_state(olds)
        # State of version 0.1.0 is a change, because only an update stores new outputs. It makes no request.
        if olds != stored or not same(olds, news, self._kind.inputs.names):
            return True
        # An update is also needed to mark outputs as secret. It makes no request.
        return not same_secrets(olds, self._context.secret_of(self._kind.inputs.of(news)))

    def preview(self, olds: Values, news: Values) -> None:
        """Show the plan of a create, if `olds` is empty, or of an update. Raises RefusedError if it is a refusal."""
        inputs = self._kind.inputs.of(news)
        with word_errors_for(self._context.recall(inputs).front):
            preview(self._context, upgrade_state(olds), inputs)

    def create(self, news: Values) -> Created:
        """Publish the version, or adopt an identical published version."""
        inputs = self._kind.inputs.of(news)
        deployment = self._deploy(inputs)
        pending = self._context.recall(inputs)
        # Pulumi cannot mark an id as secret.
        has_secret_name = {"namespace", "package"} & {*pending.secret}
        id_ = pending.urn.rpartition("::")[2] or "secret" if has_secret_name else inputs.id
        return Created(id_, self._outputs(inputs, deployment))

    def update(self, olds: Values, news: Values) -> Values:
        """Publish the new version, then retire the previous one according to `on_supersede`. Return the outputs."""
        olds = upgrade_state(olds)
        inputs = self._kind.inputs.of(news)
        if same(olds, news, DECISIVE):
            # Only a policy or the profile changed, which needs no request.
            state = VersionState(inputs.status, str(olds.get("revision") or ""))
            return self._outputs(inputs, Deployment(state, olds.get("audit") or {}, olds.get("revisions") or {}))
        deployment = self._deploy(inputs, olds)
        if not same(olds, news, PLACE):
            supersede(self._context, olds, inputs)
        return self._outputs(inputs, deployment)

    def read(self, props: Values, urn: str = "") -> ReadVersion | None:
        """Return the version in the registry, so that Pulumi shows drift and updates it; None if it is missing.

        `urn` is for messages; "" if it is unknown. Only a missing version removes a resource from state. Other errors
        are raised.
        """
        props = upgrade_state(props)
        secret = secret_input_names(props)
        add_secrets(secret_texts(props, secret))
        inputs = self._kind.inputs.of(props)
        connection = connector(self._context)(inputs.location)
        remote = read_version(connection.registry, inputs.coordinates, ThreadScheduler())
        if remote is None:
            return None
        actual, revisions = read_members(inputs_from_remote(inputs, remote), connection.registry)
        revision = props.get("revision")
        if revision and revision != remote.state.revision and actual == inputs:
            # The engine reports such a resource as unchanged.
            self._context.log.info(
                urn,
                f"{inputs.coordinates}: the revision changed from {revision} to {remote.state.revision}; "
                "status and assets are as declared",
            )
        values = outputs(actual, remote.state, props.get("audit"), revisions)
        return ReadVersion(with_secrets(values, secret), with_secrets(actual.properties(), secret))

    def import_(self, arguments: Values, declaration: Declaration, urn: str = "") -> ReadVersion | None:
        """Read the version that these arguments name, with the location that check() would store; None if missing."""
        return self.read({**self._kind.check({}, arguments, declaration, self._context).located({})}, urn)

    def delete(self, id_: str, props: Values, urn: str = "") -> None:
        """Retire the version according to `on_destroy` in state. `urn` is for messages; "" if it is unknown."""
        props, log = upgrade_state(props), self._context.log
        add_secrets(secret_texts(props, secret_input_names(props)))
        if any(not props.get(name) for name in REQUIRED):
            log.warn(urn, f"state does not contain the version of {id_}, so nothing is changed")
            return
        inputs = self._kind.inputs.of(props)
        # In a destroy, config and program are those of the last `up`, so the permission is a variable of this run.
        permitted = "delete" in os.environ.get("CODEARTIFACT_RELEASE_ALLOW", "").replace(",", " ").split()
        if not inputs.on_destroy.acts:
            return
        for version in versions_to_retire(self._context, props):
            retired = Inputs.of(version)
            if still_declared(self._context, retired, urn):
                # The logical name changed, or the version moved into a component or a bundle.
                log.warn(urn, f"{retired.coordinates} is declared by another resource now, so it is not changed")
                continue
            for event in retire_version(self._context, version, inputs.on_destroy, permitted=permitted):
                if isinstance(event, Deleted | StatusSet):
                    change = event.status if isinstance(event, StatusSet) else "deleted"
                    log.info(urn, f"{retired.coordinates}: {change}")

    def _deploy(self, inputs: Inputs, olds: Values | None = None) -> Deployment:
        with word_errors_for(self._context.recall(inputs).front):
            return deploy(self._context, inputs, olds)

    def _outputs(self, inputs: Inputs, deployment: Deployment) -> Values:
        secret = self._context.secret_of(inputs)
        values = outputs(inputs, deployment.state, deployment.audit, deployment.revisions)
        return with_secrets(values, secret_input_names({"audit": deployment.audit}) if secret is None else secret)


def _failure(name: str, error: ReleaseError, secret: tuple[str, ...]) -> CheckFailure:
    # The engine prints the value of the input with this name.
    is_secret = name in secret or any(item.startswith(f"{name}.") for item in secret)
    return CheckFailure("" if is_secret else name, redact(error.full_text))
