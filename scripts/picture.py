"""Converts terminal screens, captured with `tmux capture-pane -e -p`, to docs/terminal.svg.

python scripts/picture.py '$ pulumi up' up.ansi '$ pulumi up' again.ansi '$ pulumi preview' refused.ansi
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

WIDTH = 120
OUT = Path(__file__).resolve().parent.parent / "docs" / "terminal.svg"


def main(words: list[str]) -> None:
    console = Console(record=True, width=WIDTH, force_terminal=True, file=io.StringIO())
    for command, screen in zip(words[::2], words[1::2], strict=True):
        console.print(Text(command, style="bold"))
        lines = Path(screen).read_text().rstrip("\n").split("\n")
        for line in lines:
            text = Text.from_ansi(line.rstrip())
            if text.plain.strip() and text.plain.strip() != "$":
                console.print(text, overflow="fold")
        console.print()
    # Remove the web font of rich, so that the picture makes no requests.
    template = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    OUT.write_text(console.export_svg(title="codeartifact-release", code_format=template))


main(sys.argv[1:])
