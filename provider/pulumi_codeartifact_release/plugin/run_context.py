"""The state that all resources of one plugin process share. The engine starts one process per operation.

context.remember(inputs, PendingChange(urn, request))       # in check()
context.recall(inputs).request                              # in create() and update()
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import UsageError
from ..hashing import FileIdentity, HashCache, HashedFile, SqliteCache, default_folder
from ..location import same_repository
from ..publishing import AssetContent, PreparedRelease, Request
from ..remedies import Front, front_from_json, resource_arguments
from ..text.progress import Progress, overview_text
from .declared import DeclaredVersions
from .engine import EngineLog, at_terminal, exit_with_engine
from .state import Inputs

_AT_A_TERMINAL = {"interval_s": 0.2, "poll_s": 1.0}
_IN_A_LOG = {"interval_s": 10.0, "poll_s": 1.0, "first_s": 10.0}


@dataclass(frozen=True)
class PendingChange:
    """What check() passes to create() and update() of a resource. The engine passes neither URN nor files to those.

    Attributes:
        urn: the resource's URN, for messages.
        request: the desired version, and the content of its assets.
        prepared: the plan for it, if check() has read the registry already.
        commit: the Git commit of the manifest or the program; "" if unknown.
        reason: why the operator skips the soak; "" if not.
        front: how errors describe remedies.
        secret: the names of the inputs that are secret.
        repository_exists: whether a missing repository is an error in a preview.
    """

    urn: str
    request: Request
    prepared: PreparedRelease | None = None
    commit: str = ""
    reason: str = ""
    front: Front = resource_arguments
    secret: tuple[str, ...] = ()
    repository_exists: bool = True


class OperationCache:
    """A `HashCache` that keeps the hashes of this process, even of files that were written just before.

    The cache on disk drops a file that was modified less than two seconds before: a second write could leave the same
    stat, and later runs would trust a wrong hash. Within one operation that is safe: the registry rejects bytes that
    do not match the hash.
    """

    def __init__(self, cache: HashCache) -> None:
        self._cache = cache
        self._hashes: dict[FileIdentity, str] = {}

    def keep(self, contents: Iterable[AssetContent]) -> None:
        """Keep the hashes of files until the process ends."""
        self._hashes.update(
            {content.identity: content.sha256 for content in contents if isinstance(content, HashedFile)}
        )

    def get_many(self, identities: Iterable[FileIdentity]) -> Mapping[FileIdentity, str]:
        """Return the hashes of the files that have one."""
        identities = list(identities)
        hashes = {identity: self._hashes[identity] for identity in identities if identity in self._hashes}
        missing = [identity for identity in identities if identity not in hashes]
        return {**hashes, **self._cache.get_many(missing)} if missing else hashes

    def put_many(self, digests: Mapping[FileIdentity, str]) -> None:
        """Store hashes for later runs."""
        self._cache.put_many(digests)

    def forget(self, identity: FileIdentity) -> None:
        """Remove a hash that turned out to be wrong."""
        self._hashes.pop(identity, None)
        self._cache.forget(identity)


class RunContext:
    """The state that all resources of one operation share.

    Attributes:
        region: `aws:region` of the stack; None if it is not set.
        profile: `aws:profile` of the stack; None if it is not set.
        cache: the hashes of files.
        log: messages to the engine.
        pace: how often progress is printed: more often to a terminal, where a line replaces the one before.
        running: the progress of every release of this run.
        knows_preview: whether check() is told that the run is a preview.
        default_front: words remedies where the program is unknown, as in read() and delete().
    """

    def __init__(
        self,
        engine_address: str | None,
        is_cancelled: Callable[[], bool] = lambda: False,
        default_front: Front = resource_arguments,
    ) -> None:
        """Create the context, and end this process when its engine is gone.

        `is_cancelled` returns whether the engine cancelled the run, or this process is ending.
        """
        self.region: str | None = None
        self.profile: str | None = None
        self.cache = OperationCache(SqliteCache(default_folder()))
        self.log = EngineLog(engine_address)
        self.pace = _AT_A_TERMINAL if at_terminal() else _IN_A_LOG
        self.running: list[Progress] = []
        self.knows_preview = True
        self.default_front = default_front
        self._shown: set[str] = set()
        self._pending: dict[object, PendingChange] = {}
        self._suggested: dict[str, list[str]] = {}
        self._declared = DeclaredVersions(engine_address)
        self._members = DeclaredVersions(None)
        self._lock = threading.Lock()
        self._is_cancelled = is_cancelled
        self._deadline: float | None = None
        if engine_address:
            exit_with_engine(self.log, is_cancelled)

    def remember(self, inputs: Inputs, pending: PendingChange) -> None:
        """Store the pending change for create() or update().

        Raises UsageError if another resource declares the same version with other files, or in another status.
        """
        self._declare(inputs, pending.urn, self._declared)
        for member in inputs.member_inputs().values():
            self._declare(member, pending.urn, self._declared)
            for urn, _ in self._declare(member, pending.urn, self._members):
                raise UsageError(
                    f"{member.coordinates} is a member of two bundles: also of {urn.rpartition('::')[2]}",
                    hint="Name it in one of them only, or give it to one of them by its version and digest.",
                )
        with self._lock:
            self._pending[self._key(inputs)] = pending

    @staticmethod
    def _declare(inputs: Inputs, urn: str, declared: DeclaredVersions) -> list[tuple[str, Inputs]]:
        """Record that a resource declares a version. Return the other resources that do, by URN.

        Raises UsageError if one of them declares it with other files, or in another status.
        """
        others = [
            (other_urn, other)
            for other_urn, other in declared.add(urn, inputs).items()
            if same_repository(inputs.location, other.location)
        ]
        for other_urn, other in others:
            if differences := _differences(inputs, other):
                raise UsageError(
                    f"{inputs.coordinates} is declared twice, with different {' and '.join(differences)}: "
                    f"also by {other_urn.rpartition('::')[2]}",
                    hint="Change the version of one of them, or declare all files in one resource.",
                )
        return others

    def recall(self, inputs: Inputs) -> PendingChange:
        """Return the pending change. Raises UsageError if this process did not run check() for these inputs."""
        try:
            return self._pending[self._key(inputs)]
        except KeyError:
            raise UsageError(
                f"this run has not checked the files of {inputs.coordinates}", hint="Run `pulumi up` again."
            ) from None

    def show_overview(self) -> None:
        """At a terminal, show the progress of all releases in the row of the stack.

        In an update, the row of a resource begins with its diff, and the engine truncates what follows.
        """
        if self.pace is _AT_A_TERMINAL and (text := overview_text([each.share() for each in self.running])):
            self.log.status("", text)

    def show_once(self, text: str, show: Callable[[str, str], None]) -> None:
        """Show a line in the row of the stack, unless another resource has shown it."""
        with self._lock:
            is_first = text not in self._shown
            self._shown.add(text)
        if is_first:
            show("", text)

    def front(self, value: Mapping[str, Any]) -> Front:
        """Return the front that `front_to_json` encoded in the program."""
        return front_from_json(value, self._suggested) if value else self.default_front

    def add_ignored(self, inputs: Inputs) -> None:
        """Record that `ignore_changes` keeps a resource as it is in state."""
        for each in (inputs, *inputs.member_inputs().values()):
            self._declared.add_ignored(each)

    def secret_of(self, inputs: Inputs) -> tuple[str, ...] | None:
        """Return the names of the secret inputs; None if this process did not run check() for them."""
        pending = self._pending.get(self._key(inputs))
        return pending.secret if pending else None

    def until(self, timeout_s: float) -> RunContext:
        """Return this context for an operation that may write for so many seconds; 0 for no limit."""
        limited = copy.copy(self)
        limited._deadline = time.monotonic() + timeout_s if timeout_s else None
        return limited

    def stop_reason(self) -> str | None:
        """Return why nothing more may be written; None while the run goes on.

        This process can outlive the engine, and must not publish while the next run does.
        """
        if self._is_cancelled():
            return "the run was cancelled"
        if self._deadline and time.monotonic() > self._deadline:
            return "the timeout of the resource (`customTimeouts`) has passed"
        return None if self.log.alive() else "the Pulumi engine is gone"

    def inputs_with_same_names(self, inputs: Inputs) -> list[Inputs]:
        """Return the inputs of this run with the same domain, repository, package and version, in any registry."""
        return self._declared.with_same_names(inputs)

    @staticmethod
    def _key(inputs: Inputs) -> object:
        return (inputs.coordinates, inputs.location, inputs.checksums)


def _differences(one: Inputs, other: Inputs) -> list[str]:
    files = ["files"] if one.digest != other.digest else []
    return files + (["statuses"] if one.status is not other.status else [])
