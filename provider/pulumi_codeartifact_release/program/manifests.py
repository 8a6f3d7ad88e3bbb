"""Declares the packages of a manifest as resources, for one environment.

releases = publish_manifest("release.yaml", pulumi.get_stack())
releases["acme/app"].digest
"""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi

from ..approvals import Approval, unused_pins
from ..errors import ReleaseError, UsageError
from ..git import commit_of
from ..manifest import Environment, Manifest, Package, Variables, load
from ..plugin.declaration import Declaration
from ..plugin.from_manifest import promotion_rules, refuse_several, withdrawal_fields
from ..publishing import Permission, Pin, parse_forced, permitted_digest, unmatched
from ..remedies import Front, Need, StackConfig, call_arguments, front_to_json
from .bundles import Bundle
from .locations import log_locations, read_approvals
from .resources import PackageVersion, Promotion

OUTPUT = "releases"
"""The stack output that other stacks promote: `namespace/package` -> an object with at least `version` and `digest`."""
DEFAULT_MANIFEST = "release.yaml"
"""The manifest if the stack config has no `manifest`."""
_OPTIONAL = ("domain_owner", "endpoint")
_OUTPUTS = ("namespace", "package", "version", "digest", "revision", "domain", "repository", "region", *_OPTIONAL)


def publish_manifest(
    path: str | os.PathLike[str],
    environment: str,
    *,
    variables: Mapping[str, object] | None = None,
    allow: Sequence[str] = (),
    replace: Sequence[str] = (),
    force: Sequence[str] = (),
    reason: str = "",
    strict: bool = False,
    opts: pulumi.ResourceOptions | None = None,
    front: Front = call_arguments,
) -> dict[str, PackageVersion | Promotion | Bundle]:
    """Declare all packages of a manifest for one of its environments: promotions if it has `promoteFrom`.

    The packages of a manifest with `bundle` are one resource: a `Bundle`, or a `Promotion` of it.

    Args:
        path: the manifest, relative to the program's folder.
        environment: the name of an environment of the manifest.
        variables: name -> value of the manifest's variables, as text. RELEASE_VAR_NAME in the shell overrides them.
        allow: what the operator permits: `outside`, `endpoint`, `delete`, `local-source`.
        replace: published versions that may be replaced, each as NAMESPACE/PACKAGE@VERSION=sha256:DIGEST.
        force: promotions that skip their soak, each as NAMESPACE/PACKAGE@VERSION=sha256:DIGEST. Requires `reason`.
        reason: why soaks are skipped; recorded in the output `audit`.
        strict: refuse files that may not be meant for a release, such as logs and private keys, instead of warning.
        opts: options of every resource.
        front: how messages describe remedies; for internal use.

    Returns:
        `namespace/package` -> resource.

    Raises:
        pulumi.RunError: the manifest or an argument is wrong. The message lists all mistakes of the manifest.
    """
    try:
        if not isinstance(variables or {}, Mapping):
            raise UsageError(
                f"variables is {variables!r}: expected an object", hint=("Write ", Need("variable", "NAME"), ".")
            )
        program = _Program(
            allow=frozenset(_texts("allow", allow)),
            replace=[Permission.parse(text) for text in _texts("replace", replace)],
            force=parse_forced(_texts("force", force), reason if force else ""),
            reason=reason,
            opts=opts,
            front=front,
        )
        manifest = load(
            Path(path),
            environment=environment,
            variables=Variables(environ=os.environ, stack=variables or {}),
            allow=program.allow,
            front=front,
            strict=strict,
        )
        for warning in manifest.warnings:
            pulumi.log.warn(warning)
        selected = manifest.environment(environment)
        refuse_several(manifest)
        approved_versions = read_approvals(manifest, selected, program.allow) if selected.promote_from else {}
        log_locations(manifest, selected, program.allow)
        for note in manifest.notes:
            pulumi.log.debug(note)
    except ReleaseError as error:
        error.front = front
        raise pulumi.RunError(error.full_text) from None
    if reason and not force:
        pulumi.log.warn(f"`reason` has no effect without `force`: {front(Need('without', 'reason'))}")
    return (
        program.promote(manifest, selected, approved_versions)
        if selected.promote_from
        else program.publish(manifest, selected)
    )


def publish_stack() -> dict[str, PackageVersion | Promotion | Bundle]:
    """Run a whole program: declare the packages of the manifest that the stack config names, and export `releases`.

    It calls pulumi.run(), which a program may do only once. Config keys: `manifest` (default: `release.yaml` beside the
    program), `environment` (default: the stack's name), and `variables`, `allow`, `replace`, `force`, `reason` and
    `strict`, as in publish_manifest().

    Returns:
        `namespace/package` -> resource.

    Raises:
        pulumi.RunError: the manifest or a config value is wrong. The message lists all mistakes of the manifest.
    """
    config = pulumi.Config()
    path = config.get("manifest")
    if path is None:
        path = DEFAULT_MANIFEST
        if not Path(path).exists():
            missing = UsageError(
                f"the stack config has no `manifest`, and there is no {DEFAULT_MANIFEST} beside Pulumi.yaml",
                hint="Set it for all stacks in Pulumi.yaml (`config: {manifest: PATH}`), or for this one: "
                f"`pulumi config set manifest PATH -s {_stack()}`.",
            )
            raise pulumi.RunError(missing.full_text)
    environment = config.get("environment") or pulumi.get_stack()
    variables = _object(config, "variables")
    allow, replace, force = (_object(config, name) or () for name in ("allow", "replace", "force"))
    reason = config.get("reason") or ""
    try:
        strict = config.get_bool("strict") or False
    except pulumi.ConfigTypeError:
        error = UsageError(f"strict is {config.get('strict')!r}: expected true or false")
        raise pulumi.RunError(error.full_text) from None
    plan = ["codeartifact-release", "plan", path, "-e", environment, "--json"]
    lists = {"allow": allow, "replace": replace, "force": force}
    lengths = {name: len(value) for name, value in lists.items() if isinstance(value, list)}
    front = StackConfig(_stack(), {**lengths, "reason": len(reason)}, "" if variables or allow else shlex.join(plan))
    releases = publish_manifest(
        path,
        environment,
        variables=variables,
        allow=allow,
        replace=replace,
        force=force,
        reason=reason,
        strict=strict,
        front=front,
    )

    async def outputs() -> pulumi.Inputs:
        # Yield once, so that all registrations start before the SDK waits for outputs. Otherwise it waits for all
        # outputs of all resources again after each response, which takes quadratic time.
        await asyncio.sleep(0)
        return {OUTPUT: outputs_of(releases)}

    pulumi.run(outputs)
    return releases


def _object(config: pulumi.Config, name: str) -> Any:
    """Return a config value that should be an object or a list; if it is neither, return its text."""
    try:
        return config.get_object(name)
    except pulumi.ConfigTypeError:
        return config.get(name)


def _stack() -> str:
    """Return the name of this stack for `pulumi -s`, with its organization unless that is the default one."""
    organization = pulumi.get_organization()
    return pulumi.get_stack() if organization == "organization" else f"{organization}/{pulumi.get_stack()}"


def outputs_of(releases: Mapping[str, PackageVersion | Promotion | Bundle]) -> dict[str, pulumi.Output[dict[str, Any]]]:
    """Return the outputs to export as `releases`: `namespace/package` -> object with version, digest and location.

    Another stack promotes them: by `stack:` in its environment, or by a StackReference in your own program.

    Args:
        releases: what publish_manifest() returns, or resources under keys of your own.
    """
    return {name: _outputs(release) for name, release in releases.items()}


def _outputs(release: PackageVersion | Promotion | Bundle) -> pulumi.Output[dict[str, Any]]:
    """Return one output, because each one costs the SDK time. Its unknown and its secret values stay outputs in it."""

    async def values() -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name in _OUTPUTS:
            output: pulumi.Output[Any] = getattr(release, name)
            # In a preview the SDK treats absent values as unknown, so an unchanged stack would show changed outputs.
            known = name in _OPTIONAL or await output.is_known()
            secret = await output.is_secret()
            value = await output.future() if known else output
            result[name] = pulumi.Output.secret(value) if known and secret else value
        return result

    async def is_known() -> bool:
        return True

    return pulumi.Output({release}, values(), is_known())


class _Program:
    """Declares the packages of a manifest, with the permissions of the operator."""

    def __init__(
        self,
        allow: frozenset[str],
        replace: Sequence[Permission],
        force: Sequence[Permission],
        reason: str,
        opts: pulumi.ResourceOptions | None,
        front: Front,
    ) -> None:
        self.allow = allow
        self._front = front_to_json(front)
        self._replace = replace
        self._force = force
        self._reason = reason
        self._opts = opts

    def publish(self, manifest: Manifest, environment: Environment) -> dict[str, PackageVersion | Promotion | Bundle]:
        """Declare the bundle, or else a PackageVersion per package."""
        versions = {package.id: package.version for package in (*manifest.packages, *manifest.releases)}
        self._warn_of_unused("replace", self._replace, versions, manifest)
        if self._force:
            pulumi.log.warn(f"`force` has no effect: {environment.name} publishes files, so there is no soak to skip")
        commit = commit_of(manifest.base)
        if manifest.bundle:
            bundle = Bundle.of_manifest(
                manifest,
                environment,
                allow=self.allow,
                replace=self._replace,
                commit=commit,
                front=self._front,
                opts=self._opts,
            )
            return {manifest.bundle.id: bundle}
        return {
            package.id: PackageVersion.of_manifest(
                package,
                environment,
                base=manifest.base,
                allow=self.allow,
                replace=self._replace,
                withdrawal=withdrawal_fields(manifest, package.id, package.version),
                commit=commit,
                front=self._front,
                opts=self._opts,
            )
            for package in manifest.packages
        }

    def promote(
        self, manifest: Manifest, environment: Environment, approved: Mapping[str, Approval]
    ) -> dict[str, PackageVersion | Promotion | Bundle]:
        """Declare a Promotion per package."""
        if not environment.stack:
            versions = {name: approval.version for name, approval in approved.items()}
            self._warn_of_unused("replace", self._replace, versions, manifest)
            self._warn_of_unused("force", self._force, versions, manifest)
        for name in unused_pins(manifest, environment):
            pulumi.log.warn(
                f"pins of {environment.name}: {manifest.path} has no package {name}, so this pin has no effect"
            )
        declaration = Declaration(
            base=str(manifest.base),
            allow=self.allow,
            dry_run=pulumi.runtime.is_dry_run(),
            repository_exists=True,
            commit=commit_of(manifest.base),
            reason=self._reason,
            front=self._front,
            **promotion_rules(manifest, self._replace),
        )
        source = manifest.environment(str(environment.promote_from))
        unpinned = environment.stack and any(not approval.pin for approval in approved.values())
        outputs = _outputs_of(str(environment.stack)) if unpinned else None
        resources: dict[str, PackageVersion | Promotion | Bundle] = {}
        for package in manifest.releases:
            approval = approved[package.id]
            if outputs is None or approval.pin:
                version: pulumi.Input[str] = approval.version
                fields: pulumi.Output[Mapping[str, Any]] | Mapping[str, Any] = self._approval(
                    manifest, package, approval.version, approval.pin
                )
            else:
                version, fields = self._approved_by(str(environment.stack), outputs, manifest, package)
            resources[package.id] = Promotion.of_manifest(
                package, environment, source, version=version, approval=fields, declaration=declaration, opts=self._opts
            )
        return resources

    def _approval(self, manifest: Manifest, package: Package, version: str, pin: Pin | None) -> dict[str, Any]:
        return {
            "withdrawal": withdrawal_fields(manifest, package.id, version),
            "pin": pin.digest if pin else "",
            "pinned_by": pin.where if pin else "",
            "replace_digest": permitted_digest(self._replace, package.id, version),
            "force": permitted_digest(self._force, package.id, version),
        }

    def _approved_by(
        self, stack: str, outputs: pulumi.Output[Any], manifest: Manifest, package: Package
    ) -> tuple[pulumi.Output[str], pulumi.Output[Mapping[str, Any]]]:
        """Return version and approval from the outputs of another stack."""

        def release(outputs: Any) -> Mapping[str, Any] | None:
            output = outputs.get(package.id) if isinstance(outputs, Mapping) else None
            is_release = isinstance(output, Mapping) and output.get("version") and output.get("digest")
            return output if is_release else None

        def approval(outputs: Any) -> Mapping[str, Any]:
            if output := release(outputs):
                version = str(output["version"])
                return self._approval(manifest, package, version, Pin(str(output["digest"]), f"the stack {stack}"))
            problem = (
                f"the output `{OUTPUT}` of the stack {stack} has no version and digest of {package.id}: "
                "run `pulumi up` there first, or pin the package"
            )
            return {"problems": (problem,)}

        version = outputs.apply(lambda values: str((release(values) or {}).get("version", package.version)))
        return version, outputs.apply(approval)

    @staticmethod
    def _warn_of_unused(
        name: str, permissions: Sequence[Permission], versions: Mapping[str, str], manifest: Manifest
    ) -> None:
        for permission in unmatched(permissions, versions.items()):
            # Not an error: the permission may be from an earlier release.
            pulumi.log.warn(f"{name}: {permission} matches no version in {manifest.path}")


def _outputs_of(stack: str) -> pulumi.Output[Any]:
    """Return the output `releases` of another stack. An unknown stack makes the whole preview fail."""
    parts = stack.split("/")
    organization, project = pulumi.get_organization(), pulumi.get_project()
    # `organization/stack` is in this project.
    names = {1: (organization, project, *parts), 2: (parts[0], project, parts[-1])}.get(len(parts), tuple(parts))
    return pulumi.StackReference("/".join(names)).get_output(OUTPUT)


def _texts(name: str, value: Sequence[str]) -> Sequence[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(text, str | None) for text in value):
        remove = (Need("without", name), ", or write a list of texts.")
        hint = ("Write a list: ", Need(name, value), ".") if isinstance(value, str) else remove
        raise UsageError(f"{name} is {value!r}: expected a list of texts", hint=hint)
    # If only the second entry of a list is set, Pulumi adds None as the first.
    return [text for text in value if text is not None]
