"""A registry that copies several versions of one package by one call.

    registry = SharedCopies(connection.registry, "dev", {coordinates: revision, …})
    registry.copy(coordinates, source_repository="dev", revision=revision, allow_overwrite=False)

Whoever asks for the first of them has all of them copied; the others are told what became of theirs when they ask.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from itertools import islice

from ..errors import ReleaseError, ServerFaultError, StatusRefusedError, UnreachableError
from .forwarding import Forwarding
from .interface import COPIED_AT_ONCE, Coordinates, CopyAnswer, CopyingRegistry, VersionState

# They leave open whether anything was copied, for all versions of the call.
_OPEN = (UnreachableError, ServerFaultError)


class SharedCopies(Forwarding):
    """`Registry`: another one, but that copies share calls. Thread-safe.

    `planned` has the revision of every version that may be copied from `source_repository` as soon as the first of its
    package is: all of them are decided on. Each is told once what became of it. Whatever else is asked for (a second
    attempt, another revision, another repository, an overwrite) is a call of its own, and so is a version of which the
    shared call was refused as a whole, or says no more than that others stood in its way.
    """

    def __init__(self, registry: CopyingRegistry, source_repository: str, planned: Mapping[Coordinates, str]) -> None:
        super().__init__(registry)
        self._copying = registry
        self._source = source_repository
        packages: dict[Coordinates, dict[str, str]] = {}
        for at, revision in planned.items():
            packages.setdefault(replace(at, version=""), {})[at.version] = revision
        self._groups = {
            package: _Group(revisions, self._caller(package))
            for package, revisions in packages.items()
            if len(revisions) > 1
        }

    @property
    def untold(self) -> Collection[Coordinates]:
        """The versions that were copied, and for which nobody has asked: nobody has compared them either."""
        return {
            replace(package, version=version) for package, group in self._groups.items() for version in group.untold()
        }

    def copy(
        self, at: Coordinates, *, source_repository: str, revision: str, allow_overwrite: bool
    ) -> VersionState | None:
        """See `Registry.copy`."""
        group = self._groups.get(replace(at, version=""))
        if group:
            as_planned = source_repository == self._source and not allow_overwrite
            told = group.take(at.version, revision if as_planned else None)
            if isinstance(told, ReleaseError):
                raise told
            if not isinstance(told, _Alone):
                return told
        return super().copy(at, source_repository=source_repository, revision=revision, allow_overwrite=allow_overwrite)

    def _caller(self, package: Coordinates) -> Callable[[Mapping[str, str]], Mapping[str, CopyAnswer]]:
        return lambda revisions: self._copying.copy_versions(
            package, source_repository=self._source, revisions=revisions
        )


class _Alone:
    """That a version is to be copied by a call of its own."""


class _Group:
    """The versions of one package: not copied yet, or copied and not asked for, or neither any more."""

    def __init__(
        self, revisions: Mapping[str, str], call: Callable[[Mapping[str, str]], Mapping[str, CopyAnswer]]
    ) -> None:
        self._call = call
        # Held during a call: the others wait for its answer, which is theirs too.
        self._lock = threading.Lock()
        self._planned = dict(revisions)
        self._waiting = dict(revisions)
        self._told: dict[str, CopyAnswer] = {}

    def untold(self) -> list[str]:
        with self._lock:
            return [version for version, told in self._told.items() if isinstance(told, VersionState)]

    def take(self, version: str, revision: str | None) -> CopyAnswer | _Alone:
        """Return what became of a version, the first time that it is asked for as planned."""
        with self._lock:
            if self._planned.get(version) != revision:
                # It is not what was decided on any more, so nobody copies it along.
                self._waiting.pop(version, None)
                self._told.pop(version, None)
            while version in self._waiting:
                self._copy(version)
            return self._told.pop(version, _Alone())

    def _copy(self, first: str) -> None:
        """Copy the versions that wait, `first` among them. Raises what was refused as a whole."""
        others = (each for each in self._waiting if each != first)
        called = {each: self._waiting[each] for each in (first, *islice(others, COPIED_AT_ONCE - 1))}
        for each in called:
            del self._waiting[each]
        told: Mapping[str, CopyAnswer]
        try:
            told = self._call(called)
        except _OPEN as error:
            told = dict.fromkeys(called, error)
        skipped = {each: revision for each, revision in called.items() if _was_skipped(told[each])}
        self._told |= {each: told[each] for each in called if each not in skipped}
        if len(skipped) < len(called):
            # Without those that stood in their way they may come.
            self._waiting |= skipped


def _was_skipped(told: CopyAnswer) -> bool:
    return isinstance(told, StatusRefusedError) and told.reason == "SKIPPED"
