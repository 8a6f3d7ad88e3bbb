"""`codeartifact-release schema`: print a JSON Schema, for editors and other tools.

codeartifact-release schema > release.schema.json
"""

from __future__ import annotations

from importlib.resources import files

import click

from ..manifest.schema import text


def run(*, document: str) -> None:
    """Run `schema`."""
    click.echo(schema_text(document), nl=False)


def schema_text(document: str) -> str:
    """Return a JSON Schema as it is shipped: of the `manifest`, or of what a command prints with `--json`."""
    if document == "manifest":
        return text()

    return (files(__package__) / "schemas" / f"{document}.schema.json").read_text(encoding="utf-8")
