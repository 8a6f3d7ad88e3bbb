"""Plans, releases, verifications and errors in Markdown.

Names may come from anybody who writes a manifest or a registry: they are escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import click

from ...errors import ReleaseError, printable
from ...publishing import PreparedRelease
from ...text.plan import source_text
from ...text.sizes import count_text, size_text
from ..context import Target
from ..make_plans import refusals_of, sum_up
from ..verify_read import Report
from . import plan_table, verify_text

_MAX_ROWS = 500
_MAX_TEXT = 60_000
"""Characters of one block; GitHub takes 1 MiB a step."""


def plan_summary(target: Target, plans: Sequence[PreparedRelease]) -> str:
    """Return a plan: the target, a row for each package, the total, the refusals."""
    rate = target.destination.connection.rate
    rows = []
    for prepared in plans:
        review, plan = prepared.review(rate), prepared.plan
        cells = [plan.release.at.name, plan_table.action_text(review)]
        cells += (
            ["", "", ""]
            if plan.refusal
            else [
                f"{len(plan.expected_uploads):,}",
                size_text(plan.upload_bytes) if plan.expected_uploads else "",
                f"{len(plan.skipped_assets):,}",
            ]
        )
        rows.append([*cells, plan.release.digest if plan.changes else ""])
        if review.promotion_source and plan.changes:
            rows[-1][1] += f" ({source_text(review.promotion_source)})"
    total = plan_table.sum_text(sum_up(target, plans), rate, promotes=target.source is not None)
    return "\n".join(
        [
            _heading("Release plan", target),
            *_table(("Package", "Action", "Send", "Size", "There", "Digest"), rows),
            "",
            f"**{_text(total)}**",
            "",
            *_notes(target),
            *(error_summary(refusal) for refusal in refusals_of(plans)),
        ]
    )


def apply_summary(
    target: Target,
    plans: Sequence[PreparedRelease],
    done: Mapping[str, str],
    failed: Mapping[str, BaseException],
) -> str:
    """Return the result of each package; by name, `done` has the last lines and `failed` the exceptions."""
    rows = []
    for prepared in plans:
        name = prepared.request.name
        if not prepared.plan.changes:
            result = "unchanged"
        elif name in done:
            result = done[name]
        elif isinstance(error := failed.get(name), ReleaseError):
            result = f"not released: {error.code}"
        else:
            result = "not released"
        rows.append([prepared.plan.release.at.name, result, prepared.plan.release.digest])
    changed = sum(prepared.plan.changes for prepared in plans)
    return "\n".join(
        [
            _heading("Release", target),
            *_table(("Package", "Result", "Digest"), rows),
            "",
            f"**{len(done):,} of {_text(count_text(changed, 'package'))} released.**",
            "",
            *_notes(target),
        ]
    )


def verify_summary(report: Report) -> str:
    """Return a verification: the printed text as a block."""
    title = f"Verification: {_text(report.manifest or 'by digest')}"
    printed = _block(click.unstyle("\n".join(verify_text.text_lines(report))))
    return f"### {title}\n\n{printed}\n**{_text(verify_text.sum_text(report))}**\n"


def error_summary(error: ReleaseError) -> str:
    """Return an error, in full, as a block that its text cannot end."""
    return f"**{error.code}**\n\n{_block(str(error))}"


def _block(text: str) -> str:
    if len(text) > _MAX_TEXT:
        text = text[:_MAX_TEXT] + "\n…"
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}\n"


def _heading(title: str, target: Target) -> str:
    lines = [f"### {title}: {_text(target.destination.environment.name)}", ""]
    lines += [f"{_text(line.strip())}<br>" for line in target.header.splitlines()]
    return "\n".join([*lines, ""])


def _notes(target: Target) -> Iterable[str]:
    for note in target.manifest.notes[:_MAX_ROWS]:
        yield f"- {_text(note)}"
    if target.manifest.notes:
        yield ""


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterable[str]:
    yield "| " + " | ".join(headings) + " |"
    yield "|" + " --- |" * len(headings)
    for row in rows[:_MAX_ROWS]:
        yield "| " + " | ".join(_text(cell) for cell in row) + " |"
    if len(rows) > _MAX_ROWS:
        yield f"\n… and {len(rows) - _MAX_ROWS:,} more."


def _text(text: str) -> str:
    """Return text that Markdown and HTML show literally: special characters become numeric references."""
    return "".join(char if char.isalnum() or char in " ,;/-" else f"&#{ord(char)};" for char in printable(text))
