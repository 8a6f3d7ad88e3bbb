"""How messages quote, list and suggest: one voice for every mistake.

>>> listed(["a", "b", "c"], most=2)
'`a`, `b` and 1 more'
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from itertools import islice


def shown(text: str, most: int = 120) -> str:
    """Return a value fit for a message: on one line, printable, at most `most` characters of it."""
    text = text if len(text) <= most else text[: most - 1] + "…"
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def quoted(text: str) -> str:
    """Return a value in back-quotes, fit for a message."""
    return f"`{shown(text)}`"


def listed(texts: Sequence[str], most: int = 5) -> str:
    """Quoted values in a row: all of them, or the first `most` and how many more there are."""
    names = [quoted(text) for text in texts[:most]]
    if len(texts) > most:
        names.append(f"{len(texts) - most} more")
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was probably meant."""
    # difflib takes quadratic time: nobody mistypes a word of a thousand letters, or means one of ten thousand.
    candidates = {candidate.casefold(): candidate for candidate in islice(known, 100)}
    found = difflib.get_close_matches(word.casefold()[:100], candidates, n=1, cutoff=0.65)
    return candidates[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?`, or nothing."""
    meant = closest(word, known)
    return f"; did you mean {quoted(meant)}?" if meant else ""
