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


CI_FILES = {
    "github": (
        ".github/actions/release-tools/action.yml",
        *(f".github/workflows/{name}.yml" for name in ("release", "preview", "prod", "watch")),
    ),
    "gitlab": (".gitlab-ci.yml",),
}
"""The jobs for each service, as docs/ci.md has them."""
_RESOURCES = files(__package__) / "project"


def files_of(
    facts: Facts, *, ci: str | None = None, description: str = "Publishes and promotes releases."
) -> dict[str, str]:
    """Return path -> text. `ci`: a service whose jobs are added; the environments are then repositories in AWS."""
    values = {
        **vars(facts),
        "domain": facts.domain,
        "assets": facts.assets or (EXAMPLE.replace("hello.txt", "*"),),
        "description": description,
    }
    if ci:
        # The jobs make the virtual environment there.
        values |= {"virtualenv": ".venv", "region": facts.region or "eu-west-1"}
    texts = {
        "release.yaml": _render("release-ci.yaml" if ci else "release.yaml", values),
        "VERSION": f"{facts.version}\n",
        "Pulumi.yaml": _render("Pulumi.yaml", values),
        "__main__.py": _render("__main__.py", values),
        "requirements.txt": f"{facts.requirement}\n",
        ".gitignore": _render("gitignore", values),
    }
    if ci:
        lock = (_RESOURCES / "requirements.lock").read_text(encoding="utf-8")
        return {**texts, "requirements.lock": lock, **_jobs(facts, ci)}
    return texts if facts.assets else {**texts, EXAMPLE: _render("hello.txt", values)}


def _jobs(facts: Facts, ci: str) -> dict[str, str]:
    names = {"payments-api": facts.package, "acme": facts.domain, "eu-west-1": facts.region or "eu-west-1"}
    example = re.compile("|".join(names))
    jobs = {}
    for name in CI_FILES[ci]:
        text = (_RESOURCES / "ci" / name.removeprefix(".")).read_text(encoding="utf-8")
        jobs[name] = example.sub(lambda match: names[match[0]], text)
    return jobs


def _render(name: str, values: dict[str, object]) -> str:
    source = (_RESOURCES / f"{name}.j2").read_text(encoding="utf-8")
    return _environment().from_string(source).render(values)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(keep_trailing_newline=True, undefined=jinja2.StrictUndefined)  # noqa: S701 - no HTML
    environment.filters["scalar"] = _scalar
    return environment


def _scalar(text: str) -> str:
    """Return a text as a YAML scalar, with quotes if a parser would read it as something else."""
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else json.dumps(text)
