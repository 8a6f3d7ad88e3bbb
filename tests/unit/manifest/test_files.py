from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pulumi_codeartifact_release.errors import ManifestError
from pulumi_codeartifact_release.manifest import (
    AssetEntry,
    BaseFolder,
    DeclaredFile,
    EntryProblem,
    asset_name_problem,
    resolve_assets,
)
from pulumi_codeartifact_release.manifest.dir_cache import DirCache, DirEntry
from pulumi_codeartifact_release.manifest.files import check_entries

from .conftest import HEAD, TAIL, Project

FIRST = "packages[0].assets[0]"
OUTSIDE = frozenset({"outside"})


def names(project: Project, *entries: str) -> list[str]:
    lines = "".join(f"      - {entry}\n" for entry in entries)
    head = f"{HEAD}packages:\n  - namespace: acme\n    package: app\n    version: 1.0\n    assets:\n"
    return [file.name for file in project.load(head + lines + TAIL).packages[0].files]


def test_files_are_sorted_by_the_bytes_of_their_names(project: Project) -> None:
    for name in ("dist/b.zip", "dist/a.zip", "dist/ä.zip", "dist/Z.zip"):
        project.file(name)
    assert names(project, "dist/*.zip") == ["Z.zip", "a.zip", "b.zip", "ä.zip"]
    files, problems, *_ = resolve_assets(BaseFolder(project.base), [AssetEntry("./dist//a.zip")])
    assert problems == ()
    assert files == (DeclaredFile("a.zip", project.base / "dist/a.zip", "dist/a.zip"),)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", ["top.zip"]),
        ("dist/*.zip", ["a.zip", "q[1].zip"]),
        ("dist/?.zip", ["a.zip"]),
        ("dist/[ab].zip", ["a.zip"]),
        ("dist/[!b].zip", ["a.zip"]),
        ("dist/q[[]1].zip", ["q[1].zip"]),
        ("dist/q\\[1].zip", ["q[1].zip"]),
        ("dist/**/*.zip", ["a.zip", "deep.zip", "q[1].zip"]),
        ("dist/**", ["a.zip", "deep.zip", "q[1].zip"]),
        ("dist/*/*/*.zip", ["deep.zip"]),
        ("**/deep.zip", ["deep.zip"]),
        ("dist/.*.zip", [".hidden.zip"]),
        ("dist/.secret/*", ["in-hidden.zip"]),
        ("*/.secret/*", ["in-hidden.zip"]),
        ("dist/./*.zip", ["a.zip", "q[1].zip"]),
        ("dist/x/../*.zip", ["a.zip", "q[1].zip"]),
        ("linked/y/*.zip", ["deep.zip"]),
        ("*/y/*.zip", ["deep.zip"]),
        ("{dist,x}/*.zip", None),
    ],
)
def test_a_glob_matches_as_in_a_shell(project: Project, pattern: str, expected: list[str] | None) -> None:
    for name in ("dist/a.zip", "dist/q[1].zip", "dist/.hidden.zip", "dist/.secret/in-hidden.zip", "dist/x/y/deep.zip"):
        project.file(name)
    project.file("top.zip")
    (project.base / "linked").symlink_to("dist/x")
    entry = AssetEntry(pattern, exclude=("dist", "linked") if pattern == "*" else ())
    files, problems, *_ = resolve_assets(BaseFolder(project.base), [entry])
    if expected is None:
        assert problems[0].message.startswith("`{dist,x}/*.zip` matches nothing")
    else:
        assert problems == ()
        assert [file.name for file in files] == expected


def test_exclude_removes_files_of_any_depth_and_hidden_ones(project: Project) -> None:
    for name in ("b/app", "b/debug/app", "b/x/debug/deep/app", "b/.h/debug/app"):
        project.file(name)
    found = resolve_assets(BaseFolder(project.base), [AssetEntry("b/**/app", exclude=("**/debug/**",))])
    assert [file.declared for file in found.files] == ["b/app"]
    (problem,) = resolve_assets(BaseFolder(project.base), [AssetEntry("b/.h/*/app", exclude=("**/debug/**",))]).problems
    assert problem.message == "`b/.h/*/app` matches 1 path, but `exclude` excludes all of them"


def test_names_are_made_from_the_file(project: Project) -> None:
    project.file("build/linux/app.tar.gz")
    project.file("build/mac/app.tar.gz")
    template = "'${file.parent}-${file.stem}-1${file.ext}-${file.name}'"
    assert names(project, f"{{path: build/*/*.gz, name: {template}, count: 2}}") == [
        "linux-app.tar-1.gz-app.tar.gz",
        "mac-app.tar-1.gz-app.tar.gz",
    ]


def test_an_empty_file_is_a_file(project: Project) -> None:
    project.file("empty.txt", "")
    assert names(project, "empty.txt") == ["empty.txt"]


def test_a_symlink_to_another_file_in_the_folder_is_a_separate_file(project: Project) -> None:
    project.file("a.zip")
    (project.base / "b.zip").symlink_to("a.zip")
    assert names(project, "'*.zip'") == ["a.zip", "b.zip"]


def test_names_are_normalised_to_nfc(project: Project) -> None:
    project.file(unicodedata.normalize("NFD", "ä.zip"))
    assert names(project, "'*.zip'") == [unicodedata.normalize("NFC", "ä.zip")]


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (
            ["dist/*.zip", "dist/a.zip"],
            [
                "packages[0].assets[1]: `dist/a.zip` is matched twice: by assets[0] `dist/*.zip` and by assets[1] "
                "`dist/a.zip`; exclude it from one of the two"
            ],
        ),
        (
            ["dist/*.zip", "dist/**"],
            [
                "packages[0].assets[1]: `dist/a.zip` and `dist/b.zip` are matched twice: by assets[0] `dist/*.zip` "
                "and by assets[1] `dist/**`; exclude them from one of the two"
            ],
        ),
        (
            ["dist/a.zip", "other/a.zip"],
            [
                "packages[0].assets[1]: `dist/a.zip` and `other/a.zip` get the same asset name `a.zip`; "
                "set different names with `name`, for example ${file.parent}-${file.name}"
            ],
        ),
        (
            ["{path: dist/*.zip, name: x.zip}"],
            [
                f"{FIRST}.name: `dist/a.zip` and `dist/b.zip` get the same asset name `x.zip`; "
                "set different names with `name`, for example ${file.parent}-${file.name}"
            ],
        ),
        (["nothing"], [f"{FIRST}: there is no file `nothing`"]),
        (["dist/*.gz"], [f"{FIRST}: `dist/*.gz` matches nothing; build the files first, or correct the path"]),
        (["build/*.gz"], [f"{FIRST}: `build/*.gz` matches nothing: there is no folder `build`"]),
        (
            ["dist/q[1]"],
            [f"{FIRST}: `dist/q[1]` matches nothing, but a file with exactly this name exists: write `dist/q[[]1]`"],
        ),
        (
            ["{path: dist/*.zip, exclude: ['**/*.zip']}"],
            [f"{FIRST}.path: `dist/*.zip` matches 2 paths, but `exclude` excludes all of them"],
        ),
        (
            ["{path: dist/a.zip, exclude: [dist/*]}"],
            [f"{FIRST}.path: `dist/a.zip` matches 1 path, but `exclude` excludes all of them"],
        ),
        (
            ["{path: dist/*.zip, count: 3}"],
            [f"{FIRST}.count: `dist/*.zip` matches 2, expected 3: `dist/a.zip` and `dist/b.zip`"],
        ),
        (["dist"], [f"{FIRST}: `dist` is a folder; write `dist/**` for the files in it"]),
        (["dist/"], [f"{FIRST}: `dist` is a folder; write `dist/**` for the files in it"]),
        (["di*"], [f"{FIRST}: `dist` is a folder; write `dist/**` for the files in it"]),
        (
            ["'[!r]*'"],
            [f"{FIRST}: `dist` and `other` are folders; exclude them, or write `**` for the files in them"],
        ),
        (
            ["../outside.zip"],
            [
                f"{FIRST}: `../outside.zip` leaves the manifest's folder through `..`; move it inside, or "
                "permit it with --allow outside"
            ],
        ),
        (
            ["dist/../../*.zip"],
            [
                f"{FIRST}: `dist/../../*.zip` leaves the manifest's folder through `..`; move it inside, or "
                "permit it with --allow outside"
            ],
        ),
        (
            ["/etc/hosts"],
            [
                f"{FIRST}: `/etc/hosts` leaves the manifest's folder through an absolute path; move it inside, "
                "or permit it with --allow outside"
            ],
        ),
        (
            ["/etc/*"],
            [
                f"{FIRST}: `/etc/*` leaves the manifest's folder through an absolute path; move it inside, "
                "or permit it with --allow outside"
            ],
        ),
        (["dist/*/../a.zip"], [f"{FIRST}: `dist/*/../a.zip` has `..` after a wildcard; write the path without it"]),
        (
            ["{path: dist/a.zip, name: '${file.steam}.zip'}"],
            [f"{FIRST}.name: `${{file.steam}}` is not supported; did you mean `${{file.stem}}`?"],
        ),
        (
            ["{path: dist/a.zip, name: '${file.size}.zip'}"],
            [
                f"{FIRST}.name: `${{file.size}}` is not supported; there are `${{file.name}}`, "
                "`${file.stem}`, `${file.ext}` and `${file.parent}`"
            ],
        ),
        (
            ["{path: dist/a.zip, name: '${file}.zip'}"],
            [
                f"{FIRST}.name: `${{file}}` is not supported in a name; supported are `${{file.name}}`, "
                "`${file.stem}`, `${file.ext}` and `${file.parent}`"
            ],
        ),
        (
            ["{path: dist/a.zip, name: 'a%${file.ext}'}"],
            [
                f"{FIRST}.name: CodeArtifact does not allow the name `a%x`: it contains `%`; allowed are letters, "
                "digits, single inner spaces and ~!@^&()-`_+[]{};,."
            ],
        ),
    ],
)
def test_an_error_in_the_files_is_reported_once(project: Project, entries: list[str], expected: list[str]) -> None:
    for name in ("dist/a.zip", "dist/b.zip", "other/a.zip", "../outside.zip"):
        project.file(name)
    if "q[1]" in entries[0]:
        project.file("dist/q[1]")
    assert project.asset_problems(*entries) == expected


def test_a_file_with_an_invalid_name_is_reported_with_the_character(project: Project) -> None:
    project.file("dist/a#1.zip")
    project.file("dist/b.zip")
    assert project.asset_problems("dist/*") == [
        f"{FIRST}: CodeArtifact does not allow the name `a#1.zip`: it contains `#`; allowed are letters, digits, "
        "single inner spaces and ~!@^&()-`_+[]{};,. (the file `dist/a#1.zip`)"
    ]


def test_two_names_that_differ_in_their_normal_form_only_collide(project: Project) -> None:
    project.file("a/" + unicodedata.normalize("NFD", "ä"))
    project.file("b/" + unicodedata.normalize("NFC", "ä"))
    (problem,) = project.asset_problems("'[ab]/*'")
    assert "get the same asset name `ä`" in problem
    assert "`a/" in problem
    assert "`b/" in problem


def test_a_symlink_that_leads_outside_is_refused_unless_permitted(project: Project) -> None:
    target = project.file("../secret/key.zip")
    (project.base / "link.zip").symlink_to(target)
    (project.base / "folder").symlink_to(target.parent)
    tail = "; move it inside, or permit it with --allow outside"
    out = "leaves the manifest's folder through a symlink to"
    real = Path(os.path.realpath(target))
    for entry, named, aim in [
        ("link.zip", "link.zip", real),
        ("'*.zip'", "link.zip", real),
        ("folder/key.zip", "folder/key.zip", real),
        ("folder/*.zip", "folder/*.zip", real.parent),
        ("'*/key.zip'", "folder/key.zip", real),
    ]:
        (found,) = project.asset_problems(entry)
        assert found.startswith(f"{FIRST}: `{named}` {out} `")
        assert found.endswith(f"{aim.name}`{tail}")
        assert project.asset_problems(entry, allow=OUTSIDE) == []


def test_a_permitted_file_outside_is_declared_relative_to_the_folder(project: Project) -> None:
    path = project.file("../other/x.zip")
    for text in ("../other/x.zip", "../other/*.zip", os.path.realpath(path)):
        (file,), problems, *_ = resolve_assets(
            BaseFolder(Path(os.path.realpath(project.base)), outside=True), [AssetEntry(text)]
        )
        assert problems == ()
        assert file.declared == "../other/x.zip"


def test_recursion_does_not_enter_symlinked_folders(project: Project) -> None:
    project.file("dist/a.zip")
    (project.base / "dist" / "loop").symlink_to("..")
    assert names(project, "dist/**") == ["a.zip"]


def test_special_files_are_refused_and_not_opened(project: Project) -> None:
    os.mkfifo(project.base / "pipe")
    (project.base / "dangling").symlink_to("gone")
    (project.base / "loop").symlink_to("loop")
    (project.base / "device").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(project.base)
        try:
            server.bind("socket")
        finally:
            os.chdir(here)
        found = project.asset_problems("pipe", "dangling", "loop", "socket", "device", allow=OUTSIDE)
    assert found == [
        "packages[0].assets[0]: `pipe` is not a regular file: it is a FIFO",
        "packages[0].assets[1]: `dangling` is a dangling symlink: its target `gone` does not exist",
        "packages[0].assets[2]: `loop` cannot be read: Too many levels of symbolic links",
        "packages[0].assets[3]: `socket` is not a regular file: it is a socket",
        "packages[0].assets[4]: `device` is not a regular file: it is a character device",
    ]


UNPRIVILEGED = """\
import os, sys
from pathlib import Path
from pulumi_codeartifact_release.errors import ManifestError
from pulumi_codeartifact_release.manifest import load
try:
    load(Path("release.yaml"))  # imports all that it needs, while the interpreter's own files can be read
except ManifestError:
    pass
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    load(Path("release.yaml"))
except ManifestError as error:
    for problem in error.problems:
        print(problem.key + ": " + problem.message)
"""


@pytest.fixture
def public() -> Iterator[Project]:
    """A project that every user of the machine can reach, unlike pytest's own folders."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Project(Path(name))


def test_an_unreadable_file_or_folder_is_reported_and_never_left_out(public: Project) -> None:
    project = public
    project.file("dist/secret.zip").chmod(0)
    project.file("dist/good.zip")
    project.file("deep/locked/a.zip")
    project.file("deep/open/b.zip")
    project.file("flat/c.zip")
    entries = ["dist/*.zip", "deep/*/*.zip", "deep/**", "flat/*.zip", "{path: deep/*/*.zip, exclude: [deep/locked/**]}"]
    lines = "".join(f"      - {entry}\n" for entry in entries)
    project.write(
        f"{HEAD}packages:\n  - namespace: acme\n    package: app\n    version: 1.0\n    assets:\n{lines}{TAIL}"
    )
    locked = [project.base / "deep" / "locked", project.base / "flat"]
    for path in locked:
        path.chmod(0)
    try:
        result = subprocess.run(
            [sys.executable, "-c", UNPRIVILEGED], cwd=project.base, capture_output=True, text=True, check=False
        )
    finally:
        for path in locked:
            path.chmod(0o700)
    assert result.stderr == ""
    may_not = "cannot be matched: the folder"
    assert result.stdout.splitlines() == [
        "packages[0].assets[0]: `dist/secret.zip` cannot be read: permission denied; change its mode or its owner",
        f"packages[0].assets[1]: `deep/*/*.zip` {may_not} `deep/locked` cannot be listed",
        f"packages[0].assets[2]: `deep/**` {may_not} `deep/locked` cannot be listed",
        f"packages[0].assets[3]: `flat/*.zip` {may_not} `flat` cannot be listed",
    ]


def test_a_file_that_is_deleted_after_it_matched_is_reported(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.file("a.zip")
    gone = project.file("gone.zip")
    original = DirCache.glob

    def and_then_it_is_gone(*args: Any) -> Iterator[DirEntry]:
        yield from original(*args)
        gone.unlink()

    monkeypatch.setattr(DirCache, "glob", and_then_it_is_gone)
    assert project.asset_problems("'*.zip'") == [f"{FIRST}: there is no file `gone.zip`"]


def test_many_errors_of_one_kind_are_counted(project: Project) -> None:
    for number in range(30):
        project.file(f"dist/{number:02}#")
    found = project.asset_problems("dist/*")
    assert len(found) == 11
    # After those that it continues.
    assert found[-1] == f"{FIRST}: 20 more files of this entry have an error like this"
    with pytest.raises(ManifestError) as caught:
        names(project, "dist/*")
    assert caught.value.count_text == "30 mistakes"
    assert sum("does not allow the name `0" in each for each in found) == 10


def test_a_path_that_no_file_system_takes_is_a_mistake_and_no_exception(project: Project) -> None:
    for text, start in [
        ("x" * 300, f"`{'x' * 119}…` cannot be read: File name too long"),
        ("x/" * 2000 + "*", "`x/x/"),
        ("a\0b", "`a\\x00b` contains the control character U+0000"),
        ("*\n", "`*\\n` contains the control character U+000A"),
        ("[", "`[` matches nothing"),
        ("[[:nope:]]*", "`[[:nope:]]*` matches nothing"),
        ("[z-a]", "`[z-a]` matches nothing"),
    ]:
        files, problems, *_ = resolve_assets(BaseFolder(project.base), [AssetEntry(text)])
        assert files == ()
        assert problems[0].message.startswith(start)


def test_texts_are_checked_without_the_files(project: Project) -> None:
    folder = BaseFolder(project.base)
    (project.base / "link").symlink_to("/etc")
    entries = [
        None,
        AssetEntry("link/x"),
        AssetEntry("/etc/*"),
        AssetEntry("a", name="a/b"),
        AssetEntry("a", name="%", name_valid=False),
    ]
    assert [(each.entry, each.key) for each in check_entries(folder, entries)] == [(2, "path"), (3, "name")]


def test_the_name_of_an_entry_is_also_checked_without_a_manifest(project: Project) -> None:
    project.file("a.zip")
    found = resolve_assets(BaseFolder(project.base), [AssetEntry("a.zip", name="a/b")])
    assert found.problems == (
        EntryProblem(
            0, "name", "CodeArtifact does not allow the name `a/b`: it contains `/`; a registry has no folders"
        ),
    )


def test_entries_known_to_be_wrong_keep_the_others_index(project: Project) -> None:
    project.file("a.zip")
    found = resolve_assets(BaseFolder(project.base), [None, AssetEntry("a.zip"), AssetEntry("*.zip")])
    assert found.problems[0].entry == 2
    assert "by assets[1] `a.zip` and by assets[2] `*.zip`" in found.problems[0].message


@pytest.mark.parametrize(
    "name",
    ["a", "a.zip", "A b", "~!@^&()-`_+[]{};,.", "ä", "日本語", "Ⅷ", "٣", "ʰ", "x" * 255, "...", "-", "名.tar.gz"],
)
def test_a_name_that_the_service_takes(name: str) -> None:
    assert asset_name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", "it is empty"),
        (".", "it is the name of a folder"),
        ("..", "it is the name of a folder"),
        ("x" * 256, "it has 256 characters; at most 255 are allowed"),
        (" a", "it starts or ends with a space"),
        ("a ", "it starts or ends with a space"),
        ("a  b", "it has two spaces in a row"),
        ("a/b", "it contains `/`; a registry has no folders"),
        *(
            (
                f"a{character}",
                f"it contains {character_name}; allowed are letters, digits, single inner spaces and "
                "~!@^&()-`_+[]{};,.",
            )
            for character, character_name in [
                *((character, f"`{character}`") for character in "\"#$%'*:<=>?\\|€²½"),
                ("\t", "`\\t`"),
                ("\u00a0", "`\\xa0`"),
                ("\ud800", "`\\ud800`"),
                ("\u0301", "the combining character U+0301"),
            ]
        ),
    ],
)
def test_a_name_that_the_service_would_refuse(name: str, expected: str) -> None:
    assert asset_name_problem(name) == expected
