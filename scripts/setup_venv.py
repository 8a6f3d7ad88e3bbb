"""Make .venv and install what requirements.lock pins. Run by `make`; needs Python alone.

Nothing is done where everything that was installed is still there, of the present pins and of the same interpreter.
Written so that an old Python can still read it far enough to say that it is too old.
"""

import hashlib
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
RECORD = os.path.join(VENV, "installed.txt")
PINS = ("requirements.lock", "provider/pyproject.toml", "scripts/setup_venv.py")
OLDEST = (3, 11)


def give_up(message):
    sys.stderr.write(message + "\n")
    sys.exit(2)


def python():
    return os.path.join(VENV, "bin", "python")


def place():
    """Return what a virtual environment does not outlive: its own path, and the interpreter's."""
    return [os.path.realpath(VENV), os.path.realpath(python())]


def pins():
    """Return the hash of each file that says what is installed."""
    lines = []
    for name in PINS:
        with open(os.path.join(ROOT, name), "rb") as file:
            lines.append("%s %s" % (name, hashlib.sha256(file.read()).hexdigest()))
    return lines


def installed():
    """Return the distributions that are there, as the names of their folders."""
    found = set()
    for folder, folders, _files in os.walk(os.path.join(VENV, "lib")):
        if os.path.basename(folder) == "site-packages":
            for name in folders:
                if name.endswith(".dist-info") and os.path.exists(os.path.join(folder, name, "RECORD")):
                    found.add(name)
            folders[:] = []
    return found


def recorded():
    """Return what the last run recorded: place, pins, distributions. All empty if it did not come to its end."""
    try:
        with open(RECORD) as file:
            lines = file.read().splitlines()
    except IOError:
        return [], [], set()
    return lines[:2], lines[2 : 2 + len(PINS)], set(lines[2 + len(PINS) :])


def record():
    # What `venv` brought is not pinned: `pulumi install` moves it.
    ours = [name for name in sorted(installed()) if not re.match(r"(pip|setuptools|wheel)-[0-9]", name)]
    with open(RECORD, "w") as file:
        file.write("\n".join(place() + pins() + ours) + "\n")


def main():
    where, what, distributions = recorded()
    usable = os.path.exists(python())
    if usable and where == place() and what == pins() and distributions and distributions <= installed():
        return
    if sys.version_info < OLDEST:
        give_up(
            "Python %d.%d or later is needed, %s is %d.%d: install it, then run `make PYTHON=python3.12 ...`."
            % (OLDEST + (sys.executable,) + tuple(sys.version_info[:2]))
        )
    try:
        import ensurepip  # noqa: F401 - its absence is what a missing venv package looks like
        import venv  # noqa: F401
    except ImportError:
        give_up(
            "Python's venv module is missing: install it (Debian, Ubuntu: `apt install python3-venv`), then run make again."
        )
    pip = any(re.match(r"pip-[0-9]", name) for name in installed())
    if not usable or not pip or (where and where != place()):
        # Scripts name the path of the interpreter, and packages are in a folder named after its version.
        run([sys.executable, "-m", "venv", "--clear", VENV], "The virtual environment could not be made in .venv")
    print("Installing the pinned dependencies into .venv ...")
    sys.stdout.flush()
    install = [python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    failure = "The dependencies could not be installed: is the package index reachable?"
    # The lock is complete. With dependencies, the pip of Python 3.11 takes an extra of one for a requirement of its own.
    run(install + ["--require-hashes", "--no-deps", "-r", "requirements.lock"], failure)
    # pip has no hash of a folder, so this is a step of its own. What builds it was installed by the first.
    run(install + ["--no-deps", "--no-build-isolation", "-e", "./provider"], failure)
    record()


def run(command, failure):
    if subprocess.call(command, cwd=ROOT) != 0:
        give_up(failure + " (the lines above say why)")


main()
