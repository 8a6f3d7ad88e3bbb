"""Resources for Pulumi programs: a release, declared.

    from pulumi_codeartifact_release import PackageVersion

    PackageVersion(
        "payments-api",
        namespace="acme", package="payments-api", version="1.4.2",
        domain="acme", repository="dev",
        assets=["dist/*.tar.gz"],
    )

`publish_manifest` declares every package of a manifest at once.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import pulumi
import pulumi.dynamic
from pulumi.resource import create_urn

from . import declaration as transient
from .declaration import Declaration
from .endpoints import EMBEDDED_ACCOUNT, Destination, resolve, resolved_region
from .errors import NotYetSupportedError, ReleaseError, UsageError
from .manifest import AssetEntry, Environment, Folder, Manifest, Package, Variables, declare, load, refuse_unsupported
from .providers import PackageVersionProvider
from .publishing import Permission

AssetSource: TypeAlias = "str | os.PathLike[str] | pulumi.FileAsset | pulumi.StringAsset"
"""A path, or content; a path in a list may be a glob (`dist/*.zip`, `build/**/app.zip`)."""

Assets: TypeAlias = "Sequence[str | os.PathLike[str] | pulumi.FileAsset] | Mapping[str, pulumi.Input[AssetSource]]"
"""What makes up a version: paths and globs, each file under its own name; or name -> path or content."""


class PackageVersion(pulumi.dynamic.Resource, module="codeartifact", name="PackageVersion"):
    """A version of a generic package in AWS CodeArtifact: published once, whole, and unchanged.

    An identical version that is published already is adopted. Other bytes under a published version are refused in
    the preview. Nothing is ever replaced or, by default, deleted: a new `version` is an update in place that
    publishes it and leaves the one before where it is.
    """

    namespace: pulumi.Output[str]
    """The package's namespace."""
    package: pulumi.Output[str]
    """The package's name."""
    version: pulumi.Output[str]
    """The version."""
    domain: pulumi.Output[str]
    """The domain."""
    domain_owner: pulumi.Output[str | None]
    """The 12-digit account that owns the domain, as far as it is known."""
    repository: pulumi.Output[str]
    """The repository."""
    region: pulumi.Output[str]
    """The region that was published to."""
    endpoint: pulumi.Output[str]
    """Where requests went: "" for AWS, an http(s) URL, or `file:DIR` relative to the program's folder."""
    status: pulumi.Output[str]
    """Published, Unlisted or Archived."""
    revision: pulumi.Output[str]
    """The registry's name for this state of the version; unknown in the preview of a change."""
    assets: pulumi.Output[Mapping[str, Mapping[str, Any]]]
    """Name -> `{"sha256": hex, "size": bytes}`; known in previews."""
    digest: pulumi.Output[str]
    """`sha256:` over all assets: the same in every environment, and known in previews."""

    def __init__(
        self,
        resource_name: str,
        *,
        namespace: pulumi.Input[str],
        package: pulumi.Input[str],
        version: pulumi.Input[str],
        domain: pulumi.Input[str],
        repository: pulumi.Input[str],
        assets: Assets,
        domain_owner: pulumi.Input[str] | None = None,
        region: pulumi.Input[str] | None = None,
        profile: pulumi.Input[str] | None = None,
        endpoint: pulumi.Input[str] | None = None,
        status: pulumi.Input[str] = "Published",
        finish: pulumi.Input[str] = "guarded",
        on_destroy: str = "retain",
        on_supersede: str = "keep",
        replace: str | None = None,
        base: str | os.PathLike[str] = ".",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a version.

        `assets` are relative to `base` (default: the program's folder). `endpoint` is an https URL or `file:DIR`,
        relative to `base`; default is AWS, or what AWS_ENDPOINT_URL_CODEARTIFACT says. `region` and `profile`
        default to `aws:region` and `aws:profile` of the stack, then to the standard chain. `status` is Published,
        Unlisted or Archived; `finish` is guarded or last-asset.

        `on_destroy` is what becomes of a version that leaves the program (retain, unlist, archive, dispose, delete;
        the last two also need CODEARTIFACT_RELEASE_ALLOW=delete in the environment of the destroy), `on_supersede`
        what becomes of the version before (keep, unlist, archive). `replace` is the digest of a published version
        that may be given up: it is deleted, and these files are published in its place.

        Nothing raises here for what the files are: mistakes show beside the resource, all at once.
        """
        # A program is code that the operator runs: what a manifest needs a permission for, it simply says.
        folder = Path(base).absolute()
        declaration = _declaration(
            assets,
            folder,
            Declaration(base=str(folder), allow=frozenset(("outside", "endpoint", "delete")), give_up=replace or ""),
        )
        self._declare(
            resource_name,
            declaration,
            {
                "namespace": namespace,
                "package": package,
                "version": version,
                "domain": domain,
                "domain_owner": domain_owner,
                "repository": repository,
                "region": region,
                "profile": profile,
                "endpoint": endpoint,
                "status": status,
                "finish": finish,
                "on_destroy": on_destroy,
                "on_supersede": on_supersede,
            },
            opts,
        )

    def _declare(
        self,
        resource_name: str,
        declaration: pulumi.Output[dict[str, Any]] | dict[str, Any],
        inputs: dict[str, Any],
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        if inputs["on_destroy"] == "retain":
            # The engine's own way of keeping what leaves the program: shown as `[retain]`, delete() is never called.
            opts = pulumi.ResourceOptions.merge(pulumi.ResourceOptions(retain_on_delete=True), opts)
        opts = opts or pulumi.ResourceOptions()
        urn = _urn(self._resource_type_name, resource_name, opts)
        told = pulumi.Output.all(declaration, urn).apply(lambda both: {**both[0], "urn": both[1]})
        props = {**inputs, transient.KEY: told, "assets": None, "digest": None, "revision": None}
        super().__init__(PackageVersionProvider(), resource_name, cast(Any, props), opts)

    @classmethod
    def of_manifest(
        cls,
        package: Package,
        environment: Environment,
        *,
        base: Path,
        allow: frozenset[str] = frozenset(),
        replace: Sequence[Permission] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> PackageVersion:
        """Declare a package of a manifest, under its logical name `namespace/package`."""
        give_up = [p.digest for p in replace if (p.package, p.version) == (package.id, package.version)]
        declaration = Declaration(
            files={file.name: str(file.path) for file in package.files},
            base=str(base),
            allow=allow,
            give_up=give_up[0] if give_up else "",
            dry_run=pulumi.runtime.is_dry_run(),
            repository_exists=True,
        )
        resource = cls.__new__(cls)
        resource._declare(
            package.id,
            declaration.properties(),
            {
                "namespace": package.namespace,
                "package": package.package,
                "version": package.version,
                "domain": environment.domain,
                "domain_owner": environment.domain_owner,
                "repository": environment.repository,
                "region": environment.region,
                "profile": environment.profile,
                "endpoint": environment.endpoint,
                "status": package.status,
                "finish": environment.finish,
                "on_destroy": environment.on_destroy,
                "on_supersede": environment.on_supersede,
            },
            opts,
        )
        return resource


def publish_manifest(
    path: str | os.PathLike[str],
    environment: str,
    *,
    variables: Mapping[str, object] | None = None,
    allow: Sequence[str] = (),
    replace: Sequence[str] = (),
    force: Sequence[str] = (),
    opts: pulumi.ResourceOptions | None = None,
) -> dict[str, PackageVersion]:
    """Declare every package of a manifest for one of its environments; returns them by `namespace/package`.

    `variables` are the stack's values for the manifest's variables (RELEASE_VAR_NAME in the environment goes first).
    `allow` is what the operator permits: `outside`, `endpoint`, `delete`; `replace` which published versions may be
    given up, each as NAMESPACE/PACKAGE@VERSION=sha256:DIGEST. Raises pulumi.RunError, which Pulumi shows without a
    traceback, with every mistake of the manifest.
    """
    try:
        if not isinstance(variables or {}, Mapping):
            raise UsageError(
                f"variables is {variables!r}", hint="Write an object: `pulumi config set --path variables.NAME VALUE`."
            )
        permitted = frozenset(_words("allow", allow))
        replaceable = [Permission.parse(text) for text in _words("replace", replace)]
        if force:
            raise NotYetSupportedError("force in the stack config is not yet supported")
        manifest = load(
            Path(path),
            environment=environment,
            variables=Variables(environ=os.environ, stack=variables or {}),
            allow=permitted,
        )
        chosen = manifest.environment(environment)
        refuse_unsupported(manifest, chosen)
        _announce(manifest, chosen, permitted)
    except ReleaseError as error:
        raise pulumi.RunError(str(error)) from None
    known = {(package.id, package.version) for package in manifest.packages}
    for permission in replaceable:
        if (permission.package, permission.version) not in known:
            # It may have served its turn; it may also be a slip of the pen.
            pulumi.log.warn(f"replace: {permission} is about no version of {path}")
    return {
        package.id: PackageVersion.of_manifest(
            package, chosen, base=manifest.base, allow=permitted, replace=replaceable, opts=opts
        )
        for package in manifest.packages
    }


def _words(name: str, value: Sequence[str]) -> Sequence[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        raise UsageError(f"{name} is {value!r}", hint=f"Write a list: `pulumi config set --path '{name}[0]' …`.")
    return value


def _announce(manifest: Manifest, environment: Environment, allow: frozenset[str]) -> None:
    """Say where to, first; here rather than beside each of many resources."""
    endpoint = resolve(environment.endpoint, base=manifest.base, allow=allow, profile=environment.profile)
    if not pulumi.runtime.is_dry_run():
        return
    if endpoint.origin:
        pulumi.log.warn(f"the endpoint {endpoint.text} comes from {endpoint.origin}, not from the manifest")
    where = endpoint.text or "AWS"
    ambient = None if endpoint.folder else pulumi.Config("aws").get("region")
    destination = Destination(environment.domain, environment.repository, region=environment.region or ambient)
    account = environment.domain_owner or (EMBEDDED_ACCOUNT if endpoint.folder else "of the caller")
    region = resolved_region(destination, endpoint)
    pulumi.log.info(
        f"{environment.name}: {where}, account {account}, {region}, "
        f"repository {environment.domain}/{environment.repository}"
    )


def _declaration(assets: Assets, base: Path, known: Declaration) -> pulumi.Output[dict[str, Any]] | dict[str, Any]:
    """Return the transient input for the argument `assets`; an output where a path is one."""
    dry_run = pulumi.runtime.is_dry_run()

    def declared(resolved: Any) -> dict[str, Any]:
        files, texts, problems = _files_of(resolved, base)
        problems += [] if _is_digest(known.give_up) else [f"replace is {known.give_up!r}; write sha256:DIGEST"]
        whole = dataclasses.replace(known, files=files, texts=texts, problems=tuple(problems), dry_run=dry_run)
        return whole.properties()

    if isinstance(assets, Mapping):
        # Reduced before an Output sees them: an Asset object among the inputs would be state for ever.
        reduced = {name: _reduced(source) for name, source in assets.items()}
        if any(isinstance(source, pulumi.Output) for source in reduced.values()):
            return pulumi.Output.from_input(reduced).apply(declared)
        return declared(reduced)
    return declared([_reduced(source) for source in assets])


def _is_digest(text: str) -> bool:
    return not text or re.fullmatch("sha256:[0-9a-f]{64}", text) is not None


def _reduced(source: Any) -> Any:
    if isinstance(source, pulumi.Output):
        return source.apply(_reduced)
    if isinstance(source, pulumi.FileAsset):
        return str(source.path)
    if isinstance(source, pulumi.StringAsset):
        return {"text": source.text}
    return os.fspath(source)


def _files_of(assets: Any, base: Path) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Return name -> path, name -> content, and what is wrong."""
    if isinstance(assets, Mapping):
        texts = {name: source["text"] for name, source in assets.items() if isinstance(source, Mapping)}
        entries = [AssetEntry(path, name=name, count=1) for name, path in assets.items() if name not in texts]
    else:
        texts = {}
        entries = [AssetEntry(path) for path in assets]
    files, problems = declare(Folder(base, outside=True), entries)
    told = [f"{entries[problem.entry].path}: {problem.message}" for problem in problems]
    if not entries and not texts:
        told.append("no assets are declared; a version needs at least one")
    return {file.name: str(file.path) for file in files}, texts, told


def _urn(type_name: str, resource_name: str, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    urn = create_urn(resource_name, f"pulumi-python:{type_name}", opts.parent)
    if opts.parent is None:
        return urn
    # With a component as parent the URN depends on it, and it on its children: a circle. Only the text is needed.
    return pulumi.Output(set(), cast(Any, urn.future()), urn.is_known())
