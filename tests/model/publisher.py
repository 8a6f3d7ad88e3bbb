"""One publisher or promotion: all runs of the real core, by the answers that they get.

    publisher = Publisher(Spec(contents={"a": b"1"}), core)
    root = publisher.root                      # a node: the requests that are on their way, or how the run ended
    node = publisher.after(root, None, Missing())

A run is deterministic: where it stands is a function of the answers that it got. So nodes are kept by those answers,
each is computed once, and all global states share them. A greenlet cannot be copied: the first node that follows from
another takes over its run, for every further one the core is run from its beginning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from . import model
from .model import Answer, Request
from .run import Run, Slot
from .spec import Core, Ended, Spec


@dataclass(eq=False)
class Node:
    """A publisher's run at one point.

    Attributes:
        path: the answers that lead here, each with who got it.
        pending: the requests that are on their way.
        skippable: of those, the jobs that need not have begun, since a sibling has failed.
        broken: what the publisher did that it must never do, whatever the others do; empty for nothing.
        number: in the order of discovery, from 1.
        run: the core, standing here; None once it went on.
    """

    path: tuple[tuple[Slot | None, Answer], ...]
    pending: tuple[tuple[Slot | None, Request], ...]
    skippable: frozenset[Slot]
    ended: Ended | None
    broken: str
    number: int = 0
    after: dict[tuple[Slot | None, Answer], Node] = field(default_factory=dict, repr=False)
    run: Run | None = field(default=None, repr=False)


class Publisher:
    """All runs of one publisher, by the answers that they got."""

    def __init__(self, spec: Spec, core: Core) -> None:
        self.spec = spec
        self._core = core
        self._known: dict[tuple[Any, ...], Node] = {}
        self.root = self._keep((), Run(spec, core).start())

    def after(self, node: Node, slot: Slot | None, answer: Answer) -> Node:
        """Return where the run stands once `answer` reached `slot`."""
        found = node.after.get((slot, answer))
        if found is None:
            path = (*node.path, (slot, answer))
            found = self._known.get(self._history(path))
            if found is None:
                run, node.run = node.run, None
                if run is None:
                    run = Run(self.spec, self._core).start()
                    for step in node.path:
                        run.go(*step)
                found = self._keep(path, run.go(slot, answer))
            node.after[slot, answer] = found
        return found

    def close(self) -> None:
        """End all runs."""
        for node in self._known.values():
            if node.run:
                node.run.close()
                node.run = None

    @property
    def nodes(self) -> int:
        """How many are known."""
        return len(self._known)

    def _keep(self, path: tuple[tuple[Slot | None, Answer], ...], run: Run) -> Node:
        node = self._known[self._history(path)] = _node(path, run)
        node.number = len(self._known)
        return node

    def _history(self, path: tuple[tuple[Slot | None, Answer], ...]) -> tuple[Any, ...]:
        """Return what a run's standing depends on: of jobs side by side, not the order of their answers.

        Unless one failed: that keeps jobs from starting, so there the order counts.
        """
        history: list[Any] = []
        index = 0
        while index < len(path):
            slot, answer = path[index]
            if slot is None:
                history.append(answer)
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

    def _fails(self, answer: Answer) -> bool:
        if isinstance(answer, model.Content):
            return all(answer.content != content for _, content in self.spec.contents)
        return isinstance(answer, model.FAILURES)


def _node(path: tuple[tuple[Slot | None, Answer], ...], run: Run) -> Node:
    """Return where the run stands, which `path` led to."""
    # Jobs whose answer is the same step from the same node, whichever comes first, are told in one order.
    pending = tuple(sorted(run.pending.items(), key=lambda item: item[0] or Slot(-1, -1)))
    skippable = frozenset(run.skippable & run.pending.keys())
    return Node(path, pending, skippable, run.ended, run.witness.broken, run=None if run.ended else run)
