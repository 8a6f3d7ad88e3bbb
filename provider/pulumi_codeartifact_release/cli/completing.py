"""What shells complete beyond commands and options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import printable

if TYPE_CHECKING:
    import click


def complete_environments(context: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Return the names of the manifest's environments that begin as `typed`, none where there is no such manifest."""
    from ..manifest.document import MAX_BYTES, parse  # noqa: PLC0415 - commands and options are completed without it

    # An option without its value yet: click has taken its words no further than they stand there.
    words = (context.params.get("manifest"), *(context.params.get("targets") or ()), *context.args)
    path = Path(next((word for word in words if word), ""))
    try:
        # Nothing that would be waited for; and what is wrong the command itself will say: here is no place for it.
        root = parse(path.read_bytes()).root if path.is_file() and path.stat().st_size <= MAX_BYTES else None
    except (OSError, ValueError):
        return []
    named = root.value.get("environments") if root and isinstance(root.value, dict) else None
    names = named.value if named and isinstance(named.value, dict) else {}
    return [name for name in names if name.startswith(typed) and printable(name) == name]
