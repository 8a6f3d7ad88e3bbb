"""Files that a wildcard matched although nobody may have meant them."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pulumi_codeartifact_release.errors import UnintendedFilesError
from pulumi_codeartifact_release.manifest import load
from pulumi_codeartifact_release.manifest.suggestions import exclude_matcher
from pulumi_codeartifact_release.manifest.unintended import find_unintended

from .conftest import HEAD, TAIL, Project

UNINTENDED = [
    *(".env", ".env.prod", ".npmrc", "id_rsa", "id_ed25519", "server.pem", "tls.key", "KEY.PFX", "debug.log"),
    *(".DS_Store", "Thumbs.db", "app.py~", "app.py.swp", "app.bak", "#app.py#", ".#app", "core", "core.1234"),
]
MEANT = [
    *("app.zip", ".env.example", "id_rsa.pub", "keys.txt", "catalog", "logs", "core.js", "score", "core.zip", "log"),
    *("app~1.zip", "environment", "a.pem.txt", "backup.tar"),
]


@pytest.mark.parametrize("name", UNINTENDED)
def test_a_file_that_looks_like_nobody_meant_it(name: str) -> None:
    unintended = find_unintended("dist/*", ["dist/app.zip", f"dist/{name}"])
    assert unintended
    assert list(unintended.files) == [f"dist/{name}"]


@pytest.mark.parametrize("name", MEANT)
def test_a_file_to_release(name: str) -> None:
    assert find_unintended("dist/**", [f"dist/{name}"]) is None


@pytest.mark.parametrize("pattern", ["dist/*.log", "*/debug.log", "**/*.LOG"])
def test_a_kind_that_the_pattern_names_is_meant(pattern: str) -> None:
    assert find_unintended(pattern, ["dist/debug.log"]) is None
    assert find_unintended("dist/*.l*", ["dist/debug.log"])


NAMES = st.sampled_from([*UNINTENDED, *MEANT, "[x].log", "a*.pem"])
PATHS = st.tuples(st.sampled_from(["", "a/", "a/.b/", "a/[c]/"]), NAMES).map("".join)


@given(st.lists(PATHS, unique=True))
def test_the_exclude_leaves_out_exactly_the_unintended_files(paths: list[str]) -> None:
    unintended = find_unintended("**", paths)
    matchers = [exclude_matcher(pattern) for pattern in unintended.exclude] if unintended else []
    left = [path for path in paths if not any(matcher(path) for matcher in matchers)]
    assert left == [path for path in paths if not unintended or path not in unintended.files]
    assert find_unintended("**", left) is None


def test_the_remedy_can_be_pasted_and_silences_the_warning(project: Project) -> None:
    for name in ("dist/app.zip", "dist/debug.log", "dist/id_rsa"):
        project.file(name)
    head = f"{HEAD}packages:\n  - namespace: acme\n    package: app\n    version: 1.0\n    assets:\n"
    [warning] = project.load(f"{head}      - dist/*\n{TAIL}").warnings
    place, _, remedy = warning.partition("; to leave out: ")
    assert place == (
        f"{project.manifest}:7:9: packages[0].assets[0]: `dist/*` matches 2 files that may not be meant: "
        "`dist/debug.log` (a log), `dist/id_rsa` (may be a private key)"
    )
    assert yaml.safe_load(remedy.strip("`")) == {"path": "dist/*", "exclude": ["**/*.log", "**/id_rsa"]}
    manifest = project.load(f"{head}      - {remedy.strip('`')}\n{TAIL}", strict=True)
    assert manifest.warnings == ()
    assert [file.name for file in manifest.packages[0].files] == ["app.zip"]
    [warning] = project.load(f"{head}      - {{path: dist/*, count: 3}}\n{TAIL}").warnings
    assert warning.endswith('; to leave out: `exclude: ["**/*.log", "**/id_rsa"]`')
    [warning] = project.load(f"{head}      - dist/*.zip\n      - dist/[di]*\n{TAIL}").warnings
    assert warning.endswith("; delete this entry to leave out all that it matches")


def test_strict_turns_warnings_into_refusals(project: Project) -> None:
    project.file("dist/debug.log")
    path = project.write(f"{HEAD}packages: [{{namespace: acme, package: app, version: 1.0, assets: [dist/*]}}]\n{TAIL}")
    assert load(path).warnings
    with pytest.raises(UnintendedFilesError) as caught:
        load(path, strict=True)
    assert caught.value.exit_code == 4
    # Without files there is nothing to refuse.
    assert load(path, strict=True, with_files=False).warnings == ()
