"""A report in Markdown: a file, and the summary of a GitHub Actions job.

    with Summary(path, disabled=False) as summary:
        summary.add(plan_summary(target, plans))

Written at the end, also of what failed. Names may come from whoever writes a manifest or a registry: none of them is
Markdown or HTML.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import click

from ..errors import ReleaseError, UsageError, printable
from ..review import count_text, size_text, source_text
from .context import Target
from .files import append, refuse_unwritable, write_whole
from .plans import PackagePlan, refusals_of, sum_up
from .verify_read import Report
from .views import plan_table, verify_text
from .views.plan_table import action_text

_MOST_ROWS = 500
_MOST_TEXT = 60_000
"""Characters of one block; GitHub takes 1 MiB a step."""


class Summary:
    """Collects Markdown, and writes it when the command ends, however it ends.

    `path` is replaced; the job's summary, which other steps write to as well, is added to, also where `path` is that
    file. Raises UsageError at once for a path that cannot be written, or is one of the `others` (what it is -> its
    path). What fails later is a warning, since the release is what it is by then. `disabled` leaves the job's summary
    alone, unless `path` names it.

    Attributes:
        beside: the manifest, as far as it is known (see files.py).
    """

    def __init__(
        self,
        path: Path | None,
        *,
        disabled: bool,
        others: Mapping[str, Path | None] | None = None,
        beside: Path | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._path = path
        self._others = others or {}
        self.beside = beside
        self._job = Path(environ["GITHUB_STEP_SUMMARY"]) if environ.get("GITHUB_STEP_SUMMARY") else None
        self._adds = environ.get("GITHUB_ACTIONS") == "true" and not disabled
        self._parts: list[str] = []

    def add(self, markdown: str) -> None:
        """Add a part."""
        self._parts.append(markdown)

    def spare(self, others: Mapping[str, Path | None]) -> None:
        """Raise UsageError, and write no file, if that would be written over something that is known only now."""
        if self._path:
            path, self._path = self._path, None
            refuse_unwritable(path, "--summary", others, beside=self.beside)
            self._path = path

    def __enter__(self) -> Summary:
        if self._path:
            refuse_unwritable(self._path, "--summary", self._others, beside=self.beside)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, ReleaseError):
            self.add(error_summary(error))
        elif isinstance(error, KeyboardInterrupt):
            self.add("Interrupted.\n")
        if text := "\n".join(self._parts):
            self._write(text)

    def _write(self, text: str) -> None:
        named = bool(self._path and self._job and _same(self._path, self._job))
        try:
            if self._job and (self._adds or named):
                append(self._job, text + "\n", "GITHUB_STEP_SUMMARY", beside=self.beside)
        except UsageError as failed:
            click.echo(f"warning: the job's summary: {failed.message}", err=True)
        try:
            if self._path and not named:
                write_whole(self._path, text, "--summary", beside=self.beside)
        except UsageError as failed:
            click.echo(f"warning: {failed.message}", err=True)


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        # Neither has to be there yet.
        return os.path.realpath(one) == os.path.realpath(other)


def plan_summary(target: Target, plans: Sequence[PackagePlan]) -> str:
    """Return a plan: where to, a row for each package, refusals, the sum."""
    rate = target.site.connection.rate
    rows = []
    for each in plans:
        review, plan = each.review(rate), each.plan
        cells = [plan.release.at.name, action_text(review)]
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
    plans: Sequence[PackagePlan],
    done: Mapping[str, str],
    failed: Mapping[str, BaseException],
) -> str:
    """Return what became of each package; `done` has closing lines, `failed` what was raised, by name."""
    rows = []
    for each in plans:
        name = each.declared.id
        if not each.plan.changes:
            result = "unchanged"
        elif name in done:
            result = done[name]
        elif isinstance(error := failed.get(name), ReleaseError):
            result = f"not released: {error.code}"
        else:
            result = "not released"
        rows.append([each.plan.release.at.name, result, each.plan.release.digest])
    changed = sum(each.plan.changes for each in plans)
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
    """Return what was checked: what is printed, as a block."""
    title = f"Verification: {_text(report.manifest or 'by digest')}"
    printed = _block(click.unstyle("\n".join(verify_text.text_lines(report))))
    return f"### {title}\n\n{printed}\n**{_text(verify_text.sum_text(report))}**\n"


def error_summary(error: ReleaseError) -> str:
    """Return an error, in full, as a block that nothing in it ends."""
    return f"**{error.code}**\n\n{_block(str(error))}"


def _block(text: str) -> str:
    if len(text) > _MOST_TEXT:
        text = text[:_MOST_TEXT] + "\n…"
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}\n"


def _heading(title: str, target: Target) -> str:
    lines = [f"### {title}: {_text(target.site.environment.name)}", ""]
    lines += [f"{_text(line.strip())}<br>" for line in target.header.splitlines()]
    return "\n".join([*lines, ""])


def _notes(target: Target) -> Iterable[str]:
    for note in target.manifest.notes[:_MOST_ROWS]:
        yield f"- {_text(note)}"
    if target.manifest.notes:
        yield ""


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterable[str]:
    yield "| " + " | ".join(headings) + " |"
    yield "|" + " --- |" * len(headings)
    for row in rows[:_MOST_ROWS]:
        yield "| " + " | ".join(_text(cell) for cell in row) + " |"
    if len(rows) > _MOST_ROWS:
        yield f"\n… and {len(rows) - _MOST_ROWS:,} more."


def _text(text: str) -> str:
    """Return text that Markdown and HTML show as it is: whatever means something to either is spelled by number."""
    return "".join(char if char.isalnum() or char in " ,;/-" else f"&#{ord(char)};" for char in printable(text))
