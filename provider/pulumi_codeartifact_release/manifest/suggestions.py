r"""Suggestions for patterns without an effect: what was probably meant, in our syntax.

    suggest_for_exclude(".map", folder, ["dist/a.map"])     # Suggestion(paths=["dist/a.map"], patterns=["**/*.map"])

Other tools read patterns in other ways: a bare name matches anywhere, a folder means its files, `!` negates, braces are
alternatives, `\` is a separator, case is ignored. Each interpretation is tried, the closest to the text first, until
one matches a file. `patterns` match the same files in our syntax.
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

from .dir_cache import FLAGS
from .messages import quote, quote_list
from .paths import BaseFolder

Matches = Callable[[str], bool]

_EXCLUDE_FLAGS = FLAGS | glob.DOTGLOB
_MAX_ALTERNATIVES = 100
_MAX_ENTRIES = 20_000
"""The number of directory entries that are compared with a path that does not exist."""
_AROUND = " \t\u00a0\u200b\ufeff\"'`"
_MAX_SHOWN = 3
_ESCAPES = ("\\u{:04x}", "\\U{:08x}")
_LIST = re.compile(r"\s*[,;|]\s*|\s+(?=[^\s]*[*/.])")
_GROUP = re.compile(r"[@?+*]?\(([^()]*)\)")


class Suggestion(NamedTuple):
    """The files that were probably meant, relative to the folder, and the patterns that match them.

    Attributes:
        lookalike: whether the patterns differ from the text only in characters that look the same.
    """

    paths: list[str]
    patterns: list[str]
    lookalike: bool = False

    def advice(self, verb: str = "write") -> str:
        """Return `write …`, for a message."""
        if self.lookalike:
            patterns = " and ".join(map(_escaped, self.patterns[:_MAX_SHOWN]))
            return (
                f"the letters look the same, but are different Unicode characters; {verb} {patterns} in double quotes"
            )
        return f"{verb} {quote_list(self.patterns)}"


def nfc(text: str) -> str:
    """Return text in NFC, so that composed and decomposed letters are equal."""
    return unicodedata.normalize("NFC", text)


@lru_cache(maxsize=4096)
def exclude_matcher(pattern: str) -> Matches:
    """Return the match function of an `exclude` pattern. Raises wcmatch's errors for an invalid pattern."""
    matcher = glob.compile(pattern.removeprefix("./"), flags=_EXCLUDE_FLAGS, limit=0)
    return lambda path: bool(matcher.match(path) or matcher.match(f"{path}/"))


def escape_glob(text: str) -> str:
    """Return a pattern that matches exactly this path."""
    return re.sub(r"([*?\[\\])", r"[\1]", text)


def escape_brackets(pattern: str) -> str:
    """Return the pattern with every `[` as a literal character."""
    return pattern.replace("[", "[[]")


def suggest_for_exclude(pattern: str, folder: BaseFolder, paths: Sequence[str]) -> Suggestion | None:
    """Return what an `exclude` without an effect matches in `paths` in another interpretation; None if nothing."""
    looks = [(path, _folded(path)) for path in paths]
    for reading in _interpretations(pattern, folder):
        for shapes in dict.fromkeys(zip(*map(_variants, reading), strict=False)):
            if suggestion := _matching(shapes, looks):
                return suggestion
    return None


def lookalikes(pattern: str, paths: Sequence[str]) -> Suggestion | None:
    """Return the paths that an `exclude` seems to match, but does not: a letter is encoded in another way."""
    if pattern.isascii():
        return None
    matches, alike = exclude_matcher(pattern), exclude_matcher(nfc(pattern))
    hits = [path for path in paths if alike(nfc(path)) and not matches(path)]
    return _suggest([pattern], hits) if hits else None


def bracket_lookalikes(pattern: str, paths: Sequence[str]) -> Suggestion | None:
    """Return the paths that an `exclude` matches only if every `[` is a literal character."""
    literal = escape_brackets(pattern)
    if literal == pattern or "\\[" in pattern:
        return None
    matches, alike = exclude_matcher(pattern), exclude_matcher(literal)
    hits = [path for path in paths if alike(path) and not matches(path)]
    return Suggestion(hits, [literal]) if hits else None


def suggest_for_path(pattern: str, folder: BaseFolder) -> Suggestion | None:
    """Return what a `path` that matches nothing matches in another interpretation; None if nothing."""
    for reading in _interpretations(pattern, folder):
        hits = [path for text in reading for path in _walk(folder, text, _folded)]
        # A file that was deleted after its folder was listed is no suggestion.
        if hits and hits != [os.path.normpath(pattern)]:
            return _suggest(reading, hits)
    return None


def lookalike_paths(pattern: str, folder: BaseFolder, hits: Iterable[str]) -> Suggestion | None:
    """Return the files that a `path` seems to match, but does not: a letter is encoded in another way."""
    if pattern.isascii():
        return None
    missing = sorted(set(_walk(folder, os.path.normpath(pattern), nfc)) - set(hits))
    return _suggest([pattern], missing) if missing else None


def _matching(shapes: Sequence[str], looks: Sequence[tuple[str, str]]) -> Suggestion | None:
    try:
        matchers = [exclude_matcher(_folded(shape)) for shape in shapes]
    except (re.error, OverflowError, RecursionError, ValueError):
        return None
    hits = [path for path, folded in looks if any(matches(folded) for matches in matchers)]
    return _suggest(shapes, hits) if hits else None


_FORMS: tuple[tuple[Callable[[str], str], bool], ...] = (
    (str, False),
    (nfc, True),
    (lambda text: unicodedata.normalize("NFD", text), True),
    (str.lower, False),
    (str.upper, False),
)


def _folded(text: str) -> str:
    return nfc(text.casefold())


def _suggest(patterns: Sequence[str], hits: list[str]) -> Suggestion:
    """Return patterns for these paths: the given ones in another form or case, or else the paths themselves."""
    for form, lookalike in _FORMS:
        tried = [form(pattern) for pattern in patterns]
        matchers = [exclude_matcher(pattern) for pattern in tried]
        if all(any(matches(path) for matches in matchers) for path in hits):
            return Suggestion(hits, tried, lookalike)
    return Suggestion(hits, [escape_glob(path) for path in hits], not all(path.isascii() for path in hits))


def _interpretations(pattern: str, folder: BaseFolder) -> Iterator[list[str]]:
    """Yield the meanings of a text in other syntaxes, as patterns in our syntax, the closest first."""
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
        yield [escape_brackets(pattern)]
    if len(alternatives := _alternatives(text)) > 1:
        yield [_relative(alternative, folder) for alternative in alternatives]
    plain = re.sub(r"\\(.)", r"\1", pattern.removeprefix("^").removesuffix("$").replace(".*", "*"))
    if plain not in seen:
        # A regular expression, which matches anywhere.
        yield [_relative(plain, folder)]


def _relative(text: str, folder: BaseFolder) -> str:
    """Return a path relative to the folder, even if it starts at the root or with the folder's name."""
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
    """Return the alternatives in `{a,b}`, `@(a|b)` or `a, b`."""
    text = _GROUP.sub(lambda group: "{" + group[1].replace("|", ",") + "}" if "|" in group[1] else group[1], text)
    try:
        alternatives = bracex.expand(text, limit=_MAX_ALTERNATIVES)
    except (bracex.ExpansionLimitException, RecursionError, ValueError):
        return []
    if len(alternatives) == 1:
        alternatives = [part for part in _LIST.split(text) if part][:_MAX_ALTERNATIVES]
    return list(dict.fromkeys(alternatives))


def _variants(text: str) -> Iterator[str]:
    """Yield variants of a pattern: itself, the files in a folder of that name, both at any depth, a file extension."""
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


def _walk(folder: BaseFolder, pattern: str, form: Callable[[str], str]) -> list[str]:
    """Return the files that a pattern matches if both are converted by `form` first. Links are not followed."""
    budget = [_MAX_ENTRIES]

    def walked(at: str, parts: list[str]) -> Iterator[str]:
        part, *rest = parts
        for entry in folder.dir_cache.list_dir(at):
            budget[0] -= 1
            if budget[0] < 0:
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


def _escaped(pattern: str) -> str:
    """Return a pattern with other than ASCII characters as YAML and Python escapes."""
    text = pattern.replace("\\", "\\\\").replace('"', '\\"')
    return quote("".join(char if char.isascii() else _ESCAPES[ord(char) > 0xFFFF].format(ord(char)) for char in text))
