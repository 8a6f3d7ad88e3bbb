"""The life of a release, one step an operation of the engine: what record.py runs and test_protocol.py replays.

First it is published by the stack `dev`, then promoted by the stack `staging`, without a file of it on the machine.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from support.embedded import Package, opened

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

PROMOTING = """\
  staging: {domain: acme, repository: staging, endpoint: "file:.registry", promoteFrom: dev}
"""
PINS = "pins: {acme/app: {version: '1.2', digest: 'sha256:%s'}}" % ("0" * 64)

UP = ("up", "--yes", "--skip-preview")
REFRESH = ("refresh", "--yes", "--skip-preview")
DESTROY = ("destroy", "--yes", "--skip-preview")


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


def _begin_promoting(program: Path) -> None:
    """The first version goes on, from a machine that has none of its files."""
    for built in ("dist", "build"):
        shutil.rmtree(program / built)
    write(program, "release.yaml", MANIFEST + PROMOTING)
    write(program, "VERSION", "1.0\n")


def _archive_promoted(program: Path) -> None:
    with opened(program / ".registry") as client:
        Package(client, repository="staging").set_status("1.1", "Archived")


def _bump_too_far(program: Path) -> None:
    write(program, "VERSION", "1.2\n")


def _move_the_source(program: Path) -> None:
    """The source environment has the version now, but not what was approved."""
    write(program, "release.yaml", MANIFEST + PROMOTING.replace("promoteFrom: dev", f"promoteFrom: dev, {PINS}"))
    content = b"what nobody has approved\n"
    with opened(program / ".registry") as client:
        client.publish_package_version(
            domain="acme",
            repository="dev",
            format="generic",
            namespace="acme",
            package="app",
            packageVersion="1.2",
            assetName="notes.txt",
            assetContent=content,
            assetSHA256=hashlib.sha256(content).hexdigest(),
        )


@dataclass(frozen=True)
class Step:
    """One run of the CLI.

    Attributes:
        name: of its recording.
        words: what the CLI is told.
        prepare: what happens to the program's folder before.
        fails: whether the run ends with an error.
        stack: which of the manifest's environments.
    """

    name: str
    words: tuple[str, ...]
    prepare: Callable[[Path], None] = field(default=_nothing)
    fails: bool = False
    stack: str = "dev"

    @property
    def recording(self) -> Path:
        return RECORDINGS / f"{self.name}.jsonl"


STEPS = (
    Step("1-preview-of-a-create", ("preview",), begin),
    Step("2-create", UP),
    Step("3-unchanged", (*UP, "--expect-no-changes")),
    Step("4-preview-of-a-conflict", ("preview",), _rebuild, fails=True),
    Step("5-new-version", UP, _bump),
    Step("6-refresh", REFRESH),
    Step("7-refresh-of-drift", REFRESH, _archive),
    Step("8-repair", UP),
    Step("9-destroy", DESTROY),
    Step("10-preview-of-a-promotion", ("preview",), _begin_promoting, stack="staging"),
    Step("11-promote", UP, stack="staging"),
    Step("12-unchanged-promotion", (*UP, "--expect-no-changes"), stack="staging"),
    Step("13-new-version-promoted", UP, _bump, stack="staging"),
    Step("14-refresh-of-a-promotions-drift", REFRESH, _archive_promoted, stack="staging"),
    Step("15-repair-of-a-promotion", UP, stack="staging"),
    Step("16-preview-without-a-source", ("preview",), _bump_too_far, fails=True, stack="staging"),
    Step("17-preview-of-a-moved-source", ("preview",), _move_the_source, fails=True, stack="staging"),
    Step("18-destroy-of-a-promotion", DESTROY, stack="staging"),
)
