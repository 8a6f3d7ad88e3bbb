"""The commands that follow `init`: only those that this machine still needs."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from .project_facts import Facts

Step = tuple[str, str]
"""A command, and why; the reason may be ""."""


_PLACEHOLDERS = {"github": ".github", "gitlab": ".gitlab-ci.yml"}


def next_steps(folder: Path, facts: Facts, environ: Mapping[str, str], ci: str | None) -> list[Step]:
    """Return the commands up to a look at the published version; with `ci`, what has to be replaced in its jobs."""
    change = [] if folder.resolve() == Path.cwd().resolve() else [(f"cd {shlex.quote(str(folder))}", "")]
    if ci:
        search = f"grep -rnE '111122223333|pulumi-state|your build' {_PLACEHOLDERS[ci]}"
        return [*change, (search, f"replace these: {facts.source}/blob/main/docs/ci.md")]
    look = ("codeartifact-release status", "what is where")
    cli = _pulumi(environ)
    if cli is None:
        return [*change, ("codeartifact-release apply -e dev", "Pulumi is not installed: without it"), look]
    return [*change, *_preparation(cli, facts, environ), ("pulumi stack init dev", ""), ("pulumi up", ""), look]


def _pulumi(environ: Mapping[str, str]) -> Path | None:
    if on_path := shutil.which("pulumi", path=environ.get("PATH", "")):
        return Path(on_path)
    cli = Path.home() / ".pulumi" / "bin" / "pulumi"
    return cli if os.access(cli, os.X_OK) else None


def _preparation(cli: Path, facts: Facts, environ: Mapping[str, str]) -> Iterator[Step]:
    if str(cli.parent) not in environ.get("PATH", "").split(os.pathsep):
        yield f'export PATH="{cli.parent}:$PATH"', "the Pulumi CLI"
    if not facts.installed:
        yield "pulumi install", f"{facts.virtualenv}, from requirements.txt"
    backend = _backend(environ)
    if not backend:
        yield "pulumi login --local", "Pulumi keeps its state on this machine"
    passphrase = "PULUMI_CONFIG_PASSPHRASE" in environ or "PULUMI_CONFIG_PASSPHRASE_FILE" in environ
    if not passphrase and (not backend or backend.startswith("file:")):
        yield "export PULUMI_CONFIG_PASSPHRASE=", "for secrets in the state; this project has none"


def _backend(environ: Mapping[str, str]) -> str:
    """Return the backend that Pulumi is logged in to; "" for none."""
    if backend := environ.get("PULUMI_BACKEND_URL"):
        return backend
    if environ.get("PULUMI_ACCESS_TOKEN"):
        return "https://api.pulumi.com"
    home = Path(environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    try:
        current = json.loads((home / "credentials.json").read_text(encoding="utf-8")).get("current")
    except (OSError, ValueError, AttributeError):
        return ""
    return current if isinstance(current, str) else ""
