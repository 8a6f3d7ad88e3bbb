"""Any bytes load as a Manifest or raise ManifestError, and every message is one printable line."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pulumi_codeartifact_release.errors import ManifestError, Problem
from pulumi_codeartifact_release.manifest import Variables, asset_name_problem, load
from unit.manifest.test_load import COMPLETE

KEYS = [
    *(
        "schemaVersion",
        "variables",
        "defaults",
        "packages",
        "environments",
        "package",
        "namespace",
        "version",
        "assets",
    ),
    *("status", "path", "name", "count", "exclude", "domain", "repository", "promoteFrom", "soak", "pinned", "pins"),
    *("digest", "file", "default", "allow", "endpoint", "dev", "a/b", "<<", ""),
]
TEXTS = [
    *("", "${", "${v}", "$${", "${file.stem}", "a.zip", "*", "**", "[", "../x", "/", ".", "1.10", "true", "dev", "1d"),
    *("\0", "\ud800", "x" * 300, "[[:alpha:", "a\\", "*/../..", "~", "file:.", "http://[", "sha256:" + "a" * 64),
]
SCALARS = st.sampled_from(TEXTS) | st.text(max_size=8) | st.integers() | st.booleans() | st.none()
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=20,
)
QUICK = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def folder() -> Any:
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        (base / "a.zip").touch()
        (base / "VERSION").write_text("1", encoding="utf-8")
        yield base


def judge(folder: Path, content: bytes) -> None:
    path = folder / "release.yaml"
    path.write_bytes(content)
    for with_files in (True, False):
        problems: tuple[Problem, ...] = ()
        try:
            load(path, environment="dev", variables=Variables({"v": "1"}), with_files=with_files)
        except ManifestError as error:
            problems = error.problems
            assert problems
        assert [each for each in problems if not f"{each.key}{each.message}".isprintable()] == []


@QUICK
@given(st.binary(max_size=200))
def test_random_bytes(folder: Path, content: bytes) -> None:
    judge(folder, content)


@QUICK
@given(st.text(alphabet="abc:-&*!|>'\"%@`{}[],#?$. \n\t~<0", max_size=80))
def test_random_yaml_punctuation(folder: Path, content: str) -> None:
    judge(folder, content.encode())


@QUICK
@given(TREES)
def test_random_structures(folder: Path, tree: object) -> None:
    judge(folder, json.dumps(tree).encode())


@pytest.mark.slow
@QUICK
@given(st.dictionaries(st.sampled_from(KEYS[:5]), TREES, min_size=3))
def test_random_structures_under_the_real_keys(folder: Path, tree: dict[str, object]) -> None:
    judge(folder, json.dumps({"schemaVersion": 1, **tree}).encode())


@QUICK
@given(st.data())
def test_mutations_of_a_good_manifest(folder: Path, data: st.DataObject) -> None:
    content = bytearray(COMPLETE.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        length = data.draw(st.integers(0, 12))
        content[at : at + length] = data.draw(st.sampled_from(TEXTS)).encode("utf-8", "replace")[:20]
    judge(folder, bytes(content))


@QUICK
@given(st.text(max_size=20))
def test_any_name_is_checked(name: str) -> None:
    problem = asset_name_problem(name)
    assert problem is None or problem.isprintable()
