"""Scenarios: who publishes or promotes what, and which faults may happen."""

from __future__ import annotations

from dataclasses import dataclass

from .model import EMPTY, Contents, Registry, Version
from .spec import AnySpec


@dataclass(frozen=True)
class Scenario:
    """The publishers, and how often each fault may happen in one schedule.

    Attributes:
        starts: the destination at the start; of a bundle, the version of the bundle.
        members: the members of a bundle at the start, from version 1. They are missing by default.
        lost: lost responses.
        stale: reads that return an earlier state, at most `depth` changes old.
        killed: kills; a killed publisher starts again.
        deletions: Unfinished versions that an operator deletes.
        lasting: whether every run must succeed without a restart, in spite of lost responses and stale reads. Then
            responses to reads are not lost, because the registry client repeats reads.
        wins: the minimum number of publishers that succeed.
        replaceable: contents of final versions that may be deleted.
        sources: the content of the promotions' sources at the start, each Published.
        outside_changes: how often somebody changes a source or the destination.
        source_versions: the versions that may appear in a source.
        destination_versions: the versions that may appear in the destination.
    """

    name: str
    publishers: tuple[AnySpec, ...]
    starts: Registry = EMPTY
    members: tuple[Registry, ...] = ()
    lost: int = 0
    stale: int = 0
    depth: int = 8
    killed: int = 0
    deletions: int = 0
    lasting: bool = False
    wins: int = 0
    replaceable: tuple[Contents, ...] = ()
    sources: tuple[Contents, ...] = ()
    outside_changes: int = 0
    source_versions: tuple[Version | None, ...] = ()
    destination_versions: tuple[Version | None, ...] = ()

    @property
    def registries(self) -> tuple[Registry, ...]:
        """The versions in the destination at the start."""
        count = max(max(spec.versions) for spec in self.publishers)
        return (self.starts, *self.members, *(EMPTY,) * (count - len(self.members)))
