"""A manifest as a Pulumi program: every package of one environment, published or promoted.

releases = publish_manifest("release.yaml", pulumi.get_stack())
releases["acme/app"].digest
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi

from .approvals import Approval, approvals, forced, idle_pins, permitted
from .commit import commit_of
from .declaration import Declaration
from .endpoints import EMBEDDED_ACCOUNT, Destination, Endpoint, resolve, resolved_region
from .errors import ReleaseError, UsageError
from .manifest import Environment, Manifest, Package, Variables, load
from .publishing import Permission, Pin
from .remedies import Front, Need, StackConfig, call_arguments, front_to_json
from .resources import PackageVersion, Promotion

OUTPUT = "releases"
"""The stack output that says what an environment holds: by `namespace/package`, at least `version` and `digest`."""
BESIDE = "release.yaml"
"""The manifest of a stack that names none."""
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
    opts: pulumi.ResourceOptions | None = None,
    front: Front = call_arguments,
) -> dict[str, PackageVersion | Promotion]:
    """Declare every package of a manifest for one of its environments; returns them by `namespace/package`.

    An environment with `promoteFrom` promotes, and needs no files; any other publishes. `variables` are the stack's
    values for the manifest's variables (RELEASE_VAR_NAME in the environment goes first). `allow` is what the operator
    permits: `outside`, `endpoint`, `delete`, `local-source`; `replace` which published versions may be given up,
    `force` whose soak is skipped, for a `reason`: each as NAMESPACE/PACKAGE@VERSION=sha256:DIGEST. `says` is how
    messages name these arguments. Raises pulumi.RunError, which Pulumi shows without a traceback, with every mistake of
    the manifest.
    """
    try:
        if not isinstance(variables or {}, Mapping):
            raise UsageError(
                f"variables is {variables!r}, and no object", hint=("Write ", Need("variable", "NAME"), ".")
            )
        program = _Program(
            allow=frozenset(_words("allow", allow)),
            replace=[Permission.parse(text) for text in _words("replace", replace)],
            force=forced(_words("force", force), reason if force else ""),
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
        )
        chosen = manifest.environment(environment)
        _refuse_several(manifest)
        approved = approvals(manifest, chosen) if chosen.promote_from else {}
        _announce(manifest, chosen, program.allow)
        for note in manifest.notes:
            pulumi.log.debug(note)
    except ReleaseError as error:
        error.front = front
        raise pulumi.RunError(error.full_text) from None
    if reason and not force:
        pulumi.log.warn(f"there is a reason, but nothing to force: {front(Need('without', 'reason'))}")
    return program.promoted(manifest, chosen, approved) if chosen.promote_from else program.published(manifest, chosen)


def publish_stack() -> dict[str, PackageVersion | Promotion]:
    """Declare what the stack's config names, as the root program does; returns what publish_manifest() returns.

    The manifest is `manifest` of the config, else `release.yaml` beside the program, and never any other. The
    environment is `environment`, else the stack's name. Raises pulumi.RunError.
    """
    config = pulumi.Config()
    path = config.get("manifest")
    if path is None:
        path = BESIDE
        if not Path(path).exists():
            missing = UsageError(
                f"this stack names no manifest, and there is no {BESIDE} beside Pulumi.yaml",
                hint="Name it for all stacks in Pulumi.yaml (`config: {manifest: PATH}`), or for this one: "
                f"`pulumi config set manifest PATH -s {_stack()}`.",
            )
            raise pulumi.RunError(missing.full_text)
    environment = config.get("environment") or pulumi.get_stack()
    variables = _object(config, "variables")
    allow, replace, force = (_object(config, name) or () for name in ("allow", "replace", "force"))
    reason = config.get("reason") or ""
    plan = ["codeartifact-release", "plan", path, "-e", environment, "--json"]
    lists = {"allow": allow, "replace": replace, "force": force}
    given = {name: len(value) for name, value in lists.items() if isinstance(value, list)}
    front = StackConfig(_stack(), {**given, "reason": len(reason)}, "" if variables or allow else shlex.join(plan))
    return publish_manifest(
        path,
        environment,
        variables=variables,
        allow=allow,
        replace=replace,
        force=force,
        reason=reason,
        front=front,
    )


def _object(config: pulumi.Config, name: str) -> Any:
    """Return a value that should be an object or a list; what is none comes back as the text that it is."""
    try:
        return config.get_object(name)
    except pulumi.ConfigTypeError:
        return config.get(name)


def _stack() -> str:
    """Return how a command names this stack, whichever is selected, and whoever's organisation is the default."""
    organization = pulumi.get_organization()
    return pulumi.get_stack() if organization == "organization" else f"{organization}/{pulumi.get_stack()}"


def outputs_of(releases: Mapping[str, PackageVersion | Promotion]) -> dict[str, dict[str, pulumi.Output[Any]]]:
    """Return what a stack should export of its releases, by `namespace/package`: where each is, and its digest.

    It is what another stack promotes (`stack:` in its environment, or a StackReference in a program of one's own).
    """
    return {
        name: {
            output: _absent_is_none(getattr(release, output)) if output in _OPTIONAL else getattr(release, output)
            for output in _OUTPUTS
        }
        for name, release in releases.items()
    }


def _absent_is_none(output: pulumi.Output[Any]) -> pulumi.Output[Any]:
    """Return what is absent from the state as None, also in a preview.

    There the SDK says of it that it is unknown, and a stack that nothing changes would show a change of its outputs.
    """
    return pulumi.Output(output.resources(), output.future(), _yes(), output.is_secret())


async def _yes() -> bool:
    return True


class _Program:
    """What the operator says, for all packages of a manifest."""

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
        self._told = front_to_json(front)
        self._replace = replace
        self._force = force
        self._reason = reason
        self._opts = opts

    def published(self, manifest: Manifest, environment: Environment) -> dict[str, PackageVersion | Promotion]:
        """Declare what publishes files."""
        versions = {package.id: package.version for package in manifest.packages}
        self._warn_of_idle("replace", self._replace, versions, manifest)
        if self._force:
            pulumi.log.warn(f"force skips a soak, and {environment.name} publishes files: there is nothing to skip")
        commit = commit_of(manifest.base)
        return {
            package.id: PackageVersion.of_manifest(
                package,
                environment,
                base=manifest.base,
                allow=self.allow,
                replace=self._replace,
                commit=commit,
                front=self._told,
                opts=self._opts,
            )
            for package in manifest.packages
        }

    def promoted(
        self, manifest: Manifest, environment: Environment, approved: Mapping[str, Approval]
    ) -> dict[str, PackageVersion | Promotion]:
        """Declare what takes over the bytes of the environment before."""
        if not environment.stack:
            versions = {name: approval.version for name, approval in approved.items()}
            self._warn_of_idle("replace", self._replace, versions, manifest)
            self._warn_of_idle("force", self._force, versions, manifest)
        for name in idle_pins(manifest, environment):
            pulumi.log.warn(
                f"pins of {environment.name}: {name} is no package of {manifest.path}: the pin does nothing"
            )
        known = Declaration(
            base=str(manifest.base),
            allow=self.allow,
            dry_run=pulumi.runtime.is_dry_run(),
            repository_exists=True,
            commit=commit_of(manifest.base),
            reason=self._reason,
            front=self._told,
        )
        source = manifest.environment(str(environment.promote_from))
        unpinned = environment.stack and any(not approval.pin for approval in approved.values())
        outputs = _outputs_of(str(environment.stack)) if unpinned else None
        resources: dict[str, PackageVersion | Promotion] = {}
        for package in manifest.packages:
            approval = approved[package.id]
            if outputs is None or approval.pin:
                version: pulumi.Input[str] = approval.version
                told: pulumi.Output[Mapping[str, Any]] | Mapping[str, Any] = self._approval(
                    package, approval.version, approval.pin
                )
            else:
                version, told = self._approved_by(str(environment.stack), outputs, package)
            resources[package.id] = Promotion.of_manifest(
                package, environment, source, version=version, approval=told, known=known, opts=self._opts
            )
        return resources

    def _approval(self, package: Package, version: str, pin: Pin | None) -> dict[str, Any]:
        return {
            "pin": pin.digest if pin else "",
            "pinned_by": pin.where if pin else "",
            "replace_digest": permitted(self._replace, package.id, version),
            "force": permitted(self._force, package.id, version),
        }

    def _approved_by(
        self, stack: str, outputs: pulumi.Output[Any], package: Package
    ) -> tuple[pulumi.Output[str], pulumi.Output[Mapping[str, Any]]]:
        """Return version and approval as the outputs of another stack say them."""

        def release(outputs: Any) -> Mapping[str, Any] | None:
            found = outputs.get(package.id) if isinstance(outputs, Mapping) else None
            is_one = isinstance(found, Mapping) and found.get("version") and found.get("digest")
            return found if is_one else None

        def approval(outputs: Any) -> Mapping[str, Any]:
            if found := release(outputs):
                version = str(found["version"])
                return self._approval(package, version, Pin(str(found["digest"]), f"the stack {stack}"))
            problem = (
                f"the stack {stack} says in its output `{OUTPUT}` no version and digest of {package.id}: "
                "run `pulumi up` there first, or pin the package"
            )
            return {"problems": (problem,)}

        return outputs.apply(lambda all_: str((release(all_) or {}).get("version", package.version))), outputs.apply(
            approval
        )

    @staticmethod
    def _warn_of_idle(
        name: str, permissions: Sequence[Permission], versions: Mapping[str, str], manifest: Manifest
    ) -> None:
        for permission in permissions:
            if versions.get(permission.package) != permission.version:
                # It may have served its turn; it may also be a slip of the pen.
                pulumi.log.warn(f"{name}: {permission} is about no version of {manifest.path}")


def _refuse_several(manifest: Manifest) -> None:
    """Raise UsageError for several versions of a package: they would be one resource, by the same logical name."""
    for name, versions in manifest.several.items():
        raise UsageError(
            f"{manifest.path}: {name} is declared with {len(versions)} versions, and under Pulumi a package is one "
            "resource: give each version a manifest and a stack of its own, or use `codeartifact-release apply`"
        )


def _outputs_of(stack: str) -> pulumi.Output[Any]:
    """Return what another stack says that it holds; an unknown stack fails the whole preview."""
    parts = stack.split("/")
    here = (pulumi.get_organization(), pulumi.get_project())
    # `organization/stack` is of this project.
    names = {1: (*here, *parts), 2: (parts[0], here[1], parts[-1])}.get(len(parts), tuple(parts))
    return pulumi.StackReference("/".join(names)).get_output(OUTPUT)


def _words(name: str, value: Sequence[str]) -> Sequence[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(word, str | None) for word in value):
        right = (Need("without", name), ", or write a list of texts.")
        hint = ("Write a list: ", Need(name, value), ".") if isinstance(value, str) else right
        raise UsageError(f"{name} is {value!r}, and no list of texts", hint=hint)
    # Pulumi fills a list up with these where somebody sets its second entry first.
    return [word for word in value if word is not None]


def _announce(manifest: Manifest, environment: Environment, allow: frozenset[str]) -> None:
    """Say where to, and where from, first; here rather than beside each of many resources.

    Raises UsageError for an endpoint that is not permitted, also where there is nothing to say.
    """
    chain = [manifest.environment(name) for name in (environment.name, environment.promote_from) if name]
    endpoints = [resolve(each.endpoint, base=manifest.base, allow=allow, profile=each.profile) for each in chain]
    if pulumi.runtime.is_dry_run():
        pulumi.log.info("\nfrom ".join(_where(*each) for each in zip(chain, endpoints, strict=True)))


def _where(environment: Environment, endpoint: Endpoint) -> str:
    if endpoint.origin:
        pulumi.log.warn(f"the endpoint {endpoint.text} comes from {endpoint.origin}, not from the manifest")
    where = endpoint.text or "AWS"
    ambient = None if endpoint.folder else pulumi.Config("aws").get("region")
    destination = Destination(environment.domain, environment.repository, region=environment.region or ambient)
    account = environment.domain_owner or (EMBEDDED_ACCOUNT if endpoint.folder else "of the caller")
    region = resolved_region(destination, endpoint)
    return (
        f"{environment.name}: {where}, account {account}, {region}, "
        f"repository {environment.domain}/{environment.repository}"
    )
