"""Checks a single value against the schema, for resources without a manifest.

value_problem("status", "Publishd")     # "must be one of Published, Unlisted and Archived"
"""

from __future__ import annotations

import re
from functools import cache

from . import schema
from .messages import did_you_mean, quote, quote_list


def value_problem(key: str, value: str) -> str | None:
    """Return the error of a value, for a key of a package or an environment; None if it is valid."""
    rule = _rule(key)
    if "enum" in rule and value not in rule["enum"]:
        return f"{quote(value)} must be one of {quote_list(rule['enum'])}{did_you_mean(value, rule['enum'])}"
    if len(value) > rule.get("maxLength", len(value)):
        return f"is longer than {rule['maxLength']} characters"
    if "pattern" in rule and not re.search(rule["pattern"], value):
        return f"{quote(value)}: {rule.get('$comment', 'is not allowed')}"
    return None


@cache
def _rule(key: str) -> schema.Schema:
    root = schema.strict_schema()
    package = schema.child(schema.child(schema.child(root, "packages"), 0), key)
    environment = schema.child(schema.child(schema.child(root, "environments"), "any"), key)
    return package or environment
