"""The dynamic provider that the Pulumi engine calls. It has no state between operations.

One plugin process serves one operation: a preview, an update, a refresh or a destroy. Four threads share one instance.
In an update, check() runs before create() and update() and passes the files to them through the run context.
"""

from __future__ import annotations

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

from ..errors import UsageError
from ..plugin import declaration as transient
from ..plugin.declaration import Declaration
from ..plugin.operations import Kind, Operations
from ..plugin.spelling import from_wire
from ..plugin.state import REQUIRED, upgrade_state
from .process import one_line_errors, run_context


class Provider(ResourceProvider):
    """A dynamic provider for package versions. It is pickled, so its data is in the run context."""

    kind: Kind

    # The pickle contains no secret. If it were marked as one, every diff of state would show `[secret]`.
    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Store `aws:region` and `aws:profile` of the stack in the run context."""
        context = run_context()
        context.region = req.config.get("aws:region") or None
        context.profile = req.config.get("aws:profile") or None

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate the arguments, hash the files, and return the inputs with checksums. In a preview, show the plan."""
        olds = from_wire(olds)
        news = {name: _mark_unknown(value) for name, value in upgrade_state(news).items()}
        text = news.pop(transient.KEY, None)
        inputs = self._operations.arguments(news)
        if text is None:
            checked = self._operations.check_ignored(inputs)
        elif text == UNKNOWN:
            # A path or the approved digest is an output of a resource that does not exist yet.
            return CheckResult({**inputs, "checksums": UNKNOWN, "digest": UNKNOWN}, [])
        else:
            checked = self._operations.check(olds, inputs, Declaration.of(text))
        return CheckResult(checked.inputs, [CheckFailure(each.property, each.reason) for each in checked.failures])

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Compare inputs with state. Every change is an update in place, never a replacement."""
        changes = self._operations.changed(from_wire(olds), news)
        return DiffResult(changes=changes, replaces=[], stables=[], delete_before_replace=False)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Publish the version, or adopt an identical published version."""
        with one_line_errors():
            created = self._operations.create(props)
            return CreateResult(created.id, created.outputs)

    def update(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Publish the new version, then retire the previous one according to `on_supersede`."""
        with one_line_errors():
            return UpdateResult(self._operations.update(from_wire(olds), news))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Return the version in the registry as outputs and inputs, so that Pulumi shows drift and updates it."""
        props = from_wire(props)
        with one_line_errors():
            if any(not props.get(name) for name in REQUIRED):
                raise UsageError(
                    f"{id_} cannot be imported by its id",
                    hint="Declare it and run `pulumi up`: it adopts an identical published version without a write.",
                )
            version = self._operations.read(props)
            # An empty id removes the resource from state.
            return ReadResult(id_, version.outputs, version.inputs) if version else ReadResult("", {})

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Retire the version according to `on_destroy` in state. The engine does not call this for `retain`."""
        with one_line_errors():
            self._operations.delete(id_, from_wire(props))

    @property
    def _operations(self) -> Operations:
        return Operations(self.kind, run_context())


def _mark_unknown(value: Any) -> Any:
    """Return a value with UNKNOWN for every Unknown: the SDK passes the object, but expects the marker back."""
    if isinstance(value, Unknown):
        return UNKNOWN
    if isinstance(value, dict):
        return {name: _mark_unknown(inner) for name, inner in value.items()}
    return value
