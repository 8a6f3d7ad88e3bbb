"""One plugin process: what all resources of one operation of the engine share.

process().remember(inputs, Pending(urn, sources, replace_digest))      # in check()
process().recall(inputs).sources                                # in create() and update()
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from .engine import EngineLog, at_terminal, end_with, engine_address
from .errors import UsageError
from .hashing import FileIdentity, HashCache, HashedFile, SqliteCache, default_folder
from .places import same_repository
from .publishing import AssetSource, Plan, PromotionSource
from .remedies import Front, front_of, resource_arguments
from .state import NAMES, Inputs

_AT_A_TERMINAL = {"least_s": 0.2, "poll_s": 1.0}
_IN_A_LOG = {"least_s": 10.0, "poll_s": 1.0, "first_s": 10.0}


@dataclass(frozen=True)
class Pending:
    """What check() saw of a resource, for create() and update(), which are not told the URN.

    Attributes:
        sources: the content of every asset, by name.
        replace_digest: the digest of what may be replaced.
        commit: of the manifest or the program; "" where it is not known.
        promotion_source: of a promotion: where its bytes are taken from.
        reason: why a soak was skipped, if it was.
        plan: what will be done, where check() has looked already.
        front: where the program says what errors ask for.
        secret: the names of the inputs that are secret.
    """

    urn: str
    sources: Mapping[str, AssetSource]
    replace_digest: str | None
    commit: str = ""
    promotion_source: PromotionSource | None = None
    reason: str = ""
    plan: Plan | None = None
    front: Front = resource_arguments
    secret: tuple[str, ...] = ()


class OperationCache:
    """`HashCache` for one operation of the engine: what it has hashed is not hashed again, however young the file is.

    The cache beneath forgets a file that may be written to again within the tick of the clock that its stat shows: a
    digest that later runs believe must never be the one of other bytes. Within one operation, such a write is no other
    than one right after check(): the digest is what was declared, and the service refuses bytes that do not have it.
    """

    def __init__(self, beneath: HashCache) -> None:
        self._beneath = beneath
        self._kept: dict[FileIdentity, str] = {}

    def keep(self, sources: Iterable[AssetSource]) -> None:
        """Remember the digests of files until the process ends."""
        self._kept.update({each.identity: each.sha256 for each in sources if isinstance(each, HashedFile)})

    def get_many(self, identities: Iterable[FileIdentity]) -> Mapping[FileIdentity, str]:
        """Return the digests of those that are known."""
        wanted = list(identities)
        known = {identity: self._kept[identity] for identity in wanted if identity in self._kept}
        others = [identity for identity in wanted if identity not in known]
        return {**known, **self._beneath.get_many(others)} if others else known

    def put_many(self, digests: Mapping[FileIdentity, str]) -> None:
        """Remember digests for later runs."""
        self._beneath.put_many(digests)

    def forget(self, identity: FileIdentity) -> None:
        """Remove a digest that was found to be wrong."""
        self._kept.pop(identity, None)
        self._beneath.forget(identity)


class Process:
    """What all resources of one operation share."""

    def __init__(self, engine_address: str | None) -> None:
        self.region: str | None = None
        self.profile: str | None = None
        self.cache = OperationCache(SqliteCache(default_folder()))
        self.log = EngineLog(engine_address)
        # Where every line stays, few are enough.
        self.pace = _AT_A_TERMINAL if at_terminal() else _IN_A_LOG
        self._pending: dict[object, Pending] = {}
        self._asked: dict[str, list[str]] = {}
        # What is declared, by what it is called and by URN.
        self._declared: dict[object, dict[str, Inputs]] = {}
        self._held: dict[object, list[Inputs]] = {}
        self._lock = threading.Lock()
        self._probe = ThreadPoolExecutor(1, thread_name_prefix="probe")
        if engine_address:
            end_with(self.log, self._ending)

    def remember(self, inputs: Inputs, pending: Pending) -> None:
        """Keep what check() saw until create() or update().

        Raises UsageError if another resource declares the same version with other files, or in another status.
        """
        with self._lock:
            same_names = self._declared.setdefault(self._names(inputs), {})
            others = [(urn, other) for urn, other in same_names.items() if urn != pending.urn]
            same_names[pending.urn] = inputs
            self._pending[self._key(inputs)] = pending
        for urn, other in others:
            differ = [what for what, differs in _differences(inputs, other) if differs]
            if differ and same_place(inputs, other):
                raise UsageError(
                    f"{inputs.coordinates} is declared twice, with different {' and '.join(differ)}: "
                    f"also by {urn.rpartition('::')[2]}",
                    hint="Give one of them another version, or declare all files in one resource.",
                )

    def recall(self, inputs: Inputs) -> Pending:
        """Return what check() saw. Raises UsageError where it was not called in this process."""
        try:
            return self._pending[self._key(inputs)]
        except KeyError:
            raise UsageError(
                f"the files of {inputs.coordinates} are not known to this run", hint="Run `pulumi up` again."
            ) from None

    def front(self, told: Mapping[str, Any]) -> Front:
        """Return where a program says what errors ask for, from what its declaration tells of it."""
        return front_of(told, self._asked)

    def hold(self, inputs: Inputs) -> None:
        """Keep that a resource stays as state has it, whatever the program declares."""
        with self._lock:
            self._held.setdefault(self._names(inputs), []).append(inputs)

    def secret_of(self, inputs: Inputs) -> tuple[str, ...] | None:
        """Return the names of the inputs that the program calls secret; None where check() did not see them."""
        pending = self._pending.get(self._key(inputs))
        return pending.secret if pending else None

    def stop_reason(self) -> str | None:
        """Return why nothing more may be written, None while the run is alive.

        The engine may be gone, killed, while this process lives on; the next run must not find it still publishing.
        """
        if self._ending():
            return "the run was cancelled"
        return None if self.log.alive() else "the Pulumi engine is gone"

    def _ending(self) -> bool:
        # A main thread that has done its work waits for ours, and counts as alive until they have ended; that no
        # executor takes work any more is what shows from here.
        try:
            self._probe.submit(int)
        except RuntimeError:
            return True
        return not threading.main_thread().is_alive()

    def namesakes(self, inputs: Inputs) -> list[Inputs]:
        """Return what resources of this run declare under the same names, wherever that is."""
        with self._lock:
            names = self._names(inputs)
            return [*self._declared.get(names, {}).values(), *self._held.get(names, [])]

    @staticmethod
    def _names(inputs: Inputs) -> object:
        return tuple(getattr(inputs, name) for name in NAMES)

    @staticmethod
    def _key(inputs: Inputs) -> object:
        return (inputs.coordinates, inputs.region, inputs.endpoint, tuple(sorted(inputs.assets.items())))


def same_place(one: Inputs, other: Inputs) -> bool | None:
    """Return whether two resources are about one repository; None where only a look could tell."""
    return same_repository(one.destination, one.stored_endpoint, other.destination, other.stored_endpoint)


def _differences(one: Inputs, other: Inputs) -> tuple[tuple[str, bool], ...]:
    return ("files", one.release().digest != other.release().digest), ("statuses", one.status is not other.status)


_shared: Process | None = None
_shared_lock = threading.Lock()


def process() -> Process:
    """Return what this process shares; made at the first call."""
    global _shared  # noqa: PLW0603 - one a process is what it is for
    with _shared_lock:
        if _shared is None:
            _shared = Process(engine_address(sys.argv))
        return _shared
