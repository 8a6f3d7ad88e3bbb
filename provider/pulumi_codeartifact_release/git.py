"""The commit and the remote of a checkout, read from git's files.

    commit_of(Path("/work"))        # "5f2c…": 40 or 64 hexadecimal digits, or ""
    remote_of(Path("/work"))        # "https://github.com/acme/app.git", or ""

Git is not run, because it runs programs that a repository's settings name (filters, file watchers, hooks). This module
returns only hashes and URLs, even if the files contain something else.
"""

# ruff: noqa: PTH118, PTH120 - texts, as in checkout.py

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
_REMOTE = re.compile(r"""^\[remote "origin"\]\s*\n(?:[ \t]+(?!url\b).*\n)*[ \t]+url[ \t]*=[ \t]*(\S+)[ \t]*$""", re.M)
_URL = re.compile(r"(?:https?|ssh)://[\w.@:/~-]+|[\w.-]+@[\w.-]+:[\w./~-]+")
_MAX_LINE = 4096
_MAX_CONFIG = 1 << 20
_MAX_PACKED_REFS = 64 << 20
_MAX_REFS = 5


def commit_of(folder: Path, environ: Mapping[str, str] = os.environ) -> str:
    """Return the commit of the checkout of `folder`, else the commit in the variables of a CI service, else "".

    The checkout comes first: a CI job may check out another commit than the one that started it.
    """
    ci_commits = (environ.get(name, "") for name in _CI_VARIABLES)
    return _head(os.path.abspath(folder)) or next(filter(_HASH.fullmatch, ci_commits), "")  # noqa: PTH100


def remote_of(folder: Path) -> str:
    """Return the URL of the remote `origin` of the checkout of `folder`, without a user's password; "" if unknown."""
    try:
        repository = _repository(top_of(os.path.abspath(folder)))  # noqa: PTH100
        config = read_real(f"{_common(repository)}/config", _MAX_CONFIG).decode() if repository else ""
    except (OSError, ValueError):
        return ""
    remote = _REMOTE.search(config)
    if not remote or not _URL.fullmatch(remote[1]):
        return ""
    return re.sub("^(https?://)[^/]*@", r"\1", remote[1])


# Cached for the process, because a program calls this for each of its resources.
@functools.cache
def _head(folder: str) -> str:
    try:
        repository = _repository(top_of(folder))
        return _read_head(repository) if repository else ""
    except (OSError, ValueError):
        return ""


def _repository(top: str) -> str | None:
    """Return the folder with the HEAD of the checkout in `top`; None if it cannot be trusted."""
    dot_git = f"{top.rstrip('/')}/.git"
    info = os.lstat(dot_git)
    if info.st_uid not in (os.geteuid(), os.lstat(top).st_uid):
        # Another user created it in a shared folder, such as /tmp.
        return None
    if stat.S_ISDIR(info.st_mode):
        return dot_git
    pointer = _line(dot_git)
    if not pointer.startswith("gitdir: "):
        return None
    # The file can name any folder. The folder of a worktree points back to this checkout; that of a submodule is inside
    # the repository of the outer checkout.
    folder = os.path.realpath(os.path.join(top, pointer.removeprefix("gitdir: ")))
    back = _line(f"{folder}/gitdir")
    if back and os.path.realpath(os.path.join(folder, back)) == dot_git:
        return folder
    outer_top = top_of(os.path.dirname(top))
    outer = _repository(outer_top) if outer_top != top else None
    return folder if outer and folder.startswith(f"{outer}/modules/") else None


def _read_head(repository: str) -> str:
    common = _common(repository)
    value = _line(f"{repository}/HEAD")
    for _ in range(_MAX_REFS):
        if _HASH.fullmatch(value):
            return value
        ref = _REF.fullmatch(value)
        if not ref:
            break
        value = _line(f"{repository}/{ref[1]}") or _line(f"{common}/{ref[1]}") or _packed_ref(common, ref[1])
    return ""


def _common(repository: str) -> str:
    """Return the folder that a worktree shares with its repository; for any other repository, that itself."""
    common = os.path.realpath(os.path.join(repository, _line(f"{repository}/commondir")))
    return common if repository.startswith(f"{common}/worktrees/") else repository


def _packed_ref(common: str, ref: str) -> str:
    try:
        content = read_real(f"{common}/packed-refs", _MAX_PACKED_REFS)
    except FileNotFoundError:
        return ""
    match = re.search(rb"^([0-9a-f]+) " + re.escape(ref.encode()) + b"$", content, re.MULTILINE)
    return match[1].decode() if match else ""


def _line(path: str) -> str:
    """Return the only line of a small file; "" if it does not exist."""
    try:
        return read_real(path, _MAX_LINE).decode().removesuffix("\n")
    except (FileNotFoundError, NotADirectoryError):
        return ""
