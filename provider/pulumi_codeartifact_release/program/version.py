"""What all resources share: their outputs, and how they are registered."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, cast

import pulumi
import pulumi.dynamic
from pulumi.dynamic import ResourceProvider

from ..dynamic.process import exit_quietly_on_interrupt
from ..plugin import declaration as transient
from ..plugin.declaration import Declaration
from ..plugin.spelling import assets_of
from . import arguments
from .arguments import secret_names

OPTIONAL = ("domain_owner", "profile", "endpoint")
"""The arguments that a resource passes on to a promotion of it, even if they are not set."""


class Version(pulumi.dynamic.Resource, module="codeartifact", name="Version"):
    """The outputs and the registration that all resources share."""

    provider: ClassVar[type[ResourceProvider]]

    namespace: pulumi.Output[str]
    """The namespace of the package."""
    package: pulumi.Output[str]
    """The name of the package."""
    version: pulumi.Output[str]
    """The version."""
    domain: pulumi.Output[str]
    """The domain."""
    domain_owner: pulumi.Output[str | None]
    """The account that owns the domain, 12 digits; None if it is the caller's account and STS did not return it."""
    repository: pulumi.Output[str]
    """The repository."""
    region: pulumi.Output[str]
    """The AWS region of the repository."""
    endpoint: pulumi.Output[str]
    """The endpoint: "" for AWS, an http(s) URL, or `file:DIR`, relative to the program's folder."""
    status: pulumi.Output[str]
    """`Published`, `Unlisted` or `Archived`."""
    revision: pulumi.Output[str]
    """The registry's revision of the version; unknown in the preview of a change."""
    checksums: pulumi.Output[str]
    """SHA-256 and name of every asset, as `sha256sum` prints them and `sha256sum -c` reads them; known in previews."""
    digest: pulumi.Output[str]
    """`sha256:HEX` of `checksums`: the same in every environment; known in previews."""
    audit: pulumi.Output[Mapping[str, Any]]
    """A record of the release: digest, revisions, destination and source, caller, time and commit.

    Unknown in the preview of a change; None if the version was last released by version 0.1.0 of this package."""

    @property
    def assets(self) -> pulumi.Output[Mapping[str, str]]:
        """Asset name -> `sha256:HEX`: computed from `checksums`, not stored; known in previews."""
        return self.checksums.apply(assets_of)

    def _declare(
        self,
        resource_name: str,
        declaration: pulumi.Output[Declaration] | Declaration,
        inputs: dict[str, Any],
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        exit_quietly_on_interrupt()
        opts = arguments.options_of(resource_name, inputs["on_destroy"], opts)
        urn = arguments.urn_of(self._resource_type_name, resource_name, opts)
        secret = secret_names({**inputs, "assets": declaration})
        if isinstance(urn, str) and isinstance(declaration, Declaration) and not secret:
            text: pulumi.Input[str] = dataclasses.replace(declaration, urn=urn).text()
        else:
            text = pulumi.Output.all(declaration, urn, secret).apply(
                lambda values: dataclasses.replace(values[0], urn=values[1], secret=tuple(values[2] or ())).text()
            )
        self._set_arguments = frozenset(name for name in OPTIONAL if inputs[name] is not None)
        outputs = {"checksums": None, "digest": None, "revision": None, "audit": None}
        props = {**outputs, **inputs, transient.KEY: text}
        super().__init__(self.provider(), resource_name, cast(Any, props), opts)
