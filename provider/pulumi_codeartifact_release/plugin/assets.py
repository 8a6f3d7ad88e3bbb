"""Finds the files of the argument `assets`: paths and globs, or asset name -> path.

declared = files_of(["dist/*.zip"], Path("/app"))
declared.files["app.zip"]
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..manifest import AssetEntry, BaseFolder, resolve_assets


@dataclass(frozen=True)
class DeclaredAssets:
    """The assets of a version.

    Attributes:
        files: asset name -> absolute path.
        texts: asset name -> content, for content that is not in a file.
        hashes: asset name -> SHA-256 in hex, for content that is not on this machine.
        problems: mistakes, one line each.
        warnings: files that may not be meant for a release, one line each.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def files_of(
    paths: Sequence[str] | Mapping[str, str],
    base: Path,
    texts: Mapping[str, str] | None = None,
    hashes: Mapping[str, str] | None = None,
) -> DeclaredAssets:
    """Return the files of `paths` below `base`, together with the assets that are not files."""
    if isinstance(paths, Mapping):
        entries = [AssetEntry(path, name=name, count=1) for name, path in paths.items()]
    else:
        entries = [AssetEntry(path) for path in paths]
    files, problems, _, unintended = resolve_assets(BaseFolder(base, outside=True), entries)
    messages = [f"{entries[problem.entry].path}: {problem.message}" for problem in problems]
    if not entries and not texts and not hashes:
        messages.append("no assets are declared; a version must have at least one")
    return DeclaredAssets(
        {file.name: str(file.path) for file in files},
        {unicodedata.normalize("NFC", name): text for name, text in (texts or {}).items()},
        {unicodedata.normalize("NFC", name): sha256 for name, sha256 in (hashes or {}).items()},
        tuple(messages),
        tuple(f"{each}; name the files that you mean" for _, each in unintended),
    )
