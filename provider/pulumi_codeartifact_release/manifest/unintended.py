"""Finds files that a wildcard matched although nobody may have meant to release them.

unintended = find_unintended("dist/*", ["dist/app.zip", "dist/debug.log"])
unintended.exclude          # ("**/*.log",)

Only names are judged. A file whose own entry names it, or its kind (`*.log`), is meant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase, translate

from .messages import quote
from .suggestions import escape_glob, exclude_matcher

_KINDS = (
    ("may contain secrets", (".env", ".env.*", ".netrc", ".npmrc", ".pypirc", ".git-credentials")),
    (
        "may be a private key",
        ("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "*.pem", "*.key", "*.p12", "*.pfx", "*.ppk"),
    ),
    ("a log", ("*.log",)),
    ("made by a file manager", (".DS_Store", "Thumbs.db", "desktop.ini")),
    ("an editor's backup", ("*~", "*.swp", "*.swo", "*.bak", "*.orig", "#*#", ".#*")),
    ("a core dump", ("core", "core.[0-9]*", "vgcore.*")),
)
# One expression for all kinds: nearly every file has none of them.
_ANY_KIND = re.compile("|".join(translate(glob.casefold()) for _, globs in _KINDS for glob in globs))
_MEANT = (".env.example", ".env.sample", ".env.template", ".env.dist")
_MAX_NAMED = 5


@dataclass(frozen=True)
class Unintended:
    """Files of one entry that nobody may have meant.

    Attributes:
        pattern: the entry's glob.
        files: path -> what it looks like.
        exclude: the patterns that leave exactly these files out.
        all_files: whether the entry matches no other files.
    """

    pattern: str
    files: dict[str, str]
    exclude: tuple[str, ...]
    all_files: bool

    def __str__(self) -> str:
        """Return the files in one line."""
        named = [f"{quote(path)} ({kind})" for path, kind in list(self.files.items())[:_MAX_NAMED]]
        more = [f"{len(self.files) - _MAX_NAMED:,} more"] if len(self.files) > _MAX_NAMED else []
        files = "a file" if len(self.files) == 1 else f"{len(self.files):,} files"
        return f"{quote(self.pattern)} matches {files} that may not be meant: {', '.join([*named, *more])}"

    def remedy(self, *, plain: bool) -> str:
        """Return what to write in a manifest; `plain`: the entry is only the pattern."""
        if self.all_files:
            return "delete this entry to leave out all that it matches"
        patterns = f"exclude: [{', '.join(map(_quoted, self.exclude))}]"
        entry = f"{{path: {_quoted(self.pattern)}, {patterns}}}" if plain else patterns
        return f"to leave out: `{entry}`"


def find_unintended(pattern: str, paths: Sequence[str]) -> Unintended | None:
    """Return the files among `paths`, which a glob matched, that nobody may have meant; None if there are none."""
    last = pattern.rpartition("/")[2]
    matches = {path: match for path in paths if (match := _kind(path.rpartition("/")[2], last))}
    if not matches:
        return None
    exclude = {_exclude(path, glob, paths, matches.keys()): None for path, (_, glob) in matches.items()}
    files = {path: kind for path, (kind, _) in matches.items()}
    return Unintended(pattern, files, tuple(exclude), len(files) == len(paths))


def _exclude(path: str, glob: str, paths: Sequence[str], unintended: Collection[str]) -> str:
    """Return a pattern that excludes a file and others like it, but none that is meant."""
    wide = f"**/{glob}"
    matcher = exclude_matcher(wide)
    only_unintended = all(each in unintended for each in paths if matcher(each))
    return wide if matcher(path) and only_unintended else escape_glob(path)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _kind(name: str, pattern: str) -> tuple[str, str] | None:
    """Return what a file looks like, and the glob for that; None if it looks like a file to release."""
    folded = name.casefold()
    if folded in _MEANT or not _ANY_KIND.match(folded):
        return None
    for kind, globs in _KINDS:
        for glob in globs:
            if fnmatchcase(folded, glob.casefold()):
                return None if fnmatchcase(pattern.casefold(), glob.casefold()) else (kind, glob)
    return None
