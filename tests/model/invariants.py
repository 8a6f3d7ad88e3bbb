"""The invariants: checked for each request, for its effect on the registry, and for the outcome of a run."""

from __future__ import annotations

from pulumi_codeartifact_release.registry import Status
from support import fakes

from . import model
from .model import Registry, Request, Version
from .scenario import Scenario
from .spec import Outcome

_FINAL = (Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED)


class BrokenError(Exception):
    """An invariant does not hold."""


class Invariants:
    """The invariants of one scenario. Every method raises BrokenError."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._specs = scenario.publishers
        self._starts_foreign = bool(scenario.starts.version)
        # Whether all writers publish the same bytes: last-asset has no guard against others.
        self._alone = len({spec.contents for spec in self._specs}) == 1 and not scenario.deletions

    def request(self, registry: Registry, who: int, request: Request) -> None:
        """Check that a publisher sends nothing else if the registry has different bytes for its first asset."""
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
            raise BrokenError(
                f"publisher {who + 1} sent {request.name} although another publisher sent its first asset"
            )

    def write(
        self, before: Registry, after: Registry, sources: tuple[Registry, ...], who: int, request: Request
    ) -> None:
        """Check that a final version gets only the declared status, and that a new one is complete and declared."""
        if before == after:
            return
        spec = self._specs[who]
        old, new = before.version, after.version
        by = f"{model.text_of(request)} by publisher {who + 1}"
        if isinstance(request, model.Copy):
            self._copy(old, sources[request.repository].version, who, by)
        if old and old.status in _FINAL:
            replaceable = old.contents in self.scenario.replaceable
            if new is None:
                if not replaceable:
                    raise BrokenError(f"{by}: deleted {old}")
            elif new.contents != old.contents and not isinstance(request, model.Copy):
                raise BrokenError(f"{by}: {old} became {new}")
            elif new.status is not spec.status and not replaceable:
                raise BrokenError(f"{by}: set the status of {old} to an undeclared one")
        if new and new.status in _FINAL and (old is None or old.status is Status.UNFINISHED):
            guarded = spec.final_asset is None or self._alone
            if new.contents != spec.contents and guarded:
                raise BrokenError(f"{by}: published {new}")

    def _copy(self, old: Version | None, source: Version | None, who: int, by: str) -> None:
        """Check that a copied version is approved and Published, and that it replaces only what was permitted."""
        spec = self._specs[who]
        if source is None or source[:2] != (Status.PUBLISHED, spec.contents):
            raise BrokenError(f"{by}: took {source}")
        if old and old.contents != spec.contents and fakes.release(dict(old.contents)).digest != spec.replace_digest:
            raise BrokenError(f"{by}: overwrote {old}")

    def run(self, outcome: Outcome, registry: Registry, sources: tuple[Registry, ...], who: int) -> None:
        """Check that the state of the registry at the end of a run justifies its outcome."""
        spec = self._specs[who]
        held = registry.version
        if outcome.kind == "success" and (held is None or held[:2] != (spec.status, spec.contents)):
            raise BrokenError(f"publisher {who + 1} reports success, the registry has {held}")
        if (
            outcome.kind == "refused"
            and not self.scenario.stale
            and not self._justified(outcome.reason, held, sources, who)
        ):
            raise BrokenError(f"publisher {who + 1} is refused with {outcome.reason}, the registry has {held}")

    def _justified(self, why: str, held: Version | None, sources: tuple[Registry, ...], who: int) -> bool:
        spec = self._specs[who]
        if why in ("PinError", "GateError"):
            source = sources[spec.repository]
            approved = source.version is not None and source.version[:2] == (Status.PUBLISHED, spec.contents)
            # It may have changed and changed back in the meantime.
            return not approved or source.deletions > 1
        if held is None or held.status is Status.UNFINISHED:
            return held is not None and not set(held.contents) <= set(spec.contents)
        return held.contents != spec.contents

    def end(self, outcomes: tuple[Outcome, ...]) -> None:
        """Check that enough publishers have succeeded."""
        if sum(outcome.kind == "success" for outcome in outcomes) < self.scenario.wins:
            raise BrokenError(f"{self.scenario.wins} should succeed: {', '.join(map(':'.join, outcomes))}")
