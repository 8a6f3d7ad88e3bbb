r"""What somebody probably meant by a pattern that does not do what it says.

    resembling(".map", folder, ["dist/a.map"])     # Meant(paths=["dist/a.map"], patterns=["**/*.map"])

Other tools read patterns otherwise: a bare name matches anywhere, a folder stands for what is in it, `!` negates,
braces are alternatives, `\` separates, case does not matter. Each such reading is tried, the closest to the text first,
and only what finds a file counts. `patterns` are what to write in our syntax for the same files.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import bracex
from wcmatch import glob

from .listing import FLAGS
from .paths import Folder
from .words import listed, quoted

Matches = Callable[[str], bool]

_EXCLUDE_FLAGS = FLAGS | glob.DOTGLOB
_MOST_ALTERNATIVES = 100
_MOST_ENTRIES = 20_000
"""How many entries of folders are compared with a path that is not there."""
_AROUND = " \t\u00a0\u200b\ufeff\"'`"
_MOST_SHOWN = 3
_ESCAPES = ("\\u{:04x}", "\\U{:08x}")
_LIST = re.compile(r"\s*[,;|]\s*|\s+(?=[^\s]*[*/.])")
_GROUP = re.compile(r"[@?+*]?\(([^()]*)\)")


class Meant(NamedTuple):
    """The files that a pattern resembles, relative to the folder, and what to write for them.

    Attributes:
        lookalike: whether what is to be written differs in characters that look the same.
    """

    paths: list[str]
    patterns: list[str]
    lookalike: bool = False

    def advice(self, verb: str = "write") -> str:
        """`write …`, for a message."""
        if self.lookalike:
            patterns = " and ".join(map(_by_number, self.patterns[:_MOST_SHOWN]))
            return f"the letters look the same, but are other characters of Unicode; {verb} {patterns} in double quotes"
        return f"{verb} {listed(self.patterns)}"


def normal(text: str) -> str:
    """Return text as it looks: two spellings of one letter are the same."""
    return unicodedata.normalize("NFC", text)


@lru_cache(maxsize=4096)
def excluder(pattern: str) -> Matches:
    """Return whether a pattern of `exclude` removes a path. Raises what wcmatch raises for what it cannot read."""
    matcher = glob.compile(pattern.removeprefix("./"), flags=_EXCLUDE_FLAGS, limit=0)
    return lambda path: bool(matcher.match(path) or matcher.match(f"{path}/"))


def literally(text: str) -> str:
    """Return the pattern of exactly this path."""
    return re.sub(r"([*?\[\\])", r"[\1]", text)


def brackets_as_text(pattern: str) -> str:
    """Return the pattern in which `[` is nothing but that character."""
    return pattern.replace("[", "[[]")


def resembling(pattern: str, folder: Folder, paths: Sequence[str]) -> Meant | None:
    """Return what an `exclude` that removes nothing would remove of `paths` if it were read otherwise."""
    looks = [(path, _folded(path)) for path in paths]
    for reading in _readings(pattern, folder):
        for shapes in dict.fromkeys(zip(*map(_shapes, reading), strict=False)):
            if meant := _matching(shapes, looks):
                return meant
    return None


def lookalikes(pattern: str, paths: Sequence[str]) -> Meant | None:
    """Return what a pattern does not remove of `paths`, though it looks so: a letter has two spellings."""
    if pattern.isascii():
        return None
    matches, alike = excluder(pattern), excluder(normal(pattern))
    found = [path for path in paths if alike(normal(path)) and not matches(path)]
    return _meant([pattern], found) if found else None


def bracket_twins(pattern: str, paths: Sequence[str]) -> Meant | None:
    """Return what a pattern does not remove of `paths`, though it does where `[` is nothing but that character."""
    literal = brackets_as_text(pattern)
    if literal == pattern or "\\[" in pattern:
        return None
    matches, alike = excluder(pattern), excluder(literal)
    found = [path for path in paths if alike(path) and not matches(path)]
    return Meant(found, [literal]) if found else None


def resembling_path(pattern: str, folder: Folder) -> Meant | None:
    """Return what a `path` that matches nothing would match in the folder if it were read otherwise."""
    for reading in _readings(pattern, folder):
        found = [path for text in reading for path in _walk(folder, text, _folded)]
        # One that is gone since its folder was listed is not there.
        if found and found != [os.path.normpath(pattern)]:
            return _meant(reading, found)
    return None


def lookalike_paths(pattern: str, folder: Folder, found: Iterable[str]) -> Meant | None:
    """Return the files that a `path` does not match, though it looks so: a letter has two spellings."""
    if pattern.isascii():
        return None
    missing = sorted(set(_walk(folder, os.path.normpath(pattern), normal)) - set(found))
    return _meant([pattern], missing) if missing else None


def _matching(shapes: Sequence[str], looks: Sequence[tuple[str, str]]) -> Meant | None:
    try:
        matchers = [excluder(_folded(shape)) for shape in shapes]
    except (re.error, OverflowError, RecursionError, ValueError):
        return None
    found = [path for path, folded in looks if any(matches(folded) for matches in matchers)]
    return _meant(shapes, found) if found else None


_FORMS: tuple[tuple[Callable[[str], str], bool], ...] = (
    (str, False),
    (normal, True),
    (lambda text: unicodedata.normalize("NFD", text), True),
    (str.lower, False),
    (str.upper, False),
)


def _folded(text: str) -> str:
    return normal(text.casefold())


def _meant(patterns: Sequence[str], found: list[str]) -> Meant:
    """Return what to write for what was found: these patterns, in another form or case, or the paths themselves."""
    for form, lookalike in _FORMS:
        tried = [form(pattern) for pattern in patterns]
        matchers = [excluder(pattern) for pattern in tried]
        if all(any(matches(path) for matches in matchers) for path in found):
            return Meant(found, tried, lookalike)
    return Meant(found, [literally(path) for path in found], not all(path.isascii() for path in found))


def _readings(pattern: str, folder: Folder) -> Iterator[list[str]]:
    """Yield what a text may mean in other syntaxes, as patterns of ours, the closest first."""
    text = pattern
    seen = set()
    for step in (
        str,
        lambda text: text.strip(_AROUND),
        lambda text: re.sub(r"^(!|[-+] )+", "", text).strip(_AROUND),
        lambda text: text.replace("\\", "/"),
        lambda text: _relative(text, folder),
    ):
        text = step(text)
        if text and text not in seen:
            seen.add(text)
            yield [text]
    if "[" in pattern:
        yield [brackets_as_text(pattern)]
    if len(alternatives := _alternatives(text)) > 1:
        yield [_relative(each, folder) for each in alternatives]
    plain = re.sub(r"\\(.)", r"\1", pattern.removeprefix("^").removesuffix("$").replace(".*", "*"))
    if plain not in seen:
        # A regular expression, which is found anywhere.
        yield [_relative(plain, folder)]


def _relative(text: str, folder: Folder) -> str:
    """Return a path relative to the folder, also where it begins at the root or with the folder's own name."""
    base = os.path.normpath(folder.base)
    path = os.path.normpath(text)
    for start in (base, os.path.realpath(base), Path(base).name):
        if start and path.startswith(f"{start}/"):
            return path[len(start) + 1 :]
    if path.startswith("../"):
        whole = os.path.normpath(f"{base}/{path}")
        return whole[len(base) + 1 :] if whole.startswith(f"{base}/") else path
    return path.lstrip("/") or "."


def _alternatives(text: str) -> list[str]:
    """Return what `{a,b}`, `@(a|b)` and `a, b` stand for."""
    text = _GROUP.sub(lambda group: "{" + group[1].replace("|", ",") + "}" if "|" in group[1] else group[1], text)
    try:
        found = bracex.expand(text, limit=_MOST_ALTERNATIVES)
    except (bracex.ExpansionLimitException, RecursionError, ValueError):
        return []
    if len(found) == 1:
        found = [each for each in _LIST.split(text) if each][:_MOST_ALTERNATIVES]
    return list(dict.fromkeys(found))


def _shapes(text: str) -> Iterator[str]:
    """Yield what a pattern may stand for: itself, what is in the folder, the same anywhere, an end of a name."""
    deep = "/".join(f"**/{part}" if "*" in part and part != "**" else part for part in text.split("/"))
    yield text
    yield f"{text.rstrip('/')}/**"
    if text.startswith("/"):
        return
    anywhere = text if text.startswith("**/") else f"**/{text}"
    yield anywhere
    yield f"{anywhere.rstrip('/')}/**"
    yield deep if deep.startswith("**/") or "*" not in text else f"**/{deep}"
    yield f"**/*{text}" if re.fullmatch(r"\.[^/]*", text) else text


def _walk(folder: Folder, pattern: str, form: Callable[[str], str]) -> list[str]:
    """Return the files that a pattern matches where names are compared in a form; links are not followed."""
    left = [_MOST_ENTRIES]

    def walked(at: str, parts: list[str]) -> Iterator[str]:
        part, *rest = parts
        for entry in folder.listings.entries(at):
            left[0] -= 1
            if left[0] < 0:
                return
            inner = entry.is_folder and not entry.is_link
            if part == "**":
                if inner and not entry.name.startswith("."):
                    yield from walked(entry.path, parts)
                if not rest and not inner and not entry.name.startswith("."):
                    yield entry.path
            if part != "**" and _fits(part, entry.name, form):
                if not rest and not inner:
                    yield entry.path
                elif rest and inner:
                    yield from walked(entry.path, rest)
        if part == "**" and rest:
            yield from walked(at, rest)

    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    if pattern.startswith("/") or ".." in parts or not parts:
        return []
    base = str(folder.base)
    return sorted({os.path.relpath(path, base) for path in walked(base, parts)})


def _fits(part: str, name: str, form: Callable[[str], str]) -> bool:
    try:
        return bool(glob.globmatch(form(name), form(part), flags=FLAGS))
    except (re.error, OverflowError, ValueError):
        return False


def _by_number(pattern: str) -> str:
    """Return a pattern with letters spelled by number, as YAML and Python read them."""
    text = pattern.replace("\\", "\\\\").replace('"', '\\"')
    return quoted("".join(char if char.isascii() else _ESCAPES[ord(char) > 0xFFFF].format(ord(char)) for char in text))
