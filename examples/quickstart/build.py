"""Builds the release of the quickstart: the project's own sdist and wheel, and their checksums.

python examples/quickstart/build.py [FOLDER]       (default: dist, beside this file)
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PROVIDER = HERE.parent.parent / "provider"


def build(folder: Path = HERE / "dist") -> Path:
    """Build into `folder`, and return the path of the manifest."""
    with tempfile.TemporaryDirectory() as temporary:
        # Exclude the build time, so that the same sources give the same bytes.
        done = subprocess.run(
            [sys.executable, "-m", "build", "--no-isolation", "--sdist", "--wheel", "--outdir", temporary, PROVIDER],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "SOURCE_DATE_EPOCH": "315532800"},
        )
        if done.returncode:
            raise RuntimeError(f"the quickstart's files could not be built:\n{done.stdout}{done.stderr}")
        built = {path.name: path.read_bytes() for path in sorted(Path(temporary).iterdir())}
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in built.items())
    built["SHA256SUMS"] = sums.encode()
    # The version contains a hash of the content, because a published version never changes.
    version = next(name for name in built if name.endswith(".tar.gz")).removesuffix(".tar.gz").rsplit("-", 1)[1]
    built["VERSION"] = f"{version}+{hashlib.sha256(sums.encode()).hexdigest()[:8]}\n".encode()
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if old.name not in built:
            old.unlink()
    for name, content in built.items():
        path = folder / name
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
    return HERE / "release.yaml"


if __name__ == "__main__":
    build(*map(Path, sys.argv[1:]))
