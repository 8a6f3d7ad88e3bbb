"""Make .venv and install what requirements.txt pins. Run by `make`; needs Python alone.

Written so that an old Python can still read it far enough to say that it is too old.
"""

import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
OLDEST = (3, 11)


def give_up(message):
    sys.stderr.write(message + "\n")
    sys.exit(2)


def main():
    if sys.version_info < OLDEST:
        give_up(
            "Python %d.%d or later is needed, %s is %d.%d: install it, then run `make PYTHON=python3.12 …`."
            % (OLDEST + (sys.executable,) + tuple(sys.version_info[:2]))
        )
    try:
        import ensurepip  # noqa: F401 - its absence is what a missing venv package looks like
        import venv  # noqa: F401
    except ImportError:
        give_up(
            "Python's venv module is missing: install it (Debian, Ubuntu: `apt install python3-venv`), then run make again."
        )
    python = os.path.join(VENV, "bin", "python")
    if not os.path.exists(python):
        run([sys.executable, "-m", "venv", VENV], "The virtual environment could not be made in .venv")
    print("Installing the pinned dependencies into .venv ...")
    sys.stdout.flush()
    run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"],
        "The dependencies could not be installed: is the package index reachable?",
    )


def run(command, failure):
    if subprocess.call(command, cwd=ROOT) != 0:
        give_up(failure + " (the lines above say why)")


main()
