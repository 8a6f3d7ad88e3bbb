"""Mutants: the core with one deliberate bug, and the invariant by which the explorer must find it.

Each mutant runs in a small scenario in which the correct core passes, which is also checked. The violation must be the
expected one: a mutant that fails for another reason proves nothing about its invariant.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from .core_variants import SHORT_WAITS, short_waits, variant
from .explorer import Exploration, explore
from .scenario import Scenario


class Mutant(NamedTuple):
    """A bug, a scenario that reveals it, and a part of the expected violation.

    Attributes:
        changes: texts of `apply`, each with its replacement.
        names: replacements for names in `apply`.
        promotion_source, read_version, upload, bundle_workflow: the same for the modules of these names.
    """

    what: str
    scenario: Scenario
    finds: str
    changes: tuple[tuple[str, str], ...] = ()
    names: tuple[tuple[str, Any], ...] = ()
    promotion_source: tuple[tuple[str, str], ...] = ()
    read_version: tuple[tuple[str, str], ...] = ()
    upload: tuple[tuple[str, str], ...] = ()
    bundle_workflow: tuple[tuple[str, str], ...] = ()


def swallow(call: str, error: str, statement: str) -> tuple[str, str]:
    """Return a change: if `call` raises `error`, execute `statement` instead."""
    indent = call[: len(call) - len(call.lstrip())]
    shifted = "".join(f"    {line}\n" for line in call.splitlines())
    return call, f"{indent}try:\n{shifted}{indent}except {error}:\n{indent}    {statement}\n"


@functools.cache
def _explore_correct_core(scenario: Scenario) -> Exploration:
    return explore(scenario, short_waits())


def assert_found(mutant: Mutant) -> None:
    """Fail unless the explorer finds the bug, and finds nothing in the correct core."""
    correct = _explore_correct_core(mutant.scenario)
    assert correct.violation is None, str(correct.violation)

    core = variant(
        *mutant.changes,
        promotion_source=mutant.promotion_source,
        read_version=mutant.read_version,
        upload=mutant.upload,
        bundle_workflow=mutant.bundle_workflow,
        SETTLE_WAITS=SHORT_WAITS,
        **dict(mutant.names),
    )
    result = explore(mutant.scenario, core)

    assert result.violation, "nothing was found"
    assert mutant.finds in result.violation.what, str(result.violation)
