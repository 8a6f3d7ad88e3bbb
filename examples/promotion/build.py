"""Builds the release: a program and its checksum. The same sources always give the same bytes.

python build.py
"""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
LONG_AGO = (1980, 1, 1, 0, 0, 0)


def build() -> None:
    version = (HERE / "VERSION").read_text()
    contents = {"VERSION": version, "__main__.py": (HERE / "src" / "__main__.py").read_text()}
    packed = io.BytesIO()
    # Reproducible: uncompressed, since versions of zlib differ, and without the build time.
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(contents.items()):
            entry = zipfile.ZipInfo(name, LONG_AGO)
            entry.create_system = 3
            archive.writestr(entry, content)
    name = f"payments-api-{version.strip()}.pyz"
    shutil.rmtree(HERE / "dist", ignore_errors=True)
    (HERE / "dist").mkdir()
    (HERE / "dist" / name).write_bytes(packed.getvalue())
    (HERE / "dist" / "SHA256SUMS").write_text(f"{hashlib.sha256(packed.getvalue()).hexdigest()}  {name}\n")


if __name__ == "__main__":
    build()
