"""This virtual environment again, for tests with the real Pulumi CLI: a run takes a third of the processor time.

Before each run, Pulumi asks `pip` for its version and for all packages, and then Python for their metadata. The answers
are always the same: here the real `pip` answers once. Programs and plugins import the same packages at each start: here
the launcher forks them, except where a test kills them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from .launcher import Launcher

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
{launched}
esac
# By the path that it was called by, so that Python takes this folder for the environment.
exec -a "$0" "{python}" "$@"
"""


LAUNCHED = """\
"-u -m" | *"/pulumi-language-python-exec "*)
  exec "{python}" -I -S "{launch}" "{address}" "$@"
  ;;
"""


COMMAND = """\
#!/bin/sh
exec "{python}" -I -S "{launch}" "{address}" "$0" "$@"
"""


def make(folder: Path, launcher: Launcher | None) -> Path:
    """Make the environment in a new folder; returns the folder. Without a launcher each program is a Python anew."""
    prefix = Path(sys.prefix)
    answers, programs = folder / "answers", folder / "bin"
    for each in (folder, answers, programs):
        each.mkdir()
    (folder / "lib").symlink_to(prefix / "lib")
    (folder / "pyvenv.cfg").write_bytes((prefix / "pyvenv.cfg").read_bytes())
    for program in (prefix / "bin").iterdir():
        if not program.name.startswith("python"):
            (programs / program.name).symlink_to(program)
    real, python = prefix / "bin" / "python", programs / "python"
    launch = Path(__file__).with_name("launch.py")
    launched = ""
    if launcher:
        launched = LAUNCHED.format(python=real, launch=launch, address=launcher.address)
        command = programs / "codeartifact-release"
        command.unlink()
        command.write_text(COMMAND.format(python=real, launch=launch, address=launcher.address), encoding="utf-8")
        command.chmod(0o755)
    python.write_text(PYTHON.format(answers=answers, python=real, launched=launched), encoding="utf-8")
    python.chmod(0o755)
    (programs / "python3").symlink_to("python")
    return folder
