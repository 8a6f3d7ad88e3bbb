"""The resources `PackageVersion` and `Promotion`, for Pulumi programs.

    from pulumi_codeartifact_release import PackageVersion, Promotion

    dev = PackageVersion(
        "payments-api",
        namespace="acme", package="payments-api", version="1.4.2",
        domain="acme", repository="dev",
        assets=["dist/*.tar.gz"],
    )
    Promotion("payments-api-staging", source=dev, domain="acme", repository="staging")

`publish_manifest` (manifests.py) declares all packages of a manifest.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pulumi
import pulumi.dynamic

from ..git import commit_of
from ..location import Location
from ..manifest import Environment, Package
from ..plugin.declaration import PROGRAM_PERMISSIONS, Declaration, digest_problems
from ..providers import PackageVersionProvider, PromotionProvider
from ..publishing import Permission, duration_text, permitted_digest
from . import arguments
from .arguments import Assets, arguments_of, declaration_of
from .version import OPTIONAL, Version


class PackageVersion(Version, module="codeartifact", name="PackageVersion"):
    """Publishes files as one version of a generic package in AWS CodeArtifact: once, whole, and unchanged.

    A published version with the same bytes is adopted without a write. One with different bytes is an error in the
    preview. The resource is never replaced, and by default no version is deleted: a new `version` is an update in
    place, which publishes the new version and keeps the old one.
    """

    provider = PackageVersionProvider

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
        finalize: pulumi.Input[str] = "status-update",
        on_destroy: str = "retain",
        on_supersede: str = "keep",
        replace: str | None = None,
        base: str | os.PathLike[str] = ".",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a version.

        Args:
            resource_name: the logical name; also the resource's ID if `namespace` or `package` is secret.
            namespace: the package's namespace. CodeArtifact requires one to copy generic packages.
            package: the package's name.
            version: the version.
            domain: the domain; it must exist.
            repository: the repository; it must exist when the resource is created.
            assets: a list of paths and globs, each file under its own name; or a mapping from asset name to a path, a
                FileAsset or a StringAsset. Paths are relative to `base`.
            domain_owner: the account that owns the domain, 12 digits; by default the caller's.
            region: by default `aws:region` of the stack, then the region of the AWS SDK's chain.
            profile: by default `aws:profile` of the stack, then the credential chain of the AWS SDK.
            endpoint: an https URL, or `file:DIR` for an embedded registry, relative to `base`. By default
                AWS_ENDPOINT_URL_CODEARTIFACT, then AWS.
            status: the status to keep the version in: `Published`, `Unlisted` or `Archived`.
            finalize: `status-update` publishes by UpdatePackageVersionsStatus; `last-asset`, for credentials without
                that permission, by the upload of the last asset.
            on_destroy: what happens to the version when it leaves the program: `retain`, `unlist`, `archive`, `dispose`
                or `delete`. The last two also require CODEARTIFACT_RELEASE_ALLOW=delete in the environment of that run.
            on_supersede: what happens to the old version after a change of `version`: `keep`, `unlist` or `archive`.
            replace: `sha256:HEX`, the digest of a published version with different bytes. That version is deleted, and
                these files are published instead.
            base: the folder for relative paths; by default the program's.
            opts: options of the resource.

        Mistakes in the arguments are shown beside the resource, all at once; the constructor does not raise them.
        """
        folder = Path(base).absolute()
        declaration = declaration_of(
            assets,
            folder,
            Declaration(
                base=str(folder), allow=PROGRAM_PERMISSIONS, replace_digest=replace or "", commit=commit_of(folder)
            ),
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
                "finalize": finalize,
                "on_destroy": on_destroy,
                "on_supersede": on_supersede,
            },
            opts,
        )

    @classmethod
    def of_manifest(
        cls,
        package: Package,
        environment: Environment,
        *,
        base: Path,
        allow: frozenset[str] = frozenset(),
        replace: Sequence[Permission] = (),
        withdrawal: Mapping[str, str] | None = None,
        commit: str = "",
        front: Mapping[str, Any] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> PackageVersion:
        """Declare a package of a manifest, with the logical name `namespace/package`."""
        declaration = Declaration(
            files={file.name: str(file.path) for file in package.files},
            base=str(base),
            allow=allow,
            replace_digest=permitted_digest(replace, package.id, package.version),
            withdrawal=withdrawal or {},
            dry_run=pulumi.runtime.is_dry_run(),
            repository_exists=True,
            commit=commit,
            front=front or {},
        )
        resource = cls.__new__(cls)
        inputs = {**arguments_of(package, environment), "version": package.version}
        resource._declare(package.id, declaration, inputs, opts)
        return resource


SourceArgument: TypeAlias = "PackageVersion | Promotion | Mapping[str, Any] | pulumi.Output[Mapping[str, Any]]"
"""The source of a promotion: a resource, or a mapping such as an output of another stack.

The mapping requires `domain` and `repository`. Optional keys are `domain_owner`, `region`, `profile`, `endpoint`,
`namespace`, `package`, `version` and `digest`.
"""

_FROM_SOURCE = (*Location.names, "revision")


class Promotion(Version, module="codeartifact", name="Promotion"):
    """Publishes a version with the bytes that it has in another repository.

    Within a domain, CodeArtifact copies the version. Across domains, accounts and regions, each asset is downloaded,
    verified and published. In both cases the result is compared with the source, asset by asset. The source must be
    Published and have the approved digest. A completed promotion is not checked again. Like `PackageVersion`, the
    resource is never replaced. The promotion of a bundle promotes all of its members, and the bundle last.
    """

    provider = PromotionProvider

    members: pulumi.Output[Mapping[str, Mapping[str, str]] | None]
    """Of a bundle: `namespace/package` -> `version` and `checksums` of each member. None for any other version."""

    def __init__(  # noqa: D417 - the others are those of PackageVersion
        self,
        resource_name: str,
        *,
        source: SourceArgument,
        domain: pulumi.Input[str],
        repository: pulumi.Input[str],
        namespace: pulumi.Input[str] | None = None,
        package: pulumi.Input[str] | None = None,
        version: pulumi.Input[str] | None = None,
        digest: pulumi.Input[str] | None = None,
        domain_owner: pulumi.Input[str] | None = None,
        region: pulumi.Input[str] | None = None,
        profile: pulumi.Input[str] | None = None,
        endpoint: pulumi.Input[str] | None = None,
        status: pulumi.Input[str] = "Published",
        finalize: pulumi.Input[str] = "status-update",
        soak: pulumi.Input[str] | None = None,
        on_destroy: str = "retain",
        on_supersede: str = "keep",
        replace: str | None = None,
        force: str | None = None,
        reason: str = "",
        after: Mapping[str, Sequence[str]] | None = None,
        base: str | os.PathLike[str] = ".",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a promotion.

        Args:
            resource_name: the logical name; also the resource's ID if `namespace` or `package` is secret.
            source: a `PackageVersion` or `Promotion` of this program, or a mapping (see `SourceArgument`).
            domain: the domain of the destination.
            repository: the repository of the destination.
            namespace: by default the source's.
            package: by default the source's.
            version: by default the source's.
            digest: `sha256:HEX`, the approved digest; by default the source's. Without one, the current version in the
                source is promoted.
            soak: how long the version must have been Published in the source, such as `24h`.
            replace: as in `PackageVersion`. It also permits a source whose bytes changed under the same version.
            force: `sha256:HEX`, the digest whose soak is skipped. Requires `reason`.
            reason: why the soak is skipped; recorded in `audit`.
            after: if a bundle is promoted, `namespace/package` -> the members that are published before it.

        The other arguments are the same as in `PackageVersion`, for the destination.

        Raises:
            TypeError: `source` is not a resource, mapping or output.
        """
        folder = Path(base).absolute()
        values = _source_values(source, folder)

        def default(argument: pulumi.Input[str] | None, name: str) -> Any:
            return argument if argument is not None else arguments.value_of(values, name)

        problems = digest_problems(replace=replace, force=force)
        if force and not reason.strip():
            problems.append("force requires a reason; it is recorded in `audit`")
        pin = default(digest, "digest")
        declaration = Declaration(
            problems=tuple(problems),
            base=str(folder),
            allow=PROGRAM_PERMISSIONS,
            replace_digest=replace or "",
            dry_run=pulumi.runtime.is_dry_run(),
            commit=commit_of(folder),
            pinned_by="the program",
            force=force or "",
            reason=reason,
            members={name: {"after": tuple(names)} for name, names in (after or {}).items()},
        )

        def approved(pin: str | None) -> Declaration:
            if isinstance(source, pulumi.Output) and not pin:
                # Without a digest, this is probably not an output of `outputs_of`.
                problem = "source has no digest: pass the approved one as `digest`, or in `source`"
                return dataclasses.replace(declaration, problems=(*declaration.problems, problem))
            return dataclasses.replace(declaration, pin=pin or "")

        self._declare(
            resource_name,
            pulumi.Output.from_input(pin).apply(approved),
            {
                "namespace": default(namespace, "namespace"),
                "package": default(package, "package"),
                "version": default(version, "version"),
                "domain": domain,
                "domain_owner": domain_owner,
                "repository": repository,
                "region": region,
                "profile": profile,
                "endpoint": endpoint,
                "status": status,
                "finalize": finalize,
                "soak": soak,
                "on_destroy": on_destroy,
                "on_supersede": on_supersede,
                "source": {name: arguments.value_of(values, name) for name in _FROM_SOURCE},
                "members": None,
                # Known in a preview, even if the source is published by the same program.
                "checksums": source.checksums if isinstance(source, Version) else None,
                "digest": pin,
            },
            opts,
        )

    @classmethod
    def of_manifest(
        cls,
        package: Package,
        environment: Environment,
        source: Environment,
        *,
        version: pulumi.Input[str],
        approval: pulumi.Output[Mapping[str, Any]] | Mapping[str, Any],
        declaration: Declaration,
        opts: pulumi.ResourceOptions | None = None,
    ) -> Promotion:
        """Declare a package of a manifest, under its logical name `namespace/package`.

        `approval` has the fields of `declaration` that depend on the approval: `pin`, `pinned_by` and others.
        """

        def approved(approval: Mapping[str, Any]) -> Declaration:
            return dataclasses.replace(declaration, **approval)

        resource = cls.__new__(cls)
        resource._declare(
            package.id,
            approval.apply(approved) if isinstance(approval, pulumi.Output) else approved(approval),
            {
                **arguments_of(package, environment),
                "version": version,
                "soak": duration_text(environment.soak) if environment.soak else None,
                "source": source.location.properties(),
                "members": None,
            },
            opts,
        )
        return resource


def _source_values(source: SourceArgument, folder: Path) -> Mapping[str, Any] | pulumi.Output[Mapping[str, Any]]:
    """Return the values of a source by name. A resource has an output per value, because some may not be known yet."""
    if not isinstance(source, Version):
        if not isinstance(source, Mapping | pulumi.Output):
            raise TypeError(f"source is {source!r}: pass a PackageVersion, a Promotion, or a mapping")
        return source
    values = {name: getattr(source, name) for name in (*_FROM_SOURCE, "namespace", "package", "version", "digest")}
    for name in OPTIONAL:
        if name not in source._set_arguments:
            values[name] = arguments.known_if(source.region, values[name])
    # A resource's endpoint is relative to the program's folder, an argument's to `base`.
    return {**values, "endpoint": values["endpoint"].apply(lambda text: arguments.relative_endpoint(text, folder))}
