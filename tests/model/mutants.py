"""The core broken on purpose, in one place each: what is broken, and how to see that the explorer finds it.

Each mutant meets a small scenario in which the core as it is holds, which is checked too. What is found has to be what
was broken: a mutant that is caught for another reason proves nothing about the invariant that it is meant for.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from .core import SHORT, impatient, variant
from .explorer import Explored, explore
from .scenario import Scenario


class Mutant(NamedTuple):
    """What is broken, where it shows, and the words of the invariant that it breaks.

    Attributes:
        changes: texts of `apply` and what stands in their place.
        names: what else its names mean.
        promotion_source, read_version, upload: the same for the modules of these names.
    """

    what: str
    scenario: Scenario
    finds: str
    changes: tuple[tuple[str, str], ...] = ()
    names: tuple[tuple[str, Any], ...] = ()
    promotion_source: tuple[tuple[str, str], ...] = ()
    read_version: tuple[tuple[str, str], ...] = ()
    upload: tuple[tuple[str, str], ...] = ()


def caught(call: str, error: str, answer: str) -> tuple[str, str]:
    """Return a change: where `call` raises `error`, go on with `answer`."""
    indent = call[: len(call) - len(call.lstrip())]
    shifted = "".join(f"    {line}\n" for line in call.splitlines())
    return call, f"{indent}try:\n{shifted}{indent}except {error}:\n{indent}    {answer}\n"


@functools.cache
def _holds_unbroken(scenario: Scenario) -> Explored:
    return explore(scenario, impatient())


def assert_found(mutant: Mutant) -> None:
    """Fail unless the explorer finds what is broken, and nothing without it."""
    unbroken = _holds_unbroken(mutant.scenario)
    assert unbroken.violation is None, str(unbroken.violation)

    core = variant(
        *mutant.changes,
        promotion_source=mutant.promotion_source,
        read_version=mutant.read_version,
        upload=mutant.upload,
        SETTLE_WAITS=SHORT,
        **dict(mutant.names),
    )
    found = explore(mutant.scenario, core)

    assert found.violation, "nothing was found"
    assert mutant.finds in found.violation.what, str(found.violation)
