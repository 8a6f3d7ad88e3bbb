"""`codeartifact-release schema`: print the manifest's JSON Schema, for editors and other tools.

codeartifact-release schema > release.schema.json
"""

from __future__ import annotations

import click


@click.command("schema", short_help="Print the JSON Schema of the manifest.")
def command() -> None:
    """Print the JSON Schema of the manifest (draft 2020-12).

    An editor with the YAML language server takes it from a first line such as
    `# yaml-language-server: $schema=release.schema.json`.
    """
    from ..manifest.schema import text  # noqa: PLC0415 - so that `--help` imports nothing of it

    click.echo(text(), nl=False)
