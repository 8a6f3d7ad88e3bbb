"""Asset names: templates with parts of the file's path, and the service's rules for names.

>>> asset_name_problem("app 1.zip") is None
True
>>> asset_name_problem("app#1.zip")
'it contains `#`; allowed are letters, digits, single inner spaces and ~!@^&()-`_+[]{};,.'
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import PurePath

from .messages import escape

FILE_PARTS = ("name", "stem", "ext", "parent")
"""The parts in `${file.…}`: `app.tar.gz` in `linux/` has the stem `app.tar`, the ext `.gz` and the parent `linux`."""

_PUNCTUATION = frozenset("~!@^&()-`_+[]{};,. ")
_CATEGORIES = frozenset({"Ll", "Lm", "Lo", "Lt", "Lu", "Nl", "Nd"})
_MAX_LENGTH = 255


@dataclass(frozen=True)
class FilePart:
    """A `${file.…}` in a name: one of FILE_PARTS."""

    part: str

    def render(self, path: PurePath) -> str:
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
    """A name that depends on the file: a sequence of texts and FileParts."""

    parts: tuple[str | FilePart, ...]

    def render(self, path: PurePath) -> str:
        """Return the name for a file."""
        return "".join(part if isinstance(part, str) else part.render(path) for part in self.parts)


def asset_name_problem(name: str) -> str | None:
    """Return why the service does not allow this asset name; None if it does. The name is not normalized first.

    The reason is a clause for the end of "CodeArtifact does not allow the name …: ".
    """
    if not name:
        return "it is empty"
    if name in (".", ".."):
        return "it is the name of a folder"
    if len(name) > _MAX_LENGTH:
        return f"it has {len(name)} characters; at most {_MAX_LENGTH} are allowed"
    if name != name.strip(" "):
        return "it starts or ends with a space"
    if "  " in name:
        return "it has two spaces in a row"
    for character in name:
        if character not in _PUNCTUATION and unicodedata.category(character) not in _CATEGORIES:
            return _refused_character(character)
    return None


def _refused_character(character: str) -> str:
    if character == "/":
        return "it contains `/`; a registry has no folders"
    if unicodedata.category(character).startswith("M"):
        what = f"the combining character U+{ord(character):04X}"
    else:
        what = f"`{escape(character)}`"
    allowed = "letters, digits, single inner spaces and ~!@^&()-`_+[]{};,."
    return f"it contains {what}; allowed are {allowed}"
