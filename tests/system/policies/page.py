"""docs/ci.md in parts: its blocks by language, and its files by name.

blocks("yaml"); FILES["release.yaml"]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

TOOLS = "./.github/actions/release-tools"
"""The local action that installs what releases, and takes a role."""
ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")

_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```", flags=re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    """Every fenced block of a language, without its indentation."""
    return [
        re.sub(f"^{found[1]}", "", found[3], flags=re.MULTILINE)
        for found in _BLOCK.finditer(PAGE)
        if found[2] == language
    ]


def files() -> dict[str, str]:
    """The blocks that begin with a comment that is a file's name: name -> content."""
    named: dict[str, str] = {}
    for language in ("yaml", "text"):
        for block in blocks(language):
            if found := re.match(r"# (\S+)\n", block):
                assert found[1] not in named, f"{found[1]} is there twice"
                named[found[1]] = block
    return named


FILES = files()


def workflow(name: str) -> dict[str, Any]:
    """A file of the page, as YAML values."""
    loaded: dict[str, Any] = yaml.safe_load(FILES[name])
    return loaded


@dataclass(frozen=True)
class Job:
    """A job of a workflow of GitHub Actions.

    Attributes:
        role: the name of the role that it takes; "" for none.
        environ: its own variables.
        scripts: what it runs after it has taken the role, or from the beginning if it takes none.
    """

    role: str
    environ: dict[str, str]
    scripts: list[str]


def job(file: str, name: str, **matrix: str) -> Job:
    """A job of .github/workflows/FILE.yml."""
    told = workflow(f".github/workflows/{file}.yml")["jobs"][name]

    def text(value: str) -> str:
        for key, chosen in matrix.items():
            value = value.replace(f"${{{{ matrix.{key} }}}}", chosen)
        assert "${{" not in value, value
        return value

    roles = [step["with"]["role"] for step in told["steps"] if step.get("uses") == TOOLS]
    return Job(
        role=roles[0].rpartition("/")[2] if roles else "",
        environ={key: text(value) for key, value in told.get("env", {}).items()},
        scripts=[text(step["run"]) for step in told["steps"] if "run" in step],
    )


def policies_of(role: str) -> list[str]:
    """The policies that the table of roles gives a role."""
    [row] = re.findall(rf"^\| `{role}` \|.*$", PAGE, flags=re.MULTILINE)
    return re.findall(r"\(policies/([\w-]+)\.json\)", row.rstrip("| ").rpartition("|")[2])
