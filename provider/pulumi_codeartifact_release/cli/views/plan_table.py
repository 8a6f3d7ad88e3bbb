"""A plan for people: where to, a line for each package, what it comes to; at the width that there is.

    for line in table(target, plans, width=80):
        click.echo(line)

Colour only repeats what the words say.
"""

from __future__ import annotations

from collections.abc import Iterator

import click

from ...errors import printable
from ...publishing import Action, Review, ReviewTotals, Route
from ...review import cost_text, count_text, plan_text, seconds_text, size_text, source_text
from ..plans import PackagePlan, refusals_of, sum_up
from ..target import Target
from .columns import GAP, cell_len, header_lines, padded, wrapped

_HEADINGS = ("PACKAGE", "ACTION", "SEND", "SIZE", "THERE", "REQUESTS")
_LEAST_NAME = 16
# A narrower terminal gets what the others say in words.
_LEAST_COLUMNS = 2
_SIGNS = {
    Action.PUBLISH: ("+", "green"),
    Action.RESUME: ("~", "yellow"),
    Action.SET_STATUS: ("~", "yellow"),
    Action.REPLACE: ("!", "magenta"),
    Action.KEEP: ("=", None),
    Action.REFUSE: ("!", "red"),
}
_WORDS = {
    Action.RESUME: "resume",
    Action.SET_STATUS: "status",
    Action.REPLACE: "REPLACE",
    Action.KEEP: "unchanged",
    Action.REFUSE: "refused",
}
_WAYS = {Route.FILES: "publish", Route.COPY: "copy", Route.TRANSFER: "transfer"}


def table(target: Target, plans: list[PackagePlan], width: int | None) -> Iterator[str]:
    """Yield the lines; `width` in columns, None for a file. Refusals are told by `refusals`."""
    yield from header_lines(target.header, width)
    if plans:
        yield ""
        yield from _Rows(target, plans, width).lines()
    yield ""
    rate = target.site.connection.rate
    yield from wrapped(sum_text(sum_up(target, plans), rate, promotes=target.source is not None), 0, width)


def refusals(plans: list[PackagePlan]) -> Iterator[str]:
    """Yield why packages are refused, in full; one reason for several is told once."""
    for refusal in refusals_of(plans):
        yield f"{click.style('refused', fg='red', bold=True)}[{refusal.code}]: {refusal}"


def sum_text(total: ReviewTotals, rate: float | None, *, promotes: bool) -> str:
    """Return what several plans come to, in a sentence; `rate` is the quota of uploads a second."""
    if total.refused:
        return f"{count_text(total.refused, 'package')} refused; nothing will be sent."
    if not total.changes:
        return f"Nothing to do: {count_text(total.unchanged, 'package')} published and unchanged."
    verb = "promote" if promotes else "send"
    parts = [
        f"{count_text(total.changes, 'package')} to change: {count_text(total.assets, 'asset')} to {verb}, "
        f"{size_text(total.size)}; {total.skipped_assets:,} already there; {count_text(total.requests, 'request')}"
    ]
    if total.min_seconds:
        parts.append(f"at least {seconds_text(total.min_seconds)} by the quota of {rate:g} uploads a second")
    return ", ".join(parts) + "."


def action_text(review: Review) -> str:
    """Return what is done, in one word."""
    return _WORDS.get(review.plan.action) or _WAYS[review.plan.route]


class _Rows:
    """The packages, in columns."""

    def __init__(self, target: Target, plans: list[PackagePlan], width: int | None) -> None:
        self._target = target
        self._width = width
        self._plans = plans
        self._reviews = [each.review(target.site.connection.rate) for each in plans]
        self._cells = [self._texts(review) for review in self._reviews]
        self._widths = [max(map(cell_len, column)) for column in zip(_HEADINGS, *self._cells, strict=True)]
        self._shown = len(_HEADINGS)
        if width is None:
            return
        while self._shown > _LEAST_COLUMNS and self._needed(_LEAST_NAME) > width:
            self._shown -= 1
        room = max(_LEAST_NAME, width - self._needed(0))
        names = [cell_len(cells[0]) for cells in self._cells]
        self._widths[0] = max([len(_HEADINGS[0]), *(each for each in names if each <= room)])

    def _needed(self, name: int) -> int:
        """Return how wide a line is with names of at most this width."""
        return 4 + min(name, self._widths[0]) + sum(len(GAP) + each for each in self._widths[1 : self._shown])

    def lines(self) -> Iterator[str]:
        yield click.style(f"    {self._line(_HEADINGS)}", dim=True)
        for each, review, cells in zip(self._plans, self._reviews, self._cells, strict=True):
            sign, colour = _SIGNS[review.plan.action]
            name, *others = cells
            if cell_len(name) > self._widths[0]:
                # Too long for its column: a line of its own, and the columns stay.
                first, *more = wrapped(name, 4, self._width, colour)
                yield f"  {click.style(sign, fg=colour)} {first.lstrip()}"
                yield from more
                sign, name = " ", ""
            yield click.style(f"  {sign} {self._line((name, *others))}", fg=colour)
            for note, note_colour in self._notes(each, review):
                yield from wrapped(note, 6, self._width, note_colour)

    def _line(self, cells: tuple[str, ...]) -> str:
        aligned = [padded(text, self._widths[at], right=at > 1) for at, text in enumerate(cells[: self._shown])]
        return GAP.join(aligned).rstrip()

    @staticmethod
    def _texts(review: Review) -> tuple[str, ...]:
        plan = review.plan
        name = printable(plan.release.at.name)
        if plan.action is Action.REFUSE:
            return (name, action_text(review), "", "", "", "")
        send, size = (
            (f"{len(plan.expected_uploads):,}", size_text(plan.upload_bytes)) if plan.expected_uploads else ("-", "-")
        )
        return (name, action_text(review), send, size, f"{len(plan.skipped_assets):,}", f"{review.requests:,}")

    def _notes(self, each: PackagePlan, review: Review) -> Iterator[tuple[str, str | None]]:
        plan = review.plan
        if not plan.changes:
            return
        cut = self._shown < len(_HEADINGS)
        if cut or plan.action in (Action.SET_STATUS, Action.REPLACE):
            yield plan_text(plan), None
        if cut:
            yield cost_text(review), None
        yield plan.release.digest, None
        if plan.action is Action.REPLACE and plan.remote:
            yield f"absent for a moment; gives up {plan.remote.digest}", "magenta"
        if review.promotion_source:
            yield source_text(review.promotion_source), None
        if each.forced:
            yield f"the soak is skipped by force: {printable(self._target.reason)}", "yellow"
