"""The manifest's JSON Schema, in the two readings that are needed of it.

    print(schema.text())               # what `codeartifact-release schema` prints, for editors
    schema.validator().iter_errors(tree)

An editor sees typed YAML before any variable is known, so the shipped schema takes `version: 1.10` (a number there)
and `${…}` anywhere. The loader validates later: all scalars are text by then, but for the keys that the schema declares
boolean or integer, and no placeholder is left. Its strict reading is derived, so that the two cannot drift apart.
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
"""The end of every pattern in the shipped schema: the alternative for editors that see a `${…}`."""
UNQUOTED = "unquoted"
"""A keyword of the strict reading: the JSON types, `number`, `integer` and `boolean`, that a scalar without quotes may
have for an editor where it is read as text. What may be an `integer` there is read as the number that it is."""
_PLACEHOLDER_REF = "#/$defs/placeholder"
# What only editors need: the loader has words of its own for it, or has read it before the schema is asked.
_LEFT_OUT = frozenset(
    {"description", "examples", "title", "default", "$defs", "$id", "$schema", "not", "allOf", "if", "then", "else"}
)


def text() -> str:
    """Return the schema as it is shipped: JSON, ending with a newline."""
    data = pkgutil.get_data(__package__, "release.schema.json")
    assert data is not None
    return data.decode()


@cache
def shipped() -> Schema:
    """Return the schema as it is shipped, parsed. Not to be modified."""
    schema: Schema = json.loads(text())
    return schema


@cache
def strict() -> Schema:
    """Return the schema of a manifest whose variables are substituted: no placeholders, no `$ref`, no annotations."""
    schema: Schema = _tightened(shipped(), shipped()["$defs"])
    return schema


@cache
def validator() -> Draft202012Validator:
    """Return a validator of the strict reading; building it is slow, so there is one."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - slow to import, and not needed to print the schema

    return Draft202012Validator(strict())


def child(schema: Schema, key: str | int) -> Schema:
    """Return the strict schema of a mapping's value or a list's item; empty where the key is unknown."""
    if isinstance(key, int):
        found = schema.get("items")
    else:
        found = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
    return found if isinstance(found, dict) else {}


def _tightened(schema: Schema, definitions: Schema) -> Schema:
    if "$ref" in schema:
        return _tightened(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    result = {key: value for key, value in schema.items() if key not in _LEFT_OUT}
    if "pattern" in result:
        result["pattern"] = result["pattern"].removesuffix(PLACEHOLDER_PATTERN)
    if "properties" in result:
        result["properties"] = {key: _tightened(value, definitions) for key, value in result["properties"].items()}
    for keyword in ("items", "additionalProperties"):
        if isinstance(result.get(keyword), dict):
            result[keyword] = _tightened(result[keyword], definitions)
    alternatives = [each for each in result.pop("anyOf", ()) if each.get("$ref") != _PLACEHOLDER_REF]
    for at, alternative in enumerate(alternatives):
        if at == 0:
            result |= _tightened(alternative, definitions)
        elif alternative.get("type") == "object":
            result |= _tightened(alternative, definitions) | {"type": [result["type"], "object"]}
        elif result.get("type") == "string":
            result[UNQUOTED] = _types(alternative, definitions)
    return result


def _types(schema: Schema, definitions: Schema) -> list[str]:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    return [each["type"] for each in schema.get("anyOf", [schema])]
