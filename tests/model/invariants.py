"""What must hold in every state: checked for each request, for what it does to the registry, and for how a run ends."""

from __future__ import annotations

from pulumi_codeartifact_release.registry import Status
from support import fakes

from . import model
from .model import Registry, Request, Version
from .scenario import Scenario
from .spec import Ended

_FINAL = (Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED)


class BrokenError(Exception):
    """An invariant does not hold."""


class Invariants:
    """The invariants of one scenario. Every method raises BrokenError."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._specs = scenario.publishers
        self._starts_foreign = bool(scenario.starts.version)
        # Whether nobody writes but publishers of the same bytes: last-asset has no guard against others.
        self._alone = len({spec.contents for spec in self._specs}) == 1 and not scenario.deletions

    def request(self, registry: Registry, who: int, request: Request) -> None:
        """A rival whose first asset is there with different bytes sends nothing else."""
        spec = self._specs[who]
        version = registry.version
        if (
            not isinstance(request, model.Publish)
            or request.name == spec.first
            or version is None
            or registry.deletions
            or self._starts_foreign
        ):
            return
        declared = dict(spec.contents)[spec.first]
        if dict(version.contents).get(spec.first, declared) != declared:
            raise BrokenError(f"publisher {who + 1} sent {request.name} though its first asset is another's")

    def write(
        self, before: Registry, after: Registry, sources: tuple[Registry, ...], who: int, request: Request
    ) -> None:
        """What is final stays as it is or becomes what is declared; what becomes final is whole and one publisher's."""
        if before == after:
            return
        spec = self._specs[who]
        old, new = before.version, after.version
        by = f"{model.text_of(request)} by publisher {who + 1}"
        if isinstance(request, model.Copy):
            self._copy(old, sources[request.place].version, who, by)
        if old and old.status in _FINAL:
            given_up = old.contents in self.scenario.replaceable
            if new is None:
                if not given_up:
                    raise BrokenError(f"{by}: deleted {old}")
            elif new.contents != old.contents and not isinstance(request, model.Copy):
                raise BrokenError(f"{by}: {old} became {new}")
            elif new.status is not spec.status and not given_up:
                raise BrokenError(f"{by}: moved {old} where it is not declared")
        if new and new.status in _FINAL and (old is None or old.status is Status.UNFINISHED):
            guarded = spec.final_asset is None or self._alone
            if new.contents != spec.contents and guarded:
                raise BrokenError(f"{by}: published {new}")

    def _copy(self, old: Version | None, source: Version | None, who: int, by: str) -> None:
        """What is copied is what was approved, and Published; what gives way to it is what was given up."""
        spec = self._specs[who]
        if source is None or source[:2] != (Status.PUBLISHED, spec.contents):
            raise BrokenError(f"{by}: took {source}")
        if old and old.contents != spec.contents and fakes.release(dict(old.contents)).digest != spec.replace_digest:
            raise BrokenError(f"{by}: overwrote {old}")

    def run(self, ended: Ended, registry: Registry, sources: tuple[Registry, ...], who: int) -> None:
        """A run succeeds, or is refused, for what is so at that moment: it ends with the answer that shows it."""
        spec = self._specs[who]
        held = registry.version
        if ended.how == "success" and (held is None or held[:2] != (spec.status, spec.contents)):
            raise BrokenError(f"publisher {who + 1} reports success, the registry holds {held}")
        if ended.how == "refused" and not self.scenario.stale and not self._justified(ended.why, held, sources, who):
            raise BrokenError(f"publisher {who + 1} is refused with {ended.why}, the registry holds {held}")

    def _justified(self, why: str, held: Version | None, sources: tuple[Registry, ...], who: int) -> bool:
        spec = self._specs[who]
        if why in ("PinError", "GateError"):
            source = sources[spec.place]
            approved = source.version is not None and source.version[:2] == (Status.PUBLISHED, spec.contents)
            # It may have moved back: between status and assets, or while other assets were on their way.
            return not approved or source.deletions > 1
        if held is None or held.status is Status.UNFINISHED:
            return held is not None and not set(held.contents) <= set(spec.contents)
        return held.contents != spec.contents

    def end(self, ended: tuple[Ended, ...]) -> None:
        """As many succeed as the scenario promises, once all have ended."""
        if sum(one.how == "success" for one in ended) < self.scenario.wins:
            raise BrokenError(f"{self.scenario.wins} should succeed: {', '.join(map(':'.join, ended))}")
