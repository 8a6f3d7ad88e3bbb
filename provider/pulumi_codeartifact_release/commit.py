"""Which commit a folder is checked out at, read from git's own files.

    commit_of(Path("/work"))        # "5f2c…": 40 or 64 hexadecimal digits, or ""

No program is started: git runs what a repository's settings name (filters, a file watcher, hooks). And whatever the
files say, nothing but a hash leaves this module.
"""

# ruff: noqa: PTH118, PTH120 - of texts, as in checkout.py

from __future__ import annotations

import functools
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from .checkout import read_real, top_of

_CI_VARIABLES = ("GITHUB_SHA", "CI_COMMIT_SHA", "BITBUCKET_COMMIT", "BUILDKITE_COMMIT", "CIRCLE_SHA1")
_HASH = re.compile("[0-9a-f]{40}([0-9a-f]{24})?")
_REF = re.compile(r"ref:[ \t]*(refs(?:/(?!\.)[^/\x00-\x20\x7f]+)+)")
_LONGEST_LINE = 4096
_MOST_PACKED = 64 << 20
_MOST_REFS = 5


def commit_of(folder: Path, environ: Mapping[str, str] = os.environ) -> str:
    """Return the commit that `folder` is checked out at, else the one that CI says it works on, else "".

    The checkout's own word goes first: a job may check out another commit than the one that started it.
    """
    said = (environ.get(name, "") for name in _CI_VARIABLES)
    return _head(os.path.abspath(folder)) or next(filter(_HASH.fullmatch, said), "")  # noqa: PTH100


# Of a process, which sees one state of a checkout: a program may ask for each of many resources.
@functools.cache
def _head(folder: str) -> str:
    try:
        repository = _repository(top_of(folder))
        return _resolved(repository) if repository else ""
    except (OSError, ValueError):
        return ""


def _repository(top: str) -> str | None:
    """Return the folder that holds the HEAD of the checkout that begins in `top`; None where nothing vouches for it."""
    own = f"{top.rstrip('/')}/.git"
    found = os.lstat(own)
    if found.st_uid not in (os.geteuid(), os.lstat(top).st_uid):
        # Put into somebody's folder, such as /tmp, by somebody else.
        return None
    if stat.S_ISDIR(found.st_mode):
        return own
    named = _line(own)
    if not named.startswith("gitdir: "):
        return None
    # Any folder can be named here. A worktree's says itself that this is its checkout; a submodule's is in the
    # repository around it.
    folder = os.path.realpath(os.path.join(top, named.removeprefix("gitdir: ")))
    back = _line(f"{folder}/gitdir")
    if back and os.path.realpath(os.path.join(folder, back)) == own:
        return folder
    around = top_of(os.path.dirname(top))
    outer = _repository(around) if around != top else None
    return folder if outer and folder.startswith(f"{outer}/modules/") else None


def _resolved(repository: str) -> str:
    common = os.path.realpath(os.path.join(repository, _line(f"{repository}/commondir")))
    if not repository.startswith(f"{common}/worktrees/"):
        common = repository
    value = _line(f"{repository}/HEAD")
    for _ in range(_MOST_REFS):
        if _HASH.fullmatch(value):
            return value
        ref = _REF.fullmatch(value)
        if not ref:
            break
        value = _line(f"{repository}/{ref[1]}") or _line(f"{common}/{ref[1]}") or _packed(common, ref[1])
    return ""


def _packed(common: str, ref: str) -> str:
    try:
        content = read_real(f"{common}/packed-refs", _MOST_PACKED)
    except FileNotFoundError:
        return ""
    found = re.search(rb"^([0-9a-f]+) " + re.escape(ref.encode()) + b"$", content, re.MULTILINE)
    return found[1].decode() if found else ""


def _line(path: str) -> str:
    """Return the one line of a small file; "" where there is no such file."""
    try:
        return read_real(path, _LONGEST_LINE).decode().removesuffix("\n")
    except (FileNotFoundError, NotADirectoryError):
        return ""
