"""This virtual environment once more, for tests with the real Pulumi CLI, with a `pip` that remembers its answers.

Before each run, Pulumi asks `pip` for its version and for all packages, and then Python for their metadata. That is two
fifths of the processor time of a run, and the answers are always the same. Here the real `pip` answers once.
"""

from __future__ import annotations

import sys
from pathlib import Path

PYTHON = """\
#!/bin/bash
case "$1 $2" in
"-m pip" | "-c import importlib.metadata"*)
  answer="{answers}/$(printf '%s\\n' "$@" | cksum | tr ' ' -)"
  if [ ! -f "$answer" ]; then
    (exec -a "$0" "{python}" "$@") >"$answer.$$" || exit
    mv "$answer.$$" "$answer"
  fi
  exec cat "$answer"
  ;;
esac
# By the path that it was called by, so that Python takes this folder for the environment.
exec -a "$0" "{python}" "$@"
"""


def make(folder: Path) -> Path:
    """Make the environment in a new folder; returns the folder."""
    prefix = Path(sys.prefix)
    answers, programs = folder / "answers", folder / "bin"
    for each in (folder, answers, programs):
        each.mkdir()
    (folder / "lib").symlink_to(prefix / "lib")
    (folder / "pyvenv.cfg").write_bytes((prefix / "pyvenv.cfg").read_bytes())
    for program in (prefix / "bin").iterdir():
        if not program.name.startswith("python"):
            (programs / program.name).symlink_to(program)
    python = programs / "python"
    python.write_text(PYTHON.format(answers=answers, python=prefix / "bin" / "python"), encoding="utf-8")
    python.chmod(0o755)
    (programs / "python3").symlink_to("python")
    return folder
