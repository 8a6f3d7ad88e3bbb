"""Types of the simulation: the simulated core, the declaration of a publisher, and the outcome of a run."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from pulumi_codeartifact_release.publishing import AssetContent, Event, Finalize, Release, Route, Scheduler
from pulumi_codeartifact_release.registry import Registry, Status
from support import fakes

from .model import Contents


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


@dataclass(frozen=True)
class Spec:
    """The declaration of one publisher, or the approval of one promotion.

    Attributes:
        permitted: further arguments of `apply`: the operator's permissions.
        route: FILES for a publisher, another route for a promotion.
        repository: the index of the source of a promotion.
        pinned: whether the run of a promotion first calls `choose_candidate`, which checks the gates. Otherwise only
            `apply` checks them.
    """

    contents: Contents
    finalize: Finalize = Finalize.STATUS_UPDATE
    status: Status = Status.PUBLISHED
    parallel: int = 8
    permitted: tuple[tuple[str, Any], ...] = ()
    route: Route = Route.FILES
    repository: int = 0
    pinned: bool = False

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
        return fakes.release(dict(self.contents), status=self.status, finalize=self.finalize)

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


class Outcome(NamedTuple):
    """The outcome of a run: `success`, `refused` (final) or `failed` (trying again may help), and the reason."""

    kind: str
    reason: str
