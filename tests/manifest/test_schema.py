from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from pulumi_codeartifact_release.cli.schema import command
from pulumi_codeartifact_release.manifest import schema

EDITOR = Draft202012Validator(schema.shipped())


def _walk(node: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of a key, and every definition, with the shipped schema's path to it."""
    for group in ("properties", "$defs"):
        for key, value in node.get(group, {}).items():
            yield f"{where}/{group}/{key}", value
            yield from _walk(value, f"{where}/{group}/{key}")


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
    Draft202012Validator.check_schema(schema.shipped())
    Draft202012Validator.check_schema(schema.strict())
    assert schema.shipped()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema.shipped()["$id"]


@pytest.mark.parametrize(("where", "subschema"), subschemas(schema.shipped()))
def test_every_key_has_a_description_and_examples_that_it_accepts(where: str, subschema: dict[str, Any]) -> None:
    definitions = schema.shipped()["$defs"]
    if "$ref" in subschema:
        subschema = definitions[subschema["$ref"].rpartition("/")[2]]
    assert subschema["description"].endswith((".", "`."))
    assert subschema["examples"]
    checker = Draft202012Validator({**subschema, "$defs": definitions})
    for example in subschema["examples"]:
        assert not list(checker.iter_errors(example)), where


@pytest.mark.parametrize(("where", "subschema"), [("root", schema.shipped()), *subschemas(schema.shipped())])
def test_no_mapping_takes_unknown_keys(where: str, subschema: dict[str, Any]) -> None:
    if "properties" in subschema:
        assert subschema["additionalProperties"] is False


@pytest.mark.parametrize(("where", "subschema"), subschemas(schema.shipped()))
def test_every_pattern_lets_an_editor_see_a_placeholder_and_says_its_rule_in_words(
    where: str, subschema: dict[str, Any]
) -> None:
    if "pattern" in subschema and where != "/$defs/placeholder":
        assert subschema["pattern"].endswith(schema.PLACEHOLDER_PATTERN)
        assert subschema["patternErrorMessage"]


def test_the_strict_reading_has_no_way_out_left() -> None:
    text = json.dumps(schema.strict())
    assert "$ref" not in text
    assert "anyOf" not in text
    assert r"\\$\\{" not in text


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
def test_an_editor_accepts_what_people_really_write(package: dict[str, Any]) -> None:
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
def test_an_editor_flags_what_the_loader_refuses(package: dict[str, Any]) -> None:
    assert not accepted(manifest(**package))


def test_the_command_prints_the_schema_byte_for_byte() -> None:
    result = CliRunner().invoke(command)
    assert result.exit_code == 0
    assert result.output == schema.text()
    assert json.loads(result.output) == schema.shipped()
