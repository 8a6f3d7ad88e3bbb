"""One publisher or promotion: all runs of the real core, by the responses that they receive.

    publisher = Publisher(Spec(contents={"a": b"1"}), core)
    root = publisher.root                      # a node: the requests in flight, or the outcome of the run
    node = publisher.after(root, None, Missing())

A run is deterministic: its state depends only on its responses. So each node is computed once, and all global states
share it. A greenlet cannot be copied: the first node after another one takes over its run, and for each further one the
core runs again from the beginning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from . import model
from .model import Request, Response
from .run import Run, Slot
from .spec import Core, Outcome, Spec


@dataclass(eq=False)
class Node:
    """A publisher's run at one point.

    Attributes:
        path: the responses that lead here, each with its slot.
        pending: the requests in flight.
        skippable: the waiting jobs that may not have started, because another job failed.
        broken: the rule that the publisher broke, as `Observer` describes it; "" for none.
        number: in the order of discovery, from 1.
        run: the core at this point; None after it has continued.
    """

    path: tuple[tuple[Slot | None, Response], ...]
    pending: tuple[tuple[Slot | None, Request], ...]
    skippable: frozenset[Slot]
    outcome: Outcome | None
    broken: str
    number: int = 0
    after: dict[tuple[Slot | None, Response], Node] = field(default_factory=dict, repr=False)
    run: Run | None = field(default=None, repr=False)


class Publisher:
    """All runs of one publisher, by their responses."""

    def __init__(self, spec: Spec, core: Core) -> None:
        self.spec = spec
        self._core = core
        self._nodes: dict[tuple[Any, ...], Node] = {}
        self.root = self._keep((), Run(spec, core).start())

    def after(self, node: Node, slot: Slot | None, response: Response) -> Node:
        """Return the node after `slot` receives `response`."""
        following = node.after.get((slot, response))
        if following is None:
            path = (*node.path, (slot, response))
            following = self._nodes.get(self._history(path))
            if following is None:
                run, node.run = node.run, None
                if run is None:
                    run = Run(self.spec, self._core).start()
                    for step in node.path:
                        run.resume(*step)
                following = self._keep(path, run.resume(slot, response))
            node.after[slot, response] = following
        return following

    def close(self) -> None:
        """End all runs."""
        for node in self._nodes.values():
            if node.run:
                node.run.close()
                node.run = None

    @property
    def nodes(self) -> int:
        """The number of nodes."""
        return len(self._nodes)

    def _keep(self, path: tuple[tuple[Slot | None, Response], ...], run: Run) -> Node:
        node = self._nodes[self._history(path)] = _node(path, run)
        node.number = len(self._nodes)
        return node

    def _history(self, path: tuple[tuple[Slot | None, Response], ...]) -> tuple[Any, ...]:
        """Return what the state of a run depends on: not on the order of the responses of parallel jobs.

        The order matters only if a job failed, because then no other job starts.
        """
        history: list[Any] = []
        index = 0
        while index < len(path):
            slot, response = path[index]
            if slot is None:
                history.append(response)
                index += 1
                continue
            end = index
            while end < len(path) and (other := path[end][0]) is not None and other.batch == slot.batch:
                end += 1
            batch = path[index:end]
            if not any(self._fails(got) for _, got in batch):
                batch = tuple(sorted(batch, key=lambda item: item[0] or slot))
            history.append(batch)
            index = end
        return tuple(history)

    def _fails(self, response: Response) -> bool:
        if isinstance(response, model.Content):
            return all(response.content != content for _, content in self.spec.contents)
        return isinstance(response, model.FAILURES)


def _node(path: tuple[tuple[Slot | None, Response], ...], run: Run) -> Node:
    """Return the node of a run after `path`."""
    # Sort the jobs: their order must not distinguish nodes.
    pending = tuple(sorted(run.pending.items(), key=lambda item: item[0] or Slot(-1, -1)))
    skippable = frozenset(run.skippable & run.pending.keys())
    return Node(path, pending, skippable, run.outcome, run.observer.broken, run=None if run.outcome else run)
