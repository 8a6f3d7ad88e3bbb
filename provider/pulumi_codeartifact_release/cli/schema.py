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
    click.echo(schema_text(document), nl=False)


def schema_text(document: str) -> str:
    """Return a JSON Schema as it is shipped: of the `manifest`, a `plan`, or what `verify` says."""
    if document == "manifest":
        from ..manifest.schema import text  # noqa: PLC0415 - so that `--help` imports nothing of it

        return text()
    from importlib.resources import files  # noqa: PLC0415

    return (files(__package__) / "schemas" / f"{document}.schema.json").read_text(encoding="utf-8")
