"""What `init` prints: lines for people, and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...errors import printable

if TYPE_CHECKING:
    from ..next_steps import Step
    from ..project_facts import Facts

_MAX_WIDTH = 45
"""The reason for a longer command is printed above it."""


@dataclass(frozen=True)
class WrittenFile:
    """A file of the project.

    Attributes:
        created: False if it was there before; then it is unchanged.
        missing: the text that it lacks; "" if it has what is needed.
    """

    name: str
    created: bool
    missing: str


def init_lines(folder: Path, written: Sequence[WrittenFile], facts: Facts, steps: Sequence[Step]) -> Iterator[str]:
    """Yield which files were written, what the user has to add, and the next commands."""
    for each in written:
        path = folder / each.name
        yield printable(f"  {'wrote' if each.created else 'kept '}  {path}")
    for each in written:
        if each.missing:
            yield ""
            yield click.style(printable(f"{folder / each.name} was there already. Add to it:"), fg="yellow")
            yield from (printable(f"    {line}") for line in each.missing.splitlines())
    if "@COMMIT" in facts.requirement:
        yield ""
        yield click.style("Replace COMMIT in requirements.txt with the commit that you reviewed.", fg="yellow")
    yield ""
    yield "Next:"
    width = max((len(command) for command, _ in steps if len(command) <= _MAX_WIDTH), default=0)
    for command, reason in steps:
        above = len(command) > _MAX_WIDTH
        if reason and above:
            yield printable(f"  # {reason}")
        yield printable(f"  {command:<{width}}  # {reason}" if reason and not above else f"  {command}")


def init_json(folder: Path, written: Sequence[WrittenFile], steps: Sequence[Step]) -> dict[str, Any]:
    """Return the result as JSON values; `codeartifact-release schema init` describes them."""
    return {
        "schemaVersion": 1,
        "folder": str(folder),
        "files": [{"path": each.name, "created": each.created, "missing": each.missing or None} for each in written],
        "next": [command for command, _ in steps],
    }
