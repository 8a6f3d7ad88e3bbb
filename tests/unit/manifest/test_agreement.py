"""The editor's schema and the loader reject the same manifests.

The editor reads YAML 1.2 (a value without quotes may be a number, true, false or null) and uses jsonschema. Two things
are left out: what a placeholder stands for, which no editor knows, and RULES_BETWEEN_VALUES, which no schema can say.
"""

from __future__ import annotations

import copy
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pulumi_codeartifact_release.errors import ManifestError
from pulumi_codeartifact_release.manifest import load, schema

EDITOR = Draft202012Validator(schema.editor_schema())

RULES_BETWEEN_VALUES = re.compile(
    "there is no environment|there is no file|cannot promote from itself|promote in a circle|is declared twice"
    "|names? one version|is pinned|is outside|leads outside|is a folder|is absolute|no such file|cannot be read"
    "|matches nothing|glob|in this bundle|its own member|after itself|wait for each other|a bundle has one version"
    "|in a bundle: it must be usable|pin the bundle"
)


class Core(yaml.CSafeLoader):
    """YAML 1.2's core schema, by the regular expressions of its specification (10.3.2)."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # type: ignore[misc]


for tag, pattern in {
    "null": r"|~|null|Null|NULL",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+",
    "float": r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN",
    "merge": r"<<",
}.items():
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), None)


def _int(loader: Core, node: yaml.ScalarNode) -> int:
    text = node.value
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def _float(loader: Core, node: yaml.ScalarNode) -> float:
    return float(re.sub(r"\.(?=[in])", "", node.value.lower()))


Core.add_constructor("tag:yaml.org,2002:int", _int)
Core.add_constructor("tag:yaml.org,2002:float", _float)


class Source(str):
    """A scalar as it is written in the file."""


def in_quotes(text: str) -> Source:
    return Source(json.dumps(text, ensure_ascii=False).replace("\x7f", "\\x7f").replace("\u2028", "\\u2028"))


TEXTS = [
    *(
        "acme",
        "dev",
        "prod",
        "a.zip",
        "app",
        "1.4.2",
        "a b",
        "a/b",
        "a#b",
        "acme/app",
        "a--b",
        "A",
        "x.Y_z-1",
        "é",
        "\ufb01",
    ),
    *(
        " a",
        "a ",
        "a  b",
        ".",
        "a.",
        "$x",
        "a$b",
        "a%b",
        "a:b",
        'a"b',
        "a\u2013b",
        "a\u00a0b",
        "a😀",
        "a\u0301",
        "x" * 256,
    ),
    *("$", "$$", "$$$", "a$$b", "$$x", "$$$x", "$x$$", "$(x)", "$$(x)", "$${x}", "$$$$x"),
    *(
        "Published",
        "published",
        "retain",
        "keep",
        "status-update",
        "last-asset",
        "24h",
        "1d12h",
        "h",
        "7",
        "eu-west-1",
        "EU",
    ),
    *("file:.registry", "file:", "https://h", "ftp://h", "acme/releases/staging", "a/b/c/d", "sha256:" + "a" * 64),
    *("acme\n", "a\nb", "a\x7f", "a\u2028b", "yes", "on", "2026-01-01", "12:30", "1_000", "0b1"),
]
NOT_TEXTS = [
    *(
        "0",
        "1",
        "7",
        "12",
        "3.0",
        "1.10",
        "1e1",
        "1E5",
        "0x10",
        "0o17",
        "+5",
        "-3",
        "-0",
        "007",
        "100000",
        "100001",
        ".5",
    ),
    *("5.", ".inf", "-.INF", ".nan", "111122223333", "012345678901", "11112222333", "+111122223333", "1111222233334"),
    *("111122223333.0", "1.11122223333e11", "0x19dfc4d3e5", "1" * 40, "true", "True", "TRUE", "false", "False", "null"),
    *("~", "Null", ""),
]
SCALARS = [
    *(in_quotes(text) for text in [*TEXTS, *NOT_TEXTS]),
    *("acme", "a.zip", "1.4.2", "x.Y_z-1", "2026-01-01", "0b1", "24h", "yes"),
    *NOT_TEXTS,
    *("!!str 12", "!!int 12", "!!bool true"),
]
STRUCTURES: list[Any] = [[], {}, [Source("a.zip")], {"a": Source("b")}, [[]], {"path": Source("a.zip")}]
KEYS = ["namespace", "version", "status", "path", "count", "soak", "pins", "default", "file", "colour", "allow", "a/b"]

SOUND: dict[str, Any] = {
    "schemaVersion": 1,
    "variables": {"channel": {"default": "stable", "description": "What for"}, "build": {"file": "VERSION"}},
    "defaults": {"namespace": "acme", "status": "Published"},
    "packages": [
        {
            "package": "app",
            "version": "1.0",
            "assets": ["dist/*", {"path": "a", "name": "b", "count": 3, "exclude": ["x"]}],
        },
        {"namespace": "other", "package": "app", "version": "2.0", "assets": ["b.zip"], "status": "Unlisted"},
    ],
    "environments": {
        "dev": {"domain": "acme", "repository": "dev", "endpoint": "file:.registry", "pinned": False, "pins": {}},
        "prod": {
            "domain": "acme",
            "domainOwner": "111122223333",
            "repository": "prod",
            "region": "eu-west-1",
            "profile": "release",
            "promoteFrom": "dev",
            "soak": "24h",
            "pinned": True,
            "pins": {"acme/app": {"version": "1.0", "digest": "sha256:" + "a" * 64}},
            "onDestroy": "retain",
            "onSupersede": "keep",
            "finalize": "status-update",
            "stack": "acme/releases/dev",
        },
    },
}

BUNDLE = {
    "schemaVersion": 1,
    "defaults": {"status": "Published"},
    "bundle": {"namespace": "acme", "package": "suite", "version": "1.0"},
    "packages": [
        {"namespace": "acme", "package": "core", "version": "1.0", "assets": ["a.zip"]},
        {
            "namespace": "acme",
            "package": "app",
            "version": "1.0",
            "assets": ["b.zip"],
            "after": ["acme/core"],
            "status": "Published",
        },
    ],
    "environments": {"dev": {"domain": "acme", "repository": "dev", "finalize": "status-update"}},
}
BUNDLE_PLACES = [
    *[(), ("bundle",), ("bundle", "namespace"), ("bundle", "package"), ("bundle", "version"), ("defaults", "status")],
    *[("packages", 1, "after"), ("packages", 1, "after", 0), ("packages", 1, "status")],
    ("environments", "dev", "finalize"),
]


def written(value: Any) -> str:
    """A document as YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{in_quotes(key)}: {written(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(written(each) or "~" for each in value) + "]"
    if isinstance(value, Source):
        return str(value)
    return in_quotes(value) if isinstance(value, str) else json.dumps(value)


def places(value: object, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield at
    inner: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from places(each, (*at, key))


def changed(document: Any, at: tuple[str | int, ...], change: Any) -> Any:
    """A copy with one place changed: to a value, or by a function of what holds it and its key there."""
    root: Any = {"": copy.deepcopy(document)}
    holder = root
    for key in ("", *at)[:-1]:
        holder = holder[key]
    if callable(change):
        change(holder, ("", *at)[-1])
    else:
        holder[("", *at)[-1]] = change
    return root.get("", {})


def remove(holder: Any, key: Any) -> None:
    del holder[key]


def add(name: str, value: Any) -> Any:
    def change(holder: Any, key: Any) -> None:
        if isinstance(holder[key], dict):
            holder[key][name] = value
        elif isinstance(holder[key], list):
            holder[key].append(value)

    return change


class Judge:
    """Both opinions of a manifest."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "release.yaml"
        (folder / "VERSION").write_text("1")

    def differ(self, text: str) -> str:
        """What the two say where they differ; "" where they agree."""
        self._path.write_text(text, encoding="utf-8")
        flagged = [f"{error.json_path}: {error.message[:200]}" for error in EDITOR.iter_errors(yaml.load(text, Core))]
        refused = []
        try:
            load(self._path, with_files=False)
        except ManifestError as error:
            refused = [f"{each.key}: {each.message}" for each in error.problems]
        refused = [each for each in refused if not RULES_BETWEEN_VALUES.search(each)]
        return "" if bool(flagged) == bool(refused) else f"{text}\n\neditor: {flagged}\nloader: {refused}"


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with tempfile.TemporaryDirectory() as name:
        yield Judge(Path(name))


def test_the_valid_manifest_is_valid_for_both(judge: Judge) -> None:
    assert EDITOR.is_valid(SOUND)
    assert judge.differ(written(SOUND)) == ""


# One place of each kind: what is left out is judged by the same words of the schema.
TWICE = re.compile(
    r"packages\.1\.|environments\.dev\.(domain|repository)|packages\.0\.assets\.1\.exclude\.0|defaults\."
    r"|packages\.0\.package|environments\.prod\.(profile|pins\.acme/app\.version|onSupersede|finish|finalize)"
)
SAMPLE = os.environ.get("MODEL") != "all"
PLACES = [at for at in places(SOUND) if not TWICE.search(".".join(map(str, at)))]


@pytest.mark.parametrize("at", PLACES, ids=lambda at: ".".join(map(str, at)) or "root")
def test_they_agree_on_any_value_in_one_place(judge: Judge, at: tuple[str | int, ...]) -> None:
    held: Any = SOUND
    for key in at:
        held = held[key]
    changes: list[Any] = [*map(Source, SCALARS), *STRUCTURES]
    if isinstance(held, dict | list):
        changes = [*map(Source, NOT_TEXTS), *STRUCTURES, *(add(name, Source("x")) for name in [*KEYS, *TEXTS[::3], ""])]
    # Each place an eighth, each value in an eighth of the places: all of it takes long, and finds the same.
    changes = changes[PLACES.index(at) % 8 :: 8] if SAMPLE else changes
    if at:
        changes.append(remove)
    found = next(filter(None, (judge.differ(written(changed(SOUND, at, change))) for change in changes)), "")
    assert found == ""


@pytest.mark.parametrize("at", BUNDLE_PLACES, ids=lambda at: ".".join(map(str, at)) or "root")
def test_they_agree_on_any_value_in_a_manifest_with_a_bundle(judge: Judge, at: tuple[str | int, ...]) -> None:
    words = ["Published", "Unlisted", "last-asset", "status-update"]
    changes: list[Any] = [*map(Source, [*words, *SCALARS[BUNDLE_PLACES.index(at) % 8 :: 8]]), *STRUCTURES]
    changes += [add(name, Source("x")) for name in KEYS] + ([remove] if at else [])
    if at == ("bundle",):
        changes.append({"package": "suite"})
    documents = [BUNDLE, {**BUNDLE, "defaults": {"namespace": "acme", "version": "1.0"}}]
    if at[:1] == ("defaults",):
        documents = documents[:1]
    texts = [written(changed(document, at, change)) for document in documents for change in changes]
    assert next(filter(None, map(judge.differ, texts)), "") == ""


@settings(max_examples=60 if SAMPLE else 300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_they_agree_on_any_values_in_several_places(judge: Judge, data: st.DataObject) -> None:
    document: Any = SOUND
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.sampled_from(list(places(document))))
        change = data.draw(
            st.sampled_from([*map(Source, SCALARS), *STRUCTURES])
            | (st.just(remove) if at else st.nothing())
            | st.builds(add, st.sampled_from(KEYS), st.sampled_from(SCALARS).map(Source))
        )
        document = changed(document, at, change)
    assert judge.differ(written(document)) == ""


@pytest.mark.parametrize("place", ["schemaVersion", "count", "pinned", "version", "name", "domain", "soak", "endpoint"])
def test_an_editor_never_flags_a_placeholder_that_the_loader_can_use(judge: Judge, place: str) -> None:
    document = copy.deepcopy(SOUND)
    at = next(at for at in places(document) if at[-1:] == (place,))
    held: Any = document
    for key in at:
        held = held[key]
    document = changed(document, at, Source('"${given}"'))
    document["variables"]["given"] = {
        "default": Source(json.dumps(held) if isinstance(held, str) else json.dumps(str(held).lower()))
    }
    assert judge.differ(written(document)) == ""
    assert EDITOR.is_valid(yaml.load(written(document), Core))
