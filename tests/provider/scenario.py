"""The life of a release, one step an operation of the engine: what record.py runs and test_protocol.py replays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from embedded import Package, opened

RECORDINGS = Path(__file__).parent / "recordings"

MANIFEST = """\
schemaVersion: 1
variables:
  version: {file: VERSION}
packages:
  - namespace: acme
    package: app
    version: ${version}
    assets:
      - dist/*.txt
      - path: build/*/tool.bin
        name: tool-${file.parent}.bin
environments:
  dev: {domain: acme, repository: dev, endpoint: "file:.registry"}
"""

UP = ("up", "--yes", "--skip-preview")


def begin(program: Path) -> None:
    """Lay out what is released first."""
    write(program, "release.yaml", MANIFEST)
    write(program, "VERSION", "1.0\n")
    write(program, "dist/notes.txt", "first notes\n")
    write(program, "dist/empty.txt", "")
    write(program, "build/linux/tool.bin", "tool for linux")
    write(program, "build/mac/tool.bin", "tool for mac")


def write(program: Path, name: str, text: str) -> None:
    path = program / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _nothing(_program: Path) -> None:
    pass


def _rebuild(program: Path) -> None:
    write(program, "dist/notes.txt", "second notes\n")


def _bump(program: Path) -> None:
    write(program, "VERSION", "1.1\n")


def _archive(program: Path) -> None:
    with opened(program / ".registry") as client:
        Package(client).set_status("1.1", "Archived")


@dataclass(frozen=True)
class Step:
    """One run of the CLI.

    Attributes:
        name: of its recording.
        words: what the CLI is told.
        prepare: what happens to the program's folder before.
        fails: whether the run ends with an error.
    """

    name: str
    words: tuple[str, ...]
    prepare: Callable[[Path], None] = field(default=_nothing)
    fails: bool = False

    @property
    def recording(self) -> Path:
        return RECORDINGS / f"{self.name}.jsonl"


STEPS = (
    Step("1-preview-of-a-create", ("preview",), begin),
    Step("2-create", UP),
    Step("3-unchanged", (*UP, "--expect-no-changes")),
    Step("4-preview-of-a-conflict", ("preview",), _rebuild, fails=True),
    Step("5-new-version", UP, _bump),
    Step("6-refresh", ("refresh", "--yes", "--skip-preview")),
    Step("7-refresh-of-drift", ("refresh", "--yes", "--skip-preview"), _archive),
    Step("8-repair", UP),
    Step("9-destroy", ("destroy", "--yes", "--skip-preview")),
)
