"""docs/manifest.md explains every key, and its examples load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pulumi_codeartifact_release.manifest import load, schema
from pulumi_codeartifact_release.manifest.asset_names import FILE_PARTS

from .conftest import Project
from .test_schema import subschemas

PAGE = (Path(__file__).parents[3] / "docs" / "manifest.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
KEYS = sorted({where.rpartition("/")[2] for where, _ in subschemas(schema.editor_schema()) if "/properties/" in where})


@pytest.mark.parametrize("key", [key for key in KEYS if key not in ("version", "digest")])
def test_every_key_has_its_own_row(key: str) -> None:
    assert f"\n| `{key}` |" in PAGE


def test_the_keys_of_a_pin_and_every_enumerated_value_are_explained() -> None:
    words = ["version", "digest"]
    for _, subschema in subschemas(schema.editor_schema()):
        for alternative in subschema.get("anyOf", [])[:1]:
            words += alternative.get("enum", [])
    assert "last-asset" in words
    assert [word for word in words if f"`{word}`" not in PAGE] == []


def test_no_row_explains_a_key_that_does_not_exist() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE)
    assert set(rows) <= set(KEYS)


def test_every_placeholder_of_a_name_is_explained() -> None:
    for part in FILE_PARTS:
        assert f"| `${{file.{part}}}` |" in PAGE


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 6


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_loads(project: Project, example: str) -> None:
    project.file("VERSION", "1.4.2\n")
    project.file("dist/api.tar.gz")
    for platform in ("linux", "mac", "windows", "debug"):
        project.file(f"build/{platform}/app.zip")
    project.manifest.write_text(example, encoding="utf-8")
    assert load(project.manifest).packages[0].files
