"""What the examples' run.py have in common: a copy to work in, and each command printed before it is run.

    example = Example("monorepo")
    step("Release to dev")
    example.run("python", "build.py")
    example.release("dev")

Everything that it makes is in `.run`, beside the example, which it empties first. With the Pulumi CLI each environment
is a stack; without it `codeartifact-release apply` does the same.
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

from scripts import pulumi_cli  # noqa: E402 - found now

LEFT_BEHIND = shutil.ignore_patterns(".run", ".registry", "dist", "build", "__pycache__", "Pulumi.*.yaml")


class Example:
    """An example at work."""

    def __init__(self, name: str, into: Path | None = None, cli: Path | None = None) -> None:
        run = into or ROOT / "examples" / name / ".run"
        shutil.rmtree(run, ignore_errors=True)
        self.folder = run / "project"
        shutil.copytree(ROOT / "examples" / name, self.folder, ignore=LEFT_BEHIND)
        self.cli = cli or pulumi_cli.find()
        self.environ = environment(run, self.cli)
        pulumi_cli.lay_out(self.folder)

    def run(self, *words: str) -> None:
        """Print a command, and run it."""
        print(f"\n$ {shlex.join(words)}", flush=True)
        subprocess.run(words, cwd=self.folder, env=self.environ, check=True)

    def write(self, name: str, line: str) -> None:
        """Put a line into a file, as a shell would."""
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
    """Say what comes next."""
    print(f"\n=== {text}", flush=True)


def environment(folder: Path, cli: Path | None) -> dict[str, str]:
    """Return an environment in which all that runs keeps what is its own in `folder`: no login, no user's settings."""
    environ = pulumi_cli.environment(cli, folder) if cli else dict(os.environ)
    # A variable of the shell's would be another release.
    kept = {name: value for name, value in environ.items() if not name.startswith(("RELEASE_VAR_", "GIT_"))}
    return {
        **kept,
        # `python` and `codeartifact-release` are this virtual environment's.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}",
        "CODEARTIFACT_RELEASE_CACHE": str(folder / "cache"),
        # As options these would make the commands long; outputs are for programs, and dots for nobody.
        "PULUMI_OPTION_SUPPRESS_OUTPUTS": "true",
        "PULUMI_OPTION_SUPPRESS_PROGRESS": "true",
    }


def main(story: Callable[[], None]) -> None:
    """Run an example; what goes wrong is one line, below what the command that failed has printed."""
    if importlib.util.find_spec("pulumi_codeartifact_release") is None:
        sys.exit("this Python has not what is needed: run `make` first, then this with .venv/bin/python")
    try:
        story()
    except subprocess.CalledProcessError as error:
        sys.exit(f"it stops here: {error.cmd[0]} exited with {error.returncode}")
    except KeyboardInterrupt:
        sys.exit(130)
