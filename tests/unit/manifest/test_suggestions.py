"""Suggestions for patterns: an `exclude` without an effect, a `path` that misses a file."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest

from pulumi_codeartifact_release.manifest import AssetEntry, BaseFolder, ResolvedAssets, resolve_assets

from .conftest import HEAD, TAIL, Project

FILES = (
    "dist/app.zip",
    "dist/app.map",
    "dist/secret/key.pem",
    "dist/sub/deep.map",
    "dist/id_rsa",
    "dist/README.md",
    "dist/notes [1].txt",
)
CAFE_C = unicodedata.normalize("NFC", "dist/café.txt")
CAFE_D = unicodedata.normalize("NFD", CAFE_C)


def found(project: Project, path: str, *exclude: str) -> ResolvedAssets:
    return resolve_assets(BaseFolder(project.base), [AssetEntry(path, exclude=exclude)])


def advised(message: str) -> list[str]:
    """The patterns that a message says to write, as YAML and Python read them."""
    patterns = re.findall("`([^`]*)`", re.split(r"(?:write|add(?: an entry)?) (?=`)", message)[-1])
    return [re.sub(r"\\[uU]([0-9a-f]{4,8})", lambda number: chr(int(number[1], 16)), each) for each in patterns]


@pytest.mark.parametrize(
    ("written", "meant", "advice"),
    [
        ("dist/secret", ["dist/secret/key.pem"], ["dist/secret/**"]),
        ("dist/secret/", ["dist/secret/key.pem"], ["dist/secret/**"]),
        ("secret/**", ["dist/secret/key.pem"], ["**/secret/**"]),
        ("secret", ["dist/secret/key.pem"], ["**/secret/**"]),
        ("**/secret", ["dist/secret/key.pem"], ["**/secret/**"]),
        ("id_rsa", ["dist/id_rsa"], ["**/id_rsa"]),
        ("*.map", ["dist/app.map", "dist/sub/deep.map"], ["**/*.map"]),
        (".map", ["dist/app.map", "dist/sub/deep.map"], ["**/*.map"]),
        ("sub/*", ["dist/sub/deep.map"], ["**/sub/*"]),
        ("*/key.pem", ["dist/secret/key.pem"], ["**/*/key.pem"]),
        ("dist\\*.map", ["dist/app.map"], ["dist/*.map"]),
        ("dist\\secret\\key.pem", ["dist/secret/key.pem"], ["dist/secret/key.pem"]),
        (" dist/app.map", ["dist/app.map"], ["dist/app.map"]),
        ("dist/app.map\u00a0", ["dist/app.map"], ["dist/app.map"]),
        ("'dist/app.map'", ["dist/app.map"], ["dist/app.map"]),
        ("!dist/*.map", ["dist/app.map"], ["dist/*.map"]),
        ("! *.pem", ["dist/secret/key.pem"], ["**/*.pem"]),
        ("- dist/*.map", ["dist/app.map"], ["dist/*.map"]),
        ("dist/*.MAP", ["dist/app.map"], ["dist/*.map"]),
        ("DIST/readme.md", ["dist/README.md"], ["dist/README.md"]),
        ("Secret", ["dist/secret/key.pem"], ["**/secret/**"]),
        ("dist/*.{map,gz}", ["dist/app.map"], ["dist/*.map", "dist/*.gz"]),
        ("**/*.{pem,key}", ["dist/secret/key.pem"], ["**/*.pem", "**/*.key"]),
        ("**/@(key|cert).pem", ["dist/secret/key.pem"], ["**/key.pem", "**/cert.pem"]),
        ("*.pem, *.key", ["dist/secret/key.pem"], ["**/*.pem", "**/*.key"]),
        ("/dist/app.map", ["dist/app.map"], ["dist/app.map"]),
        ("project/dist/app.map", ["dist/app.map"], ["dist/app.map"]),
        ("../project/dist/app.map", ["dist/app.map"], ["dist/app.map"]),
        ("dist/x/../app.map", ["dist/app.map"], ["dist/app.map"]),
        (".*\\.pem$", ["dist/secret/key.pem"], ["**/*.pem"]),
        ("dist/notes [1].txt", ["dist/notes [1].txt"], ["dist/notes [[]1].txt"]),
    ],
)
def test_an_exclude_that_removes_nothing_but_resembles_a_file_is_a_mistake(
    project: Project, written: str, meant: list[str], advice: list[str]
) -> None:
    for name in FILES:
        project.file(name)
    (problem,) = found(project, "dist/**", written).problems
    assert (problem.key, problem.at) == ("exclude", 0)
    assert all(f"`{path}`" in problem.message for path in meant)
    assert problem.message.endswith(", or delete the pattern")
    assert advised(problem.message.removesuffix(", or delete the pattern")) == advice
    mended = found(project, "dist/**", *advice)
    assert mended.problems == ()
    assert {file.declared for file in mended.files} == set(FILES) - set(meant)


def test_the_absolute_path_of_a_file_excludes_it_by_its_own_path_only(project: Project) -> None:
    for name in FILES:
        project.file(name)
    (problem,) = found(project, "dist/**", f"{project.base}/dist/*.map").problems
    assert advised(problem.message)[0] == "dist/*.map"


def test_an_exclude_that_resembles_no_file_is_only_a_note(project: Project) -> None:
    for name in FILES:
        project.file(name)
    idle = (".DS_Store", "**/.git/**", "Thumbs.db", "**/*.pdb", "dist/other/**", "other/*.map")
    files, problems, notes, _ = found(project, "dist/**", "dist/*.map", *idle)
    assert problems == ()
    assert len(files) == len(FILES) - 1
    assert [(note.at, note.message) for note in notes] == [
        (at, f"`{pattern}` excludes no file of `dist/**`") for at, pattern in enumerate(idle, 1)
    ]


@pytest.mark.parametrize(
    ("on_disk", "written", "escaped"),
    [(CAFE_D, CAFE_C, "dist/cafe\\u0301.txt"), (CAFE_C, CAFE_D, "dist/caf\\u00e9.txt")],
)
def test_letters_that_look_the_same_and_are_others(project: Project, on_disk: str, written: str, escaped: str) -> None:
    project.file(on_disk)
    project.file("dist/app.zip")
    why = "the letters look the same, but are different Unicode characters"
    (problem,) = found(project, "dist/**", written).problems
    assert problem.message == (f"`{written}` does not exclude `{on_disk}`: {why}; add `{escaped}` in double quotes")
    (problem,) = found(project, written).problems
    assert problem.message == (
        f"there is no file `{written}`, but `{on_disk}` exists: {why}; write `{escaped}` in double quotes"
    )
    (problem,) = found(project, written.replace("txt", "*")).problems
    assert f"write `{escaped.replace('txt', '*')}` in double quotes" in problem.message
    entry = f'{{path: "{escaped}"}}'
    assert project.asset_problems(entry) == []
    assert project.asset_problems(f'{{path: dist/**, exclude: ["{escaped}"]}}') == []


def test_one_of_two_files_that_look_the_same_is_neither_published_nor_left_out_unseen(project: Project) -> None:
    project.file(CAFE_C)
    project.file(CAFE_D)
    (problem,) = found(project, "dist/**", f"**/{Path(CAFE_C).name}").problems[:1]
    assert "does not exclude" in problem.message
    (problem,) = found(project, CAFE_C.replace("txt", "*")).problems
    assert "does not match" in problem.message
    assert [file.declared for file in found(project, CAFE_C).files] == [CAFE_C]


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("dist/{app,id}.zip", ["dist/app.zip", "dist/id.zip"]),
        ("dist/*.{zip,gz}", ["dist/*.zip", "dist/*.gz"]),
        ("dist/app.ZIP", ["dist/app.zip"]),
        ("Dist/*.zip", ["dist/*.zip"]),
        ("dist\\app.zip", ["dist/app.zip"]),
        ("dist\\*.zip", ["dist/*.zip"]),
        (" dist/app.zip", ["dist/app.zip"]),
        ("dist/app.zip ", ["dist/app.zip"]),
        ("project/dist/app.zip", ["dist/app.zip"]),
        ("dist/app.zip,dist/app.map", ["dist/app.zip", "dist/app.map"]),
    ],
)
def test_a_path_that_matches_nothing_gets_suggestions(project: Project, written: str, advice: list[str]) -> None:
    for name in FILES:
        project.file(name)
    (problem,) = found(project, written).problems
    assert re.search(" exists?: write ", problem.message)
    assert advised(problem.message) == advice
    assert found(project, advice[0]).problems == ()


def test_a_path_with_an_exclamation_mark_is_not_an_exclude(project: Project) -> None:
    project.file("dist/app.zip")
    (problem,) = found(project, "!dist/app.zip").problems
    assert problem.message == (
        "there is no file `!dist/app.zip`; to exclude files, list them in the `exclude` of an entry"
    )


def test_brackets_that_are_a_name_and_a_pattern_at_once_are_a_mistake(project: Project) -> None:
    for name in ("a[1].zip", "a1.zip", "b[x]/c.zip", "bx/c.zip"):
        project.file(name)
    (problem,) = found(project, "a[1].zip").problems
    assert problem.message == (
        "`a[1].zip` is ambiguous: write `a[[]1].zip` for `a[1].zip`, or `a1.zip` for what it matches as a pattern"
    )
    assert [file.declared for file in found(project, "a[[]1].zip").files] == ["a[1].zip"]
    assert [file.declared for file in found(project, "a1.zip").files] == ["a1.zip"]
    (problem,) = found(project, "b[x]/*.zip").problems
    assert "write `b[[]x]/*.zip` for `b[x]/c.zip`" in problem.message
    (problem,) = found(project, "*.zip", "a[1].zip").problems
    assert problem.message == "`a[1].zip` does not exclude `a[1].zip`: add `a[[]1].zip`"


def test_braces_are_literal_in_the_name_of_a_file(project: Project) -> None:
    project.file("dist/{a,b}.zip")
    assert found(project, "dist/{a,b}.zip").problems == ()
    assert found(project, "dist/*", "dist/{a,b}.*").problems[0].message.endswith("`exclude` excludes all of them")


@pytest.mark.parametrize(
    "pattern", ["{" * 200, "{1..100000}", "(" * 500 + "|", "[", "[z-a]", "*" * 300, "!", "\\", " "]
)
def test_a_strange_exclude_ends_as_a_note_or_a_mistake(project: Project, pattern: str) -> None:
    project.file("dist/app.zip")
    declared = found(project, "dist/**", pattern)
    assert declared.problems or declared.notes


def test_a_mistake_in_a_manifest_names_the_pattern_and_a_note_its_line(project: Project) -> None:
    project.file("dist/app.zip")
    project.file("dist/app.map")
    head = f"{HEAD}packages:\n  - namespace: acme\n    package: app\n    version: 1.0\n    assets:\n"
    entry = "      - path: dist/**\n        exclude:\n          - dist/*.map\n          - {}\n"
    assert project.problems(head + entry.format("'*.zip'") + TAIL) == [
        "10:13 packages[0].assets[0].exclude[1]: `*.zip` excludes nothing, but `dist/app.zip` may be meant: "
        "write `**/*.zip`, or delete the pattern"
    ]
    manifest = project.load(head + entry.format(".DS_Store") + TAIL)
    assert manifest.notes == (
        f"{project.manifest}:10:13: packages[0].assets[0].exclude[1]: `.DS_Store` excludes no file of `dist/**`",
    )
