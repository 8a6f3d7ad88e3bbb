"""The dynamic provider that the Pulumi engine calls: thin, and stateless between operations.

The dotted path of `PackageVersionProvider` is pickled into users' state: it must import, under this name, for ever.

One plugin process serves one operation (a preview, an update, a refresh, a destroy); four threads share one instance.
Within a process check() comes before create() and update(), which is how they know where the files are.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import grpc
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)
from pulumi.output import Unknown
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc
from pulumi.runtime.rpc import UNKNOWN

from . import declaration as transient
from .declaration import Declaration
from .endpoints import Connection, Destination, connect, resolve, resolved_owner, resolved_region
from .errors import (
    MissingDomainError,
    MissingRepositoryError,
    RefusedError,
    ReleaseError,
    UnreachableError,
    UsageError,
)
from .hashing import SqliteCache, default_folder
from .progress import Progress
from .publishing import Finish, Finished, Source, ThreadScheduler, apply, look, make_plan
from .registry.interface import Status, VersionState
from .state import DECISIVE, INPUTS, REQUIRED, Inputs, asset_properties, found, outputs, same

Props = Mapping[str, Any]


class PackageVersionProvider(ResourceProvider):
    """CRUD of `PackageVersion`. What it holds between calls lives in the plugin process, never in the pickle."""

    # Nothing secret is captured; as a secret the pickle would show as `[secret]` in every diff of state.
    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Take note of the conventional `aws:region` and `aws:profile`; starts what one process shares."""
        process = _process()
        process.region = req.config.get("aws:region") or None
        process.profile = req.config.get("aws:profile") or None

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate, hash, and put name -> sha256, size into the inputs; in a preview, look at what would be written."""
        # The SDK hands an unknown value in as an object, and takes it back as a marker.
        given = ((name, UNKNOWN if isinstance(value, Unknown) else value) for name, value in news.items())
        news = {name: value for name, value in given if value is not None}
        declared = news.pop(transient.KEY, None)
        inputs = {name: news[name] for name in INPUTS if name in news}
        if declared is None or declared == UNKNOWN:
            # Where the files are is an output of something that does not exist yet.
            return CheckResult({**inputs, "assets": UNKNOWN, "digest": UNKNOWN}, [])
        try:
            return _Check(olds, inputs, Declaration.of(declared), _process()).run()
        except ReleaseError as error:
            return CheckResult(inputs, [CheckFailure(_property_of(error), str(error))])

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Compare; never asks for a replacement: every change is an update in place."""
        return DiffResult(changes=not same(olds, news), replaces=[], stables=[], delete_before_replace=False)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Publish, or adopt what is published already."""
        with _one_line_errors():
            inputs = Inputs.of(props)
            return CreateResult(inputs.id, outputs(inputs, _publish(inputs)))

    def update(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Publish what is declared now; the version before is left as it is."""
        with _one_line_errors():
            inputs = Inputs.of(news)
            if same(olds, news, DECISIVE):
                # A policy changed, or a credential: nothing that the registry would have to know.
                state = VersionState(inputs.status, str(olds.get("revision") or ""))
            else:
                state = _publish(inputs)
            return UpdateResult(outputs(inputs, state))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Report what the registry holds, as inputs too, so that drift shows and the next update sees it."""
        with _one_line_errors():
            if any(not props.get(name) for name in REQUIRED):
                raise UsageError(
                    f"{id_} cannot be imported by its id",
                    hint="Declare it and run `pulumi up`: an identical published version is adopted without a write.",
                )
            inputs = Inputs.of(props)
            connection = connect(inputs.destination, inputs.stored_endpoint)
            # A missing repository, a denied call or a time-out raise: only a missing version leaves the state.
            remote = look(connection.registry, inputs.coordinates, ThreadScheduler())
            if remote is None:
                return ReadResult("", {})
            present = found(inputs, remote)
            return ReadResult(id_, outputs(present, remote.state), present.properties())

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Leave the version as it is: `onDestroy: retain`, for those who switched `retain_on_delete` off."""


class _Check:
    """One call of check(): from what the program sent to the inputs that go into state."""

    def __init__(self, olds: Props, inputs: dict[str, Any], declared: Declaration, process: _Process) -> None:
        self._olds = olds
        self._inputs = inputs
        self._declared = declared
        self._process = process

    def run(self) -> CheckResult:
        failures = [CheckFailure("assets", problem) for problem in self._declared.problems]
        failures += _wrong_arguments(self._inputs)
        if failures:
            return CheckResult(self._inputs, failures)
        sources = self._declared.hash(self._process.cache)
        self._place()
        self._add_assets(sources)
        if UNKNOWN in self._inputs.values():
            return CheckResult(self._inputs, [])
        checked = Inputs.of(self._inputs)
        properties = checked.properties()
        self._process.remember(checked, self._declared.urn, sources)
        # Rule 7: what is unchanged is not looked at, and an update looks in create() and update().
        if self._declared.dry_run and not same(self._olds, properties, DECISIVE):
            self._look(checked)
        return CheckResult(properties, [])

    def _place(self) -> None:
        """Resolve endpoint, region and owner, so that state says where the version is whatever the next shell says."""
        known = {name: value for name, value in self._inputs.items() if value != UNKNOWN}
        profile = known.get("profile") or self._process.profile
        endpoint = resolve(
            known.get("endpoint"), base=Path(self._declared.base), allow=self._declared.allow, profile=profile
        )
        destination = Destination(
            domain=str(known.get("domain", "")),
            repository=str(known.get("repository", "")),
            domain_owner=known.get("domain_owner"),
            region=known.get("region") or (None if endpoint.folder else self._process.region),
            profile=profile,
        )
        self._inputs.setdefault("region", resolved_region(destination, endpoint))
        self._inputs["endpoint"] = endpoint.text
        if profile:
            self._inputs.setdefault("profile", profile)
        if "domain_owner" not in self._inputs:
            # Asked for once: what stands in state stays, or another login would look in another account.
            same_place = same(self._olds, self._inputs, ("domain", "repository", "region", "endpoint"))
            owner = self._olds.get("domain_owner") if same_place else None
            if owner := owner or resolved_owner(destination, endpoint):
                self._inputs["domain_owner"] = owner

    def _add_assets(self, sources: Mapping[str, Source]) -> None:
        assets = transient.assets_from(sources)
        if not isinstance(self._inputs.get("assets"), dict):
            self._inputs["assets"] = asset_properties(assets)
        # Else the engine put the old mapping there: `ignore_changes=["assets"]`.

    def _look(self, inputs: Inputs) -> None:
        connection = connect(inputs.destination, inputs.stored_endpoint)
        try:
            remote = look(connection.planning, inputs.coordinates, ThreadScheduler())
        except UnreachableError as error:
            self._process.log.warn(self._declared.urn, f"what is published could not be read: {error}")
            return
        except (MissingDomainError, MissingRepositoryError) as error:
            if self._declared.repository_exists:
                raise
            self._process.log.warn(self._declared.urn, f"not there yet: {error}")
            return
        plan = make_plan(inputs.release(), remote)
        if plan.refusal:
            raise plan.refusal


def _publish(inputs: Inputs) -> VersionState:
    """Make the registry hold what is declared, with progress beside the resource."""
    process = _process()
    urn, sources = process.recall(inputs)
    connection: Connection = connect(inputs.destination, inputs.stored_endpoint)
    connection.prepare()
    progress = Progress()
    status = _Paced(lambda text: process.log.status(urn, text))
    for event in apply(inputs.release(), sources, connection.registry, ThreadScheduler(process.stop_reason)):
        progress.add(event)
        if isinstance(event, Finished):
            process.log.info(urn, progress.line())
            return event.state
        status.show(progress.line())
    raise AssertionError("apply() ends with Finished")  # pragma: no cover


def _wrong_arguments(inputs: Props) -> list[CheckFailure]:
    """Hold the arguments of a program against what a manifest may say; an unknown one is judged when it is known."""
    failures = [CheckFailure(name, f"{name} is empty") for name in REQUIRED if not str(inputs.get(name) or "").strip()]
    for name, (choices, said) in _CHOICES.items():
        if (value := inputs.get(name)) and value != UNKNOWN and value not in choices:
            failures.append(CheckFailure(name, f"{value!r} is not a {name}; write {said}"))
    for name, only in _ONLY.items():
        if inputs.get(name) not in (None, only, UNKNOWN):
            failures.append(CheckFailure(name, f"{inputs[name]!r} is not yet supported; only {only!r} is"))
    return failures


_CHOICES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "status": ((Status.PUBLISHED, Status.UNLISTED, Status.ARCHIVED), "Published, Unlisted or Archived"),
    "finish": ((Finish.GUARDED, Finish.LAST_ASSET), "guarded or last-asset"),
}
_ONLY = {"on_destroy": "retain", "on_supersede": "keep"}


def _property_of(error: ReleaseError) -> str:
    if isinstance(error, RefusedError):
        return "version"
    return "endpoint" if isinstance(error, UsageError) else "assets"


# --- one plugin process -----------------------------------------------------------------------------------------------


class _Process:
    """What all resources of one operation share."""

    def __init__(self, engine_address: str | None) -> None:
        self.region: str | None = None
        self.profile: str | None = None
        self.cache = SqliteCache(default_folder())
        self.log = _EngineLog(engine_address)
        self._declared: dict[object, tuple[str, Mapping[str, Source]]] = {}

    def remember(self, inputs: Inputs, urn: str, sources: Mapping[str, Source]) -> None:
        """Keep where the content is until create() or update(), which are not told the URN."""
        self._declared[self._key(inputs)] = (urn, sources)

    def recall(self, inputs: Inputs) -> tuple[str, Mapping[str, Source]]:
        """Return URN and content of what check() saw."""
        try:
            return self._declared[self._key(inputs)]
        except KeyError:
            raise UsageError(
                f"the files of {inputs.coordinates} are not known to this run", hint="Run `pulumi up` again."
            ) from None

    def stop_reason(self) -> str | None:
        """Return why nothing more may be written, None while the run is alive.

        The engine may be gone, killed, while this process lives on; the next run must not find it still publishing.
        """
        if not threading.main_thread().is_alive():
            return "the run was cancelled"
        return None if self.log.alive() else "the Pulumi engine is gone"

    @staticmethod
    def _key(inputs: Inputs) -> object:
        return (inputs.coordinates, inputs.region, inputs.endpoint, tuple(sorted(inputs.assets.items())))


_shared: _Process | None = None
_shared_lock = threading.Lock()


def _process() -> _Process:
    global _shared  # noqa: PLW0603 - one a process is what it is for
    with _shared_lock:
        if _shared is None:
            _shared = _Process(_engine_address(sys.argv))
        return _shared


def _engine_address(argv: list[str]) -> str | None:
    """Return the engine's address if this is the plugin process: its command line ends with it."""
    is_plugin = len(argv) == 2 and Path(argv[0]).parts[-2:] == ("dynamic", "__main__.py")
    return argv[1] if is_plugin else None


class _EngineLog:
    """Messages beside a resource in the engine's own display. Never raises: a message is not worth a release."""

    def __init__(self, address: str | None) -> None:
        self._stub = None
        if address:
            self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))

    def status(self, urn: str, text: str) -> None:
        """Show a line that the next one replaces and no log keeps."""
        self._send(engine_pb2.INFO, urn, text, ephemeral=True)

    def info(self, urn: str, text: str) -> None:
        """Show a line that stays."""
        self._send(engine_pb2.INFO, urn, text + "\n")

    def warn(self, urn: str, text: str) -> None:
        """Show a warning that stays."""
        self._send(engine_pb2.WARNING, urn, text + "\n")

    def alive(self) -> bool:
        """Return whether the engine still answers; True where there is none to ask."""
        return self._send(engine_pb2.DEBUG, "", "", ephemeral=True)

    def _send(
        self, severity: engine_pb2.LogSeverity.ValueType, urn: str, text: str, *, ephemeral: bool = False
    ) -> bool:
        if self._stub is None:
            return True
        request = engine_pb2.LogRequest(severity=severity, message=text, urn=urn, streamId=0, ephemeral=ephemeral)
        try:
            self._stub.Log(request, timeout=10)
        except grpc.RpcError as error:
            return bool(getattr(error, "code", lambda: None)() != grpc.StatusCode.UNAVAILABLE)
        return True


class _Paced:
    """Passes on at most a few lines a second."""

    def __init__(self, show: Callable[[str], None], interval_s: float = 0.2) -> None:
        self._show = show
        self._interval_s = interval_s
        self._next = 0.0

    def show(self, text: str) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self._interval_s
            self._show(text)


# --- errors of one line -----------------------------------------------------------------------------------------------


class ReleaseFailedError(Exception):
    """What the engine shows of an error of ours: the message alone.

    The plugin prints `traceback.format_exc()`, with the module's name before the class's unless it is a builtin.
    """

    def __str__(self) -> str:
        # Asked for after the (empty) stack was taken, so the limit has served; other providers in this process
        # have a right to their tracebacks.
        sys.__dict__.pop("tracebacklimit", None)
        return super().__str__()


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Turn our own errors into their message; anything else is a bug and keeps its traceback."""
    try:
        yield
    except ReleaseError as error:
        _raise_without_traceback(error)


def _raise_without_traceback(error: ReleaseError) -> NoReturn:
    # Named like the error itself: the engine prints `error: ConflictError: …`.
    kind = type(type(error).__name__, (ReleaseFailedError,), {"__module__": "builtins"})
    sys.tracebacklimit = 0
    raise kind(str(error)) from None
