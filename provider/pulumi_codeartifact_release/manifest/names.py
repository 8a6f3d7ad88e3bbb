"""What an asset is called in the registry, and why the service would refuse a name.

>>> asset_name_problem("app 1.zip") is None
True
>>> asset_name_problem("app#1.zip")
'it has `#` in it: letters, digits, single inner spaces and ~!@^&()-`_+[]{};,. are all that the service takes'
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import PurePath

from .words import shown

FILE_PARTS = ("name", "stem", "ext", "parent")
"""What `${file.…}` knows: `app.tar.gz` in `linux/` has the stem `app.tar`, the ext `.gz` and the parent `linux`."""

_PUNCTUATION = frozenset("~!@^&()-`_+[]{};,. ")
_CATEGORIES = frozenset({"Ll", "Lm", "Lo", "Lt", "Lu", "Nl", "Nd"})
_MOST = 255


@dataclass(frozen=True)
class FilePart:
    """A `${file.…}` in a name: one of FILE_PARTS."""

    part: str

    def of(self, path: PurePath) -> str:
        """Return the part's text for a file."""
        match self.part:
            case "stem":
                return path.stem
            case "ext":
                return path.suffix
            case "parent":
                return path.parent.name
            case _:
                return path.name


@dataclass(frozen=True)
class NameTemplate:
    """A name that depends on the file: texts and FileParts in a row."""

    parts: tuple[str | FilePart, ...]

    def of(self, path: PurePath) -> str:
        """Return the name for a file."""
        return "".join(part if isinstance(part, str) else part.of(path) for part in self.parts)


def asset_name_problem(name: str) -> str | None:
    """Say why the service would refuse this asset name; None where it would not.

    A clause that continues "the service would refuse the name …: "; the name is judged as it is, not normalised.
    """
    if not name:
        return "it is empty"
    if name in (".", ".."):
        return "it stands for a folder"
    if len(name) > _MOST:
        return f"it has {len(name)} characters, and {_MOST} are the most"
    if name != name.strip(" "):
        return "it has a space at an end"
    if "  " in name:
        return "it has two spaces in a row"
    for character in name:
        if character not in _PUNCTUATION and unicodedata.category(character) not in _CATEGORIES:
            return _refused_character(character)
    return None


def _refused_character(character: str) -> str:
    if character == "/":
        return "it has `/` in it, and the registry knows no folders"
    if unicodedata.category(character).startswith("M"):
        what = f"the combining character U+{ord(character):04X}"
    else:
        what = f"`{shown(character)}`"
    allowed = "letters, digits, single inner spaces and ~!@^&()-`_+[]{};,."
    return f"it has {what} in it: {allowed} are all that the service takes"
