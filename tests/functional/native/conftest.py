"""Both providers behind one interface, in this process: a run of `pulumi up` for one resource, without an engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
from pulumi.runtime.proto import provider_pb2 as pb

from pulumi_codeartifact_release import connections
from pulumi_codeartifact_release.dynamic import process
from pulumi_codeartifact_release.errors import ReleaseError
from pulumi_codeartifact_release.local_registry import start
from pulumi_codeartifact_release.native.server import Provider
from pulumi_codeartifact_release.native.values import decode, encode
from pulumi_codeartifact_release.plugin.declaration import Declaration
from pulumi_codeartifact_release.plugin.run_context import RunContext
from pulumi_codeartifact_release.plugin.spelling import camel
from pulumi_codeartifact_release.providers import PackageVersionProvider
from pulumi_codeartifact_release.remedies import resource_properties
from support.embedded import Gate, Package, client_of

TYPE = "codeartifact-release:index:PackageVersion"
URN = f"urn:pulumi:dev::project::{TYPE}::acme/app"
VERSION = {"namespace": "acme", "package": "app", "version": "1.0", "domain": "acme", "repository": "dev"}


class RefusedRunError(Exception):
    """A run failed with this message."""


@dataclass
class State:
    """What the engine keeps of a resource."""

    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]


class Driver(Protocol):
    """The engine's side of one provider."""

    def check(self, state: State | None, files: Mapping[str, str], **inputs: str) -> dict[str, Any]:
        """Return the inputs for state. Raises RefusedRunError."""

    def up(self, state: State | None, files: Mapping[str, str], **inputs: str) -> State:
        """Check, compare, and create or update if there is a difference. Raises RefusedRunError."""

    def preview(self, state: State | None, files: Mapping[str, str], **inputs: str) -> None:
        """Run a preview. Raises RefusedRunError."""

    def refresh(self, state: State) -> State | None:
        """Read the resource; None if it is gone."""

    def delete(self, state: State) -> None:
        """Remove the resource from the program."""


def native(**config: str) -> Provider:
    """Return a configured provider."""
    context = RunContext(None, default_front=resource_properties)
    context.knows_preview = False
    provider = Provider(context, threading.Event(), "{}", "1.0.0")
    provider.configure(pb.ConfigureRequest(args=encode(config)))
    return provider


class Native:
    """The native provider. Each run has a new process, which a new provider stands for."""

    def __init__(self) -> None:
        self.provider = native()

    def check(self, state: State | None, files: Mapping[str, str], **inputs: str) -> dict[str, Any]:
        self.provider = native()
        arguments = {camel(name): value for name, value in {**VERSION, **inputs}.items()}
        news = encode({**arguments, "assets": dict(files)})
        olds = encode(state.inputs if state else {})
        response = self.provider.check(pb.CheckRequest(urn=URN, olds=olds, news=news))
        if response.failures:
            raise RefusedRunError(" ".join(each.reason for each in response.failures))
        return decode(response.inputs)[0]

    def changed(self, state: State, news: dict[str, Any]) -> bool:
        request = pb.DiffRequest(id=state.id, urn=URN, olds=encode(state.outputs), news=encode(news))
        response = self.provider.diff(request)
        assert not response.replaces
        return response.changes == pb.DiffResponse.DIFF_SOME

    def up(self, state: State | None, files: Mapping[str, str], **inputs: str) -> State:
        return self._run(state, files, inputs, preview=False)

    def preview(self, state: State | None, files: Mapping[str, str], **inputs: str) -> None:
        self._run(state, files, inputs, preview=True)

    def _run(self, state: State | None, files: Mapping[str, str], inputs: Mapping[str, str], *, preview: bool) -> State:
        news = self.check(state, files, **inputs)
        if state and not self.changed(state, news):
            return State(state.id, news, state.outputs)
        try:
            if state is None:
                create = pb.CreateRequest(urn=URN, properties=encode(news), preview=preview)
                created = self.provider.create(create)
                return State(created.id, news, decode(created.properties)[0])
            olds = encode(state.outputs)
            update = pb.UpdateRequest(id=state.id, urn=URN, olds=olds, news=encode(news), preview=preview)
            return State(state.id, news, decode(self.provider.update(update).properties)[0])
        except ReleaseError as error:
            raise RefusedRunError(error.full_text) from None

    def refresh(self, state: State) -> State | None:
        response = native().read(pb.ReadRequest(id=state.id, urn=URN, properties=encode(state.outputs)))
        return State(response.id, decode(response.inputs)[0], decode(response.properties)[0]) if response.id else None

    def delete(self, state: State) -> None:
        self.provider.delete(pb.DeleteRequest(id=state.id, urn=URN, properties=encode(state.outputs)))


class Dynamic:
    """The dynamic provider."""

    def __init__(self) -> None:
        self.provider = PackageVersionProvider()

    def check(self, state: State | None, files: Mapping[str, str], **inputs: str) -> dict[str, Any]:
        return self._check(state, files, inputs, dry_run=False)

    def _check(
        self, state: State | None, files: Mapping[str, str], inputs: Mapping[str, str], *, dry_run: bool
    ) -> dict[str, Any]:
        process._shared = None
        base = Path.cwd()
        declaration = Declaration(
            files={name: str(base / path) for name, path in files.items()},
            base=str(base),
            allow=frozenset(("outside", "endpoint", "delete", "local-source")),
            urn=URN,
            dry_run=dry_run,
        )
        news = {**VERSION, **inputs, "declaration": declaration.text()}
        checked = self.provider.check(state.inputs if state else {}, news)
        if checked.failures:
            raise RefusedRunError(" ".join(each.reason for each in checked.failures))
        return dict(checked.inputs)

    def changed(self, state: State, news: dict[str, Any]) -> bool:
        return bool(self.provider.diff(state.id, state.outputs, news).changes)

    def up(self, state: State | None, files: Mapping[str, str], **inputs: str) -> State:
        news = self.check(state, files, **inputs)
        try:
            if state is None:
                created = self.provider.create(news)
                return State(str(created.id), news, dict(created.outs or {}))
            if not self.changed(state, news):
                return State(state.id, news, state.outputs)
            return State(state.id, news, dict(self.provider.update(state.id, state.outputs, news).outs or {}))
        except process.ReleaseFailedError as error:
            raise RefusedRunError(f"{type(error).__name__}: {error}") from None

    def preview(self, state: State | None, files: Mapping[str, str], **inputs: str) -> None:
        news = self._check(state, files, inputs, dry_run=True)
        assert state is None or self.changed(state, news) is not None

    def refresh(self, state: State) -> State | None:
        process._shared = None
        read = self.provider.read(state.id, state.outputs)
        return State(read.id, dict(read.inputs or {}), dict(read.outs or {})) if read.id else None

    def delete(self, state: State) -> None:
        self.provider.delete(state.id, state.outputs)


DRIVERS: dict[str, Callable[[], Driver]] = {"native": Native, "dynamic": Dynamic}


@dataclass
class World:
    """A program's folder, and a registry behind a gate."""

    gate: Gate
    package: Package
    written: list[str] = field(default_factory=list)

    def files(self, **contents: str) -> dict[str, str]:
        """Write files, and return asset name -> path."""
        paths = {}
        for name, text in contents.items():
            path = Path("dist") / f"{name}.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            paths[path.name] = str(path)
        return paths

    @property
    def writes(self) -> list[str]:
        """The requests that change something."""
        return [each for each in self.gate.requests if "publish" in each or "status" in each or "delete" in each]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    program = tmp_path / "program"
    program.mkdir()
    monkeypatch.chdir(program)
    with start(tmp_path / "registry") as server, Gate(server) as gate:
        client = client_of(server)
        client.create_domain(domain="acme")
        client.create_repository(domain="acme", repository="dev")
        key = server.credentials()
        monkeypatch.setenv("AWS_ENDPOINT_URL_CODEARTIFACT", gate.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key.access_key_id)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key.secret_access_key)
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        yield World(gate, Package(client))
        client.close()
    process._shared = None
    connections.close()


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest, world: World) -> Driver:
    assert world
    return DRIVERS[request.param]()
