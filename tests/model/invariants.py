"""The invariants: checked for each request, for its effect on the registry, and for the outcome of a run."""

from __future__ import annotations

from pulumi_codeartifact_release.publishing import Route
from pulumi_codeartifact_release.registry import Status
from support import fakes

from . import model
from .model import Registry, Request, Version
from .scenario import Scenario
from .spec import AnySpec, BundleSpec, Outcome, Spec

_FINAL = (Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED)


class BrokenError(Exception):
    """An invariant does not hold."""


class Invariants:
    """The invariants of one scenario. Every method raises BrokenError."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._specs = scenario.publishers
        self._starts_foreign = any(registry.version for registry in scenario.registries)
        # Whether all writers of a version publish the same bytes: last-asset has no guard against others.
        versions = [version for spec in self._specs for version in spec.versions.items()]
        self._alone = len({(number, spec.contents) for number, spec in versions}) == len(dict(versions))
        self._alone = self._alone and not scenario.deletions
        # Whether a bundle of which a part is Published is always completed: nobody else changes the destination.
        self._completes = (
            len(self._specs) == 1
            and isinstance(self._specs[0], BundleSpec)
            and self._specs[0].route is not Route.COPY
            and not (self._starts_foreign or scenario.killed or scenario.deletions)
        )

    def request(self, registries: tuple[Registry, ...], who: int, request: Request) -> None:
        """Check that a publisher sends nothing else if the registry has different bytes for its first asset.

        The first asset of a release of a bundle is that of the bundle itself. If one of its versions is refused from
        the start, nothing is written.
        """
        spec = self._specs[who]
        if isinstance(spec, BundleSpec) and not isinstance(request, model.READS) and self._is_refused(spec):
            raise BrokenError(f"{model.text_of(request)} by publisher {who + 1}, although a version is refused")
        if not isinstance(request, model.Publish) or self._starts_foreign:
            return
        firsts = {0, request.version} if isinstance(spec, BundleSpec) else {request.version}
        for number in firsts:
            declared = spec.versions[number]
            registry = registries[number]
            if registry.version is None or registry.deletions:
                continue
            first = declared.first
            content = dict(declared.contents)[first]
            is_first = request.version == number and request.name == first
            if not is_first and dict(registry.version.contents).get(first, content) != content:
                raise BrokenError(
                    f"publisher {who + 1} sent {request.name} although another publisher sent its first asset"
                )

    def _is_refused(self, spec: BundleSpec) -> bool:
        starts = ((one, self.scenario.registries[number].version) for number, one in spec.versions.items())
        return any(held and held.status in _FINAL and held.contents != one.contents for one, held in starts)

    def write(
        self,
        before: tuple[Registry, ...],
        after: Registry,
        sources: tuple[Registry, ...],
        who: int,
        request: Request,
    ) -> None:
        """Check that a final version gets only the declared status, and that a new one is complete and declared."""
        if before[request.version] == after:
            return
        spec = self._specs[who].versions[request.version]
        old, new = before[request.version].version, after.version
        by = f"{model.text_of(request)} by publisher {who + 1}"
        if isinstance(request, model.Copy):
            self._copy(old, sources[request.repository].version, spec, by)
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
        if new and new.status is Status.PUBLISHED and (old is None or old.status is not Status.PUBLISHED):
            self._published(before, who, request, by)

    def _published(self, registries: tuple[Registry, ...], who: int, request: Request, by: str) -> None:
        """Check what must be staged or Published before a version of a bundle is Published."""
        spec = self._specs[who]
        if not isinstance(spec, BundleSpec):
            return
        for number, one in spec.versions.items():
            version = registries[number].version
            published = version is not None and version[:2] == (Status.PUBLISHED, one.contents)
            if number and request.version == 0 and not published:
                raise BrokenError(f"{by}: published the bundle, and member {number} is {version}")
            if (request.version, number) in spec.after and not published:
                raise BrokenError(f"{by}: published before member {number}, which is {version}")
            # A copy within a domain arrives Published. What an operator deleted was staged, and so was what holds more.
            staged = version is not None and set(version.contents) >= set(one.contents)
            if not staged and spec.route is not Route.COPY and not self.scenario.deletions:
                raise BrokenError(f"{by}: published before all are staged: version {number} is {version}")

    def _copy(self, old: Version | None, source: Version | None, spec: Spec, by: str) -> None:
        """Check that a copied version is approved and Published, and that it replaces only what was permitted."""
        if source is None or source[:2] != (Status.PUBLISHED, spec.contents):
            raise BrokenError(f"{by}: took {source}")
        if old and old.contents != spec.contents and fakes.release(dict(old.contents)).digest != spec.replace_digest:
            raise BrokenError(f"{by}: overwrote {old}")

    def run(self, outcome: Outcome, registries: tuple[Registry, ...], sources: tuple[Registry, ...], who: int) -> None:
        """Check that the state of the registry at the end of a run justifies its outcome."""
        spec = self._specs[who]
        for number, one in spec.versions.items():
            held = registries[number].version
            if outcome.kind == "success" and (held is None or held[:2] != (one.status, one.contents)):
                raise BrokenError(f"publisher {who + 1} reports success, the registry has {held}")
        if outcome.kind == "refused" and not self.scenario.stale:
            self._refused(outcome.reason, registries, sources, spec, who)

    def _refused(
        self, reason: str, registries: tuple[Registry, ...], sources: tuple[Registry, ...], spec: AnySpec, who: int
    ) -> None:
        if not any(
            self._justified(reason, registries[number].version, sources, one) for number, one in spec.versions.items()
        ):
            text = ", ".join(str(registries[number].version) for number in spec.versions)
            raise BrokenError(f"publisher {who + 1} is refused with {reason}, the registry has {text}")
        held = (registries[number].version for number in spec.versions)
        if self._completes and any(version and version.status is Status.PUBLISHED for version in held):
            raise BrokenError(f"publisher {who + 1} is refused with {reason}, after it published a part of its bundle")

    def _justified(self, why: str, held: Version | None, sources: tuple[Registry, ...], spec: Spec) -> bool:
        if spec.promotes and why in ("PinError", "GateError", "BundleError"):
            source = sources[spec.repository]
            approved = source.version is not None and source.version[:2] == (Status.PUBLISHED, spec.contents)
            # It may have changed and changed back in the meantime.
            if not approved or source.deletions > 1 or why != "BundleError":
                return not approved or source.deletions > 1
        if held is None or held.status is Status.UNFINISHED:
            return held is not None and not set(held.contents) <= set(spec.contents)
        return held.contents != spec.contents

    def end(self, outcomes: tuple[Outcome, ...]) -> None:
        """Check that enough publishers have succeeded."""
        if sum(outcome.kind == "success" for outcome in outcomes) < self.scenario.wins:
            raise BrokenError(f"{self.scenario.wins} should succeed: {', '.join(map(':'.join, outcomes))}")
