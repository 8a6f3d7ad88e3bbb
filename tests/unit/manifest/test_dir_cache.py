"""The cache of directory listings: the same matches as wcmatch's own walk, with one listing per folder."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wcmatch import glob

from pulumi_codeartifact_release.manifest import AssetEntry, BaseFolder, dir_cache, resolve_assets
from pulumi_codeartifact_release.manifest.asset_names import FilePart, NameTemplate
from pulumi_codeartifact_release.manifest.globs import select
from pulumi_codeartifact_release.manifest.paths import PathProblem

FLAGS = glob.GLOBSTAR | glob.CASE
PARTS = ("*", "**", "?", "a", "b", ".h", ".*", "[ab]", "[!a]", "a*", "*.zip", "a*.zip", "*a", "x.zip", "link", "b[", "")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    base = tmp_path / "tree"
    for path in (
        "a/x.zip",
        "a/b/ax.zip",
        "a/b/a/x.zip",
        "a/.h/x.zip",
        "b/xa",
        "b/.x.zip",
        ".h/a/x.zip",
        "x.zip",
        "b[.zip",
    ):
        (base / path).parent.mkdir(parents=True, exist_ok=True)
        (base / path).write_text("")
    (base / "a" / "link").symlink_to("b")
    (base / "b" / "link.zip").symlink_to("../x.zip")
    (base / "b" / "gone.zip").symlink_to("nowhere")
    (base / "b" / "empty").mkdir()
    return base


def walked(base: Path, pattern: str) -> list[str]:
    """What wcmatch finds by itself, as a manifest means a pattern."""
    flags = FLAGS | glob.NODIR if "**" in pattern.split("/") else FLAGS
    return sorted({path.rstrip("/") for path in glob.glob(pattern, flags=flags, root_dir=str(base), limit=0)})


@pytest.mark.slow
def test_globs_match_the_same_files_as_wcmatch(tree: Path) -> None:
    folder = BaseFolder(tree)
    seen: Counter[bool] = Counter()
    for length in (1, 2, 3):
        for parts in itertools.product(PARTS, repeat=length):
            pattern = "/".join(parts)
            if not parts[0] or not glob.is_magic(parts[0], flags=FLAGS):
                continue
            try:
                found = select(folder, pattern).paths
            except PathProblem:
                found = []
            assert found == walked(tree, pattern), pattern
            seen[bool(found)] += 1
    assert min(seen.values()) > 500


class Calls:
    """Counts calls of the operating system, and comparisons of names with patterns."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.counts: Counter[str] = Counter()
        for name in ("scandir", "listdir", "stat", "lstat", "access", "open"):
            monkeypatch.setattr(os, name, self._counted(name, getattr(os, name)))
        matcher = dir_cache._matcher

        def counting(part: str) -> tuple[Callable[[str], object], str, str]:
            fits, begin, end = matcher(part)
            return self._counted("compared", fits), begin, end

        monkeypatch.setattr(dir_cache, "_matcher", counting)

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*args: Any, **kwargs: Any) -> Any:
            self.counts[name] += 1
            return call(*args, **kwargs)

        return counting


LAYOUTS = {
    "a folder for each": ("p{0:03}/{1}.zip", "p{0:03}/*.zip"),
    "one folder": ("dist/p{0:03}-{1}.zip", "dist/p{0:03}-*.zip"),
    "one folder, by the end": ("dist/{1}-p{0:03}.zip", "dist/*-p{0:03}.zip"),
    "a folder for each platform": ("build/os{1}/p{0:03}.zip", "build/*/p{0:03}.zip"),
    "anywhere below": ("build/os{1}/p{0:03}.zip", "build/**/p{0:03}.zip"),
    "anywhere below, by the end": ("build/os{1}/x-p{0:03}.zip", "build/**/*-p{0:03}.zip"),
}


@pytest.mark.parametrize(("path", "pattern"), LAYOUTS.values(), ids=LAYOUTS)
def test_the_cost_of_globs_depends_on_the_files_not_on_the_packages(
    tmp_path: Path, path: str, pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each folder is listed once, no matched file has a stat, and each name is compared about once."""
    for package, file in itertools.product(range(60), range(4)):
        at = tmp_path / path.format(package, file)
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_text("")
    folders = sum(1 for each in tmp_path.rglob("*") if each.is_dir())
    calls = Calls(monkeypatch)
    folder = BaseFolder(tmp_path)
    for package in range(60):
        entry = AssetEntry(pattern.format(package), name=NameTemplate((FilePart("parent"), "-", FilePart("name"))))
        files, problems, *_ = resolve_assets(folder, [entry])
        assert (len(files), problems) == (4, ())
    assert calls.counts["scandir"] <= folders
    # Where folders really are is found out once for each, and that the one where a glob begins is there.
    assert calls.counts["lstat"] <= 60 + (folders + 2) * (len(tmp_path.parts) + 3)
    assert calls.counts["stat"] <= 60
    assert calls.counts["access"] <= 240 + folders
    assert calls.counts["compared"] <= 2 * 240
    assert calls.counts["open"] == 0
