"""The report of a command in a Markdown file and in the summary of a GitHub Actions job.

    with Summary(path, disabled=False) as summary:
        summary.add(plan_summary(target, plans))

It is written when the command ends, also after an error.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import click

from ..errors import ReleaseError, UsageError
from .output_files import append, refuse_unwritable, write_atomically
from .views.markdown import error_summary


class Summary:
    """Collects Markdown, and writes it when the command ends, even after an error.

    The file `path` is replaced. The job's summary belongs to other steps, too: the text is appended, even if `path` is
    that file. Raises UsageError at once if `path` cannot be written or is one of the `others` (description -> path).
    A later failure is only a warning, because the release is done by then. `disabled`: do not write the job's summary,
    unless `path` names it.

    Attributes:
        manifest: its path, once it is known (see output_files.py).
    """

    def __init__(
        self,
        path: Path | None,
        *,
        disabled: bool,
        others: Mapping[str, Path | None] | None = None,
        manifest: Path | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._path = path
        self._others = others or {}
        self.manifest = manifest
        self._job = Path(environ["GITHUB_STEP_SUMMARY"]) if environ.get("GITHUB_STEP_SUMMARY") else None
        self._adds = environ.get("GITHUB_ACTIONS") == "true" and not disabled
        self._parts: list[str] = []

    def add(self, markdown: str) -> None:
        """Add a part."""
        self._parts.append(markdown)

    def protect(self, others: Mapping[str, Path | None]) -> None:
        """Raise UsageError, and write no file, if it would overwrite one of the `others`."""
        if self._path:
            path, self._path = self._path, None
            refuse_unwritable(path, "--summary", others, manifest=self.manifest)
            self._path = path

    def __enter__(self) -> Summary:
        if self._path:
            refuse_unwritable(self._path, "--summary", self._others, manifest=self.manifest)
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
                append(self._job, text + "\n", "GITHUB_STEP_SUMMARY", manifest=self.manifest)
        except UsageError as failed:
            click.echo(f"warning: the job's summary: {failed.message}", err=True)
        try:
            if self._path and not named:
                write_atomically(self._path, text, "--summary", manifest=self.manifest)
        except UsageError as failed:
            click.echo(f"warning: {failed.message}", err=True)


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        # Neither file may exist yet.
        return os.path.realpath(one) == os.path.realpath(other)
