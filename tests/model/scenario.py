"""What is explored: who publishes or promotes what, and what may go wrong."""

from __future__ import annotations

from dataclasses import dataclass

from .model import EMPTY, Contents, Registry, Version
from .spec import Spec


@dataclass(frozen=True)
class Scenario:
    """Who publishes what, and what may go wrong how often in one schedule.

    Attributes:
        starts: what the registry holds at first.
        lost: answers that are lost.
        stale: reads that answer with an earlier state, at most `depth` changes old.
        killed: deaths; a killed publisher starts anew.
        deletions: Unfinished versions that an operator deletes.
        lasting: whether a run must end well without being started again: what is lost or stale it settles itself.
            Answers to reads are not lost then: the client below the core asks for them again.
        wins: how many of the publishers succeed at least, whatever happens.
        replaceable: contents of final versions that may be deleted.
        sources: what the promotions' sources hold at first, each Published.
        moves: how often somebody makes something else of a source, or of the destination.
        becomes: what of a source: any of these.
        seized: what of the destination.
    """

    name: str
    publishers: tuple[Spec, ...]
    starts: Registry = EMPTY
    lost: int = 0
    stale: int = 0
    depth: int = 8
    killed: int = 0
    deletions: int = 0
    lasting: bool = False
    wins: int = 0
    replaceable: tuple[Contents, ...] = ()
    sources: tuple[Contents, ...] = ()
    moves: int = 0
    becomes: tuple[Version | None, ...] = ()
    seized: tuple[Version | None, ...] = ()
