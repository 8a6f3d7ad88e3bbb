"""Creates .venv and installs the packages of requirements.lock. `make` runs it; it needs only Python.

It does nothing if all packages are still installed, with the same pins and the same interpreter. An old Python must be
able to parse this file, so that it can print that it is too old.
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


def fail(message):
    sys.stderr.write(message + "\n")
    sys.exit(2)


def python():
    return os.path.join(VENV, "bin", "python")


def paths():
    """Return the paths of the virtual environment and its interpreter: if one changes, it must be created again."""
    return [os.path.realpath(VENV), os.path.realpath(python())]


def pins():
    """Return name and hash of each file that determines the packages."""
    lines = []
    for name in PINS:
        with open(os.path.join(ROOT, name), "rb") as file:
            lines.append("%s %s" % (name, hashlib.sha256(file.read()).hexdigest()))
    return lines


def installed():
    """Return the installed distributions as names of their folders."""
    names = set()
    for folder, folders, _files in os.walk(os.path.join(VENV, "lib")):
        if os.path.basename(folder) == "site-packages":
            for name in folders:
                if name.endswith(".dist-info") and os.path.exists(os.path.join(folder, name, "RECORD")):
                    names.add(name)
            folders[:] = []
    return names


def recorded():
    """Return what the last run recorded: paths, pins, distributions. All are empty if it did not finish."""
    try:
        with open(RECORD) as file:
            lines = file.read().splitlines()
    except IOError:
        return [], [], set()
    return lines[:2], lines[2 : 2 + len(PINS)], set(lines[2 + len(PINS) :])


def record():
    # Exclude what `venv` installed: it is not pinned, and `pulumi install` may upgrade it.
    names = [name for name in sorted(installed()) if not re.match(r"(pip|setuptools|wheel)-[0-9]", name)]
    with open(RECORD, "w") as file:
        file.write("\n".join(paths() + pins() + names) + "\n")


def main():
    where, what, distributions = recorded()
    usable = os.path.exists(python())
    if usable and where == paths() and what == pins() and distributions and distributions <= installed():
        return
    if sys.version_info < OLDEST:
        fail(
            "Python %d.%d or later is required, but %s is %d.%d. Install it, then run `make PYTHON=python3.12 ...`."
            % (OLDEST + (sys.executable,) + tuple(sys.version_info[:2]))
        )
    try:
        import ensurepip  # noqa: F401 - missing if Debian's venv package is missing
        import venv  # noqa: F401
    except ImportError:
        fail(
            "Python's venv module is missing: install it (Debian, Ubuntu: `apt install python3-venv`), then run make again."
        )
    pip = any(re.match(r"pip-[0-9]", name) for name in installed())
    if not usable or not pip or (where and where != paths()):
        # Scripts contain the path of the interpreter, and the folder of the packages contains its version.
        run([sys.executable, "-m", "venv", "--clear", VENV], "The virtual environment could not be created in .venv")
    print("Installing the pinned dependencies into .venv ...")
    sys.stdout.flush()
    # --no-compile: Python compiles what is imported, which is a small part.
    install = [python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    failure = "The dependencies could not be installed: is the package index reachable?"
    # The lock file has all dependencies. Without --no-deps, the pip of Python 3.11 treats extras as separate packages.
    run(install + ["--require-hashes", "--no-deps", "-r", "requirements.lock"], failure)
    # A separate step, because pip cannot hash a folder. The first step installed the build backend.
    run(install + ["--no-deps", "--no-build-isolation", "-e", "./provider"], failure)
    record()


def run(command, failure):
    if subprocess.call(command, cwd=ROOT) != 0:
        fail(failure + " (the lines above say why)")


main()
