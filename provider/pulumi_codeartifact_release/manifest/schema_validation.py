"""Validates the tree against the JSON Schema, and reports every error once, in our own words.

    validate(tree)       # adds errors to the tree

The validator's own texts ("is not of type …", "does not match …") never reach a user.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from ..remedies import VERSION_WITH_DIGEST, Need
from .asset_names import asset_name_problem
from .messages import closest_match, quote, quote_list
from .model import KeyPath
from .schema import validator
from .value_tree import ValueTree

if TYPE_CHECKING:
    from jsonschema import ValidationError

OPERATOR_KEYS = {
    "allow": Need("allow", "WORD"),
    "replace": Need("replace", VERSION_WITH_DIGEST),
    "force": Need("force", VERSION_WITH_DIGEST),
    "reason": Need("reason"),
}
"""Keys that only the operator may set. They are not allowed anywhere in a manifest."""

_MAX_SUGGESTIONS = 100
"""The number of unknown keys in one mapping that get a suggestion."""
_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
}
_STRUCTURE_FIRST = ("type", "enum", "const", "minLength", "maxLength", "pattern", "minimum", "maximum")


def validate(tree: ValueTree) -> None:
    """Report every place where the tree violates the schema."""
    errors: dict[KeyPath, list[ValidationError]] = defaultdict(list)
    for error in validator().iter_errors(tree.data):
        path = tuple(error.absolute_path)
        if tree.is_valid(path):
            errors[path].append(error)
    # The validator has no defined order for the keys of `environments` and the like.
    order = {path: at for at, path in enumerate(tree.values)}
    for path, place_errors in sorted(errors.items(), key=lambda item: order.get(item[0], 0)):
        keywords = {str(error.validator) for error in place_errors}
        if "additionalProperties" in keywords:
            _unknown_keys(
                tree, path, next(error for error in place_errors if error.validator == "additionalProperties")
            )
        reported = False
        for error in sorted(place_errors, key=_importance):
            reported = _report(tree, path, error, reported=reported) or reported
    for path, value in tree.unquoted.items():
        if tree.is_valid(path):
            tree.report(path, _unquoted_message(tree.get(path), value))


def _unquoted_message(text: str, value: float | bool) -> str:
    """Return the message for a scalar that is valid text, but has another type for other YAML readers."""
    kind = "true or false" if isinstance(value, bool) else "a number"
    return f"{quote(text)} is {kind} without quotes, but must be text: put it in quotes"


def _importance(error: ValidationError) -> int:
    keyword = str(error.validator)
    return _STRUCTURE_FIRST.index(keyword) if keyword in _STRUCTURE_FIRST else len(_STRUCTURE_FIRST)


def _report(tree: ValueTree, path: KeyPath, error: ValidationError, *, reported: bool) -> bool:
    """Report one error of the validator. Returns whether it was about the value, which gets only one report."""
    keyword = str(error.validator)
    if keyword == "additionalProperties":
        return False
    if "propertyNames" in error.absolute_schema_path:
        key = str(error.instance)
        rule = error.schema["$comment"] if isinstance(error.schema, dict) else ""
        tree.report((*path, key), f"not a valid name: {rule}", at_key=True, invalidates=False)
        return False
    if keyword == "required":
        _missing_keys(tree, path, error)
        return False
    if keyword == "oneOf":
        if not reported and not any((*path, key) in tree.ignored_missing for key in ("file", "default")):
            tree.report(path, "a variable needs exactly one of the keys `file` and `default`", at_key=True)
        return False
    if not reported:
        tree.report(path, _message(path, error))
    return True


def _unknown_keys(tree: ValueTree, path: KeyPath, error: ValidationError) -> None:
    schema: dict[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    valid_keys = list(schema["properties"])
    present = error.instance if isinstance(error.instance, dict) else {}
    for at, key in enumerate(key for key in present if key not in valid_keys):
        if key in OPERATOR_KEYS:
            message = f"only the operator can permit this, not the manifest: use {tree.front(OPERATOR_KEYS[key])}"
        elif at < _MAX_SUGGESTIONS and (match := closest_match(key, valid_keys)):
            message = f"unknown key; did you mean {quote(match)}?"
            tree.ignored_missing.add((*path, match))
        else:
            message = f"unknown key; the valid keys are {quote_list(valid_keys, limit=len(valid_keys))}"
            # A wrong word for the only required key (`path`, `file`) is one error, not two.
            required = schema.get("required", []) if "oneOf" not in schema else ["file"]
            tree.ignored_missing.update((*path, name) for name in required if len(required) == 1)
        tree.report((*path, key), message, at_key=True)


def _missing_keys(tree: ValueTree, path: KeyPath, error: ValidationError) -> None:
    # The validator reports each missing key separately, and names it only in the message.
    required: Any = error.validator_value
    key = next(key for key in required if error.message.startswith(repr(key)))
    if (*path, key) not in tree.ignored_missing:
        tree.report(path, f"the required key {quote(key)} is missing", at_key=True, invalidates=False)


def _message(path: KeyPath, error: ValidationError) -> str:
    value: Any = error.instance
    limit: Any = error.validator_value
    rule = error.schema.get("$comment", "") if isinstance(error.schema, dict) else ""
    match error.validator:
        case "type":
            names = [limit] if isinstance(limit, str) else limit
            return f"expected {' or '.join(_TYPES[name] for name in names)}, found {_kind(value)}"
        case "enum":
            match = closest_match(value, limit) if isinstance(value, str) else None
            suggestion = f"; did you mean {quote(match)}?" if match else ""
            return f"expected one of {_choices(limit)}, found {_kind(value)}{suggestion}"
        case "const":
            return f"expected {limit}, found {_kind(value)}; this version supports only format {limit}"
        case "minItems" | "minProperties":
            return "it is empty: it needs at least one entry"
        case "minLength":
            return "it is empty"
        case "maxLength":
            return f"{quote(value)} has {len(value)} characters; at most {limit} are allowed"
        case "minimum":
            return f"expected {limit} or more, found {value}"
        case "maximum":
            return f"expected {limit} or less, found {value}"
        case "pattern":
            if path[-1] == "name":
                rule = asset_name_problem(value) or rule
                return f"CodeArtifact does not allow the name {quote(value)}: {rule}"
            return f"{quote(value)} cannot be used: {rule}" if value else f"it is empty: {rule}"
        case other:
            return f"it violates the schema rule `{other}`"


def _choices(values: list[str]) -> str:
    names = [quote(value) for value in values]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _kind(value: object) -> str:
    match value:
        case "":
            return "nothing"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case _:
            return quote(str(value))
