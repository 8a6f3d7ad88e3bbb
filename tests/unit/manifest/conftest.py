"""A folder with a manifest and files in it."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from pulumi_codeartifact_release.errors import ManifestError
from pulumi_codeartifact_release.manifest import Manifest, load

HEAD = "schemaVersion: 1\n"
TAIL = "environments:\n  dev: {domain: acme, repository: dev}\n"


class Project:
    """A manifest's folder; `manifest` is written by `write`, and judged by `load` and `problems`."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.manifest = base / "release.yaml"

    def file(self, name: str, content: str = "x") -> Path:
        path = self.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return path

    def write(self, text: str) -> Path:
        self.manifest.write_text(textwrap.dedent(text), encoding="utf-8")
        return self.manifest

    def load(self, text: str, **options: Any) -> Manifest:
        return load(self.write(text), **options)

    def problems(self, text: str | bytes, **options: Any) -> list[str]:
        """The mistakes of a manifest, as `line:column key: message`; none where it loads."""
        if isinstance(text, bytes):
            self.manifest.write_bytes(text)
        else:
            self.write(text)
        try:
            load(self.manifest, **options)
        except ManifestError as error:
            return [f"{each.line}:{each.column} {each.key}: {each.message}" for each in error.problems]
        return []

    def asset_problems(self, *entries: str, **options: Any) -> list[str]:
        """The mistakes of one package's `assets`, without their places in the file."""
        lines = "".join(f"      - {entry}\n" for entry in entries)
        text = f"{HEAD}packages:\n  - namespace: acme\n    package: app\n    version: 1.0\n    assets:\n{lines}{TAIL}"
        return [each.split(" ", 1)[1] for each in self.problems(text, **options)]

    def environment_problems(self, *lines: str, **options: Any) -> list[str]:
        """The mistakes of an `environments` with these lines, without their places in the file."""
        self.file("a.zip")
        body = "".join(f"  {line}\n" for line in lines)
        text = (
            f"{HEAD}packages: [{{namespace: acme, package: app, version: 1.0, assets: [a.zip]}}]\nenvironments:\n{body}"
        )
        return [each.split(" ", 1)[1] for each in self.problems(text, **options)]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    base = tmp_path / "project"
    base.mkdir()
    return Project(base)
