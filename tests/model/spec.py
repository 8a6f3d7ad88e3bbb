"""Types of the simulation: the simulated core, the declaration of a publisher, and the outcome of a run."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias

from pulumi_codeartifact_release.location import Location
from pulumi_codeartifact_release.publishing import (
    AssetContent,
    BundleRules,
    Event,
    Finalize,
    Pin,
    Promotion,
    Release,
    Request,
    Route,
    Scheduler,
)
from pulumi_codeartifact_release.publishing.bundle import BUNDLE_ASSET, BundleMember, encode_bundle
from pulumi_codeartifact_release.registry import Coordinates, Registry, Status
from support import fakes

from .model import Contents

SOURCE = "source-1"
"""The name of the repository from which a bundle is promoted."""
_TO = Location(fakes.AT.domain, fakes.AT.repository, region="eu-west-1")


def coordinates(version: int) -> Coordinates:
    """Return the coordinates of a version by its number."""
    return replace(fakes.AT, package=f"member-{version}") if version else fakes.AT


def version_of(at: Coordinates) -> int:
    """Return the number of a version."""
    return 0 if at.package == fakes.AT.package else int(at.package.removeprefix("member-"))


class Apply(Protocol):
    """`publishing.apply`, or a mutant of it."""

    def __call__(
        self,
        release: Release,
        contents: Mapping[str, AssetContent],
        registry: Registry,
        scheduler: Scheduler,
        *,
        parallel: int,
        **permitted: Any,
    ) -> Iterator[Event]: ...


class Core(NamedTuple):
    """The simulated functions of `publishing`, or mutants of them."""

    apply: Apply
    read_version: Callable[..., Any]
    promotion_source: Callable[..., Any]
    choose_candidate: Callable[..., Any]
    prepare: Callable[..., Any]
    execute: Callable[..., Any]


@dataclass(frozen=True)
class Spec:
    """The declaration of one publisher, or the approval of one promotion.

    Attributes:
        permitted: further arguments of `apply`: the operator's permissions.
        route: FILES for a publisher, another route for a promotion.
        repository: the index of the source of a promotion.
        pinned: whether the run of a promotion first calls `choose_candidate`, which checks the gates. Otherwise only
            `apply` checks them.
        version: the number of the version: 0, or a member of a bundle that others publish.
    """

    contents: Contents
    finalize: Finalize = Finalize.STATUS_UPDATE
    status: Status = Status.PUBLISHED
    parallel: int = 8
    permitted: tuple[tuple[str, Any], ...] = ()
    route: Route = Route.FILES
    repository: int = 0
    pinned: bool = False
    version: int = 0

    depth: ClassVar[int] = 0
    """The length of the slot of what releases a version."""

    @functools.cached_property
    def versions(self) -> Mapping[int, Spec]:
        """What is released, by the numbers of the versions."""
        return {self.version: self}

    @property
    def promotes(self) -> bool:
        """Whether this is a promotion."""
        return self.route is not Route.FILES

    @functools.cached_property
    def replace_digest(self) -> str | None:
        """The digest of the version that it may replace."""
        digest: str | None = dict(self.permitted).get("replace_digest")
        return digest

    @functools.cached_property
    def release(self) -> Release:
        """The release for the core."""
        release = fakes.release(dict(self.contents), status=self.status, finalize=self.finalize)
        return replace(release, at=coordinates(self.version))

    @functools.cached_property
    def first(self) -> str:
        """The asset that is sent alone, before all others."""
        names = [name for name, _ in self.contents if name != self.final_asset or len(self.contents) == 1]
        return min(names, key=str.encode)

    @functools.cached_property
    def final_asset(self) -> str | None:
        """The asset whose upload publishes."""
        if self.finalize is not Finalize.LAST_ASSET:
            return None
        return min(self.contents, key=lambda item: (len(item[1]), item[0]))[0]


@dataclass(frozen=True)
class BundleSpec:
    """The declaration of a bundle, or the approval of its promotion.

    Attributes:
        members: the assets of each member, from version 1; None for a version that is not a member.
        after: pairs of a member and another that must be published earlier.
        parallel: the maximum number of versions that are staged or published at once: 1, or all.
    """

    members: tuple[Contents | None, ...]
    after: tuple[tuple[int, int], ...] = ()
    route: Route = Route.FILES
    parallel: int = 8

    depth: ClassVar[int] = 2
    """The length of the slot of what releases a version: the versions of a bundle are released by jobs."""

    @functools.cached_property
    def versions(self) -> Mapping[int, Spec]:
        """What is released, by the numbers of the versions: the bundle is 0."""
        members = {
            number: Spec(contents, route=self.route, repository=number, version=number)
            for number, contents in enumerate(self.members, 1)
            if contents is not None
        }
        content = encode_bundle(BundleMember.of(member.release) for member in members.values())
        return {0: Spec(((BUNDLE_ASSET, content),), route=self.route), **members}

    @property
    def promotes(self) -> bool:
        """Whether this is a promotion."""
        return self.route is not Route.FILES

    @functools.cached_property
    def request(self) -> Request:
        """The request for the core."""
        own, *members = self.versions.values()
        after = {
            f"tools/{coordinates(number).package}": [
                f"tools/{coordinates(before).package}" for later, before in self.after if later == number
            ]
            for number in self.versions
        }
        name = f"tools/{fakes.AT.package}"
        if self.promotes:
            domain = _TO.domain if self.route is Route.COPY else "other"
            source = Location(domain, SOURCE, region="eu-west-1")
            promotion = Promotion(
                source.coordinates("tools", fakes.AT.package, fakes.AT.version),
                fakes.AT,
                Pin(own.release.digest, "`pins`"),
            )
            release = Release(fakes.AT, ())
            rules = BundleRules(after=after)
            return Request(_TO, release, name, promotion=promotion, source=source, bundle=rules)
        requests = tuple(
            Request(
                _TO,
                member.release,
                f"tools/{member.release.at.package}",
                fakes.asset_contents(dict(member.contents)),
            )
            for member in members
        )
        return Request(_TO, Release(fakes.AT, ()), name, bundle=BundleRules(requests, after=after))


AnySpec: TypeAlias = Spec | BundleSpec


class Outcome(NamedTuple):
    """The outcome of a run: `success`, `refused` (final) or `failed` (trying again may help), and the reason."""

    kind: str
    reason: str
