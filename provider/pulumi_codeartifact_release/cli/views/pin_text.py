"""What `pin` prints: the change to the manifest, and JSON.

for line in pin_lines(manifest, environment, changes, diff, source_header, width=80, written=True):
    click.echo(line)
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.text import Text

from ...text.sizes import count_text
from .console import header, lines, text

if TYPE_CHECKING:
    from ...manifest import Environment, Manifest, Pin
    from ..pin import PinChange

_COLORS = {"+": "green", "-": "red", "@": "cyan"}


def pin_lines(
    manifest: Manifest,
    environment: Environment,
    changes: Sequence[PinChange],
    diff: str,
    source_header: str,
    width: int | None,
    *,
    written: bool,
) -> Iterator[str]:
    """Yield the lines; `width` in columns, None for a file. The diff is never wrapped, so that it can be applied."""
    parts: list[RenderableType] = [*header(source_header), ""]
    yield from lines(*parts, width=width)
    if diff:
        yield from lines(*(_diff_line(line) for line in diff.splitlines()), Text(""), width=None)
    yield from lines(text(_summary(manifest, environment, changes, written=written)), width=width)


def _diff_line(line: str) -> Text:
    style = "bold" if line.startswith(("+++", "---")) else _COLORS.get(line[:1], "")
    return text(line, style)


def _summary(manifest: Manifest, environment: Environment, changes: Sequence[PinChange], *, written: bool) -> str:
    changed = sum(bool(change.patch) for change in changes)
    if not changed:
        return f"{manifest.path}: nothing to change, {environment.name} pins what {environment.promote_from} holds."
    unchanged = f", {len(changes) - changed:,} unchanged" if changed < len(changes) else ""
    pins = f"{count_text(changed, 'pin')} of {environment.name}"
    if not written:
        return f"{manifest.path}: {pins} would change{unchanged}. Nothing was written."
    plan = shlex.join(["codeartifact-release", "plan", str(manifest.path), "-e", environment.name])
    return f"{manifest.path}: {pins} written{unchanged}. Have the change reviewed. Next: {plan}"


def pin_json(
    manifest: Manifest, environment: Environment, changes: Sequence[PinChange], diff: str, *, written: bool
) -> dict[str, Any]:
    """Return the pins as JSON values; `codeartifact-release schema pin` describes them."""
    return {
        "schemaVersion": 1,
        "manifest": str(manifest.path),
        "environment": environment.name,
        "promoteFrom": environment.promote_from,
        "written": written and bool(diff),
        "pins": [
            {
                "package": change.package,
                "changes": bool(change.patch),
                "before": _pin(change.before),
                "after": _pin(change.after),
            }
            for change in changes
        ],
        "diff": diff,
    }


def _pin(pin: Pin | None) -> dict[str, str] | None:
    return {"version": pin.version, "digest": pin.digest} if pin else None
