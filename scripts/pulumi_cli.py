"""Finds the Pulumi CLI, and prepares an environment and a project for it."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def find() -> Path | None:
    """Return the path of the CLI on PATH or in ~/.pulumi; None if it is not installed."""
    if on_path := shutil.which("pulumi"):
        return Path(on_path)
    home = Path.home() / ".pulumi"
    # First the user's, then the newest one that the SDK installed.
    candidates = [home / "bin" / "pulumi", *sorted(home.glob("versions/*/bin/pulumi"), key=_version, reverse=True)]
    return next((path for path in candidates if os.access(path, os.X_OK)), None)


def _version(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path.parts[-3])]


def environment(cli: Path, folder: Path) -> dict[str, str]:
    """Return an environment in which the CLI keeps its files in `folder` and uses no login and no user settings."""
    (folder / "state").mkdir(parents=True, exist_ok=True)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
    return {
        **environ,
        # The CLI finds its language hosts beside itself or on PATH.
        "PATH": f"{cli.parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
    }


def lay_out(folder: Path) -> None:
    """Make `folder` a Pulumi project that uses this virtual environment.

    Unless it has its own program, copies the root program, because stacks write their settings beside Pulumi.yaml.
    """
    settings = folder / "Pulumi.yaml"
    text = settings.read_text() if settings.exists() else (ROOT / "Pulumi.yaml").read_text()
    if not settings.exists():
        shutil.copy(ROOT / "__main__.py", folder)
    text = re.sub("(?m)^( +virtualenv:).*$", lambda match: f"{match[1]} {sys.prefix}", text)
    settings.write_text(re.sub(r"(?m)^( +path:) .*\.venv/bin$", lambda match: f"{match[1]} {sys.prefix}/bin", text))
