"""What is simulated, for whom, and how a run of it ends."""

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
    """What is simulated: `publishing.apply`, or a mutant of it."""

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
    """What is simulated: of `publishing`, or of a mutant of it."""

    apply: Apply
    read_version: Callable[..., Any]
    promotion_source: Callable[..., Any]
    choose_candidate: Callable[..., Any]


@dataclass(frozen=True)
class Spec:
    """What one publisher declares, or one promotion has approved.

    Attributes:
        permitted: further arguments of `apply`: what the operator permits.
        route: how the bytes get there: a promotion's, unless they are files.
        place: which source a promotion takes them from.
        pinned: whether a promotion's run begins by choosing what it promotes, as its pin has it, so that `apply`
            starts with what was judged then; else `apply` judges for itself.
    """

    contents: Contents
    finalize: Finalize = Finalize.STATUS_UPDATE
    status: Status = Status.PUBLISHED
    parallel: int = 8
    permitted: tuple[tuple[str, Any], ...] = ()
    route: Route = Route.FILES
    place: int = 0
    pinned: bool = False

    @property
    def promotes(self) -> bool:
        """Whether this is a promotion."""
        return self.route is not Route.FILES

    @functools.cached_property
    def replace_digest(self) -> str | None:
        """The digest of what it may replace."""
        found: str | None = dict(self.permitted).get("replace_digest")
        return found

    @functools.cached_property
    def release(self) -> Release:
        """What the core gets."""
        return fakes.release(dict(self.contents), status=self.status, finalize=self.finalize)

    @functools.cached_property
    def first(self) -> str:
        """The asset that is sent alone, before all others: the one that a rival stops at."""
        names = [name for name, _ in self.contents if name != self.final_asset or len(self.contents) == 1]
        return min(names, key=str.encode)

    @functools.cached_property
    def final_asset(self) -> str | None:
        """The asset whose upload publishes."""
        if self.finalize is not Finalize.LAST_ASSET:
            return None
        return min(self.contents, key=lambda item: (len(item[1]), item[0]))[0]


class Ended(NamedTuple):
    """How a run ended: `success`, `refused` (final) or `failed` (trying again may help)."""

    how: str
    why: str
