"""The resource `Bundle`, for Pulumi programs: several packages as one release.

Bundle(
"suite",
namespace="acme", package="suite", version="1.4.2", domain="acme", repository="dev",
members={
"acme/db": {"assets": ["build/db.sql"]},
"acme/api": {"assets": ["build/api-*.zip"], "after": ["acme/db"]},
},
)
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pulumi

from ..git import commit_of
from ..manifest import Environment, Manifest
from ..plugin.declaration import PROGRAM_PERMISSIONS, Declaration
from ..plugin.from_manifest import bundle_members, withdrawal_fields
from ..providers import BundleProvider
from ..publishing import Permission, permitted_digest
from .arguments import arguments_of, declaration_of_members
from .version import Version

Member: TypeAlias = "Mapping[str, Any]"
"""A member of a bundle. Its keys:

- `version`: by default the bundle's.
- `assets`: as in `PackageVersion`.
- `after`: a list of `namespace/package`: the members that are published before it.
- `replace`: `sha256:HEX`, the digest of a published version with other bytes that may be replaced.
- `digest`: `sha256:HEX`, in place of `assets`: a version that another stack publishes. It must be Published with this
  digest, and is never changed.
"""


class Bundle(Version, module="codeartifact", name="Bundle"):
    """Publishes several packages as one release: all of them, or none.

    All files are sent first. When every member is complete, the members become Published, one right after the other,
    and the version of the bundle itself last. Whoever resolves the members through the bundle sees all or nothing. The
    resource owns its members: declare no other resource for them. Like `PackageVersion`, it is never replaced.
    """

    provider = BundleProvider

    members: pulumi.Output[Mapping[str, Mapping[str, str]]]
    """`namespace/package` -> `version` and `checksums` of each member; known in previews.

    A member that another stack publishes has `digest` in place of `checksums`."""

    def __init__(
        self,
        resource_name: str,
        *,
        namespace: pulumi.Input[str],
        package: pulumi.Input[str],
        version: pulumi.Input[str],
        members: Mapping[str, Member],
        domain: pulumi.Input[str],
        repository: pulumi.Input[str],
        domain_owner: pulumi.Input[str] | None = None,
        region: pulumi.Input[str] | None = None,
        profile: pulumi.Input[str] | None = None,
        endpoint: pulumi.Input[str] | None = None,
        on_destroy: str = "retain",
        on_supersede: str = "keep",
        base: str | os.PathLike[str] = ".",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a bundle.

        Args:
            resource_name: the logical name; also the resource's ID if `namespace` or `package` is secret.
            namespace: the namespace of the bundle.
            package: the name of the bundle. It is a package of its own, whose one asset names the members.
            version: the version of the bundle.
            members: `namespace/package` -> member, see `Member`.
            domain: the domain; it must exist.
            repository: the repository of the bundle and of all members; it must exist when the resource is created.
            domain_owner: the account that owns the domain, 12 digits; by default the caller's.
            region: by default `aws:region` of the stack, then the region of the AWS SDK's chain.
            profile: by default `aws:profile` of the stack, then the credential chain of the AWS SDK.
            endpoint: an https URL, or `file:DIR` for an embedded registry, relative to `base`. By default
                AWS_ENDPOINT_URL_CODEARTIFACT, then AWS.
            on_destroy: as in `PackageVersion`, for the bundle and then for its members. A member that another
                Published version of the bundle names is not changed.
            on_supersede: as in `PackageVersion`, for the previous version of the bundle and its members. `archive`
                makes the bundle itself Unlisted, so that its list of members can still be read for a rollback.
            base: the folder for relative paths; by default the program's.
            opts: options of the resource.

        Mistakes in the arguments are shown beside the resource, all at once; the constructor does not raise them.
        """
        folder = Path(base).absolute()
        declaration = Declaration(base=str(folder), allow=PROGRAM_PERMISSIONS, commit=commit_of(folder))
        self._declare(
            resource_name,
            declaration_of_members(members, folder, declaration),
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
                "on_destroy": on_destroy,
                "on_supersede": on_supersede,
                "members": None,
                "status": None,
            },
            opts,
        )

    @classmethod
    def of_manifest(
        cls,
        manifest: Manifest,
        environment: Environment,
        *,
        allow: frozenset[str] = frozenset(),
        replace: Sequence[Permission] = (),
        commit: str = "",
        front: Mapping[str, Any] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> Bundle:
        """Declare the bundle of a manifest, with the logical name `namespace/package`."""
        (bundle,) = manifest.releases

        declaration = Declaration(
            base=str(manifest.base),
            allow=allow,
            replace_digest=permitted_digest(replace, bundle.id, bundle.version),
            withdrawal=withdrawal_fields(manifest, bundle.id, bundle.version),
            members=bundle_members(manifest, replace),
            dry_run=pulumi.runtime.is_dry_run(),
            repository_exists=True,
            commit=commit,
            front=front or {},
        )
        resource = cls.__new__(cls)
        inputs = {**arguments_of(bundle, environment), "version": bundle.version}
        resource._declare(bundle.id, declaration, {**inputs, "finalize": None, "status": None, "members": None}, opts)
        return resource
