"""The rules of the names in a bundle, for its manifest and its content, and of names of files and folders.

>>> is_member_name("payments-api"), is_member_name("..")
(True, False)
>>> file_name_problem("payments-api"), file_name_problem("CON")
('', 'it names a device on some systems')
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

MAX_MEMBERS = 500
"""The number of members of one bundle."""
PARTIAL_PREFIX = ".codeartifact-release."
"""The names of incomplete downloads begin with it."""

_NAME = re.compile(r"[^#/\s\\]{1,255}")
_MAX_NAME_BYTES = 255
_PORTS = ("COM", "LPT")
_DEVICES = frozenset(("CON", "PRN", "AUX", "NUL", *(f"{port}{digit}" for port in _PORTS for digit in "0123456789")))


def is_member_name(name: str) -> bool:
    """Return whether the content of a bundle may have this namespace, package or version.

    What is a bundle must not depend on the file systems of the day, so this is less strict than `file_name_problem`:
    a bundle with the member `CON` can be verified, promoted and withdrawn, but neither declared nor downloaded.
    """
    return bool(_NAME.fullmatch(name)) and name.isprintable() and name not in (".", "..")


def file_name_problem(name: str) -> str:
    """Return why a name is unsafe as the name of a file or folder on any system; "" if it is safe."""
    if name in ("", ".", ".."):
        return "it names another folder"
    if "/" in name or "\\" in name:
        return "it contains a path separator"
    if not name.isprintable():
        return "it contains a character that is not printable"
    if len(name.encode(errors="surrogatepass")) > _MAX_NAME_BYTES:
        return f"it is longer than {_MAX_NAME_BYTES} bytes"
    if name != name.strip() or name.endswith("."):
        return "it begins or ends with a space, or ends with a dot, which some file systems remove"
    if name.partition(".")[0].strip().upper() in _DEVICES or ":" in name:
        return "it names a device on some systems"
    if name.startswith(PARTIAL_PREFIX):
        return "this name is reserved for incomplete downloads"
    return ""


def same_folders(members: Iterable[str]) -> dict[str, str]:
    """Return the members (`namespace/package`) that get the folder of an earlier one on some systems, and that one."""
    first: dict[str, str] = {}
    found = {name: first.setdefault(unicodedata.normalize("NFC", name).casefold(), name) for name in members}
    return {name: earlier for name, earlier in found.items() if name != earlier}


def folder_problems(members: Iterable[str]) -> dict[str, str]:
    """Return the members (`namespace/package`) that `download` cannot make folders of on every system, and why."""
    names = list(members)
    problems = {
        name: f"it cannot be the name of a folder: {problem}"
        for name in names
        for part in name.split("/")
        if (problem := file_name_problem(part))
    }
    clashes = same_folders(names).items()
    return problems | {name: f"on some systems, its folder is that of {earlier}" for name, earlier in clashes}
