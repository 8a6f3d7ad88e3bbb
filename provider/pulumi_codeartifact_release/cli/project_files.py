"""The files that `init` writes, from what is known about the project.

files_of(facts)["release.yaml"]
"""

from __future__ import annotations

import json
import re
from importlib.resources import files

import jinja2

from .project_facts import EXAMPLE, Facts

_PLAIN = re.compile(r"[A-Za-z.][A-Za-z0-9._/*+-]*")
_WORDS = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n"))
"""A YAML parser reads these without quotes as something else."""


def files_of(
    facts: Facts, *, project: str = "", description: str = "Publishes and promotes releases."
) -> dict[str, str]:
    """Return path -> text. `project`: name of the Pulumi project; by default the package."""
    values = {
        **vars(facts),
        "domain": facts.domain,
        "assets": facts.assets or (EXAMPLE.replace("hello.txt", "*"),),
        "project": project or facts.package,
        "description": description,
    }
    texts = {
        "release.yaml": _render("release.yaml", values),
        "VERSION": f"{facts.version}\n",
        "Pulumi.yaml": _render("Pulumi.yaml", values),
        "__main__.py": _render("__main__.py", values),
        "requirements.txt": f"{facts.requirement}\n",
        ".gitignore": _render("gitignore", values),
    }
    return texts if facts.assets else {**texts, EXAMPLE: _render("hello.txt", values)}


def _render(name: str, values: dict[str, object]) -> str:
    source = (files(__package__) / "project" / f"{name}.j2").read_text(encoding="utf-8")
    return _environment().from_string(source).render(values)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(keep_trailing_newline=True, undefined=jinja2.StrictUndefined)  # noqa: S701 - no HTML
    environment.filters["scalar"] = _scalar
    return environment


def _scalar(text: str) -> str:
    """Return a text as a YAML scalar, with quotes if a parser would read it as something else."""
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else json.dumps(text)
