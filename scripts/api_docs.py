"""Makes docs/api.md from the docstrings, with griffe, which reads the code and does not import it."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import griffe
import jinja2

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "api.md"
PACKAGE = "pulumi_codeartifact_release"
TYPES = (
    "program.arguments.Assets",
    "program.arguments.AssetSource",
    "program.resources.SourceArgument",
    "program.bundles.Member",
)
"""Names in signatures that are not in the public module, but that a reader needs."""
INTERNAL = ("front",)
_SAME_ARGUMENTS = {
    "Promotion": "PackageVersion",
    "get_bundle": "get_package_version",
    "get_package_version_files": "get_package_version",
}
"""Whose arguments a function has, apart from those that it describes itself."""

TEMPLATE = """\
# The Python API

`from pulumi_codeartifact_release import PackageVersion`, and so on. `make generate` writes this page from the
docstrings. [programs.md](programs.md) has examples.

{% for each in objects -%}
- [{{ each.name }}](#{{ each.name.strip("`") | lower }})
{% endfor %}
{% for each in objects %}
## {{ each.name }}

{% for text in each.texts -%}
{{ text }}

{% endfor -%}
{% if each.rows -%}
| {{ each.heading }} | type |{% if each.defaults %} default |{% endif %} |
| --- | --- |{% if each.defaults %} --- |{% endif %} --- |
{% for row in each.rows -%}
| `{{ row.name }}` | `{{ row.type }}` |{% if each.defaults %} {{ row.default }} |{% endif %} {{ row.text }} |
{% endfor %}
{% endif -%}
{% if each.returns -%}
Returns `{{ each.returns[0] }}`{{ ": " if each.returns[1] else "" }}{{ each.returns[1] }}.

{% endif -%}
{% for kind, text in each.raises -%}
Raises `{{ kind }}`: {{ text }}

{% endfor -%}
{% if each.outputs -%}
| {{ each.kind }} | type | |
| --- | --- | --- |
{% for row in each.outputs -%}
| `{{ row.name }}` | `{{ row.type }}` | {{ row.text }} |
{% endfor %}
{% endif -%}
{% endfor -%}
"""


def page() -> str:
    """Return the text of docs/api.md."""
    package: Any = griffe.load(PACKAGE, search_paths=[str(ROOT / "provider")], docstring_parser="google")
    modules: dict[str, str] = ast.literal_eval(str(package["_MODULES"].value))
    objects = {name: package[f"{module}.{name}"] for name, module in modules.items()}
    described = [_described(name, each, objects) for name, each in objects.items()]
    types = [_alias(package[path]) for path in TYPES]
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    text = environment.from_string(TEMPLATE).render(objects=[*described, *types])
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _described(name: str, each: Any, objects: dict[str, Any]) -> dict[str, Any]:
    sections = [] if each.docstring is None else each.docstring.parsed
    texts = [section.value for section in sections if section.kind.value == "text"]
    attributes = [item for section in sections if section.kind.value == "attributes" for item in section.value]
    function = each.members.get("__init__") if each.is_class else each
    result: dict[str, Any] = {
        "name": f"`{name}`",
        "heading": "argument",
        "defaults": True,
        "rows": [],
        "returns": None,
        "raises": [],
        "outputs": [
            _row(item.name, item.annotation, item.description) for item in attributes if item.name not in INTERNAL
        ],
    }
    if function is not None and function.docstring:
        result |= _function(function, _inherited(name, objects))
        texts += result.pop("more")
    result["kind"] = "output" if name in ("PackageVersion", "Promotion") else "attribute"
    if each.is_class:
        result["outputs"] += [row for row in _outputs(each) if row["name"] not in {item.name for item in attributes}]
    return {**result, "texts": texts}


def _inherited(name: str, objects: dict[str, Any]) -> dict[str, str]:
    """Return the texts of the arguments that a docstring leaves to another one."""
    source = _SAME_ARGUMENTS.get(name)
    if source is None:
        return {}
    other = objects[source]
    return _arguments(other.members["__init__"] if other.is_class else other)


def _arguments(function: Any) -> dict[str, str]:
    return {
        item.name: item.description
        for section in function.docstring.parsed
        if section.kind.value == "parameters"
        for item in section.value
    }


def _function(function: Any, inherited: dict[str, str]) -> dict[str, Any]:
    texts = {**inherited, **_arguments(function)}
    parameters = [each for each in function.parameters if each.name not in ("self", *INTERNAL)]
    missing = [each.name for each in parameters if each.name not in texts]
    if missing:
        raise ValueError(f"{function.path}: no text for {', '.join(missing)}")
    kinds = {section.kind.value: section.value for section in function.docstring.parsed}
    raises = [(item.annotation, _one_line(item.description)) for item in kinds.get("raises", [])]
    returns = kinds.get("returns")
    constructor = function.name == "__init__"
    more = [section.value for section in function.docstring.parsed if section.kind.value == "text"]
    return {
        "rows": [
            {**_row(each.name, each.annotation, texts[each.name]), "default": _default(each)} for each in parameters
        ],
        "raises": raises,
        "returns": None
        if constructor
        else (str(function.returns), _one_line(returns[0].description).rstrip(".") if returns else ""),
        # The first line of a constructor says no more than the class.
        "more": [re.sub(r"\A[^\n]*\n*", "", text) for text in more] if constructor else [],
    }


def _outputs(each: Any) -> list[dict[str, str]]:
    members = {name: member for name, member in each.all_members.items() if not name.startswith("_")}
    return [
        _row(name, member.annotation or member.returns, member.docstring.value)
        for name, member in members.items()
        if member.is_attribute and member.docstring and str(member.parent.path).startswith(PACKAGE)
    ]


def _alias(each: Any) -> dict[str, Any]:
    value = str(each.value).strip("'\"")
    return {
        "name": f"`{each.name}`",
        "texts": [f"```python\n{value}\n```", each.docstring.value],
        "rows": [],
        "returns": None,
        "raises": [],
        "outputs": [],
        "kind": "",
    }


def _row(name: str, annotation: Any, text: str) -> dict[str, str]:
    return {"name": name, "type": _plain(annotation), "text": _one_line(text)}


def _default(parameter: Any) -> str:
    return "required" if parameter.default is None else f"`{parameter.default}`".replace("'", '"')


def _plain(annotation: Any) -> str:
    # A bar would end the cell.
    return str(annotation).replace("|", "\\|")


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
