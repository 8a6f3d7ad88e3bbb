"""Resources for Pulumi programs: a release, declared.

    from pulumi_codeartifact_release import PackageVersion, Promotion

    dev = PackageVersion(
        "payments-api",
        namespace="acme", package="payments-api", version="1.4.2",
        domain="acme", repository="dev",
        assets=["dist/*.tar.gz"],
    )
    Promotion("payments-api-staging", source=dev, domain="acme", repository="staging")

`publish_manifest` (programs.py) declares every package of a manifest at once.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, cast

import pulumi
import pulumi.dynamic
from pulumi.dynamic import ResourceProvider
from pulumi.resource import create_urn

from . import declaration as transient
from .approvals import permitted
from .arguments import Assets, declaration_of, is_digest, package_of, place_of, secret_names
from .commit import commit_of
from .declaration import Declaration
from .engine import exit_quietly_on_interrupt
from .manifest import Environment, Package
from .providers import PackageVersionProvider, PromotionProvider
from .publishing import Permission, duration_text


class _Version(pulumi.dynamic.Resource, module="codeartifact", name="Version"):
    """What both resources have in common: their outputs, and how they are declared."""

    provider: ClassVar[type[ResourceProvider]]

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
    audit: pulumi.Output[Mapping[str, Any]]
    """What went where: digest, revisions, destination (and source), by whom, when, from which commit. Unknown in the
    preview of a change; None where only state of version 0.1.0 knows."""

    def _declare(
        self,
        resource_name: str,
        declaration: pulumi.Output[Declaration] | Declaration,
        inputs: dict[str, Any],
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        exit_quietly_on_interrupt()
        if inputs["on_destroy"] == "retain":
            # The engine's own way of keeping what leaves the program: shown as `[retain]`, delete() is never called.
            opts = pulumi.ResourceOptions.merge(pulumi.ResourceOptions(retain_on_delete=True), opts)
        opts = opts or pulumi.ResourceOptions()
        urn = _urn(self._resource_type_name, resource_name, opts)
        secret = secret_names({**inputs, "assets": declaration})
        if isinstance(urn, str) and isinstance(declaration, Declaration) and not secret:
            told: pulumi.Input[str] = dataclasses.replace(declaration, urn=urn).text()
        else:
            told = pulumi.Output.all(declaration, urn, secret).apply(
                lambda all_: dataclasses.replace(all_[0], urn=all_[1], secret=tuple(all_[2] or ())).text()
            )
        self._said = frozenset(name for name in _OPTIONAL if inputs[name] is not None)
        asked = {"assets": None, "digest": None, "revision": None, "audit": None}
        props = {**asked, **inputs, transient.KEY: told}
        super().__init__(self.provider(), resource_name, cast(Any, props), opts)


class PackageVersion(_Version, module="codeartifact", name="PackageVersion"):
    """A version of a generic package in AWS CodeArtifact: published once, whole, and unchanged.

    An identical version that is published already is adopted. Other bytes under a published version are refused in
    the preview. Nothing is ever replaced or, by default, deleted: a new `version` is an update in place that
    publishes it and leaves the one before where it is.
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

        `assets` are relative to `base` (default: the program's folder). `endpoint` is an https URL or `file:DIR`,
        relative to `base`; default is AWS, or what AWS_ENDPOINT_URL_CODEARTIFACT says. `region` and `profile`
        default to `aws:region` and `aws:profile` of the stack, then to the standard chain. `status` is Published,
        Unlisted or Archived; `finalize` is status-update or last-asset.

        `on_destroy` is what becomes of a version that leaves the program (retain, unlist, archive, dispose, delete;
        the last two also need CODEARTIFACT_RELEASE_ALLOW=delete in the environment of the destroy), `on_supersede`
        what becomes of the version before (keep, unlist, archive). `replace` is the digest of a published version
        that may be given up: it is deleted, and these files are published in its place.

        Nothing raises here for what the files are: mistakes show beside the resource, all at once.
        """
        folder = Path(base).absolute()
        declaration = declaration_of(
            assets,
            folder,
            Declaration(base=str(folder), allow=_PROGRAM, replace_digest=replace or "", commit=commit_of(folder)),
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
        commit: str = "",
        front: Mapping[str, Any] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> PackageVersion:
        """Declare a package of a manifest, under its logical name `namespace/package`."""
        declaration = Declaration(
            files={file.name: str(file.path) for file in package.files},
            base=str(base),
            allow=allow,
            replace_digest=permitted(replace, package.id, package.version),
            dry_run=pulumi.runtime.is_dry_run(),
            repository_exists=True,
            commit=commit,
            front=front or {},
        )
        resource = cls.__new__(cls)
        resource._declare(
            package.id,
            declaration,
            {**place_of(environment), **package_of(package, environment), "version": package.version},
            opts,
        )
        return resource


Place: TypeAlias = "PackageVersion | Promotion | Mapping[str, Any] | pulumi.Output[Mapping[str, Any]]"
"""Where a promotion takes its version from: a resource, or a mapping with `domain`, `repository` and, where they are
not what the chain says, `domain_owner`, `region`, `profile`, `endpoint`; also `namespace`, `package`, `version` and
`digest`, as in the outputs of another stack."""

_OPTIONAL = ("domain_owner", "profile", "endpoint")
_FROM_SOURCE = ("domain", "domain_owner", "repository", "region", "profile", "endpoint", "revision")


class Promotion(_Version, module="codeartifact", name="Promotion"):
    """A version of a generic package that takes over the very bytes that another repository holds.

    Within a domain the service copies; across domains, accounts and regions each asset is downloaded, verified and
    published. Either way the destination is compared asset by asset. The source must be Published there, and hold what
    was approved. What is promoted already is not judged again. As with `PackageVersion`, nothing is ever replaced.
    """

    provider = PromotionProvider

    def __init__(
        self,
        resource_name: str,
        *,
        source: Place,
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
        base: str | os.PathLike[str] = ".",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a promotion.

        `source` is a `PackageVersion` or `Promotion` of this program, or a mapping: where the version is taken from.
        `namespace`, `package`, `version` and `digest` are the source's, as far as it says them; `digest` is what was
        approved, and without one the source decides. `soak` (`24h`) is how long it must have been Published there;
        `force` is the digest whose soak is skipped, for a `reason`, which is kept in `audit`. All else as for
        `PackageVersion`; `replace` also permits to take over a source that changed under the same version.
        """
        folder = Path(base).absolute()
        held = _held_by(source, folder)

        def either(given: pulumi.Input[str] | None, name: str) -> Any:
            return given if given is not None else _value(held, name)

        problems = [
            f"{name} is {value!r}; write sha256:DIGEST"
            for name, value in (("replace", replace or ""), ("force", force or ""))
            if not is_digest(value)
        ]
        if force and not reason.strip():
            problems.append("force needs a reason, which is kept")
        pin = either(digest, "digest")
        known = Declaration(
            problems=tuple(problems),
            base=str(folder),
            allow=_PROGRAM,
            replace_digest=replace or "",
            dry_run=pulumi.runtime.is_dry_run(),
            commit=commit_of(folder),
            pinned_by="the program",
            force=force or "",
            reason=reason,
        )

        def approved(pin: str | None) -> Declaration:
            told = dataclasses.replace(known, pin=pin or "")
            if isinstance(source, pulumi.Output) and not pin:
                # Another stack's outputs that have none are not what they are taken for.
                problem = "source says no digest: it must be what approves, or `digest` is"
                told = dataclasses.replace(told, problems=(*known.problems, problem))
            return told

        self._declare(
            resource_name,
            pulumi.Output.from_input(pin).apply(approved),
            {
                "namespace": either(namespace, "namespace"),
                "package": either(package, "package"),
                "version": either(version, "version"),
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
                "source": {name: _value(held, name) for name in _FROM_SOURCE},
                # Known in a preview, although nothing can be looked at there before it is published.
                "assets": source.assets if isinstance(source, _Version) else None,
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
        known: Declaration,
        opts: pulumi.ResourceOptions | None = None,
    ) -> Promotion:
        """Declare a package of a manifest, under its logical name `namespace/package`.

        `approval` has what of `known` depends on who approved: `pin`, `pinned_by`, and so on.
        """

        def approved(approval: Mapping[str, Any]) -> Declaration:
            return dataclasses.replace(known, **approval)

        resource = cls.__new__(cls)
        resource._declare(
            package.id,
            approval.apply(approved) if isinstance(approval, pulumi.Output) else approved(approval),
            {
                **place_of(environment),
                **package_of(package, environment),
                "version": version,
                "soak": duration_text(environment.soak) if environment.soak else None,
                "source": {name: value for name, value in place_of(source).items() if value},
            },
            opts,
        )
        return resource


# A program is code that the operator runs: what a manifest needs a permission for, it simply says.
_PROGRAM = frozenset(("outside", "endpoint", "delete", "local-source"))


def _held_by(source: Place, folder: Path) -> Mapping[str, Any] | pulumi.Output[Mapping[str, Any]]:
    """Return what a source says of itself; each value by itself where that is known, since some may not be yet."""
    if not isinstance(source, _Version):
        if not isinstance(source, Mapping | pulumi.Output):
            raise TypeError(f"source is {source!r}: pass a PackageVersion, a Promotion, or a mapping")
        return source
    values = {name: getattr(source, name) for name in (*_FROM_SOURCE, "namespace", "package", "version", "digest")}
    for name in _OPTIONAL:
        if name not in source._said:
            values[name] = _known_with(source.region, values[name])
    # A resource's endpoint is relative to the program's folder, an argument's to `base`.
    return {**values, "endpoint": values["endpoint"].apply(lambda text: _relative(text, folder))}


def _known_with(other: pulumi.Output[Any], output: pulumi.Output[Any]) -> pulumi.Output[Any]:
    """Return an output that is known where `other` is.

    In a preview the SDK takes what a resource does not have for something that is not known yet; but check() has
    resolved it together with the region.
    """
    return pulumi.Output(output.resources(), output.future(), other.is_known(), output.is_secret())


def _value(held: Mapping[str, Any] | pulumi.Output[Mapping[str, Any]], name: str) -> Any:
    return held.apply(lambda values: (values or {}).get(name)) if isinstance(held, pulumi.Output) else held.get(name)


def _relative(endpoint: str | None, folder: Path) -> str | None:
    if not endpoint or not endpoint.startswith("file:"):
        return endpoint
    # Resolved on both sides: the way there may lead through a link.
    there = Path(endpoint.removeprefix("file:")).resolve()
    return "file:" + Path(os.path.relpath(there, folder.resolve())).as_posix()


def _urn(type_name: str, resource_name: str, opts: pulumi.ResourceOptions) -> pulumi.Output[str] | str:
    if opts.parent is None:
        # The SDK's own way makes six outputs to join these four texts.
        return f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::pulumi-python:{type_name}::{resource_name}"
    urn = create_urn(resource_name, f"pulumi-python:{type_name}", opts.parent)
    # With a component as parent the URN depends on it, and it on its children: a circle. Only the text is needed.
    return pulumi.Output(set(), cast(Any, urn.future()), urn.is_known())
