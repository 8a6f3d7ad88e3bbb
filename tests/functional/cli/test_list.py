"""`list`: which versions an environment holds, and what the manifest says about each."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from support.command_line import Run

from .test_status import MANIFEST, Stock, digest_of, stock

__all__ = ["stock"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a manifest, and none of its files; the working folder."""
    pinned = f'promoteFrom: staging, pins: {{acme/app: {{version: "0.1", digest: "{digest_of(b"x")}"}}}}'
    (tmp_path / "release.yaml").write_text(MANIFEST.replace("promoteFrom: staging", pinned))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listed(run: Run, *words: str) -> list[dict[str, Any]]:
    """The packages in the JSON, which follows its schema."""
    outcome = run("list", "release.yaml", *words, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    answer = json.loads(outcome.out)
    jsonschema.Draft202012Validator(json.loads(run("schema", "list").out)).validate(answer)
    packages: list[dict[str, Any]] = answer["packages"]
    return packages


def test_versions_are_listed_with_the_last_published_first(run: Run, stock: Stock) -> None:
    stock.put("prod", "0.1", b"x")
    stock.put("prod", "0.2", b"hello")
    stock.set_status("prod", "0.2", "Archived")
    outcome = run("list", "release.yaml", "-e", "prod")
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[0] == "prod: file:.registry, account 000000000000, us-east-1, repository acme/prod"
    assert lines[1:3] == ["", "acme/app"]
    assert lines[3].split() == ["VERSION", "STATUS", "SINCE", "(UTC)", "DIGEST", "SIZE"]
    time = r"\d{4}-\d\d-\d\d \d\d:\d\d"
    first, second = (digest_of(content).removeprefix("sha256:")[:12] for content in (b"hello", b"x"))
    assert re.fullmatch(rf"  0\.2      Archived   {time}  {first}…  5 bytes", lines[4])
    assert re.fullmatch(rf"  0\.1      Published  {time}  {second}…  1 byte   pinned", lines[5])
    assert lines[6:] == ["", "acme/lib", "  no versions"]


@pytest.mark.slow
def test_the_newest_twenty_and_the_versions_of_the_manifest_are_listed(run: Run, stock: Stock) -> None:
    for number in range(24):
        stock.put("dev", "1.0" if number == 1 else f"0.{number}", bytes([number]))
    [package] = listed(run, "-e", "dev", "acme/app")
    assert [each["version"] for each in package["versions"]] == [*(f"0.{number}" for number in range(23, 3, -1)), "1.0"]
    assert package["versions"][-1]["marks"] == ["declared"]
    assert package["total"] == 24
    assert run("list", "release.yaml", "-e", "dev", "acme/app").out.splitlines()[-1] == (
        "  21 of 24 versions; --all lists all"
    )
    [package] = listed(run, "-e", "dev", "acme/app", "--all")
    assert len(package["versions"]) == 24


def test_a_version_without_its_bytes_has_no_digest(run: Run, stock: Stock) -> None:
    stock.put("dev", "1.0", unfinished=True)
    [version] = listed(run, "-e", "dev", "acme/app")[0]["versions"]
    assert {key: version[key] for key in ("status", "since", "digest", "assets", "size", "marks")} == {
        "status": "Unfinished",
        "since": None,
        "digest": None,
        "assets": 1,
        "size": 1,
        "marks": ["declared"],
    }


def test_whole_digests(run: Run, stock: Stock) -> None:
    digest = stock.put("dev", "1.0")
    assert digest in run("list", "release.yaml", "-e", "dev", "--digests").out


def test_a_missing_registry_lists_nothing(run: Run, folder: Path) -> None:
    assert [package["versions"] for package in listed(run, "-e", "dev")] == [[], []]
    assert not (folder / ".registry").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("-e", "dev", "acme/ap"),
            "error[usage]: release.yaml: there is no package acme/ap; did you mean `acme/app`?\n",
        ),
        (("-e", "prd"), "there is no environment `prd`; did you mean `prod`?"),
    ],
)
def test_wrong_names(run: Run, folder: Path, words: tuple[str, ...], message: str) -> None:
    outcome = run("list", "release.yaml", *words)
    assert outcome.code == 2
    assert message in outcome.err
