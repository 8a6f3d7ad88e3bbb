"""The quick answer to whether a manifest is what its schema says never contradicts the validator."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from pulumi_codeartifact_release.manifest.conforming import conforms
from pulumi_codeartifact_release.manifest.schema import strict, validator

from .test_fuzz import QUICK, TREES

SOUND: dict[str, Any] = {
    "schemaVersion": 1,
    "variables": {"version": {"default": "1.0"}, "build": {"file": "BUILD"}},
    "defaults": {"namespace": "acme"},
    "packages": [
        {
            "package": "app",
            "version": "1.0",
            "assets": ["dist/*", {"path": "a.zip", "name": "b.zip", "count": 3, "exclude": ["x"]}],
            "status": "Published",
        }
    ],
    "environments": {
        "dev": {"domain": "acme", "repository": "dev"},
        "prod": {
            "domain": "acme",
            "repository": "prod",
            "promoteFrom": "dev",
            "pinned": True,
            "pins": {"acme/app": {"version": "1.0", "digest": "sha256:" + "a" * 64}},
        },
    },
}


def places(value: object, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [at, *(place for key, each in inner for place in places(each, (*at, key)))]


def changed(at: tuple[str | int, ...], change: Any) -> Any:
    document: Any = {"": copy.deepcopy(SOUND)}
    holder = document
    for key in ("", *at)[:-1]:
        holder = holder[key]
    change(holder, ("", *at)[-1])
    return document.get("")


def remove(holder: Any, key: Any) -> None:
    del holder[key]


def put(value: object) -> Any:
    def change(holder: Any, key: Any) -> None:
        holder[key] = value

    return change


def add_key(holder: Any, key: Any) -> None:
    if isinstance(holder[key], dict):
        holder[key]["colour"] = "blue"


def test_a_sound_manifest_conforms() -> None:
    assert validator().is_valid(SOUND)
    assert conforms(SOUND, strict())


OTHERS = [
    "",
    "x" * 300,
    "a b",
    "a/b",
    0,
    1,
    2,
    -1,
    True,
    False,
    None,
    [],
    {},
    ["a"],
    {"a": "b"},
    [[]],
    {"file": "x"},
]


@pytest.mark.parametrize("change", [remove, add_key, *map(put, OTHERS)])
def test_whatever_is_changed_it_says_what_the_validator_says(change: Any) -> None:
    for at in places(SOUND):
        document = changed(at, change)
        assert conforms(document, strict()) is validator().is_valid(document), at


def test_a_number_that_is_whole_for_json_schema_alone_is_the_validators_to_judge() -> None:
    document = changed(("schemaVersion",), put(1.0))
    assert validator().is_valid(document)
    assert not conforms(document, strict())


@QUICK
@given(TREES)
def test_it_never_takes_for_sound_what_the_validator_refuses(tree: Any) -> None:
    assert not conforms(tree, strict()) or validator().is_valid(tree)


@pytest.mark.parametrize("keyword", ["not", "anyOf", "prefixItems", "dependentRequired", "$ref", "patternProperties"])
def test_a_keyword_that_it_does_not_know_is_the_validators_to_judge(keyword: str) -> None:
    assert not conforms("x", {"type": "string", keyword: {}})


def test_a_sound_manifest_is_loaded_without_the_validator(tmp_path: Path) -> None:
    (tmp_path / "a.zip").touch()
    text = "packages: [{namespace: acme, package: app, version: 1.0, assets: [a.zip]}]\n"
    (tmp_path / "release.yaml").write_text(
        f"schemaVersion: 1\n{text}environments: {{dev: {{domain: acme, repository: dev}}}}\n"
    )
    code = (
        "import sys\nfrom pathlib import Path\nfrom pulumi_codeartifact_release.manifest import load\n"
        "load(Path('release.yaml'))\nprint('jsonschema' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
