"""Quotes, lists and suggestions in messages.

>>> quote_list(["a", "b", "c"], limit=2)
'`a`, `b` and 1 more'
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from itertools import islice


def escape(text: str, limit: int = 120) -> str:
    """Return a value for a message: on one line, printable, at most `limit` characters."""
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def quote(text: str) -> str:
    """Return a value for a message, in backquotes."""
    return f"`{escape(text)}`"


def quote_list(texts: Sequence[str], limit: int = 5) -> str:
    """Return the values in backquotes: all, or the first `limit` and the number of the others."""
    names = [quote(text) for text in texts[:limit]]
    if len(texts) > limit:
        names.append(f"{len(texts) - limit} more")
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def closest_match(word: str, words: Iterable[str]) -> str | None:
    """Return the word that was probably meant; None if no word is similar."""
    # Limits, because difflib takes quadratic time.
    candidates = {candidate.casefold(): candidate for candidate in islice(words, 100)}
    matches = difflib.get_close_matches(word.casefold()[:100], candidates, n=1, cutoff=0.65)
    return candidates[matches[0]] if matches else None


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Return `; did you mean …?`, or "" if no word is similar."""
    match = closest_match(word, words)
    return f"; did you mean {quote(match)}?" if match else ""
