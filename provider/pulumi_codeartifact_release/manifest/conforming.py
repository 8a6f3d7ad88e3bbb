"""Whether a value is what a JSON Schema says, for the usual answer: yes.

    if not conforms(tree, schema):
        ...  # ask the validator what is wrong, and whether anything is

Most manifests have no mistake, and the validator takes longer to import than all else of a small release.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]


def conforms(value: object, schema: Schema) -> bool:
    """Return whether the value surely is what the schema says; False also for any keyword that is not known here."""
    known = _ANNOTATIONS | _RULES.keys()
    return schema.keys() <= known and all(
        _RULES[keyword](value, rule, schema) for keyword, rule in schema.items() if keyword in _RULES
    )


def _type(value: object, rule: str | list[str], _schema: Schema) -> bool:
    names = [rule] if isinstance(rule, str) else rule
    # Exactly: for Python, but not in JSON, true is a number.
    return any(type(value) is _TYPES.get(name) for name in names)


def _additional(value: object, rule: bool | Schema, schema: Schema) -> bool:
    if not isinstance(value, dict):
        return True
    others = [each for key, each in value.items() if key not in schema.get("properties", {})]
    return all(conforms(each, rule) for each in others) if isinstance(rule, dict) else rule or not others


def _properties(value: object, rule: dict[str, Schema], _schema: Schema) -> bool:
    return not isinstance(value, dict) or all(conforms(value[key], rule[key]) for key in rule.keys() & value.keys())


def _same(value: object, other: object) -> bool:
    return type(value) is type(other) and value == other


_ANNOTATIONS = frozenset({"patternErrorMessage"})
_TYPES: dict[str, type] = {"string": str, "integer": int, "boolean": bool, "object": dict, "array": list}
_RULES: dict[str, Callable[[Any, Any, Schema], bool]] = {
    "type": _type,
    "enum": lambda value, rule, _: any(_same(value, each) for each in rule),
    "const": lambda value, rule, _: _same(value, rule),
    "pattern": lambda value, rule, _: not isinstance(value, str) or re.search(rule, value) is not None,
    "minLength": lambda value, rule, _: not isinstance(value, str) or len(value) >= rule,
    "maxLength": lambda value, rule, _: not isinstance(value, str) or len(value) <= rule,
    "minimum": lambda value, rule, _: not isinstance(value, int) or value >= rule,
    "maximum": lambda value, rule, _: not isinstance(value, int) or value <= rule,
    "items": lambda value, rule, _: not isinstance(value, list) or all(conforms(each, rule) for each in value),
    "minItems": lambda value, rule, _: not isinstance(value, list) or len(value) >= rule,
    "required": lambda value, rule, _: not isinstance(value, dict) or all(key in value for key in rule),
    "properties": _properties,
    "additionalProperties": _additional,
    "propertyNames": lambda value, rule, _: not isinstance(value, dict) or all(conforms(key, rule) for key in value),
    "minProperties": lambda value, rule, _: not isinstance(value, dict) or len(value) >= rule,
    "oneOf": lambda value, rule, _: sum(conforms(value, each) for each in rule) == 1,
}
