"""The provider's gRPC service. The engine calls it from many threads at once.

provider = Provider(RunContext(address, cancelled.is_set), cancelled, schema, "1.0.0")
provider_pb2_grpc.add_ResourceProviderServicer_to_server(service(provider), grpc.server(...))
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, cast

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc
from pulumi.runtime.rpc import UNKNOWN

from ..errors import ReleaseError, UsageError, printable
from ..plugin.check import CheckResult
from ..plugin.engine import redact
from ..plugin.operations import BUNDLE, PACKAGE_VERSION, PROMOTION, Kind, Operations, Values
from ..plugin.run_context import RunContext
from ..plugin.spelling import camel, from_wire, inputs_to_wire, outputs_to_wire
from ..plugin.state import REQUIRED
from ..publishing import Retirement
from ..remedies import command_line
from . import functions, release
from .arguments import arguments_of
from .config import LISTS, TEXTS, Config
from .diff import detailed_diff
from .values import decode, encode, has_unknown

PACKAGE = "codeartifact-release"
KINDS = {f"{PACKAGE}:index:{kind.name}": kind for kind in (PACKAGE_VERSION, PROMOTION, BUNDLE)}


class Provider:
    """Each method serves the request of its name. Errors are ReleaseError.

    Attributes:
        context: what the resources of this process share.
    """

    def __init__(self, context: RunContext, cancelled: threading.Event, schema: str, version: str) -> None:
        self.context = context
        self._cancelled = cancelled
        self._schema = schema
        self._version = version
        self._config = Config()

    # --- the provider -------------------------------------------------------------------------------------------------

    def handshake(self, _request: provider_pb2.ProviderHandshakeRequest) -> provider_pb2.ProviderHandshakeResponse:
        """Announce the features. Components require `accept_secrets`."""
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=True, accept_resources=True, accept_outputs=True, supports_autonaming_configuration=False
        )

    def get_plugin_info(self, _request: Empty) -> plugin_pb2.PluginInfo:
        """Return the version."""
        return plugin_pb2.PluginInfo(version=self._version)

    def get_schema(self, _request: provider_pb2.GetSchemaRequest) -> provider_pb2.GetSchemaResponse:
        """Return schema.json."""
        return provider_pb2.GetSchemaResponse(schema=self._schema)

    def check_config(self, request: provider_pb2.CheckRequest) -> provider_pb2.CheckResponse:
        """Accept any configuration: the default provider gets that of a project with the package's name, too."""
        values, _ = decode(request.news)
        known = {name: value for name, value in values.items() if not has_unknown(value)}
        failures = []
        try:
            Config.of(known)
        except UsageError as error:
            failures = [provider_pb2.CheckFailure(reason=error.full_text)]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def diff_config(self, request: provider_pb2.DiffRequest) -> provider_pb2.DiffResponse:
        """Compare configurations. Never replace a provider: the engine would replace all of its resources."""
        changed = request.olds != request.news
        kind = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=kind)

    def configure(self, request: provider_pb2.ConfigureRequest) -> provider_pb2.ConfigureResponse:
        """Store the configuration."""
        values, _ = decode(request.args)
        prefix = f"{PACKAGE}:config:"
        variables = {name.removeprefix(prefix): value for name, value in request.variables.items()}
        both = {**variables, **values}
        self._config = Config.of(
            {name: both[name] for name in (*TEXTS, *LISTS) if name in both and both[name] != UNKNOWN}
        )
        self.context.region = self._config.region or None
        self.context.profile = self._config.profile or None
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, acceptResources=True, acceptOutputs=True
        )

    def cancel(self, _request: Empty) -> Empty:
        """Stop before the next write. The engine also sends this at each normal end."""
        self._cancelled.set()
        return Empty()

    # --- resources ----------------------------------------------------------------------------------------------------

    def check(self, request: provider_pb2.CheckRequest) -> provider_pb2.CheckResponse:
        """Validate the arguments, hash the files, and return the inputs with the hashes."""
        kind = self._kind(request.urn)
        olds = from_wire(decode(request.olds)[0])
        values, secret = decode(request.news)
        try:
            arguments = arguments_of(kind, values, secret, request.urn, self._config)
        except UsageError as error:
            error.front = self.context.default_front
            failure = provider_pb2.CheckFailure(reason=redact(error.full_text))
            return provider_pb2.CheckResponse(inputs=request.news, failures=[failure])
        for warning in arguments.warnings:
            self.context.show_once(warning, self.context.log.warn)
        inputs = arguments.inputs
        if kind is BUNDLE and _members_in_state(values):
            # `ignoreChanges` passes the members in state.
            checked = self._operations(kind).check_ignored(from_wire(values))
        elif arguments.declaration is None:
            # A path, a content or the approved digest is an output of a resource that does not exist yet.
            members = {"members": UNKNOWN} if kind is BUNDLE else {}
            checked = CheckResult({**inputs, **members, "checksums": UNKNOWN, "digest": UNKNOWN}, [])
        else:
            operations = self._operations(kind)
            checked = operations.check(olds, operations.arguments(inputs), arguments.declaration)
        failures = [
            provider_pb2.CheckFailure(property=_property(each.property), reason=each.reason)
            for each in checked.failures
        ]
        wire = inputs_to_wire(checked.inputs, derived=kind is not PACKAGE_VERSION)
        return provider_pb2.CheckResponse(inputs=encode(wire), failures=failures)

    def diff(self, request: provider_pb2.DiffRequest) -> provider_pb2.DiffResponse:
        """Compare inputs with state. Every change is an update in place, never a replacement."""
        kind = self._kind(request.urn)
        olds, news = from_wire(decode(request.olds)[0]), from_wire(decode(request.news)[0])
        if not has_unknown(news) and not self._operations(kind).changed(olds, news):
            return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)
        detailed = detailed_diff(olds, news, kind.inputs.names)
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME,
            diffs=sorted({path.partition("[")[0] for path in detailed}),
            detailedDiff=detailed,
            hasDetailedDiff=bool(detailed),
        )

    def create(self, request: provider_pb2.CreateRequest) -> provider_pb2.CreateResponse:
        """Publish the version, or adopt an identical published version. In a preview, show the plan."""
        news = from_wire(decode(request.properties)[0])
        operations = self._operations(self._kind(request.urn), request.timeout)
        if request.preview:
            return provider_pb2.CreateResponse(properties=encode(self._preview(operations, {}, news)))
        created = operations.create(_known(news))
        return provider_pb2.CreateResponse(id=created.id, properties=encode(outputs_to_wire(created.outputs)))

    def update(self, request: provider_pb2.UpdateRequest) -> provider_pb2.UpdateResponse:
        """Publish the new version, then retire the previous one. In a preview, show the plan."""
        olds, news = from_wire(decode(request.olds)[0]), from_wire(decode(request.news)[0])
        operations = self._operations(self._kind(request.urn), request.timeout)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=encode(self._preview(operations, olds, news)))
        outputs = operations.update(olds, _known(news))
        return provider_pb2.UpdateResponse(properties=encode(outputs_to_wire(outputs)))

    def read(self, request: provider_pb2.ReadRequest) -> provider_pb2.ReadResponse:
        """Return the version in the registry, for `pulumi refresh` and `pulumi import`."""
        kind = self._kind(request.urn)
        operations = self._operations(kind)
        props = from_wire(decode(request.properties)[0])
        if all(props.get(name) for name in REQUIRED):
            id_, version = request.id, operations.read(props, request.urn)
        else:
            if kind is not PACKAGE_VERSION:
                raise UsageError(
                    f"a {kind.name} cannot be imported: the registry records neither its source nor its order",
                    hint="Declare it and run `pulumi up`: it adopts an identical published version without a write.",
                )
            names = _coordinates(request.id)
            arguments = arguments_of(kind, {**names, "assets": {}}, frozenset(), request.urn, self._config)
            assert arguments.declaration is not None
            id_ = f"{names['namespace']}/{names['package']}"
            version = operations.import_(arguments.inputs, arguments.declaration, request.urn)
        if version is None:
            # An empty id removes the resource from state.
            return provider_pb2.ReadResponse(id="")
        return provider_pb2.ReadResponse(
            id=id_,
            properties=encode(outputs_to_wire(version.outputs)),
            inputs=encode(inputs_to_wire(version.inputs, derived=kind is not PACKAGE_VERSION)),
        )

    def delete(self, request: provider_pb2.DeleteRequest) -> Empty:
        """Retire the version according to `onDestroy` in state."""
        props = from_wire(decode(request.properties)[0])
        kind = self._kind(request.urn)
        self._operations(kind, request.timeout).delete(request.id, props, request.urn)
        if not Retirement(props.get("on_destroy") or Retirement.RETAIN).acts and props.get("version"):
            place = f"{props['domain']}/{props['repository']}"
            text = f"{request.id}@{props['version']} stays in {place} (`onDestroy: retain`)"
            self.context.log.info(request.urn, text)
        return Empty()

    # --- functions ----------------------------------------------------------------------------------------------------

    def invoke(self, request: provider_pb2.InvokeRequest) -> provider_pb2.InvokeResponse:
        """Call a function. It runs in previews, too, and writes nothing to the registry."""
        arguments, _ = decode(request.args)
        result = functions.call(request.tok, arguments, self._config)
        return provider_pb2.InvokeResponse(**{"return": encode(result)})

    def construct(self, request: provider_pb2.ConstructRequest) -> provider_pb2.ConstructResponse:
        """Register a component and its resources."""
        return release.construct(request, self._config, self.context)

    # ------------------------------------------------------------------------------------------------------------------

    def _kind(self, urn: str) -> Kind:
        token = urn.split("::")[2].rpartition("$")[2] if urn.count("::") >= 3 else urn
        if token not in KINDS:
            raise UsageError(f"{token!r} is not a resource of {PACKAGE}: expected one of {', '.join(KINDS)}")
        return KINDS[token]

    def _operations(self, kind: Kind, timeout_s: float = 0) -> Operations:
        return Operations(kind, self.context.until(timeout_s) if timeout_s else self.context)

    def _preview(self, operations: Operations, olds: Values, news: Values) -> Values:
        """Show the plan, and return the outputs, as far as they are known."""
        outputs = news
        if not has_unknown(news):
            operations.preview(olds, news)
            outputs = operations.mark_secrets(news)
        return {**outputs_to_wire(outputs), "revision": UNKNOWN, "audit": UNKNOWN}


def _known(news: Values) -> Values:
    """Return inputs. Raises UsageError if one is unknown, which the engine must not send in an update."""
    if unknown := [name for name, value in news.items() if has_unknown(value)]:
        raise UsageError(f"{', '.join(sorted(unknown))}: the value is still unknown in an update")
    return news


def _members_in_state(values: Mapping[str, Any]) -> bool:
    members = values.get("members")
    return isinstance(members, Mapping) and any(
        isinstance(each, Mapping) and "checksums" in each for each in members.values()
    )


def _property(name: str) -> str:
    return "assets" if name == "checksums" else ".".join(camel(part) for part in name.split("."))


def _coordinates(id_: str) -> dict[str, str]:
    names = ("domain", "repository", "namespace", "package", "version")
    parts = id_.split("/", len(names) - 1)
    if len(parts) != len(names) or not all(parts):
        raise UsageError(
            f"{id_!r} is not the ID of a version: expected DOMAIN/REPOSITORY/NAMESPACE/PACKAGE/VERSION",
            hint="For example: `pulumi import codeartifact-release:index:PackageVersion app acme/dev/tools/app/1.4.2`.",
        )
    return dict(zip(names, parts, strict=True))


_METHODS = {
    "Handshake": Provider.handshake,
    "GetPluginInfo": Provider.get_plugin_info,
    "GetSchema": Provider.get_schema,
    "CheckConfig": Provider.check_config,
    "DiffConfig": Provider.diff_config,
    "Configure": Provider.configure,
    "Cancel": Provider.cancel,
    "Check": Provider.check,
    "Diff": Provider.diff,
    "Create": Provider.create,
    "Update": Provider.update,
    "Read": Provider.read,
    "Delete": Provider.delete,
    "Invoke": Provider.invoke,
    "Construct": Provider.construct,
}


def service(provider: Provider) -> provider_pb2_grpc.ResourceProviderServicer:
    """Return the gRPC service. An error is answered with its message alone, and never ends the process."""

    def serve(method: Callable[[Provider, Any], Any]) -> Callable[[Any, Any, Any], Any]:
        def call(_service: Any, request: Any, context: Any) -> Any:
            try:
                return method(provider, request)
            except ReleaseError as error:
                if error.front is command_line:
                    error.front = provider.context.default_front
                text = error.full_text
            except Exception as error:  # noqa: BLE001 - a bug, or a request that no engine sends
                text = f"{method.__name__}: internal error: {type(error).__name__}: {error}".partition("\n")[0]
            return context.abort(grpc.StatusCode.UNKNOWN, printable(redact(text)))

        return call

    methods = {name: serve(method) for name, method in _METHODS.items()}
    kind = type("Service", (provider_pb2_grpc.ResourceProviderServicer,), methods)
    return cast(provider_pb2_grpc.ResourceProviderServicer, kind())
