"""One publisher or promotion: all runs of the real core, by the responses that they receive.

    publisher = Publisher(Spec(contents={"a": b"1"}), core)
    root = publisher.root                      # a node: the requests in flight, or the outcome of the run
    node = publisher.after(root, (), Missing())

A run is deterministic: its state depends only on its responses. So each node is computed once, and all global states
share it. A greenlet cannot be copied: the first node after another one takes over its run, and for each further one the
core runs again from the beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, TypeAlias

from . import model
from .model import Request, Response
from .run import Run, Slot
from .spec import AnySpec, Core, Outcome

Path: TypeAlias = tuple[tuple[Slot, Response], ...]
"""The responses of a run in their order, each with its slot."""
History: TypeAlias = tuple[Any, ...]
"""The same, without the order where it does not matter."""


@dataclass(eq=False)
class Node:
    """A publisher's run at one point.

    Attributes:
        path: the responses that lead here, each with its slot.
        pending: the requests in flight.
        skippable: the waiting jobs that may not have started, because another job failed.
        failed: whether a version of a bundle failed, so that no other version starts.
        broken: the rule that the publisher broke, as `Observer` describes it; "" for none.
        number: in the order of discovery, from 1.
        run: the core at this point; None after it has continued.
    """

    path: Path
    pending: tuple[tuple[Slot, Request], ...]
    skippable: frozenset[Slot]
    failed: bool
    outcome: Outcome | None
    broken: str
    number: int = 0
    after: dict[tuple[Slot, Response], Node] = field(default_factory=dict, repr=False)
    run: Run | None = field(default=None, repr=False)


class Publisher:
    """All runs of one publisher, by their responses."""

    def __init__(self, spec: AnySpec, core: Core) -> None:
        self.spec = spec
        self._core = core
        self._contents = {content for one in spec.versions.values() for _, content in one.contents}
        self._nodes: dict[History, Node] = {}
        # By what came before a batch, the job of a version, and its responses.
        self._waiting: dict[tuple[History, Slot, Any], tuple[tuple[Slot, Request], ...]] = {}
        self.root = self._keep((), _node((), Run(spec, core).start()))

    def after(self, node: Node, slot: Slot, response: Response) -> Node:
        """Return the node after `slot` receives `response`."""
        following = node.after.get((slot, response))
        if following is None:
            path = (*node.path, (slot, response))
            history = self._history(path)
            following = self._nodes.get(history) or self._combine(node, path, history)
            if following is None:
                run, node.run = node.run, None
                if run is None:
                    run = Run(self.spec, self._core).start()
                    for step in node.path:
                        run.resume(*step)
                following = self._keep(history, _node(path, run.resume(slot, response)))
                self._remember(following, history)
            node.after[slot, response] = following
        return following

    def _remember(self, node: Node, history: History) -> None:
        """Keep what the version of the last response waits for."""
        job = node.path[-1][0][: self.spec.depth]
        if job and not node.failed:
            mine = tuple(item for item in node.pending if item[0][: len(job)] == job)
            self._waiting[history[:-1], job, dict(history[-1]).get(job[-1])] = mine

    def _combine(self, node: Node, path: Path, history: History) -> Node | None:
        """Return the node without a run if the version of the last response has been in its new state before.

        The versions of a bundle share nothing, so what the others wait for stays the same.
        """
        job = path[-1][0][: self.spec.depth]
        if not job or node.failed:
            return None
        mine = self._waiting.get((history[:-1], job, dict(history[-1]).get(job[-1])))
        others = tuple(item for item in node.pending if item[0][: len(job)] != job)
        if mine is None or not mine + others:
            return None
        return self._keep(history, Node(path, tuple(sorted((*others, *mine))), frozenset(), False, None, ""))

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

    def _keep(self, history: History, node: Node) -> Node:
        self._nodes[history] = node
        node.number = len(self._nodes)
        return node

    def _history(self, path: Sequence[tuple[Slot, Response]], depth: int = 0) -> History:
        """Return what the state of a run depends on: not on the order of the responses of parallel jobs.

        The versions of a bundle share nothing. Among the jobs of one version, the order matters if one failed, because
        then no other job starts, and the source of a promotion is read again.
        """
        history: list[Any] = []
        for batch, steps in groupby(path, key=lambda step: step[0][depth] if len(step[0]) > depth else -1):
            if batch < 0:
                history.extend(response for _, response in steps)
            elif depth < self.spec.depth:
                jobs: dict[int, list[tuple[Slot, Response]]] = {}
                for step in steps:
                    jobs.setdefault(step[0][depth + 1], []).append(step)
                history.append(tuple((job, self._history(jobs[job], depth + 2)) for job in sorted(jobs)))
            else:
                batch_steps = tuple(steps)
                if not any(self._fails(got) for _, got in batch_steps):
                    batch_steps = tuple(sorted(batch_steps, key=lambda step: step[0]))
                history.append(batch_steps)
        return tuple(history)

    def _fails(self, response: Response) -> bool:
        if isinstance(response, model.Content):
            return response.content not in self._contents
        return isinstance(response, model.FAILURES)


def _node(path: Path, run: Run) -> Node:
    """Return the node of a run after `path`."""
    # Sort the jobs: their order must not distinguish nodes.
    pending = tuple(sorted(run.pending.items()))
    run_or_none = None if run.outcome else run
    return Node(path, pending, run.skippable, run.version_failed, run.outcome, run.broken, run=run_or_none)
