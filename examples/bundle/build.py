"""Builds the release: a database schema, an API and a web page. The same sources always give the same bytes.

python build.py
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
LONG_AGO = (1980, 1, 1, 0, 0, 0)


def build() -> None:
    version = (HERE / "VERSION").read_text()
    dist = HERE / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    dist.mkdir()
    (dist / "schema.sql").write_text(f"-- shop {version}CREATE TABLE orders (id INTEGER PRIMARY KEY);\n")
    pack(dist / "api.pyz", {"VERSION": version, "__main__.py": (HERE / "src" / "api.py").read_text()})
    pack(dist / "web.zip", {"index.html": f"<h1>The shop, {version.strip()}</h1>\n"})


def pack(path: Path, contents: dict[str, str]) -> None:
    # Reproducible: uncompressed, since versions of zlib differ, and without the build time.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(contents.items()):
            entry = zipfile.ZipInfo(name, LONG_AGO)
            entry.create_system = 3
            archive.writestr(entry, content)


if __name__ == "__main__":
    build()
