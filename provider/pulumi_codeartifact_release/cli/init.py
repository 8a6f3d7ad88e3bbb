"""`codeartifact-release init`: write a project of one's own.

codeartifact-release init app
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from .next_steps import next_steps
from .output_files import create_file
from .project_facts import find_facts, text_of
from .project_files import files_of
from .views.init_text import WrittenFile, init_json, init_lines

_NEEDED = {
    "release.yaml": "environments:",
    "Pulumi.yaml": "python",
    "__main__.py": "pulumi_codeartifact_release",
    "requirements.txt": "pulumi-codeartifact-release",
    ".gitignore": ".registry",
}
"""What a file must contain that is already there. If it does not, the user has to add what `init` would write."""


def run(*, directory: Path, ci: str | None, as_json: bool) -> None:
    """Run `init`."""
    facts = find_facts(directory)
    written = [
        WrittenFile(name, created=created, missing="" if created else _missing(directory / name, name, text))
        for name, text in files_of(facts, ci=ci).items()
        for created in (create_file(directory / name, text),)
    ]
    steps = next_steps(directory, facts, os.environ, ci)
    if as_json:
        click.echo(json.dumps(init_json(directory, written, steps), indent=2))
        return
    for line in init_lines(directory, written, facts, steps):
        click.echo(line)


def _missing(path: Path, name: str, text: str) -> str:
    """Return the text that the user has to add to a file that was there before; "" if it has what is needed."""
    return "" if _NEEDED.get(name, "") in text_of(path) else text
