"""Every error of the tree has a test here that holds its whole text, as it is printed."""

from __future__ import annotations

import re
from pathlib import Path

import pulumi_codeartifact_release
from pulumi_codeartifact_release import errors
from pulumi_codeartifact_release.errors import ReleaseError

HERE = Path(__file__)
PACKAGE = Path(pulumi_codeartifact_release.__file__).parent
CODES = {kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ReleaseError)}
FAMILIES = {"failed", "refused"}
"""Nobody raises these: only what belongs to them."""
ELSEWHERE = {
    "bundle": "tests/functional/cli/test_bundle_download.py",
    "mismatch": "tests/functional/cli/test_verify.py",
    "stale-plan": "tests/functional/cli/test_plan_file.py",
}
"""Beside the command that raises them, and nobody else."""


def test_every_error_has_a_test_of_its_text() -> None:
    tests = "".join(path.read_text() for path in sorted(HERE.parents[2].glob("*/messages/test_*.py")) if path != HERE)
    tested = set(re.findall(r"[\"'](?:error|refused)\[([a-z-]+)\]: ", tests))
    assert tested | FAMILIES | ELSEWHERE.keys() == CODES.keys()
    assert not tested & FAMILIES


def test_messages_that_are_tested_elsewhere_exist() -> None:
    for code, name in ELSEWHERE.items():
        path = HERE.parents[3] / name
        assert path.exists(), f"{code} has no test of its text"
        assert re.search(rf"(?:error|refused)\[{code}\]: ", path.read_text()), f"{name} holds no text of {code}"


def test_base_classes_of_errors_are_not_raised() -> None:
    names = "|".join(CODES[code].__name__ for code in sorted(FAMILIES))
    for path in PACKAGE.rglob("*.py"):
        assert not re.search(rf"\b(?:{names})\(\s*f?[\"']", path.read_text()), path
