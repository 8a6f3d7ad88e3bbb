"""`codeartifact-release schema`: print a JSON Schema, for editors and other tools.

codeartifact-release schema > release.schema.json
"""

from __future__ import annotations

import click


@click.command(
    "schema",
    epilog="""\b
Examples:
  codeartifact-release schema > release.schema.json
  codeartifact-release schema plan > plan.schema.json""",
    short_help="Print a JSON Schema.",
)
@click.argument("document", type=click.Choice(["manifest", "plan", "verify"]), default="manifest")
def command(document: str) -> None:
    """Print the JSON Schema (draft 2020-12) of the manifest, or of what `plan --json` and `verify --json` print.

    An editor with the YAML language server takes the manifest's from a first line such as
    `# yaml-language-server: $schema=release.schema.json`.
    """
    if document == "manifest":
        from ..manifest.schema import text  # noqa: PLC0415 - so that `--help` imports nothing of it

        click.echo(text(), nl=False)
        return
    from importlib.resources import files  # noqa: PLC0415

    schemas = files(__package__) / "schemas"
    click.echo((schemas / f"{document}.schema.json").read_text(encoding="utf-8"), nl=False)
