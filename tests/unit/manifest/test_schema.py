from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from pulumi_codeartifact_release.cli import commands
from pulumi_codeartifact_release.manifest import schema

EDITOR = Draft202012Validator(schema.editor_schema())


def _walk(node: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of a key, and every definition, with the shipped schema's path to it."""
    for group in ("properties", "$defs"):
        for key, value in node.get(group, {}).items():
            yield f"{where}/{group}/{key}", value
            yield from _walk(value, f"{where}/{group}/{key}")
    for at, value in enumerate(node.get("anyOf", [])):
        yield from _walk(value, f"{where}/anyOf/{at}")


def subschemas(node: Any) -> list[tuple[str, dict[str, Any]]]:
    return list(_walk(node))


def manifest(**package: Any) -> dict[str, Any]:
    return {
        "schemaVersion": 1,
        "packages": [{"namespace": "acme", "package": "app", "version": "1.0", "assets": ["a.zip"], **package}],
        "environments": {"dev": {"domain": "acme", "repository": "dev"}},
    }


def accepted(document: dict[str, Any]) -> bool:
    return not list(EDITOR.iter_errors(document))


def test_the_schema_is_a_valid_draft_2020_12_schema_with_an_identity() -> None:
    Draft202012Validator.check_schema(schema.editor_schema())
    Draft202012Validator.check_schema(schema.strict_schema())
    assert schema.editor_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema.editor_schema()["$id"]


@pytest.mark.parametrize(("where", "subschema"), subschemas(schema.editor_schema()))
def test_every_key_has_a_description_and_examples_that_it_accepts(where: str, subschema: dict[str, Any]) -> None:
    definitions = schema.editor_schema()["$defs"]
    if "$ref" in subschema:
        subschema = definitions[subschema["$ref"].rpartition("/")[2]]
    assert subschema["description"].endswith((".", "`."))
    assert subschema["examples"]
    checker = Draft202012Validator({**subschema, "$defs": definitions})
    for example in subschema["examples"]:
        assert not list(checker.iter_errors(example)), where


@pytest.mark.parametrize(
    ("where", "subschema"), [("root", schema.editor_schema()), *subschemas(schema.editor_schema())]
)
def test_no_mapping_takes_unknown_keys(where: str, subschema: dict[str, Any]) -> None:
    if "properties" in subschema:
        assert subschema["additionalProperties"] is False


def values(node: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of the shipped one that judges a value as text, with the path to it."""
    if isinstance(node, dict):
        if node.get("type") == "string":
            yield where, node
        for key, value in node.items():
            # What is refused, and names, are not texts with placeholders.
            if key not in ("not", "propertyNames", "unusable", "noDefault", "placeholder", "examples"):
                yield from values(value, f"{where}/{key}")
    elif isinstance(node, list):
        for at, value in enumerate(node):
            yield from values(value, f"{where}/{at}")


@pytest.mark.parametrize(("where", "subschema"), list(values(schema.editor_schema())))
def test_every_text_may_have_a_placeholder_and_no_line_break(where: str, subschema: dict[str, Any]) -> None:
    checker = Draft202012Validator({**subschema, "$defs": schema.editor_schema()["$defs"]})
    if where.startswith("/$defs/variable"):
        return
    assert checker.is_valid("x ${y}/#")
    assert not checker.is_valid("two\n") or "$comment" not in subschema
    # Python's `$` is also before a last line break; that of editors is not.
    assert not checker.is_valid("acme\n")
    assert not checker.is_valid("acme\u2028")


@pytest.mark.parametrize("node", [each for _, each in values(schema.strict_schema())])
def test_every_pattern_has_its_rule_in_words(node: dict[str, Any]) -> None:
    assert "pattern" not in node or node["$comment"]


KEYWORDS = {
    *("$schema", "$id", "$defs", "$ref", "$comment", "title", "description", "examples", "default"),
    *("type", "enum", "const", "anyOf", "allOf", "oneOf", "not", "if", "then", "else"),
    *("pattern", "minLength", "maxLength", "minimum", "maximum", "items", "minItems"),
    *("properties", "required", "additionalProperties", "propertyNames", "minProperties", "maxProperties"),
}


def test_the_shipped_schema_keeps_the_rules_of_ajvs_strict_mode() -> None:
    """No keyword of one editor's own, no union of types, and what is required is among the properties beside it."""

    def check(node: Any) -> None:
        if not isinstance(node, dict):
            return
        assert node.keys() <= KEYWORDS
        assert isinstance(node.get("type", ""), str)
        assert set(node.get("required", ())) <= node.get("properties", {}).keys()
        for group in ("properties", "$defs"):
            for each in node.get(group, {}).values():
                check(each)
        for group in ("anyOf", "allOf", "oneOf"):
            for each in node.get(group, []):
                check(each)
        for keyword in ("items", "additionalProperties", "propertyNames", "not", "if", "then", "else"):
            check(node.get(keyword))

    check(schema.editor_schema())


def test_the_strict_reading_has_no_way_out_left() -> None:
    text = json.dumps(schema.strict_schema()).replace(json.dumps(schema.strict_schema()["$comment"]), "")
    assert "$ref" not in text
    assert "anyOf" not in text
    assert r"\\$" not in text


@pytest.mark.parametrize(
    "package",
    [
        {"version": 1.10},
        {"version": 2},
        {"version": "${version}"},
        {"namespace": "${namespace}", "package": "${name}", "status": "${status}"},
        {"assets": [{"path": "a", "count": "${count}", "name": "x-${version}.zip"}]},
        {"assets": [{"path": "a", "count": 3, "name": "${file.stem}.zip", "exclude": ["${x}/**"]}]},
    ],
)
def test_an_editor_accepts_realistic_manifests(package: dict[str, Any]) -> None:
    assert accepted(manifest(**package))


@pytest.mark.parametrize(
    "package",
    [
        {"version": "a b"},
        {"namespace": "a/b"},
        {"status": "Publishd"},
        {"assets": []},
        {"assets": [{"path": "a", "count": 0}]},
        {"assets": [{"path": "a", "count": "three"}]},
        {"assets": [{"path": "a", "name": "a/b"}]},
        {"assets": [{"name": "a"}]},
        {"allow": ["outside"]},
    ],
)
def test_an_editor_flags_everything_that_the_loader_refuses(package: dict[str, Any]) -> None:
    assert not accepted(manifest(**package))


def test_the_command_prints_the_schema_byte_for_byte() -> None:
    result = CliRunner().invoke(commands.schema)
    assert result.exit_code == 0
    assert result.output == schema.text()
    assert json.loads(result.output) == schema.editor_schema()
