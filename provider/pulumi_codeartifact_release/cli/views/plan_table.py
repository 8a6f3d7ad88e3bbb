"""A plan for people: the target, a table of the packages, what changes with prepared, and the total.

    for line in plan_lines(target, plans, width=80):
        click.echo(line)

Color only repeats what the words say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click
from rich.console import RenderableType

from ...errors import printable
from ...publishing import Action, Plan, PreparedRelease, Review, ReviewTotals, Route
from ...registry.interface import Asset
from ...text.plan import MAX_FILES, abandoned_lines, file_lines, plan_text, source_text
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


def plan_lines(
    target: Target, plans: list[PreparedRelease], width: int | None, *, all_files: bool = False
) -> Iterator[str]:
    """Yield the lines; `width` in columns, None for a file. `refusal_lines` has the refusals.

    The first files of versions that do not exist yet are named, or all files of all packages.
    """
    rate = target.destination.connection.rate
    parts: list[RenderableType] = [*header(target.header), ""]
    if plans:
        table = columns("  PACKAGE", "ACTION", "SEND", "SIZE", "THERE", "REQUESTS", right=2)
        for prepared in plans:
            review = prepared.review(rate)
            table.add_row(*_cells(review), style=_SIGNS[review.plan.action][1])
        parts += [indented(table, 2), ""]
    notes: list[RenderableType] = []
    named = hidden = 0
    for prepared in plans:
        files = _files(prepared.plan, all_files=all_files)
        shown = len(files) if all_files else min(len(files), MAX_FILES - named)
        named, hidden = named + shown, hidden + len(files) - shown
        notes += _notes(target, prepared, file_lines(files, shown) if shown else [])
    parts += [*notes, ""] if notes else []
    total = sum_text(sum_up(target, plans), rate, promotes=target.source is not None)
    yield from lines(*parts, text(f"{total} -v lists all files." if hidden else total), width=width)


def abandoned_warnings(plans: Sequence[PreparedRelease]) -> Iterator[str]:
    """Yield a warning for each version of a bundle that was staged and not published."""
    for prepared in plans:
        yield from (printable(f"warning: {line}") for line in abandoned_lines(prepared))


def refusal_lines(plans: list[PreparedRelease]) -> Iterator[str]:
    """Yield the refusals in full; one that several packages share comes once."""
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
    if review.plan.action is Action.RESUME and not review.plan.expected_uploads:
        return "staged"
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


def _files(plan: Plan, *, all_files: bool) -> tuple[Asset, ...]:
    """Return the files of a package to name."""
    from_files = plan.route is Route.FILES and plan.action is not Action.REFUSE
    return plan.release.assets if plan.publishes_files or (all_files and from_files) else ()


def _notes(target: Target, prepared: PreparedRelease, files: Sequence[str]) -> Iterator[RenderableType]:
    review = prepared.review(target.destination.connection.rate)
    plan = review.plan
    if not plan.changes and not files:
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
    for line in files:
        yield indented(text(line), 6)
