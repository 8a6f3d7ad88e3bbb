"""Shared by the run.py of the examples: copies an example, and prints each command before it runs.

    example = Example("monorepo")
    step("Release to dev")
    example.run("python", "build.py")
    example.release("dev")

It works in the folder `.run` of the example, which it empties first. With the Pulumi CLI, each environment is a stack;
without it, the commands are `codeartifact-release apply`.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import pulumi_cli  # noqa: E402 - importable after the line above

IGNORED = shutil.ignore_patterns(".run", ".registry", "dist", "build", "__pycache__", "Pulumi.*.yaml")


class Example:
    """A copy of an example, and the commands that run in it."""

    def __init__(self, name: str, into: Path | None = None, cli: Path | None = None) -> None:
        run = into or ROOT / "examples" / name / ".run"
        shutil.rmtree(run, ignore_errors=True)
        self.folder = run / "project"
        shutil.copytree(ROOT / "examples" / name, self.folder, ignore=IGNORED)
        self.cli = cli or pulumi_cli.find()
        self.environ = environment(run, self.cli)
        pulumi_cli.lay_out(self.folder)

    def run(self, *words: str) -> None:
        """Print a command and run it."""
        print(f"\n$ {shlex.join(words)}", flush=True)
        subprocess.run(words, cwd=self.folder, env=self.environ, check=True)

    def write(self, name: str, line: str) -> None:
        """Write a line to a file, printed as a shell command."""
        print(f"\n$ echo {line} > {name}", flush=True)
        (self.folder / name).write_text(f"{line}\n")

    def release(self, stack: str, *options: str) -> None:
        """Publish or promote to an environment; `options` are for `pulumi up`."""
        if not self.cli:
            self.run("codeartifact-release", "apply", "release.yaml", "-e", stack, "--yes")
            return
        if not (self.folder / f"Pulumi.{stack}.yaml").exists():
            self.run("pulumi", "stack", "init", stack)
        self.run("pulumi", "up", "-s", stack, "--yes", "--skip-preview", *options)


def step(text: str) -> None:
    """Print a heading."""
    print(f"\n=== {text}", flush=True)


def environment(folder: Path, cli: Path | None) -> dict[str, str]:
    """Return an environment in which commands keep their files in `folder` and use no login and no user settings."""
    environ = pulumi_cli.environment(cli, folder) if cli else dict(os.environ)
    # Variables of the shell would change the release.
    environ = {name: value for name, value in environ.items() if not name.startswith(("RELEASE_VAR_", "GIT_"))}
    return {
        **environ,
        # `python` and `codeartifact-release` are this virtual environment's.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', '')}",
        "CODEARTIFACT_RELEASE_CACHE": str(folder / "cache"),
        # As variables instead of options, to keep the printed commands short.
        "PULUMI_OPTION_SUPPRESS_OUTPUTS": "true",
        "PULUMI_OPTION_SUPPRESS_PROGRESS": "true",
    }


def main(story: Callable[[], None]) -> None:
    """Run an example. If a command fails, exit with one line below its output."""
    if importlib.util.find_spec("pulumi_codeartifact_release") is None:
        sys.exit("this Python does not have the package: run `make demo` first, then use .venv/bin/python")
    try:
        story()
    except subprocess.CalledProcessError as error:
        sys.exit(f"stopped: {error.cmd[0]} exited with {error.returncode}")
    except KeyboardInterrupt:
        sys.exit(130)
