"""The component `Release`: the packages of a manifest as resources, for one environment.

The engine waits for a component until all of its resources are registered, and those wait for this same process.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import struct_pb2
from pulumi.runtime.proto import provider_pb2, resource_pb2, resource_pb2_grpc

from ..approvals import Approval, approvals
from ..connections import resolved_region
from ..errors import InterruptedReleaseError, UsageError
from ..git import commit_of
from ..location import resolve
from ..manifest import Environment, Manifest, Package, Variables, load
from ..plugin.declaration import KEY, Declaration
from ..plugin.from_manifest import bundle_members, promotion_rules, refuse_several, withdrawal_fields
from ..plugin.operations import BUNDLE, PACKAGE_VERSION, PROMOTION, Kind
from ..plugin.run_context import RunContext
from ..plugin.spelling import camel
from ..publishing import Permission, duration_text, permitted_digest
from .config import Config
from .values import decode, encode, has_unknown

TYPE = "codeartifact-release:index:Release"
_OUTPUTS = (
    *("namespace", "package", "version", "digest", "revision", "domain", "repository", "region", "domainOwner"),
    "endpoint",
)
_MAX_PARALLEL = 64


@dataclass(frozen=True)
class _Resource:
    """A resource of the component: its kind, its logical name, and its inputs in the schema's spelling."""

    kind: Kind
    name: str
    inputs: Mapping[str, Any]
    declaration: Declaration

    @property
    def properties(self) -> struct_pb2.Struct:
        return encode({**self.inputs, KEY: self.declaration.text()})


def construct(
    request: provider_pb2.ConstructRequest, config: Config, context: RunContext
) -> provider_pb2.ConstructResponse:
    """Register the component and its resources. Raises ReleaseError."""
    if request.type != TYPE:
        raise UsageError(f"{request.type} is not a component: expected {TYPE}")
    values, _ = decode(request.inputs)
    if unknown := [name for name, value in values.items() if has_unknown(value)]:
        raise UsageError(
            f"{', '.join(unknown)} of {request.name} is an output: pass a value that is known in a preview"
        )
    with grpc.insecure_channel(request.monitorEndpoint) as channel:
        monitor = resource_pb2_grpc.ResourceMonitorStub(channel)
        component = _register(
            monitor,
            resource_pb2.RegisterResourceRequest(
                type=TYPE,
                name=request.name,
                parent=request.parent,
                aliases=request.aliases,
                providers=request.providers,
                protect=request.protect,
            ),
        )
        releases = _register_all(monitor, request, component.urn, _resources(values, request, config, context))
        state = struct_pb2.Struct()
        state.fields["releases"].struct_value.CopyFrom(releases)
        monitor.RegisterResourceOutputs(resource_pb2.RegisterResourceOutputsRequest(urn=component.urn, outputs=state))
    return provider_pb2.ConstructResponse(urn=component.urn, state=state)


def _register_all(
    monitor: resource_pb2_grpc.ResourceMonitorStub,
    request: provider_pb2.ConstructRequest,
    parent: str,
    resources: list[_Resource],
) -> struct_pb2.Struct:
    """Register the resources at the same time. Return the output `releases`."""

    def register(resource: _Resource) -> struct_pb2.Struct:
        token = f"codeartifact-release:index:{resource.kind.name}"
        response = _register(
            monitor,
            resource_pb2.RegisterResourceRequest(
                type=token,
                name=resource.name,
                parent=parent,
                custom=True,
                object=resource.properties,
                provider=request.providers.get("codeartifact-release", ""),
                acceptSecrets=True,
                acceptResources=True,
                supportsPartialValues=True,
                retainOnDelete=request.retainOnDelete,
            ),
        )
        release = struct_pb2.Struct()
        for name in _OUTPUTS:
            if name in response.object.fields:
                release.fields[name].CopyFrom(response.object.fields[name])
        return release

    releases = struct_pb2.Struct()
    if resources:
        with ThreadPoolExecutor(min(_MAX_PARALLEL, len(resources)), thread_name_prefix="register") as pool:
            for resource, release in zip(resources, pool.map(register, resources), strict=True):
                releases.fields[resource.name].struct_value.CopyFrom(release)
    return releases


def _register(
    monitor: resource_pb2_grpc.ResourceMonitorStub, request: resource_pb2.RegisterResourceRequest
) -> resource_pb2.RegisterResourceResponse:
    try:
        response: resource_pb2.RegisterResourceResponse = monitor.RegisterResource(request)
    except grpc.RpcError as error:
        # The engine has shown the error of the resource that failed.
        details = getattr(error, "details", lambda: "")() or "the engine ended"
        raise InterruptedReleaseError(f"{request.name} is not released: {details}") from None
    return response


def _resources(
    values: Mapping[str, Any], request: provider_pb2.ConstructRequest, config: Config, context: RunContext
) -> list[_Resource]:
    allow = frozenset(config.allow)
    environment = str(values.get("environment") or request.stack)
    variables = values.get("variables") or {}
    if not isinstance(variables, Mapping):
        raise UsageError(f"variables is {variables!r}: expected an object")
    manifest = load(
        Path(str(values.get("manifest") or "release.yaml")),
        environment=environment,
        variables=Variables(environ=os.environ, stack=variables),
        allow=allow,
        front=context.default_front,
        strict=bool(values.get("strict")),
    )
    for warning in manifest.warnings:
        context.show_once(warning, context.log.warn)
    selected = manifest.environment(environment)
    refuse_several(manifest)
    _show_locations(manifest, selected, allow, context if request.dryRun else None)
    declared = _Declared(manifest, selected, config)
    return list(declared.promotions() if selected.promote_from else declared.versions())


def _show_locations(
    manifest: Manifest, environment: Environment, allow: frozenset[str], context: RunContext | None
) -> None:
    """In a preview, which has a `context`, show the locations. Raises UsageError for an endpoint without permission."""
    names = [name for name in (environment.name, environment.promote_from) if name]
    lines = []
    for name in names:
        location = resolve(manifest.environment(name).location, base=manifest.base, allow=allow)
        if context is None:
            continue
        ambient = dataclasses.replace(location, region=location.region or context.region)
        location = dataclasses.replace(location, region=resolved_region(ambient))
        lines.append(f"{name}: {location.summary}")
    if context:
        context.show_once("\nfrom ".join(lines), context.log.info)


class _Declared:
    """The resources of a manifest, with the permissions of the operator."""

    def __init__(self, manifest: Manifest, environment: Environment, config: Config) -> None:
        self._manifest = manifest
        self._environment = environment
        self._config = config
        self._replace = [Permission.parse(text) for text in config.replace]
        self._declaration = Declaration(
            base=str(manifest.base),
            allow=frozenset(config.allow),
            repository_exists=True,
            commit=commit_of(manifest.base),
        )

    def versions(self) -> Iterator[_Resource]:
        """Yield the bundle, or else a PackageVersion per package."""
        manifest = self._manifest
        if manifest.bundle:
            [bundle] = manifest.releases
            yield self._resource(BUNDLE, bundle, bundle.version, members=bundle_members(manifest, self._replace))
            return
        for package in manifest.packages:
            files = {file.name: str(file.path) for file in package.files}
            yield self._resource(PACKAGE_VERSION, package, package.version, files=files)

    def promotions(self) -> Iterator[_Resource]:
        """Yield a Promotion for the bundle, or else for every package. Raises PinError, UsageError."""
        manifest, environment = self._manifest, self._environment
        source = manifest.environment(str(environment.promote_from)).location.properties()
        approved = approvals(manifest, environment)
        if environment.stack and any(not approval.pin for approval in approved.values()):
            raise UsageError(
                f"{manifest.path}: {environment.name} promotes what the stack {environment.stack} has, which the "
                "component Release does not read",
                hint="Pin the packages: `codeartifact-release pin`.",
            )
        for package in manifest.releases:
            yield self._promotion(package, approved[package.id], source)

    def _promotion(self, package: Package, approval: Approval, source: Mapping[str, str]) -> _Resource:
        soak = self._environment.soak
        inputs = {
            "source": {camel(name): value for name, value in source.items()},
            **({"soak": duration_text(soak)} if soak else {}),
        }
        return self._resource(
            PROMOTION,
            package,
            approval.version,
            inputs,
            pin=approval.pin.digest if approval.pin else "",
            pinned_by=approval.pin.where if approval.pin else "",
            force=self._config.force_digest(package.id, approval.version),
            reason=self._config.reason,
            **promotion_rules(self._manifest, self._replace),
        )

    def _resource(
        self, kind: Kind, package: Package, version: str, inputs: Mapping[str, Any] | None = None, **declared: Any
    ) -> _Resource:
        environment = self._environment
        location = {camel(name): value for name, value in environment.location.properties().items()}
        policies = {"onDestroy": environment.on_destroy, "onSupersede": environment.on_supersede}
        if kind is not BUNDLE:
            policies |= {"status": package.status, "finalize": environment.finalize}
        declaration = dataclasses.replace(
            self._declaration,
            replace_digest=permitted_digest(self._replace, package.id, version),
            withdrawal=withdrawal_fields(self._manifest, package.id, version),
            **declared,
        )
        names = {"namespace": package.namespace, "package": package.package, "version": version}
        return _Resource(kind, package.id, {**names, **location, **policies, **(inputs or {})}, declaration)
