"""A stack that runs programs with Pulumi's own mocks: no engine, no plugin, no registry."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pulumi
import pytest
from pulumi.runtime import mocks
from pulumi.runtime.settings import get_root_resource, reset_options

from pulumi_codeartifact_release.plugin.declaration import Declaration

TOKEN = "pulumi-python:dynamic/codeartifact:PackageVersion"
PROMOTION_TOKEN = "pulumi-python:dynamic/codeartifact:Promotion"


@dataclass(frozen=True)
class Registered:
    """One resource as the engine would hear of it."""

    name: str
    token: str
    inputs: dict[str, Any]
    retained: bool

    @property
    def declaration(self) -> dict[str, Any]:
        told = dataclasses.asdict(Declaration.of(self.inputs["declaration"]))
        return {**told, "problems": list(told["problems"]), "allow": sorted(told["allow"])}


class Monitor(mocks.MockMonitor):
    """The engine's side of a program."""

    def __init__(self, stacks: Mapping[str, Any]) -> None:
        super().__init__(Echo(stacks))
        self.registered: list[Registered] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - gRPC's name
        if request.type in (TOKEN, PROMOTION_TOKEN):
            inputs = pulumi.runtime.rpc.deserialize_properties(request.object, keep_unknowns=True)
            self.registered.append(Registered(request.name, request.type, inputs, request.retainOnDelete))
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]


CHECKSUMS = f"{'1' * 64}  a.txt\n\\{'2' * 64}  b\\\\c\n"


class Echo(mocks.Mocks):
    """A provider whose outputs are its inputs, beside stacks with outputs."""

    def __init__(self, stacks: Mapping[str, Any]) -> None:
        self._stacks = stacks

    def call(self, args: mocks.MockCallArgs) -> Any:
        return {}

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        if args.typ == "pulumi:pulumi:StackReference":
            return args.name, {**args.inputs, "outputs": self._stacks[args.name], "secretOutputNames": []}
        return args.name, {**args.inputs, "checksums": CHECKSUMS, "digest": "sha256:0", "revision": "r1"}


class Stack:
    """Runs programs in a folder, as a stack of one project would.

    Attributes:
        log: what programs have said.
        outputs: what they have exported.
        others: the outputs of other stacks, by their whole names.
    """

    def __init__(self) -> None:
        self.log: list[str] = []
        self.others: dict[str, Any] = {}
        self.outputs: dict[str, Any] = {}

    def run(
        self, program: Callable[[], object], *, preview: bool = True, config: dict[str, str] | None = None
    ) -> list[Registered]:
        """Run a program to its end; returns what it has registered."""
        monitor = Monitor(self.others)
        logger = logging.Logger("program", logging.INFO)
        logger.addHandler(_Lines(self.log))
        mocks.set_mocks(monitor.mocks, "project", "dev", preview, logger, monitor, organization="organization")
        pulumi.runtime.set_all_config({f"project:{key}": value for key, value in (config or {}).items()})

        entrypoints: list[Callable[[], Any]] = []

        def whole() -> pulumi.Output[Any]:
            program()
            root: Any = get_root_resource()
            exported = [root.outputs, *(entrypoint() for entrypoint in entrypoints)]
            return pulumi.Output.from_input(exported).apply(lambda all_: [self.outputs.update(each) for each in all_])

        with mock.patch.object(pulumi, "run", entrypoints.append):
            pulumi.runtime.test(whole)()  # type: ignore[no-untyped-call]
        return monitor.registered


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(f"{record.levelname}: {record.getMessage()}")


@pytest.fixture
def empty_stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """A stack whose event loops and settings no later test meets."""
    loops: list[asyncio.AbstractEventLoop] = []
    new_event_loop = asyncio.new_event_loop

    def remembered() -> asyncio.AbstractEventLoop:
        loops.append(new_event_loop())
        return loops[-1]

    # The SDK makes a loop in each of its threads and leaves them open, for a program's process ends soon.
    monkeypatch.setattr(asyncio, "new_event_loop", remembered)
    asyncio.set_event_loop(remembered())
    yield Stack()
    pulumi.runtime.set_all_config({})
    reset_options()
    asyncio.set_event_loop(None)
    loops[0].run_until_complete(loops[0].shutdown_default_executor())
    for loop in loops:
        loop.close()
