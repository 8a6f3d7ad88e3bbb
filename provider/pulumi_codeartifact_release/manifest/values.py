"""One value by itself: what the schema says of it, for resources that no manifest declares.

value_problem("status", "Publishd")     # "must be one of Published, Unlisted and Archived"
"""

from __future__ import annotations

import re
from functools import cache

from . import schema
from .words import did_you_mean, listed, quoted


def value_problem(key: str, value: str) -> str | None:
    """Return what is wrong with the value of a key of a package or an environment; None where nothing is."""
    rule = _rule(key)
    if "enum" in rule and value not in rule["enum"]:
        return f"{quoted(value)} must be one of {listed(rule['enum'])}{did_you_mean(value, rule['enum'])}"
    if len(value) > rule.get("maxLength", len(value)):
        return f"is longer than {rule['maxLength']} characters"
    if "pattern" in rule and not re.search(rule["pattern"], value):
        return f"{quoted(value)}: {rule.get('$comment', 'is not allowed')}"
    return None


@cache
def _rule(key: str) -> schema.Schema:
    root = schema.strict()
    package = schema.child(schema.child(schema.child(root, "packages"), 0), key)
    environment = schema.child(schema.child(schema.child(root, "environments"), "any"), key)
    return package or environment
