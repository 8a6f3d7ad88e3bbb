"""`make generate`: writes the files that are made from the code. A test compares them.

What `init --ci` writes is in docs/ci.md. The template for `pulumi new` is what `init` writes. Its requirement names a
commit: `make generate COMMIT=…` sets it, after the repository's address in provider/pyproject.toml was set and pushed.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from scripts.api_docs import PAGE, page

from pulumi_codeartifact_release import __version__
from pulumi_codeartifact_release.cli.project_facts import Facts, requirement_line
from pulumi_codeartifact_release.cli.project_files import CI_FILES, files_of
from pulumi_codeartifact_release.native.schema import schema_text

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "templates" / "manifest"
PACKAGED = ROOT / "provider" / "pulumi_codeartifact_release" / "cli" / "project" / "ci"
SCHEMA = ROOT / "provider" / "pulumi_codeartifact_release" / "native" / "schema.json"
ADDRESS: str = tomllib.loads((ROOT / "provider" / "pyproject.toml").read_text())["project"]["urls"]["Source"]
"""The address of the repository: the only place that sets it is provider/pyproject.toml."""


def generated(commit: str = "") -> dict[Path, str]:
    """Return path -> text. `commit`: for the template; by default the one that it has."""
    return {**template(commit or template_commit()), **jobs(), PAGE: page(), SCHEMA: schema_text(__version__, ADDRESS)}


def jobs() -> dict[Path, str]:
    """Return the files of docs/ci.md that `init --ci` writes, without the comment that names each."""
    page = (ROOT / "docs" / "ci.md").read_text()
    blocks = re.findall(r"^```yaml\n# (\S+)\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    texts = dict(blocks)
    return {PACKAGED / name.removeprefix("."): texts[name] for names in CI_FILES.values() for name in names}


def template_commit() -> str:
    """Return the commit in the requirement of the template."""
    [commit] = re.findall("@([0-9a-f]{40})#", (TEMPLATE / "requirements.txt").read_text())
    return str(commit)


def template(commit: str) -> dict[Path, str]:
    """Return what `init` writes into an empty folder, with the placeholders of `pulumi new`."""
    facts = Facts(
        namespace="example",
        package="${PROJECT}",
        version="0.1.0",
        assets=(),
        region=None,
        virtualenv=".venv",
        installed=False,
        requirement=requirement_line(ADDRESS, commit),
        source=ADDRESS,
    )
    files = files_of(facts, description="${DESCRIPTION}")
    files["Pulumi.yaml"] += (
        "template:\n  description: A release manifest for AWS CodeArtifact, and the program for it\n"
    )
    # Pulumi puts a line break after the value: a quote would follow it.
    return {TEMPLATE / name: text.replace('"${PROJECT}"', "${PROJECT}") for name, text in files.items()}


def main() -> None:
    """Write the files."""
    for path, text in generated(*sys.argv[1:]).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
