"""The manifest's JSON Schema in two forms: for editors, and for the loader.

    print(schema.text())               # what `codeartifact-release schema` prints, for editors
    schema.validator().iter_errors(tree)

An editor sees typed YAML before variables are substituted. So the editor's schema allows `version: 1.10` (a number) and
`${…}` anywhere. The loader validates after substitution: all scalars are text, except for the keys that the schema
declares boolean or integer. Its strict schema is derived from the editor's, so that the two always agree.
"""

from __future__ import annotations

import json
import pkgutil
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

Schema = dict[str, Any]

PLACEHOLDER_PATTERN = r"|(^|[^$])(\$\$)*\$\{"
"""The end of every pattern in the editor's schema: the alternative for a `${…}`."""
UNQUOTED = "unquoted"
"""A keyword of the strict schema: the JSON types (`number`, `integer`, `boolean`) that a plain scalar may have for an
editor although the loader reads text. A scalar that may be an `integer` is read as the number."""
_PLACEHOLDER_REF = "#/$defs/placeholder"
# Only for editors. The loader checks these itself, with its own messages.
_EDITOR_ONLY = frozenset(
    {"description", "examples", "title", "default", "$defs", "$id", "$schema", "not", "allOf", "if", "then", "else"}
)


def text() -> str:
    """Return the editor's schema as JSON, ending with a newline."""
    data = pkgutil.get_data(__package__, "release.schema.json")
    assert data is not None
    return data.decode()


@cache
def editor_schema() -> Schema:
    """Return the editor's schema, parsed. Do not modify it."""
    schema: Schema = json.loads(text())
    return schema


@cache
def strict_schema() -> Schema:
    """Return the schema of a manifest after substitution: without placeholders, `$ref` and annotations."""
    schema: Schema = _strict(editor_schema(), editor_schema()["$defs"])
    return schema


@cache
def validator() -> Draft202012Validator:
    """Return a validator for the strict schema. It is cached, because building one is slow."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - slow to import, and not needed to print the schema

    return Draft202012Validator(strict_schema())


def child(schema: Schema, key: str | int) -> Schema:
    """Return the strict schema of a mapping's value or a list's item; {} for an unknown key."""
    if isinstance(key, int):
        subschema = schema.get("items")
    else:
        subschema = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
    return subschema if isinstance(subschema, dict) else {}


def _strict(schema: Schema, definitions: Schema) -> Schema:
    if "$ref" in schema:
        return _strict(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    result = {key: value for key, value in schema.items() if key not in _EDITOR_ONLY}
    if "pattern" in result:
        result["pattern"] = result["pattern"].removesuffix(PLACEHOLDER_PATTERN)
    if "properties" in result:
        result["properties"] = {key: _strict(value, definitions) for key, value in result["properties"].items()}
    for keyword in ("items", "additionalProperties"):
        if isinstance(result.get(keyword), dict):
            result[keyword] = _strict(result[keyword], definitions)
    alternatives = [item for item in result.pop("anyOf", ()) if item.get("$ref") != _PLACEHOLDER_REF]
    for at, alternative in enumerate(alternatives):
        if at == 0:
            result |= _strict(alternative, definitions)
        elif alternative.get("type") == "object":
            result |= _strict(alternative, definitions) | {"type": [result["type"], "object"]}
        elif result.get("type") == "string":
            result[UNQUOTED] = _types(alternative, definitions)
    return result


def _types(schema: Schema, definitions: Schema) -> list[str]:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    return [item["type"] for item in schema.get("anyOf", [schema])]
