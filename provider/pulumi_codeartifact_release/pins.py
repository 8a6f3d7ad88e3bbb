"""Pins of what the source environment holds: for `pin`, and for the refusal of a missing pin.

reader = PinReader(manifest, environment, source, registry, scheduler)
reader.read(package)        # PinCandidate("1.4.2", "sha256:…"); raises GateError if it may not be promoted
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .approvals import desired_version, withdrawal_of
from .errors import ReleaseError
from .location import Location, same_domain
from .manifest import Environment, Manifest, Package
from .publishing import (
    CircuitBreaker,
    Promotion,
    PromotionSource,
    Release,
    Scheduler,
    choose_candidate,
    refuse_withdrawn,
)
from .publishing.bundle_check import read_bundle_state
from .publishing.drift import read_package
from .publishing.read_bundle import read_bundle
from .registry.interface import Asset, Coordinates, Registry
from .registry.retries_and_concurrency import PARALLEL_READS


@dataclass(frozen=True)
class PinCandidate:
    """What an environment could pin.

    Attributes:
        desired: the version that the source environment should hold; None if the manifest does not say.
    """

    version: str
    digest: str
    desired: str | None = None


class PinReader:
    """Reads what could be pinned in an environment, from the environment that it promotes from.

    `source` and `destination` are the locations of both; `registry` is that of the source.
    """

    def __init__(
        self,
        manifest: Manifest,
        environment: Environment,
        source: Location,
        destination: Location,
        registry: Registry,
        scheduler: Scheduler,
    ) -> None:
        self._manifest = manifest
        self._before = manifest.environment(str(environment.promote_from))
        self._source = source
        self._destination = destination
        self._registry = registry
        self._scheduler = scheduler

    def read(self, package: Package, version: str | None = None) -> PinCandidate:
        """Return a version and its digest in the source environment; by default of the version that it holds.

        That is what `status` shows: the version that it should hold, if it is complete, else the one Published last.
        Raises any RegistryError, and GateError, BundleError, WithdrawnError or QuotaExceededError if the version could
        not be promoted. The soak does not matter: time may pass between the approval and the promotion.
        """
        desired = desired_version(self._manifest, self._before, package.id, package)
        if version is None:
            at = self._source.coordinates(package.namespace, package.package, "")
            state = read_package(self._registry, at, desired.version if desired else None, self._scheduler)
            version = state.current.version if state.current else desired.version if desired else package.version
        return PinCandidate(version, self._digest(package, version), desired.version if desired else None)

    def find_digests(self, versions: Sequence[tuple[Package, str]]) -> list[str | None]:
        """Return the digest of each version; None for one that could not be promoted, or could not be read."""
        breaker = CircuitBreaker()

        def find(item: tuple[Package, str]) -> str | None:
            try:
                return breaker.call(lambda: self._digest(*item))
            except ReleaseError:
                return None

        with ThreadPoolExecutor(PARALLEL_READS) as pool:
            return list(pool.map(find, versions))

    def _digest(self, package: Package, version: str) -> str:
        names = package.namespace, package.package, version
        to = self._destination.coordinates(*names)
        refuse_withdrawn(to, withdrawal_of(self._manifest, package.id, version))
        source = PromotionSource(
            Promotion(self._source.coordinates(*names), to),
            lambda: self._registry,
            same_domain=same_domain(self._source, self._destination),
        )
        assets = choose_candidate(source, None, self._scheduler).assets
        self._refuse_partial(self._source.coordinates(*names), assets)
        return Release(to, assets).digest

    def _refuse_partial(self, at: Coordinates, assets: Iterable[Asset]) -> None:
        """Raise BundleError for a partial bundle."""
        members = read_bundle(self._registry, at, {asset.name: asset for asset in assets})
        if members:
            state = read_bundle_state(self._registry, at, members, self._scheduler)
            state.refuse_partial("It cannot be promoted.")
