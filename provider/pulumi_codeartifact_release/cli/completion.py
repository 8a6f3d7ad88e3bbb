"""What shells complete beyond commands and options."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    import click


def complete_environments(context: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Return the names of the manifest's environments that begin as `typed`, none where there is no such manifest."""
    # Commands and options are completed without all this.
    from ..manifest import content_of  # noqa: PLC0415
    from ..manifest.document import parse  # noqa: PLC0415
    from ..manifest.schema import shipped  # noqa: PLC0415

    # An option without its value yet: click has taken its words no further than they stand there.
    words = (context.params.get("manifest"), *(context.params.get("targets") or ()), *context.args)
    try:
        root = parse(content_of(Path(next((word for word in words if word), "")), outside=False)).root
    except UsageError:
        # What is wrong the command itself will say: here is no place for it.
        return []
    named = root.value.get("environments") if root and isinstance(root.value, dict) else None
    names = named.value if named and isinstance(named.value, dict) else {}
    # A shell may run what it is offered: nothing that the rules refuse, such as `$(…)`, is a name.
    rule = re.compile(shipped()["properties"]["environments"]["propertyNames"]["pattern"].removesuffix("$"))
    return [name for name in names if name.startswith(typed) and rule.fullmatch(name)]
