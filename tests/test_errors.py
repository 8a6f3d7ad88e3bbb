"""The tree of errors: codes, exit codes, text, and a page that explains each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pulumi_codeartifact_release import errors
from pulumi_codeartifact_release.errors import ManifestError, Problem, ReleaseError

TROUBLESHOOTING = Path(__file__).parent.parent / "docs" / "troubleshooting.md"

ALL = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ReleaseError)]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_has_a_code_of_its_own_and_a_section_that_explains_it(kind: type[ReleaseError]) -> None:
    assert [other.code for other in ALL].count(kind.code) == 1
    headings = re.findall(r"^## (.+)$", TROUBLESHOOTING.read_text(), flags=re.MULTILINE)
    assert kind.code in {name for heading in headings for name in heading.split(", ")}


def test_every_section_is_of_an_error_that_exists() -> None:
    part = TROUBLESHOOTING.read_text().split("\n# Pulumi\n")[0]
    headings = re.findall(r"^## (.+)$", part, flags=re.MULTILINE)
    assert {name for heading in headings for name in heading.split(", ")} == {kind.code for kind in ALL}


def test_exit_codes_say_whether_trying_again_may_help() -> None:
    assert {kind.exit_code for kind in ALL} == {1, 2, 4, 130}
    assert errors.UsageError.exit_code == errors.ManifestError.exit_code == 2
    assert errors.ConflictError.exit_code == errors.DebrisError.exit_code == errors.DisposedError.exit_code == 4
    assert errors.UnreachableError.exit_code == errors.FileChangedError.exit_code == 1
    assert errors.InterruptedReleaseError.exit_code == 130


def test_an_error_is_what_happened_and_on_a_second_line_what_to_do() -> None:
    assert str(ReleaseError("what", hint="do")) == "what\ndo"
    assert str(ReleaseError("what")) == "what"


def test_a_manifests_mistakes_come_in_the_order_of_the_document_and_once() -> None:
    later, first = Problem(9, 3, "b", "wrong"), Problem(2, 1, "", "wrong too")
    error = ManifestError("release.yaml", [later, first, later])
    assert str(error) == "release.yaml:2:1: wrong too\nrelease.yaml:9:3: b: wrong"
    assert error.problems == (first, later)
