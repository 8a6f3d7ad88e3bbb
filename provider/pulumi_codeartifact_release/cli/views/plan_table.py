"""A plan for people: the target, a table of the packages, what changes with prepared, and the total.

    for line in plan_lines(target, plans, width=80):
        click.echo(line)

Color only repeats what the words say.
"""

from __future__ import annotations

from collections.abc import Iterator

import click
from rich.console import RenderableType

from ...errors import printable
from ...publishing import Action, PreparedRelease, Review, ReviewTotals, Route
from ...text.plan import plan_text, source_text
from ...text.sizes import count_text, seconds_text, size_text
from ..context import Target
from ..make_plans import refusals_of, sum_up
from .console import columns, header, indented, lines, text

_SIGNS = {
    Action.PUBLISH: ("+", "green"),
    Action.RESUME: ("~", "yellow"),
    Action.SET_STATUS: ("~", "yellow"),
    Action.REPLACE: ("!", "magenta"),
    Action.KEEP: ("=", ""),
    Action.REFUSE: ("!", "red"),
}
_ACTIONS = {
    Action.RESUME: "resume",
    Action.SET_STATUS: "status",
    Action.REPLACE: "REPLACE",
    Action.KEEP: "unchanged",
    Action.REFUSE: "refused",
}
_ROUTES = {Route.FILES: "publish", Route.COPY: "copy", Route.TRANSFER: "transfer"}


def plan_lines(target: Target, plans: list[PreparedRelease], width: int | None) -> Iterator[str]:
    """Yield the lines; `width` in columns, None for a file. `refusal_lines` has the refusals."""
    rate = target.destination.connection.rate
    parts: list[RenderableType] = [*header(target.header), ""]
    if plans:
        table = columns("  PACKAGE", "ACTION", "SEND", "SIZE", "THERE", "REQUESTS", right=2)
        for prepared in plans:
            review = prepared.review(rate)
            table.add_row(*_cells(review), style=_SIGNS[review.plan.action][1])
        parts += [indented(table, 2), ""]
    notes = [note for prepared in plans for note in _notes(target, prepared)]
    parts += [*notes, ""] if notes else []
    total = sum_text(sum_up(target, plans), rate, promotes=target.source is not None)
    yield from lines(*parts, text(total), width=width)


def refusal_lines(plans: list[PreparedRelease]) -> Iterator[str]:
    """Yield why packages are refused, in full; a reason that several share comes once."""
    for refusal in refusals_of(plans):
        yield f"{click.style('refused', fg='red', bold=True)}[{refusal.code}]: {refusal}"


def sum_text(total: ReviewTotals, rate: float | None, *, promotes: bool) -> str:
    """Return the total of several plans in a sentence; `rate` is the quota of uploads a second."""
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
    """Return the action in one word."""
    return _ACTIONS.get(review.plan.action) or _ROUTES[review.plan.route]


def _cells(review: Review) -> tuple[str, ...]:
    plan = review.plan
    name = f"{_SIGNS[plan.action][0]} {printable(plan.release.at.name)}"
    if plan.action is Action.REFUSE:
        return name, action_text(review)
    send, size = (
        (f"{len(plan.expected_uploads):,}", size_text(plan.upload_bytes)) if plan.expected_uploads else ("-", "-")
    )
    return name, action_text(review), send, size, f"{len(plan.skipped_assets):,}", f"{review.requests:,}"


def _notes(target: Target, prepared: PreparedRelease) -> Iterator[RenderableType]:
    review = prepared.review(target.destination.connection.rate)
    plan = review.plan
    if not plan.changes:
        return
    yield indented(text(plan.release.at.name), 2)
    yield indented(text(plan.release.digest), 4)
    if plan.action in (Action.SET_STATUS, Action.REPLACE):
        yield indented(text(plan_text(plan)), 4)
    if plan.action is Action.REPLACE and plan.remote:
        yield indented(text(f"absent for a moment; deletes {plan.remote.digest}", "magenta"), 4)
    if review.promotion_source:
        yield indented(text(source_text(review.promotion_source)), 4)
    if prepared.forced:
        yield indented(text(f"the soak is skipped by force: {target.reason}", "yellow"), 4)
