"""The tree against the JSON Schema: every mistake told once, in words.

    validate(tree)       # reports into the tree

The validator's own texts ("is not of type …", "does not match …") never reach a user.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from ..remedies import FORM, Need
from .model import KeyPath
from .names import asset_name_problem
from .schema import validator
from .tree import Tree
from .words import closest, listed, quoted

if TYPE_CHECKING:
    from jsonschema import ValidationError

OPERATOR_KEYS = {
    "allow": Need("allow", "WORD"),
    "replace": Need("replace", FORM),
    "force": Need("force", FORM),
    "reason": Need("reason"),
}
"""What only the operator may permit; none of it is a key of a manifest, wherever it stands."""

_MOST_SUGGESTED = 100
"""How many unknown keys of one mapping are compared with the known ones."""
_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
}
_STRUCTURE_FIRST = ("type", "enum", "const", "minLength", "maxLength", "pattern", "minimum", "maximum")


def validate(tree: Tree) -> None:
    """Report every place where the tree is not what the schema says."""
    errors: dict[KeyPath, list[ValidationError]] = defaultdict(list)
    for error in validator().iter_errors(tree.data):
        path = tuple(error.absolute_path)
        if tree.sound(path):
            errors[path].append(error)
    # The validator goes through the keys of `environments` and its like in no order at all.
    order = {path: at for at, path in enumerate(tree.values)}
    for path, found in sorted(errors.items(), key=lambda item: order.get(item[0], 0)):
        keywords = {str(error.validator) for error in found}
        if "additionalProperties" in keywords:
            _unknown_keys(tree, path, next(error for error in found if error.validator == "additionalProperties"))
        told = False
        for error in sorted(found, key=_importance):
            told = _tell(tree, path, error, told=told) or told
    for path, value in tree.unquoted.items():
        if tree.sound(path):
            tree.report(path, _unquoted(tree.at(path), value))


def _unquoted(text: str, value: float | bool) -> str:
    """Say what is wrong with a scalar that is fine as text: without quotes, other readers do not see this text."""
    kind = "true or false" if isinstance(value, bool) else "a number"
    return f"{quoted(text)} is {kind} without quotes, and this is text: put it in quotes"


def _importance(error: ValidationError) -> int:
    keyword = str(error.validator)
    return _STRUCTURE_FIRST.index(keyword) if keyword in _STRUCTURE_FIRST else len(_STRUCTURE_FIRST)


def _tell(tree: Tree, path: KeyPath, error: ValidationError, *, told: bool) -> bool:
    """Report one of the validator's errors; True where it was about the value itself, which is told once only."""
    keyword = str(error.validator)
    if keyword == "additionalProperties":
        return False
    if "propertyNames" in error.absolute_schema_path:
        key = str(error.instance)
        rule = error.schema["$comment"] if isinstance(error.schema, dict) else ""
        tree.report((*path, key), f"not a name that can be used here: {rule}", at_key=True, spoils=False)
        return False
    if keyword == "required":
        _missing_keys(tree, path, error)
        return False
    if keyword == "oneOf":
        if not told and not any((*path, key) in tree.excused for key in ("file", "default")):
            tree.report(path, "a variable has exactly one of the keys `file` and `default`", at_key=True)
        return False
    if not told:
        tree.report(path, _message(path, error))
    return True


def _unknown_keys(tree: Tree, path: KeyPath, error: ValidationError) -> None:
    schema: dict[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    known = list(schema["properties"])
    present = error.instance if isinstance(error.instance, dict) else {}
    for at, key in enumerate(key for key in present if key not in known):
        if key in OPERATOR_KEYS:
            message = f"this is the operator's to permit, never the manifest's: use {tree.front(OPERATOR_KEYS[key])}"
        elif at < _MOST_SUGGESTED and (meant := closest(key, known)):
            message = f"unknown key; did you mean {quoted(meant)}?"
            tree.excused.add((*path, meant))
        else:
            message = f"unknown key; the keys here are {listed(known, most=len(known))}"
            # Where one key says it all (`path`, `file`), another word for it is not two mistakes.
            required = schema.get("required", []) if "oneOf" not in schema else ["file"]
            tree.excused.update((*path, name) for name in required if len(required) == 1)
        tree.report((*path, key), message, at_key=True)


def _missing_keys(tree: Tree, path: KeyPath, error: ValidationError) -> None:
    # The validator reports every missing key apart, and names it in a text only.
    required: Any = error.validator_value
    key = next(key for key in required if error.message.startswith(repr(key)))
    if (*path, key) not in tree.excused:
        tree.report(path, f"the required key {quoted(key)} is missing", at_key=True, spoils=False)


def _message(path: KeyPath, error: ValidationError) -> str:
    value: Any = error.instance
    limit: Any = error.validator_value
    rule = error.schema.get("$comment", "") if isinstance(error.schema, dict) else ""
    match error.validator:
        case "type":
            names = [limit] if isinstance(limit, str) else limit
            return f"expected {' or '.join(_TYPES[name] for name in names)}, found {_found(value)}"
        case "enum":
            meant = closest(value, limit) if isinstance(value, str) else None
            suggestion = f"; did you mean {quoted(meant)}?" if meant else ""
            return f"expected one of {_choices(limit)}, found {_found(value)}{suggestion}"
        case "const":
            return f"expected {limit}, found {_found(value)}; this version reads the format {limit} only"
        case "minItems" | "minProperties":
            return "it is empty: it needs at least one entry"
        case "minLength":
            return "it is empty"
        case "maxLength":
            return f"{quoted(value)} has {len(value)} characters, and {limit} are the most"
        case "minimum":
            return f"expected {limit} or more, found {value}"
        case "maximum":
            return f"expected {limit} or less, found {value}"
        case "pattern":
            if path[-1] == "name":
                rule = asset_name_problem(value) or rule
                return f"the service would refuse the name {quoted(value)}: {rule}"
            return f"{quoted(value)} cannot be used: {rule}" if value else f"it is empty: {rule}"
        case other:
            return f"it breaks the schema's rule `{other}`"


def _choices(values: list[str]) -> str:
    names = [quoted(value) for value in values]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _found(value: object) -> str:
    match value:
        case "":
            return "nothing"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case _:
            return quoted(str(value))
