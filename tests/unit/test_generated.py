"""Files that are made from the code are what the code makes, and one place has the address of the repository."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest
from scripts.api_docs import PAGE
from scripts.generate import ADDRESS, ROOT, SCHEMA, TEMPLATE, generated, jobs, template, template_commit

PATHS = [*template(template_commit()), *jobs(), PAGE, SCHEMA]
# Not while tests are collected, which every process does.
texts = functools.cache(generated)
ADDRESS_IN = ("*.md", "docs/*.md", "provider/*.toml", "provider/*.md", "templates/*/*", "examples/**/*.md")


@pytest.mark.parametrize("path", PATHS, ids=lambda path: str(path.relative_to(ROOT)))
def test_make_generate_would_change_nothing(path: Path) -> None:
    assert path.read_text() == texts()[path]


def test_every_generated_file_is_compared() -> None:
    assert set(texts()) == set(PATHS)


def test_the_template_has_no_other_files() -> None:
    assert {path for path in TEMPLATE.rglob("*") if path.is_file()} == set(template(template_commit()))


def test_every_page_has_the_address_of_pyproject() -> None:
    texts = [path.read_text() for pattern in ADDRESS_IN for path in ROOT.glob(pattern) if path.is_file()]
    addresses = [
        each for text in texts for each in re.findall(r"https://[^\s/]+/[^\s/]+/pulumi-codeartifact-release", text)
    ]
    assert len(addresses) > 5
    assert set(addresses) == {ADDRESS}
